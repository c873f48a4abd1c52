//! Phase 5: plan → attempts until one is committed → deliver.
//!
//! An attempt is committed when its answer is whole (JSON) or its first useful event is there (streams). Until then the
//! client has seen nothing, so another attempt can take over; after it nothing is tried again. While an attempt waits,
//! the client is watched too: a client that leaves cancels the attempt, and its connection closes with it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use pingora_proxy::Session;

use super::attempt::Deadlines;
use super::context::{Context, Task};
use super::deliver::{self, Committed};
use super::gateway::Shared;
use super::mock;
use super::open::{self, Ask, Failed};
use super::refuse::refuse;
use super::target::Target;
use super::unanswered::{exhausted, unknown_deployment, unknown_model};
use crate::config::Timeouts;
use crate::error::{Error, Kind};
use crate::providers::{Call, Operation};
use crate::router::plan::{DeploymentIx, GroupIx};
use crate::router::retry::{self, Attempt, Next};
use crate::router::state::InFlight;
use crate::router::{PickInput, TriedSet};
use crate::wire::responses;

/// More retries than this are not granted to a client that asks for them: each one is a call that somebody pays.
const CLIENTS_RETRIES_LIMIT: u32 = 10;
/// No call takes longer, whatever the configuration says; safe to add to any clock.
const LONGEST_CALL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Answers the request's task, or refuses it.
///
/// # Errors
/// When the client is gone.
pub async fn dispatch(session: &mut Session, ctx: &mut Context, shared: &Shared) -> pingora_core::Result<()> {
    match run(session, ctx, shared).await {
        Ok(Done::Delivered) => Ok(()),
        Ok(Done::Mocked(answer)) => Box::pin(mock::send(session, ctx, shared, *answer)).await,
        Err(error) if error.kind == Kind::ClientGone => {
            shared.metrics.clients_gone.inc();
            let cause = error.detail.clone().unwrap_or_default();
            ctx.outcome.error = Some(error);
            pingora_core::Error::e_explain(pingora_core::ErrorType::ConnectionClosed, cause.into_string())
        }
        Err(error) => Box::pin(refuse(session, ctx, error)).await,
    }
}

enum Done {
    Delivered,
    Mocked(Box<mock::Mock>),
}

/// What stays the same over all attempts of a request.
struct Plan {
    group: GroupIx,
    /// `num_retries` of the request itself.
    num_retries: Option<u32>,
    end: Instant,
}

async fn run(session: &mut Session, ctx: &mut Context, shared: &Shared) -> Result<Done, Error> {
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let name = asked_model(ctx)?;
    let resolved = snapshot.router.resolve(&name, fastrand::u64(..));
    let resolved = resolved.ok_or_else(|| unknown_model(ctx, &name, Kind::UnknownModel))?;
    let plan = plan(session, ctx, resolved.group)?;
    ctx.outcome.group = Some(plan.group.0);
    let holder = holder(ctx);
    let mut tried = TriedSet::default();
    let mut above_order = None;
    let mut attempts_at_order = 0;
    let mut last_error = None;
    loop {
        let sent = Instant::now();
        let input =
            PickInput { now: shared.clock.at(sent), random: fastrand::u64(..), tried: &tried, above_order, holder };
        let pick = match snapshot.router.pick(plan.group, input) {
            Ok(pick) => pick,
            Err(none_left) => return Err(exhausted(last_error, none_left, ctx)),
        };
        let index = pick.deployment.0 as usize;
        let Some(target) = snapshot.targets.get(index) else { return Err(unknown_deployment()) };
        ctx.outcome.deployment = Some(index);
        let substituted = resolved.captures.substitute(&target.upstream_model);
        let upstream_model = substituted.as_deref().unwrap_or(&target.upstream_model);
        if let Some(mock) = mock::find(ctx, target, upstream_model)? {
            return Ok(Done::Mocked(Box::new(mock)));
        }
        attempts_at_order += 1;
        match attempt(session, ctx, shared, target, upstream_model, &plan, sent).await? {
            Ok(committed) => {
                let answered = ctx.outcome.answered.unwrap_or(sent);
                snapshot.router.on_success(pick.deployment, shared.clock.at(answered), answered - sent);
                finish(session, ctx, shared, target, committed, pick.in_flight, sent).await?;
                return Ok(Done::Delivered);
            }
            Err(failed) => {
                target.metrics.failure.inc();
                tried.insert(pick.deployment);
                let next =
                    after_failure(ctx, shared, target, &plan, pick.deployment, &tried, &failed, attempts_at_order);
                tracing::debug!(call_id = %ctx.call_id, deployment = %target.id, error = %failed.error, ?next, "failed");
                last_error = Some(failed.error);
                ctx.outcome.refusal = failed.header;
                match next {
                    Next::Now => {}
                    Next::After(pause) if Instant::now() + pause < plan.end => {
                        while_connected(session, pin!(pingora_timeout::sleep(pause))).await?;
                    }
                    Next::After(_) | Next::GiveUp => {
                        above_order = Some(pick.order);
                        attempts_at_order = 0;
                        continue;
                    }
                }
                shared.metrics.retries.inc();
            }
        }
    }
}

/// `completion_model` answers whatever is asked for.
fn asked_model(ctx: &Context) -> Result<String, Error> {
    let asked = ctx.task.as_ref().and_then(|task| task.request.model.as_ref());
    let name = ctx.snapshot.settings.completion_model.as_ref().or(asked);
    name.cloned().ok_or_else(|| unknown_model(ctx, "None", Kind::MissingModel))
}

/// The deployment whose provider keeps the conversation that the request goes on with.
fn holder(ctx: &Context) -> Option<DeploymentIx> {
    let task = ctx.task.as_ref().filter(|task| task.operation == Operation::Responses)?;
    let kept = responses::ids::decode(&task.request.object().as_str("previous_response_id")?)?;
    let holds = |target: &Target| {
        *target.id == *kept.model_id
            && target.call(Operation::Responses, &target.upstream_model) == Some(Call::Responses)
    };
    ctx.snapshot.targets.iter().position(holds).map(|index| DeploymentIx(index as u32))
}

fn plan(session: &Session, ctx: &Context, group: GroupIx) -> Result<Plan, Error> {
    let task = ctx.task.as_ref().ok_or_else(|| Error::new(Kind::Internal, "Internal error."))?;
    let settings = &ctx.snapshot.settings;
    let total = header_seconds(session, "x-litellm-timeout")
        .or(task.request.control.timeout)
        .unwrap_or(settings.timeouts.total);
    Ok(Plan {
        group,
        num_retries: header_number(session, "x-litellm-num-retries")
            .or(task.request.control.num_retries)
            .map(|retries| retries.min(CLIENTS_RETRIES_LIMIT)),
        end: ctx.started + total.min(settings.timeouts.total).min(LONGEST_CALL),
    })
}

/// One attempt, unless the client leaves first. The outer error ends the request, the inner one this attempt.
async fn attempt(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    upstream_model: &str,
    plan: &Plan,
    now: Instant,
) -> Result<Result<Committed, Failed>, Error> {
    ctx.outcome.attempts += 1;
    target.metrics.total.inc();
    let settings = &ctx.snapshot.settings;
    let Some(task) = &ctx.task else { return Err(Error::new(Kind::Internal, "Internal error.")) };
    let ask = Ask {
        task,
        target,
        upstream_model,
        always_usage: settings.always_stream_usage,
        owner: ctx.caller.as_ref().and_then(|caller| caller.key_digest),
        compat: settings.compat,
        deadlines: deadlines(session, task, target, &settings.timeouts, plan, now),
    };
    let result = while_connected(session, pin!(open::open(&ask, shared))).await;
    let answered = Instant::now();
    ctx.outcome.answered = Some(answered);
    ctx.outcome.upstream_time = Some(ctx.outcome.upstream_time.unwrap_or_default() + (answered - now));
    result
}

/// `timeout` limits a whole answer. Of a stream it limits the first event only, as `stream_timeout` does: an answer that
/// keeps coming is not cut off.
fn deadlines(
    session: &Session,
    task: &Task,
    target: &Target,
    timeouts: &Timeouts,
    plan: &Plan,
    begin: Instant,
) -> Deadlines {
    let between_bytes = timeouts.between_bytes;
    if task.request.stream {
        let asked = header_seconds(session, "x-litellm-stream-timeout").or(task.request.control.stream_timeout);
        let first_byte = asked.or(target.stream_timeout).or(target.timeout).unwrap_or(timeouts.first_byte);
        return Deadlines { first_byte, between_bytes, begin, end: plan.end };
    }
    let timeout = target.timeout.unwrap_or(LONGEST_CALL).min(LONGEST_CALL);
    Deadlines { first_byte: timeouts.first_byte, between_bytes, begin, end: plan.end.min(begin + timeout) }
}

async fn finish(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    committed: Committed,
    in_flight: InFlight,
    sent: Instant,
) -> Result<(), Error> {
    target.metrics.success.inc();
    target.metrics.state.set(0);
    let delivered = deliver::deliver(session, ctx, shared, target, committed, sent).await;
    drop(in_flight);
    if let (Some(upstream), Some(usage)) = (ctx.outcome.upstream_time, &ctx.outcome.usage)
        && usage.completion_tokens > 0
        && !usage.output_untold
    {
        target.metrics.latency_per_output_token.observe(upstream.as_secs_f64() / usage.completion_tokens as f64);
    }
    delivered
}

#[expect(clippy::too_many_arguments, reason = "the one place where everything that decides on a retry comes together")]
fn after_failure(
    ctx: &Context,
    shared: &Shared,
    target: &Target,
    plan: &Plan,
    deployment: DeploymentIx,
    tried: &TriedSet,
    failed: &Failed,
    attempts_so_far: u32,
) -> Next {
    let router = &ctx.snapshot.router;
    let now = shared.clock.now();
    let error = &failed.error;
    if router.on_failure(plan.group, deployment, now, error.kind, error.retry_after).is_some() {
        target.metrics.cooled_down.inc();
        target.metrics.state.set(2);
    }
    let mut policy = *router.retry_policy(plan.group);
    if let Some(num_retries) = plan.num_retries.or(target.max_retries) {
        policy.num_retries = num_retries;
    }
    let attempt = Attempt {
        kind: error.kind,
        attempts_so_far,
        other_healthy: router.other_healthy(plan.group, tried, now),
        retry_after: error.retry_after,
        random: fastrand::u64(..),
    };
    retry::decide(&attempt, &policy)
}

/// The future's output, unless the client leaves first: then the caller drops the future.
async fn while_connected<T>(session: &mut Session, future: Pin<&mut impl Future<Output = T>>) -> Result<T, Error> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        gone = client_gone(session) => Err(gone),
    }
}

/// Completes when the client has closed its connection.
pub async fn client_gone(session: &mut Session) -> Error {
    match session.downstream_session.read_body_or_idle(true).await {
        Err(error) => Error::new(Kind::ClientGone, "The client left.").detail(error.to_string()),
        Ok(_) => std::future::pending().await,
    }
}

fn header_seconds(session: &Session, name: &str) -> Option<Duration> {
    let seconds: f64 = session.get_header(name)?.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn header_number(session: &Session, name: &str) -> Option<u32> {
    session.get_header(name)?.to_str().ok()?.parse().ok()
}
