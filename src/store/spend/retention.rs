//! Old rows go: those of single calls, never the roll-ups.

use std::time::Duration;

use super::now_ms;
use crate::store::database::Store;
use crate::store::failure::Failure;
use crate::store::statement::Statement;

/// Rows that are deleted at once: a writer waits for no more than these.
pub const DELETED_AT_ONCE: i64 = 1_000;
/// Between two times that old rows are looked for, unless `maximum_spend_logs_retention_interval` says otherwise.
pub const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// After this time a lane's position is forgotten: no journal comes back later.
const LANES_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Between two deletions: others may write meanwhile.
const BREATH: Duration = Duration::from_millis(20);

impl Store {
    /// Deletes rows of calls that began before this time (milliseconds since 1970). Returns how many.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; what was deleted is deleted.
    pub async fn delete_spend_logs(&self, before: i64) -> Result<u64, Failure> {
        let mut deleted = 0;
        loop {
            let mut query = Statement::new("DELETE FROM spend_logs WHERE call_id IN (SELECT call_id FROM spend_logs");
            query.push(" WHERE started_at < ").bind(before);
            query.push(" ORDER BY started_at, call_id LIMIT ").bind(DELETED_AT_ONCE).push(")");
            let some = self.in_time(query.execute(&self.pool())).await?.rows_affected();
            deleted += some;
            if some == 0 {
                return Ok(deleted);
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn forget_lanes(&self, before: i64) -> Result<(), Failure> {
        let mut query = Statement::new("DELETE FROM spend_lanes WHERE used_at < ");
        query.bind(before);
        self.in_time(query.execute(&self.pool())).await.map(|_| ())
    }
}

/// Deletes old rows again and again. `keep`: how long they stay (`maximum_spend_logs_retention_period`); `None`: for
/// ever. The first time comes soon, and not for all nodes at once.
pub async fn run(store: Store, keep: Option<Duration>, every: Duration) {
    let mut pause = every.min(Duration::from_secs(60)).mul_f64(fastrand::f64());
    loop {
        tokio::time::sleep(pause).await;
        pause = every.mul_f64(0.9 + fastrand::f64() / 5.0);
        if let Err(failure) = tidy(&store, keep).await {
            tracing::warn!(%failure, "old spend logs are not deleted");
        }
    }
}

async fn tidy(store: &Store, keep: Option<Duration>) -> Result<(), Failure> {
    if let Some(keep) = keep {
        let deleted = store.delete_spend_logs(before(keep)).await?;
        tracing::info!(deleted, "old spend logs");
    }
    store.forget_lanes(before(LANES_KEPT)).await
}

fn before(keep: Duration) -> i64 {
    now_ms().saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX))
}
