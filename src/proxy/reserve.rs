//! Phase: what the caller may still use is taken before anything is asked of a provider, and corrected when the answer is
//! known. A request that ends in any other way gives its tokens, money and place back by being dropped.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::context::Context;
use super::gateway::Shared;
use super::target::Target;
use crate::error::{Compat, Error, Kind};
use crate::limiter::message::{self, Wording};
use crate::limiter::{self, Actual, Ask, Reason, Refusal, Reservation, Scope};
use crate::pricing::estimate::{ceiling, estimate_tokens};
use crate::pricing::{ServiceTier, cost};

/// Tokens of output that money is reserved for where the client sets no limit, as far as there is any; an answer may be
/// longer, and is counted in full when it is there.
const UNCAPPED_OUTPUT: u64 = 1024;

/// Whether the caller may call this model, and has enough left for it.
///
/// # Errors
/// LiteLLM's refusals: [`Kind::ModelNotAllowed`], [`Kind::LimitReached`], [`Kind::BudgetExceeded`].
pub fn reserve(ctx: &mut Context, shared: &Shared) -> Result<(), Error> {
    let (Some(caller), Some(task)) = (ctx.caller, &ctx.task) else { return Ok(()) };
    let snapshot = &ctx.snapshot;
    if let Some(member) = snapshot.keys.member(&caller) {
        let asked = snapshot.settings.completion_model.as_deref().or(task.request.model.as_deref()).unwrap_or_default();
        if !(member.models.allow(asked) && member.team_models.allow(asked)) {
            return Err(not_allowed(snapshot.settings.compat, &member.models.0, asked));
        }
    }
    let scopes = snapshot.scopes.of(&caller);
    if scopes.is_empty() {
        return Ok(());
    }
    let wall = wall();
    let prompt = estimate_tokens(task.request.body().len());
    let output = task.request.max_tokens;
    let tokens = prompt.saturating_add(output.unwrap_or_default().saturating_mul(task.request.n.max(1)));
    let model = task.request.model.as_deref().unwrap_or_default();
    let dearest = snapshot
        .prices_of(snapshot.settings.completion_model.as_deref().unwrap_or(model))
        .map(|prices| ceiling(prices, prompt, output.unwrap_or(UNCAPPED_OUTPUT), task.request.n.max(1)).pico())
        .max();
    let ask = Ask { tokens, cost: dearest.unwrap_or_default(), now: shared.clock.at(ctx.started), wall };
    let reservation = admit(scopes, ask, output.is_some()).map_err(|refusal| {
        shared.metrics.limited.inc();
        refused(&refusal, wall, snapshot.settings.compat)
    })?;
    ctx.reservation = Some(reservation);
    Ok(())
}

/// A request whose output is capped is admitted if all that it may cost is there. One without a cap may cost anything: it
/// takes what is left, so that at most one such request goes beyond a budget, and nothing is admitted beside it.
fn admit(scopes: &[Arc<Scope>], mut ask: Ask, is_capped: bool) -> Result<Reservation, Refusal> {
    for _ in scopes {
        match limiter::admit(scopes, &ask) {
            Err(refusal) if !is_capped && room(&refusal) > 0 => ask.cost = room(&refusal).min(ask.cost),
            decided => return decided,
        }
    }
    limiter::admit(scopes, &ask)
}

/// What is left of the budget that refused.
fn room(refusal: &Refusal) -> i64 {
    match refusal.reason {
        Reason::Budget(over) => over.max.saturating_sub(over.spent).saturating_sub(over.reserved),
        Reason::Limit(_) | Reason::TooLarge(_) => 0,
    }
}

/// What was used takes the place of what was reserved. Without counters of the provider's the estimate stands where an
/// answer was given, and nothing where none was.
pub fn settle(ctx: &mut Context, shared: &Shared) {
    let Some(reservation) = ctx.reservation.take() else { return };
    let answered = ctx.outcome.answered.is_some() && ctx.outcome.error.is_none();
    let tokens = match ctx.outcome.usage {
        Some(usage) => usage.total_tokens,
        None if answered => reservation.ask().tokens,
        None => return,
    };
    let cost = ctx.outcome.cost.map_or(0, |cost| cost.total.pico());
    reservation.settle(&Actual { tokens, cost, now: shared.clock.at(Instant::now()) });
}

/// What the answer's tokens cost at this deployment, if anybody knows its prices.
pub fn price(ctx: &mut Context, target: &Target) {
    let Some(usage) = ctx.outcome.usage.filter(|_| !target.prices.is_empty()) else { return };
    let said = ctx.task.as_ref().and_then(|task| task.request.object().as_str("service_tier"));
    let tier = said.map_or(ServiceTier::Standard, |tier| ServiceTier::of(&tier));
    ctx.outcome.cost = Some(cost(&target.prices, &usage, tier));
}

fn wall() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn refused(refusal: &Refusal, wall: i64, compat: Compat) -> Error {
    let wording = if compat == Compat::V1_80 { Wording::Older } else { Wording::Current };
    let kind = match refusal.reason {
        Reason::Budget(_) => Kind::BudgetExceeded,
        Reason::Limit(_) | Reason::TooLarge(_) => Kind::LimitReached,
    };
    let error = Error::new(kind, message::text(refusal, wall, wording));
    match kind {
        Kind::BudgetExceeded => error,
        _ => error.retry_after(Some(std::time::Duration::from_secs(message::retry_after(refusal)))),
    }
}

fn not_allowed(compat: Compat, models: &[String], asked: &str) -> Error {
    let text = match compat {
        Compat::V1_80 => {
            let names: Vec<String> = models.iter().map(|model| format!("'{model}'")).collect();
            format!(
                "key not allowed to access model. This key can only access models=[{}]. Tried to access {asked}",
                names.join(", ")
            )
        }
        Compat::V1_106 => format!(
            "The requested model '{asked}' is not available for this API key, or the model name is invalid. Check the \
             models available to you and try again."
        ),
    };
    Error::new(Kind::ModelNotAllowed, text).param("model")
}
