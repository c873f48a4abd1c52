//! Phase 5: plan → attempts until one is committed → deliver.
//!
//! An attempt is committed when its answer is whole (JSON) or its first useful event is there (streams). Until then the
//! client has seen nothing, so another attempt can take over, at a deployment that the [`Journey`] names; after it only a
//! stream that breaks is gone on with (`rescue.rs`). While an attempt waits, the client is watched too: a client that leaves
//! cancels the attempt, and its connection closes with it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use http::HeaderName;
use pingora_proxy::Session;

use super::attempt::Deadlines;
use super::context::{Context, Task};
use super::deliver::{self, Committed};
use super::gateway::Shared;
use super::hedge::{self, Race, Raced};
use super::journey::{Journey, Leg};
use super::mock;
use super::open::{self, Ask, Failed};
use super::refuse::refuse;
use super::target::Target;
use super::unanswered::{unknown_deployment, unknown_model};
use crate::error::{Error, Kind};
use crate::providers::{Call, Operation};
use crate::router::plan::DeploymentIx;
use crate::router::retry::Next;
use crate::wire::responses;

/// How long the request may take. Seconds, with a point; also said with an answer that was too late.
pub const TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-timeout");
static STREAM_TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-stream-timeout");
static NUM_RETRIES: HeaderName = HeaderName::from_static("x-litellm-num-retries");
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

async fn run(session: &mut Session, ctx: &mut Context, shared: &Shared) -> Result<Done, Error> {
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let mut journey = begin(session, ctx)?;
    loop {
        let mut leg = journey.leg(session, ctx, shared).await?;
        let Some(target) = snapshot.targets.get(leg.index) else { return Err(unknown_deployment()) };
        let substituted = journey.upstream_model(&target.upstream_model);
        let upstream_model = substituted.as_deref().unwrap_or(&target.upstream_model);
        match mock::failure(ctx).map_or_else(|| mock::find(ctx, target, upstream_model), Err) {
            Ok(None) => {}
            Ok(Some(mock)) => {
                ctx.outlay = leg.outlay.take();
                return Ok(Done::Mocked(Box::new(mock)));
            }
            // No provider's fault: nothing is counted, nothing tried again.
            Err(error) => {
                journey.leave_group(error);
                continue;
            }
        }
        if let Some(failed) = mock::limited(ctx) {
            ctx.outcome.attempts += 1;
            let next = journey.failed(ctx, shared, leg, failed);
            pause(session, shared, &mut journey, next).await?;
            continue;
        }
        let tried = attempt(session, ctx, shared, target, upstream_model, &mut journey, leg).await?;
        leg = tried.leg;
        let target = snapshot.targets.get(leg.index).unwrap_or(target);
        match tried.result {
            Ok(committed) => {
                ctx.outlay = leg.outlay.take();
                journey.answered(ctx, shared, &mut leg, &committed);
                finish(session, ctx, shared, target, committed, &mut journey, leg).await?;
                return Ok(Done::Delivered);
            }
            Err(failed) => {
                target.metrics.failure.inc();
                tracing::debug!(call_id = %ctx.call_id, deployment = %target.id, error = %failed.error, "failed");
                let next = journey.failed(ctx, shared, leg, failed);
                pause(session, shared, &mut journey, next).await?;
            }
        }
    }
}

/// Waits before the next attempt, where there is one in this group.
async fn pause(session: &mut Session, shared: &Shared, journey: &mut Journey, next: Next) -> Result<(), Error> {
    match next {
        Next::GiveUp => return Ok(()),
        Next::Now => {}
        Next::After(pause) if Instant::now() + pause < journey.end => {
            while_connected(session, pin!(pingora_timeout::sleep(pause))).await?;
        }
        Next::After(_) => {
            journey.leave_order();
            return Ok(());
        }
    }
    shared.metrics.retries.inc();
    Ok(())
}

/// Who moderates where the client names no model, as with OpenAI.
const MODERATION_MODEL: &str = "omni-moderation-latest";

/// `completion_model` answers whatever is asked for.
fn asked_model(ctx: &Context) -> Result<String, Error> {
    let asked = ctx.task.as_ref().and_then(|task| task.request.model.as_ref());
    let server_default = ctx.task.as_ref().and_then(|task| ctx.snapshot.settings.model_of(task.operation));
    let name = server_default.or(asked);
    let is_moderation = ctx.task.as_ref().is_some_and(|task| task.operation == Operation::Moderations);
    let unsaid = || is_moderation.then(|| MODERATION_MODEL.to_owned());
    let team = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref()?.row.team_id.as_deref());
    let routed = name.map(|name| ctx.snapshot.owned.routed(team, name).to_owned());
    routed.or_else(unsaid).ok_or_else(|| unknown_model(ctx, "None", Kind::MissingModel))
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

fn begin(session: &Session, ctx: &mut Context) -> Result<Journey, Error> {
    let model = asked_model(ctx)?;
    let task = ctx.task.as_ref().ok_or_else(|| Error::new(Kind::Internal, "Internal error."))?;
    let settings = &ctx.snapshot.settings;
    let total =
        header_seconds(session, ctx, &TIMEOUT).or(task.request.control.timeout).unwrap_or(settings.timeouts.total);
    let end = ctx.started + total.min(settings.timeouts.total).min(LONGEST_CALL);
    let num_retries = header_number(session, ctx, &NUM_RETRIES).or(task.request.control.num_retries);
    let num_retries = num_retries.map(|retries| retries.min(CLIENTS_RETRIES_LIMIT));
    let holder = holder(ctx);
    Journey::begin(session, ctx, model, num_retries, end, holder)
}

/// An attempt that is over, and which leg it was of: where a second request has won, of that one's.
pub struct Tried {
    /// Whose it was.
    pub leg: Leg,
    /// How it ended.
    pub result: Result<Committed, Failed>,
}

/// One attempt, unless the client leaves first. The outer error ends the request, the inner one this attempt.
async fn attempt(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    upstream_model: &str,
    journey: &mut Journey,
    leg: Leg,
) -> Result<Tried, Error> {
    ctx.outcome.attempts += 1;
    target.metrics.total.inc();
    // Lent to a race, which may need more of it.
    let mut reservation = ctx.reservation.take();
    let settings = &ctx.snapshot.settings;
    let Some(task) = journey.task().or(ctx.task.as_ref()) else {
        return Err(Error::new(Kind::Internal, "Internal error."));
    };
    let ask = Ask {
        task,
        target,
        upstream_model,
        always_usage: settings.always_stream_usage,
        owner: ctx.caller.as_ref().and_then(|caller| caller.key_digest),
        compat: settings.compat,
        deadlines: deadlines(session, ctx, shared, task, target, journey, &leg),
        answers_as: journey.answers_as(),
        hold: settings.rescue.hold_bytes,
        continuation: None,
    };
    let usual = journey.hedge_after(ctx, &leg).filter(|_| task.request.stream);
    let raced = match usual {
        None => while_connected(session, pin!(open::open(&ask, shared))).await.map(Raced::Alone),
        Some(usual) => {
            let race = Race { ctx, reservation: &mut reservation, shared, journey, leg: &leg };
            Box::pin(race.run(session, ask, usual)).await
        }
    };
    ctx.reservation = reservation;
    let answered = Instant::now();
    ctx.outcome.answered = Some(answered);
    ctx.outcome.upstream_time = Some(ctx.outcome.upstream_time.unwrap_or_default() + (answered - leg.begin));
    match raced {
        Ok(raced) => Ok(hedge::settle(session, ctx, shared, journey, leg, raced)),
        Err(gone) => {
            leg.gave_up(shared);
            Err(gone)
        }
    }
}

/// `timeout` limits a whole answer. Of a stream it limits the first event only, as `stream_timeout` does: an answer that
/// keeps coming is not cut off. Where neither is set and somebody else could answer, the first event has a limit all the
/// same ([`crate::router::patience`]).
pub fn deadlines(
    session: &Session,
    ctx: &Context,
    shared: &Shared,
    task: &Task,
    target: &Target,
    journey: &Journey,
    leg: &Leg,
) -> Deadlines {
    let settings = &ctx.snapshot.settings;
    let (between_bytes, begin) = (settings.timeouts.between_bytes, leg.begin);
    if task.request.stream {
        let asked = header_seconds(session, ctx, &STREAM_TIMEOUT).or(task.request.control.stream_timeout);
        let said = asked.or(target.stream_timeout).or(target.timeout);
        let first_byte = said.unwrap_or_else(|| {
            let longest = settings.timeouts.first_byte;
            if !settings.rescue.adaptive_first_token || !journey.leads_on(ctx, shared, leg) {
                return longest;
            }
            let thinks = target.thinks || THINKING_PARAMETERS.iter().any(|name| task.request.has(name));
            journey.first_token_limit(ctx, leg, thinks, task.request.body().len()).min(longest)
        });
        return Deadlines { first_byte, between_bytes, begin, end: journey.end };
    }
    let timeout = target.timeout.unwrap_or(LONGEST_CALL).min(LONGEST_CALL);
    let first_byte = settings.timeouts.first_byte;
    Deadlines { first_byte, between_bytes, begin, end: journey.end.min(begin + timeout) }
}

/// Parameters by which a client asks for thoughts.
const THINKING_PARAMETERS: [&str; 3] = ["reasoning_effort", "reasoning", "thinking"];

async fn finish(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    committed: Committed,
    journey: &mut Journey,
    leg: Leg,
) -> Result<(), Error> {
    target.metrics.success.inc();
    target.metrics.state.set(0);
    let delivered = deliver::deliver(session, ctx, shared, target, committed, journey, leg).await;
    if let (Some(upstream), Some(usage)) = (ctx.outcome.upstream_time, &ctx.outcome.usage)
        && usage.completion_tokens > 0
        && !usage.output_untold
    {
        target.metrics.latency_per_output_token.observe(upstream.as_secs_f64() / usage.completion_tokens as f64);
    }
    delivered
}

/// The future's output, unless the client leaves first: then the caller drops the future.
///
/// # Errors
/// [`Kind::ClientGone`].
pub async fn while_connected<T>(session: &mut Session, future: Pin<&mut impl Future<Output = T>>) -> Result<T, Error> {
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

/// One of LiteLLM's header lines that says a number of seconds.
pub fn header_seconds(session: &Session, ctx: &Context, name: &HeaderName) -> Option<Duration> {
    let seconds: f64 = ctx.own_header(&session.req_header().headers, name)?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn header_number(session: &Session, ctx: &Context, name: &HeaderName) -> Option<u32> {
    ctx.own_header(&session.req_header().headers, name)?.parse().ok()
}
