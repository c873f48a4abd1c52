//! What was spent before, of budgets that Redis does not know (any more).

use async_trait::async_trait;

use crate::limiter::{Kind, Pico};
use crate::store::{Failure, Store};

/// What was spent of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    pub spent: Pico,
    /// Seconds since 1970: after it, nothing is spent. `None`: that never happens.
    pub resets_at: Option<i64>,
}

/// Who knows it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What was spent of the budget of this name; nothing, if nobody has heard of it.
    ///
    /// # Errors
    /// [`Failure`]: nobody can say. Then nothing is lent of the budget.
    async fn spent(&self, kind: Kind, id: &str, budget: &str) -> Result<Before, Failure>;
}

#[async_trait]
impl Ledger for Store {
    async fn spent(&self, kind: Kind, id: &str, budget: &str) -> Result<Before, Failure> {
        let counters = self.counters_of(&[(kind.as_str(), id)]).await?;
        let found = counters.into_iter().find(|counter| counter.budget == budget);
        let resets_at = |at: i64| (at != 0).then_some(at);
        Ok(found.map_or(Before::default(), |counter| Before {
            spent: counter.spent,
            resets_at: resets_at(counter.resets_at),
        }))
    }
}
