//! Phase: what the caller may still use is taken before anything is asked of a provider, and corrected when the answer is
//! known. A request that ends in any other way gives its tokens, money and place back by being dropped.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora_proxy::Session;

use super::afford::{admit, slowed};
use super::attribution::Attribution;
use super::authenticate::unavailable;
use super::billing::bill;
use super::context::{Context, Task};
use super::enforced;
use super::gateway::Shared;
use super::purse;
use super::snapshot::{Settings, Snapshot};
use super::target::Target;
use super::uncounted::{is_uncounted, tier};
use super::worth::{prompt_tokens, worth};
use crate::auth::access::{Denied, Level};
use crate::auth::refusals;
use crate::clock::{self, unix_millis};
use crate::error::{Compat, Error, Kind};
use crate::governance::Seat;
use crate::limiter::message::{self, Wording};
use crate::limiter::{self, Actual, Ask, Reason, Refusal, Reservation, Scope};
use crate::pricing::{Prices, cost};
use crate::providers::Operation;
use crate::store::journal::{Queued, Room};
use crate::wire::openai::request::Request;
use crate::wire::usage::Usage;

/// What `Retry-After` says to a client whose budget is not known yet.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Whether the caller may call this model, and has enough left for it.
///
/// # Errors
/// LiteLLM's refusals: [`Kind::ModelNotAllowed`] and its like, [`Kind::LimitReached`], [`Kind::BudgetExceeded`];
/// [`Kind::BudgetUnavailable`] where nobody knows what was spent.
pub async fn reserve(session: &Session, ctx: &mut Context, shared: &Shared) -> Result<(), Error> {
    let (Some(caller), Some(task)) = (ctx.caller.clone(), &mut ctx.task) else { return Ok(()) };
    let snapshot = Arc::clone(&ctx.snapshot);
    let settings = &snapshot.settings;
    let seat = caller.seat.as_deref();
    let now = shared.clock.at(ctx.started);
    if let Some(seat) = seat {
        meant(seat, task, &snapshot, now)?;
    }
    ctx.is_accountable = snapshot.purses.is_empty() || is_open(shared);
    ctx.attribution = attribution(session, ctx.has_own_headers, seat, &task.request, &snapshot);
    let mut all = all_scopes(shared, seat, task, &mut ctx.attribution, &snapshot).await?;
    let model = task.request.model.as_deref().unwrap_or_default();
    if all.is_empty() {
        // Only deployments have budgets, and each of those that are tried asks.
        if !snapshot.purses.is_empty() {
            let weight = task.weight().into_owned();
            task.weighed(weight);
        }
        ctx.unbilled = true;
        return Ok(());
    }
    // A call counts from when it began, as with rates.
    let (wall, weight) = (ctx.started_ms / 1000, task.weight().into_owned());
    let ask = |task: &Task, model: &str, downgraded: bool| {
        let request = &task.request;
        let routed = routed(&snapshot, task.operation, seat, model);
        let prompt = prompt_tokens(&snapshot, request, &weight.shown, routed);
        let tokens = prompt.saturating_add(request.max_tokens.unwrap_or_default().saturating_mul(request.n.max(1)));
        let (cost, is_capped) = worth(&snapshot, task, routed, &weight);
        (Ask { tokens, cost, now, wall, downgraded }, is_capped)
    };
    let (mut asked, mut is_capped) = ask(task, model, false);
    let mut admitted = admit(shared, &all, asked, is_capped).await;
    // The cheaper model must be one that the key may call, and has limits of its own.
    if let Err(Refusal { instead: Some(cheaper), .. }) = &admitted
        && seat.is_none_or(|seat| may_call(seat, cheaper, &snapshot).is_ok())
    {
        let cheaper = cheaper.to_string();
        all = scopes(shared, seat, &cheaper, &mut ctx.attribution, &snapshot).await?;
        (asked, is_capped) = ask(task, &cheaper, true);
        admitted = admit(shared, &all, asked, is_capped).await;
        task.request.model = Some(cheaper);
    }
    task.weighed(weight);
    let slower = slowed(seat, &admitted, &all);
    if let Some(slower) = &slower {
        admitted = Box::pin(admit(shared, slower, asked, is_capped)).await;
    }
    let asked_for = task.request.model.as_deref().unwrap_or_default();
    let reservation = admitted.map_err(|refusal| {
        shared.metrics.limited.inc();
        ctx.limited_by = matches!(refusal.reason, Reason::Limit(_)).then(|| (Arc::clone(&refusal.scope), now));
        refused(&refusal, asked_for, wall, shared, settings)
    })?;
    warn(&reservation, slower.is_some(), shared);
    ctx.reservation = Some(reservation);
    ctx.unbilled = true;
    Ok(())
}

/// Puts in the model that the key means by the name that was asked for, if it may call it: its own name for one, or the one
/// that takes over from a model whose budget is spent.
fn meant(seat: &Seat, task: &mut Task, snapshot: &Snapshot, now: clock::Instant) -> Result<(), Error> {
    let settings = &snapshot.settings;
    let own_name = task.request.model.as_deref().and_then(|model| seat.aliases.get(model));
    task.request.model = own_name.cloned().or_else(|| task.request.model.take());
    let asked = settings.model_of(task.operation).or(task.request.model.as_ref());
    may(seat, &task.request, asked.map(String::as_str).unwrap_or_default(), snapshot)?;
    if !seat.row.budget_fallbacks.is_empty() {
        let weight = task.weight().into_owned();
        task.weighed(weight);
        task.request.model = taking_over(seat, task, snapshot, now).or_else(|| task.request.model.take());
    }
    Ok(())
}

/// Tells of budgets that were passed over. A key that goes on more slowly does that with each call, and is only counted.
fn warn(reservation: &Reservation, is_slowed: bool, shared: &Shared) {
    for (scope, budget) in reservation.warnings() {
        shared.metrics.budget_warnings.inc();
        if !is_slowed {
            let (scope, id) = (scope.kind().as_str(), scope.id());
            tracing::warn!(scope, id, budget = &*budget.limits().name, "over budget");
        }
    }
}

/// For whom and what the call is, as far as the client and its key say it.
fn attribution(
    session: &Session,
    has_own_headers: bool,
    seat: Option<&Seat>,
    request: &Request,
    snapshot: &Snapshot,
) -> Attribution {
    let headers = &session.req_header().headers;
    let own_tags = seat.map_or(&[][..], |seat| &seat.row.tags);
    let user_header = snapshot.settings.user_header_name.as_ref();
    let attribution = Attribution::of(headers, has_own_headers, request, own_tags, user_header);
    if snapshot.router.knows_clients() { attribution.with_client(headers) } else { attribution }
}

/// The model that takes over where the key's budget for the one that is asked for is spent (`budget_fallbacks`). What is
/// looked at may be taken by others until it is reserved; then the request is refused.
fn taking_over(seat: &Seat, task: &Task, snapshot: &Snapshot, now: clock::Instant) -> Option<String> {
    let asked = task.request.model.as_deref()?;
    let others = seat.row.budget_fallbacks.get(asked)?;
    let (weight, wall) = (task.weight(), unix_millis() / 1000);
    let affords = |model: &str| {
        let (cost, is_capped) = worth(snapshot, task, routed(snapshot, task.operation, Some(seat), model), &weight);
        let least = if is_capped { cost } else { 1 };
        seat.for_model(model).all(|scope| scope.affords(least, now, wall))
    };
    if affords(asked) {
        return None;
    }
    others.iter().find(|other| affords(other) && may_call(seat, other, snapshot).is_ok()).cloned()
}

/// Sets aside what a model may cost that takes over, in the place of what the one before it might: else calls that fall back
/// at once would go beyond a budget. `own` is the request where the fallback changes it. Who cannot say how much it may cost
/// goes on with what there is, as at admission; so does a call on several gateways, where what is missing is not borrowed
/// here and may be there.
///
/// # Errors
/// [`Kind::BudgetExceeded`]: another model may be affordable.
pub fn repriced(ctx: &mut Context, own: Option<&Task>, model: &str, shared: &Shared) -> Result<(), Error> {
    let (Some(reservation), Some(task)) = (&mut ctx.reservation, own.or(ctx.task.as_ref())) else { return Ok(()) };
    let seat = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref());
    let goes_on = |refusal: &Refusal| {
        let is_throttled = seat.is_some_and(|seat| seat.throttled.is_some());
        refusal.is_leasable() || is_throttled && refusal.scope.kind() == limiter::Kind::Key
    };
    let (cost, is_capped) = worth(&ctx.snapshot, task, model, &task.weight());
    match reservation.reprice(cost) {
        Err(refusal) if is_capped && !goes_on(&refusal) => {
            Err(refused(&refusal, model, ctx.started_ms / 1000, shared, &ctx.snapshot.settings))
        }
        _ => Ok(()),
    }
}

/// Who will answer when this model is asked for.
fn routed<'a>(snapshot: &'a Snapshot, operation: Operation, seat: Option<&Seat>, model: &'a str) -> &'a str {
    let team = seat.and_then(|seat| seat.row.team_id.as_deref());
    let server_default = snapshot.settings.model_of(operation).map(String::as_str);
    server_default.unwrap_or_else(|| snapshot.owned.routed(team, model))
}

/// The name that whoever has answered was found under.
fn answering(ctx: &Context) -> Option<&str> {
    let (task, seat) = (ctx.task.as_ref()?, ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref()));
    let asked = || Some(routed(&ctx.snapshot, task.operation, seat, task.request.model.as_deref()?));
    ctx.outcome.answers_as.as_deref().or_else(asked)
}

/// The prices of the model that was asked for, where the deployment is for models of any name.
pub fn prices_by_name(ctx: &Context) -> Option<Prices> {
    let target = ctx.snapshot.targets.get(ctx.outcome.deployment?).filter(|target| target.is_priced_by_name())?;
    Some(ctx.snapshot.prices(target, &ctx.snapshot.captures(|| answering(ctx))).into_owned())
}

/// What the key's rules say, before anything is counted.
fn may(seat: &Seat, request: &Request, asked: &str, snapshot: &Snapshot) -> Result<(), Error> {
    enforced::check(request, &seat.row.enforced_params)?;
    // Who names no model reads that later, and not that a model without a name is not for them.
    if asked.is_empty() { Ok(()) } else { may_call(seat, asked, snapshot) }
}

/// Another team's model is to a key as one that is not in its list.
const CLOSED: Denied = Denied::Model(Level::Key);

/// Whether the key may call a model.
///
/// # Errors
/// LiteLLM's refusal.
pub fn may_call(seat: &Seat, asked: &str, snapshot: &Snapshot) -> Result<(), Error> {
    let (access, compat) = (&seat.access, snapshot.settings.compat);
    let is_open = snapshot.owned.admits(seat.row.team_id.as_deref(), asked);
    let allowed = if is_open { access.may_call(asked, snapshot.access_groups_of(asked)) } else { Err(CLOSED) };
    allowed.map_err(|denied| {
        let level = access.models.iter().find(|(level, _)| denied == Denied::Model(*level));
        let models = level.map_or(&[][..], |(_, models)| &models.0);
        refusals::denied(denied, compat, unix_millis(), asked, models)
    })
}

/// Whether the end user may call a model; after its limits were looked up.
///
/// # Errors
/// LiteLLM's refusal.
pub fn customer_may_call(attribution: &Attribution, asked: &str, snapshot: &Snapshot) -> Result<(), Error> {
    let Some(models) = attribution.models.as_ref().filter(|_| !asked.is_empty()) else { return Ok(()) };
    if models.admit(asked, snapshot.access_groups_of(asked)) {
        return Ok(());
    }
    let denied = Denied::Model(Level::Customer);
    Err(refusals::denied(denied, snapshot.settings.compat, unix_millis(), asked, &models.0))
}

/// All that limits a call, of the model that is asked for or else of the one that an end user has for models outside of
/// their region.
async fn all_scopes<'a>(
    shared: &Shared,
    seat: Option<&'a Seat>,
    task: &mut Task,
    attribution: &mut Attribution,
    snapshot: &Snapshot,
) -> Result<Cow<'a, [Arc<Scope>]>, Error> {
    let model = task.request.model.as_deref().unwrap_or_default();
    let all = scopes(shared, seat, model, attribution, snapshot).await?;
    let Some(other) = inside(attribution, seat, task, snapshot) else { return Ok(all) };
    let all = scopes(shared, seat, &other, attribution, snapshot).await?;
    task.request.model = Some(other);
    Ok(all)
}

/// The end user's `default_model`, where the model that is asked for is outside of their region, and the key may call it.
fn inside(attribution: &Attribution, seat: Option<&Seat>, task: &Task, snapshot: &Snapshot) -> Option<String> {
    let (region, other) = (attribution.region.as_deref()?, attribution.default_model.as_ref()?);
    let asked = routed(snapshot, task.operation, seat, task.request.model.as_deref()?);
    let is_elsewhere = snapshot.is_outside(asked, region);
    let may = || seat.is_none_or(|seat| may_call(seat, other, snapshot).is_ok());
    (is_elsewhere && may()).then(|| other.clone())
}

/// All that limits a call of this model, whose money may be taken: what was spent before is known, and what is spent can be
/// written down.
async fn scopes<'a>(
    shared: &Shared,
    seat: Option<&'a Seat>,
    model: &str,
    attribution: &mut Attribution,
    snapshot: &Snapshot,
) -> Result<Cow<'a, [Arc<Scope>]>, Error> {
    let more = more_scopes(shared, seat, model, attribution).await?;
    customer_may_call(attribution, model, snapshot)?;
    let own = seat.map_or(&[][..], |seat| &seat.scopes);
    let all = if more.is_empty() { Cow::Borrowed(own) } else { own.iter().cloned().chain(more).collect() };
    let is_known = seat.is_none_or(|seat| seat.is_counted || !seat.has_hard_budget()) && shared.live.knows_global();
    let is_full = shared.journal.room() == Room::None && all.iter().any(|scope| scope.has_hard_budget());
    if is_known && !is_full { Ok(all) } else { Err(unknown_budget()) }
}

/// Whether money of deployments and providers may be taken.
fn is_open(shared: &Shared) -> bool {
    shared.live.knows_outlays() && shared.journal.room() != Room::None
}

/// Nobody can say at this moment what is left.
pub fn unknown_budget() -> Error {
    Error::new(Kind::BudgetUnavailable, message::UNKNOWN_BUDGET).retry_after(Some(STORE_PAUSE))
}

/// What limits this call besides its key, team, user …: the model, the tags for the key, the end user, the tags, the whole
/// gateway. Usually nothing. And where the end user's calls must stay.
async fn more_scopes(
    shared: &Shared,
    seat: Option<&Seat>,
    model: &str,
    attribution: &mut Attribution,
) -> Result<Vec<Arc<Scope>>, Error> {
    let live = &shared.live;
    let own_budget = seat.and_then(|seat| seat.row.end_user_budget_id.as_deref());
    if let (Some(budget), Some(end_user)) = (own_budget, attribution.end_user.as_deref())
        && !live.is_entered(end_user)
        && seat.is_some_and(|seat| has_room(seat, shared))
    {
        Box::pin(live.enter(end_user, budget)).await.map_err(|failure| unavailable(&failure))?;
    }
    let mut more: Vec<Arc<Scope>> = seat.into_iter().flat_map(|seat| seat.for_model(model)).cloned().collect();
    more.extend(seat.into_iter().flat_map(|seat| seat.for_tags(&attribution.tags)).cloned());
    let end_user = attribution.end_user.iter().map(|id| (limiter::Kind::Customer, id));
    let tags = attribution.tags.iter().map(|tag| (limiter::Kind::Tag, tag));
    for (kind, id) in end_user.chain(tags) {
        let other = match live.other(kind, id) {
            Some(known) => known,
            None => Box::pin(live.load_other(kind, id)).await.map_err(|failure| unavailable(&failure))?,
        };
        more.extend(other.iter().flat_map(|other| other.scopes(model)).cloned());
    }
    if let Some(end_user) = attribution.end_user.as_deref().filter(|end_user| live.is_blocked(end_user)) {
        let text = format!("User blocked from making LLM API Calls. User={end_user}");
        return Err(Error::new(Kind::BadRequest, text));
    }
    // Its limits have been looked up, so its other settings are known.
    attribution.region = attribution.end_user.as_deref().and_then(|end_user| live.region_of(end_user));
    attribution.default_model = attribution
        .end_user
        .as_deref()
        .filter(|_| attribution.region.is_some())
        .and_then(|end_user| live.default_model_of(end_user));
    attribution.models = attribution.end_user.as_deref().and_then(|end_user| live.models_of(end_user));
    more.extend(live.global());
    Ok(more)
}

/// Whether the key's own limits let a call pass at this moment: whoever is refused should not have anything written down.
fn has_room(seat: &Seat, shared: &Shared) -> bool {
    let (now, wall) = (shared.clock.now(), unix_millis() / 1000);
    // What is over the budget of a key that goes on more slowly is not refused for that.
    let goes_on = |scope: &Scope| seat.throttled.is_some() && scope.kind() == limiter::Kind::Key;
    seat.scopes.iter().all(|scope| goes_on(scope) || scope.may_pass(now, wall))
}

/// What was used takes the place of what was reserved; nothing was where there is no answer. What is still to be counted
/// ([`super::uncounted`]) is settled when it is; only its places are free at once.
///
/// The journal has the call when the result is dropped, which must be before the answer's last byte leaves.
pub fn settle<'a>(session: &Session, ctx: &mut Context, shared: &'a Shared) -> Option<Queued<'a>> {
    if is_uncounted(ctx) {
        ctx.reservation.iter_mut().for_each(Reservation::leave);
        return None;
    }
    let now = Instant::now();
    let told = bill(session, ctx, shared, now);
    let held = [ctx.reservation.take(), ctx.outlay.take()];
    if let Some(usage) = ctx.outcome.usage.filter(|_| held.iter().any(Option::is_some)) {
        let cost = ctx.outcome.cost.map_or(0, |cost| cost.total.pico());
        let actual = Actual { tokens: usage.total_tokens, cost, now: shared.clock.at(now) };
        held.into_iter().flatten().for_each(|held| held.settle(&actual));
    }
    told
}

/// What the answer's tokens cost at this deployment, if anybody knows its prices.
pub fn price(ctx: &mut Context, target: &Target) {
    let usage = ctx.outcome.usage.filter(Usage::is_told);
    let (Some(usage), Some(task)) = (usage, &ctx.task) else { return };
    let prices = ctx.snapshot.prices(target, &ctx.snapshot.captures(|| answering(ctx)));
    let cost = (!prices.is_empty()).then(|| cost(&prices, &usage, tier(&task.request)));
    ctx.outcome.cost = cost;
}

fn refused(refusal: &Refusal, asked: &str, wall: i64, shared: &Shared, settings: &Settings) -> Error {
    let (scope, tags) = (&refusal.scope, &shared.live.rules().tags);
    if let (limiter::Kind::Tag, Reason::Budget(over)) = (scope.kind(), refusal.reason)
        && tags.contains_key(scope.id())
    {
        return purse::crossed_tag(scope.id(), &over);
    }
    let compat = settings.compat;
    let wording = if compat == Compat::V1_80 { Wording::Older } else { Wording::Current };
    let kind = match refusal.reason {
        Reason::Budget(_) => Kind::BudgetExceeded,
        Reason::BudgetUnknown(_) => Kind::BudgetUnavailable,
        Reason::Limit(_) => Kind::LimitReached,
    };
    let error = Error::new(kind, message::text(refusal, asked, wall, wording));
    match kind {
        Kind::BudgetUnavailable => error.retry_after(Some(STORE_PAUSE)),
        Kind::BudgetExceeded => Error { chosen_status: settings.budget_exceeded_status, ..error },
        _ => error.retry_after(Some(Duration::from_secs(message::retry_after(refusal)))),
    }
}
