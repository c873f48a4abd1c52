//! What other nodes have spent, where no Redis tells of it: read from the store now and then, so that a budget which is used
//! up on one node is soon over on all.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::live::Live;
use crate::limiter::Kind;
use crate::store::Failure;

/// Budgets that are looked at in one round. Where there are more, each is looked at every so many rounds.
pub const AT_ONCE: usize = 2_000;

impl Live {
    /// Reads again what was spent of the budgets that may run out; `round` counts up. Where the store knows of all calls
    /// of this node (`is_told`), and nothing was spent meanwhile, its word counts also where it is less: somebody has
    /// set it back.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read.
    pub async fn catch_up(&self, round: usize, is_told: impl Fn() -> bool) -> Result<(), Failure> {
        let limited = self.scopes.limited_by_money();
        let rounds = limited.len() / AT_ONCE + 1;
        let is_due = |(kind, id): &(Kind, String)| {
            let hash = FixedState::default().hash_one((kind, id));
            usize::try_from(hash).unwrap_or(0) % rounds == round % rounds
        };
        let due: Vec<(Kind, String)> = limited.into_iter().filter(is_due).collect();
        let scopes = due.iter().filter_map(|(kind, id)| self.scopes.get(*kind, id));
        let before: HashMap<(Kind, String), i64> =
            scopes.map(|scope| ((scope.kind(), scope.id().to_owned()), scope.spent())).collect();
        let was_told = is_told();
        let now = self.spent_before(&due).await?;
        let is_whole = was_told && is_told();
        for spent in now {
            let Some(scope) = self.scopes.get(spent.kind, &spent.id) else { continue };
            let here = before.get(&(spent.kind, spent.id.clone())).copied();
            let is_quiet = spent.budget.is_empty() && here == Some(scope.spent());
            if is_whole && is_quiet && here > Some(spent.amount) {
                scope.restore("", spent.amount, spent.resets_at);
            } else {
                scope.raise(&spent.budget, spent.amount, spent.resets_at);
            }
        }
        Ok(())
    }
}
