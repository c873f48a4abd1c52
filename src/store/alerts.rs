//! Of which crossed budgets the operator was told.

use sqlx::AnyConnection;

use super::database::Store;
use super::failure::Failure;
use super::statement::Statement;

/// The event of a soft limit; all others are of a maximum.
const SOFT: &str = "soft";

/// A limit that was crossed, in one window of its budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crossing {
    /// `key`, `team` … (`limiter::Kind::as_str`).
    pub scope: &'static str,
    pub id: String,
    /// Empty: the one of `budget_duration`.
    pub budget: String,
    /// Which of its limits.
    pub event: &'static str,
    /// Pico-dollars.
    pub amount: i64,
    /// The window's end in seconds since 1970; 0: never.
    pub resets_at: i64,
}

impl Crossing {
    /// From which sum on something of this limit is told; below it, it may be crossed once more. Of a limit that was
    /// followed by a further one (15 % left, then 5 %) nothing is to be told again.
    pub fn first(&self) -> i64 {
        if self.event == SOFT { self.amount } else { self.amount / 100 * 85 }
    }
}

/// Whose it is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This node's.
    Ours,
    /// Some node has told it.
    Told,
    /// Nobody's yet: the store has not heard of so much spent, or it was set back.
    NotYet,
}

impl Store {
    /// Says that this node tells of it now (milliseconds since 1970), if the store too knows it to be crossed: what a node
    /// has counted may be of before a set-back that it has not heard of.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn claim_alert(&self, crossing: &Crossing, now: i64) -> Result<Claim, Failure> {
        let mut query = Statement::new(
            "INSERT INTO alerts_sent (scope, id, budget, event, amount, resets_at, sent_at) \
             SELECT scope, id, budget, CAST(",
        );
        query.bind(crossing.event).push(" AS TEXT), CAST(").bind(crossing.amount).push(" AS BIGINT), CAST(");
        query.bind(crossing.resets_at).push(" AS BIGINT), CAST(").bind(now);
        query.push(" AS BIGINT) FROM spend_counters WHERE ").bind_budget(crossing);
        query.push(" AND spent >= ").bind(crossing.first()).push(" AND resets_at IN (0, ").bind(crossing.resets_at);
        query.push(") ON CONFLICT DO NOTHING");
        if self.in_time(query.execute(&self.pool())).await?.rows_affected() > 0 {
            return Ok(Claim::Ours);
        }
        let mut query = Statement::new("SELECT sent_at FROM alerts_sent WHERE ");
        query.bind_budget(crossing).push(" AND event = ").bind(crossing.event);
        query.push(" AND amount = ").bind(crossing.amount).push(" AND resets_at = ").bind(crossing.resets_at);
        let told = self.in_time(query.row(&self.pool())).await?;
        Ok(if told.is_some() { Claim::Told } else { Claim::NotYet })
    }

    /// It is to be told again if it happens again: what was spent has been set back. What was told after `until`
    /// (milliseconds since 1970) is told of what happened again.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_alert(&self, crossing: &Crossing, until: i64) -> Result<(), Failure> {
        let mut query = Statement::new("DELETE FROM alerts_sent WHERE ");
        query.bind_budget(crossing).push(" AND event = ").bind(crossing.event);
        query.push(" AND amount = ").bind(crossing.amount).push(" AND resets_at = ").bind(crossing.resets_at);
        query.push(" AND sent_at <= ").bind(until);
        self.in_time(query.execute(&self.pool())).await.map(|_| ())
    }

    /// Forgets those of windows that ended before this time, in seconds since 1970.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_old_alerts(&self, now: i64) -> Result<(), Failure> {
        let mut query = Statement::new("DELETE FROM alerts_sent WHERE resets_at <> 0 AND resets_at < ");
        query.bind(now);
        self.in_time(query.execute(&self.pool())).await.map(|_| ())
    }
}

impl Statement {
    /// Names the budget.
    fn bind_budget(&mut self, crossing: &Crossing) -> &mut Self {
        self.push("scope = ").bind(crossing.scope).push(" AND id = ").bind(crossing.id.clone());
        self.push(" AND budget = ").bind(crossing.budget.clone())
    }
}

/// What was spent of a budget is set, and what is not crossed any more may be told again if it is crossed again
/// ([`Crossing::first`]).
pub(super) async fn forget_uncrossed(
    connection: &mut AnyConnection,
    (scope, id, budget): (&str, &str, &str),
    spent: i64,
) -> Result<(), sqlx::Error> {
    let mut query = Statement::new("DELETE FROM alerts_sent WHERE scope = ");
    query.bind(scope.to_owned()).push(" AND id = ").bind(id.to_owned()).push(" AND budget = ").bind(budget.to_owned());
    query.push(" AND CASE WHEN event = ").bind(SOFT).push(" THEN amount ELSE amount / 100 * 85 END > ").bind(spent);
    query.execute(connection).await.map(|_| ())
}

/// The same where nothing is spent any more of all budgets of a kind.
pub(super) async fn forget_all(connection: &mut AnyConnection, scope: &str) -> Result<(), sqlx::Error> {
    let mut query = Statement::new("DELETE FROM alerts_sent WHERE scope = ");
    query.bind(scope.to_owned());
    query.execute(connection).await.map(|_| ())
}
