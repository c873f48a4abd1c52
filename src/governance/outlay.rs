//! What deployments and providers may cost: scopes of the configuration's, which no key names. They are made before the
//! store has said what was spent; until it has, nothing is to be had from them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::live::Live;
use super::plan::ScopePlan;
use crate::limiter::{Kind, Scope};
use crate::store::Failure;

/// Whose money is not that of a caller.
const KINDS: [Kind; 2] = [Kind::Deployment, Kind::Provider];

impl Live {
    /// The scope of a plan, made if there is none.
    pub fn outlay(&self, plan: &ScopePlan) -> Arc<Scope> {
        self.scopes.take(plan, &[])
    }

    /// Makes those that are not there yet, with what was spent before.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot say; then none is made.
    pub async fn open_outlays(&self, plans: &[ScopePlan]) -> Result<(), Failure> {
        let new: Vec<&ScopePlan> = plans.iter().filter(|plan| self.scopes.get(plan.kind, &plan.id).is_none()).collect();
        let wanted: Vec<(Kind, String)> = new.iter().map(|plan| (plan.kind, plan.id.clone())).collect();
        let spent = self.spent_before(&wanted).await?;
        new.into_iter().for_each(|plan| drop(self.scopes.take(plan, &spent)));
        Ok(())
    }

    /// Reads what was spent of all that are there. From then on they are open.
    pub(super) async fn restore_outlays(&self) -> Result<(), Failure> {
        let scopes = KINDS.into_iter().flat_map(|kind| self.scopes.of_kind(kind));
        let wanted: Vec<(Kind, String)> = scopes.map(|scope| (scope.kind(), scope.id().to_owned())).collect();
        self.spent_before(&wanted).await?.iter().for_each(|spent| self.scopes.restore(spent));
        self.knows_outlays.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether it is known what was spent of them before this process began.
    pub fn knows_outlays(&self) -> bool {
        self.knows_outlays.load(Ordering::Acquire)
    }
}
