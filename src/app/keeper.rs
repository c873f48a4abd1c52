//! Follows the store on a thread of its own: what others have changed takes effect here, what nobody uses is forgotten,
//! and a store that was away is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use super::compose::Parts;
use super::models::Models;
use super::spend::Spend;
use crate::admin::models::cost_map::RELOADED;
use crate::clock::unix_millis;
use crate::governance::Live;
use crate::proxy::Shared;
use crate::store::{Failure, Kind};

/// Between two looks at what others have changed: a change is seen within a second.
const FOLLOW_EVERY: Duration = Duration::from_millis(400);
/// Between two rounds of forgetting.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Between two looks at what other nodes have spent, where they share a database and no Redis.
const CATCH_UP_EVERY: Duration = Duration::from_secs(2);

/// The job's inputs.
pub struct Keeper {
    shared: Arc<Shared>,
    models: Arc<Models>,
    spend: Arc<Spend>,
    /// Other nodes write to the same store, and Redis does not tell of them.
    spends_with_others: bool,
    /// Where to follow from; `None`: the store was away at start.
    begun: Option<i64>,
    /// How long keys are good without the store that knows of them.
    stale_after: Duration,
    /// Whether the store did not answer last, which is told once.
    is_away: AtomicBool,
}

impl Keeper {
    /// `begun` is what [`Live::begin`] said, if it did.
    pub fn new(parts: &Parts, begun: Option<i64>, stale_after: Duration) -> Self {
        let (shared, models, spend) = (Arc::clone(&parts.shared), Arc::clone(&parts.models), Arc::clone(&parts.spend));
        let spends_with_others = spend.is_shared() && shared.leases.is_none();
        Self { shared, models, spend, spends_with_others, begun, stale_after, is_away: AtomicBool::new(false) }
    }

    async fn begin(&self, now: i64) -> Result<i64, Failure> {
        let live = &self.shared.live;
        live.migrate().await?;
        self.spend.drain().await?;
        let seen = live.begin(now).await?;
        self.models.prices.hear();
        self.models.renew().await.map(|()| seen)
    }

    async fn follow(&self, seen: i64, now: i64) -> Result<i64, Failure> {
        let (last, changed) = self.shared.live.follow(seen, now).await?;
        self.shared.live.renew_due(now).await?;
        // Nothing told although there is news: too much to be told.
        let is_of_models =
            changed.iter().any(|(kind, _)| Models::is_concerned(*kind)) || changed.is_empty() && last != seen;
        if is_of_models {
            self.models.renew().await?;
        }
        let is_of_prices = |(kind, id): &(Kind, String)| *kind == Kind::Setting && id == RELOADED;
        if changed.iter().any(is_of_prices) || changed.is_empty() && last != seen {
            self.models.prices.hear();
        }
        Ok(last)
    }

    async fn look(&self, seen: Option<i64>) -> Option<i64> {
        let live: &Live = &self.shared.live;
        let now = unix_millis() / 1000;
        let looked = match seen {
            Some(seen) => self.follow(seen, now).await,
            None => self.begin(now).await,
        };
        let metrics = &self.shared.metrics;
        metrics.store_up.set(i64::from(looked.is_ok()));
        let (seats, scopes) = live.sizes();
        metrics.seats.set(i64::try_from(seats).unwrap_or(i64::MAX));
        metrics.scopes.set(i64::try_from(scopes).unwrap_or(i64::MAX));
        match looked {
            Ok(seen) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store is followed again");
                }
                Some(seen)
            }
            Err(error) => {
                metrics.store_failures.inc();
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the store cannot be followed");
                }
                seen
            }
        }
    }
}

#[async_trait]
impl BackgroundService for Keeper {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut seen = self.begun;
        let (mut heard, mut forgot) = (Instant::now(), Instant::now());
        let (mut caught_up, mut round) = (Instant::now(), 0);
        while !*shutdown.borrow() {
            tokio::select! {
                () = tokio::time::sleep(FOLLOW_EVERY) => {}
                _ = shutdown.changed() => return,
            }
            seen = self.look(seen).await;
            let live = &self.shared.live;
            if live.is_connected() != Some(false) {
                heard = Instant::now();
            } else if heard.elapsed() > self.stale_after {
                live.forget_stored();
            }
            if self.spends_with_others && caught_up.elapsed() > CATCH_UP_EVERY {
                (caught_up, round) = (Instant::now(), round + 1);
                // A store that is away was told of above.
                let _told = live.catch_up(round, || self.spend.is_told()).await;
            }
            // Scopes whose last calls are not in the store yet would come back without them.
            if self.spend.is_told() && forgot.elapsed() > FORGET_EVERY {
                forgot = Instant::now();
                live.forget_unused(unix_millis() / 1000);
            }
        }
    }
}
