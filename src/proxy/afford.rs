//! Takes what a call may use from everything that limits it, and says where it goes on although one has not enough.

use std::sync::Arc;

use super::gateway::Shared;
use crate::governance::Seat;
use crate::limiter::{self, Ask, Kind, Reason, Refusal, Reservation, Scope};

/// How often a request without a cap looks again at what is left, beside once a budget: others may take of it meanwhile.
const CONTENDED: usize = 4;

/// What limits a call that was refused for its key's own budget, if the key is one that goes on more slowly then.
pub fn slowed(
    seat: Option<&Seat>,
    admitted: &Result<Reservation, Refusal>,
    scopes: &[Arc<Scope>],
) -> Option<Vec<Arc<Scope>>> {
    let refusal = admitted.as_ref().err()?;
    let is_own = refusal.scope.kind() == Kind::Key && matches!(refusal.reason, Reason::Budget(_));
    let throttled = seat?.throttled.as_ref().filter(|_| is_own && refusal.instead.is_none())?;
    Some(throttled.instead_of(scopes))
}

/// A request whose output is capped is admitted if all that it may cost is there: such requests never go beyond a budget.
/// One without a cap may cost anything. It takes the cost of [`super::worth::UNCAPPED_OUTPUT`] tokens, or what is left if that
/// is less; so each of those that run at once may go beyond the budget by what its answer is longer, and none is admitted after.
///
/// # Errors
/// The [`Refusal`] of the first that has not enough.
pub async fn admit(shared: &Shared, scopes: &[Arc<Scope>], ask: Ask, is_capped: bool) -> Result<Reservation, Refusal> {
    match limiter::admit(scopes, &ask) {
        Err(refusal) => Box::pin(after(refusal, shared, scopes, ask, is_capped)).await,
        admitted => admitted,
    }
}

/// Whether it is admitted all the same: with what can be borrowed, or with less money.
async fn after(
    refusal: Refusal,
    shared: &Shared,
    scopes: &[Arc<Scope>],
    mut ask: Ask,
    is_capped: bool,
) -> Result<Reservation, Refusal> {
    let budgets: usize = scopes.iter().map(|scope| scope.budgets().len()).sum();
    let mut decided = borrowed(refusal, shared, scopes, &ask).await;
    for _ in 0..budgets + CONTENDED {
        match decided {
            Err(refusal) if !is_capped && room(&refusal) > 0 => ask.cost = room(&refusal).min(ask.cost),
            decided => return decided,
        }
        decided = match limiter::admit(scopes, &ask) {
            Err(refusal) => borrowed(refusal, shared, scopes, &ask).await,
            admitted => admitted,
        };
    }
    decided
}

/// What is here was not enough; with more, where more may be borrowed.
async fn borrowed(refusal: Refusal, shared: &Shared, scopes: &[Arc<Scope>], ask: &Ask) -> Result<Reservation, Refusal> {
    match &shared.leases {
        Some(leases) if refusal.is_leasable() => Box::pin(leases.admit(scopes, ask)).await,
        _ => Err(refusal),
    }
}

/// What is left of the budget that refused.
fn room(refusal: &Refusal) -> i64 {
    match refusal.reason {
        Reason::Budget(over) => over.max.saturating_sub(over.spent).saturating_sub(over.reserved),
        Reason::Limit(_) | Reason::BudgetUnknown(_) => 0,
    }
}
