//! From a committed attempt to the client: a whole body at once, or a stream through the tap, event by event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::attempt::Answer;
use super::billing::answer_id;
use super::context::Context;
use super::dispatch::client_gone;
use super::gateway::Shared;
use super::journey::{Delivery, Journey, Leg};
use super::reply::{self, Head};
use super::rescue::Rescue;
use super::reserve;
use super::stream::StreamFilter;
use super::target::Target;
use super::turn;
use super::uncounted::{Delivered, told};
use crate::error::{Error, Kind};
use crate::providers::call::Call;
use crate::wire::said::Mark;
use crate::wire::usage::Usage;

/// How long an upstream that has said all is waited for: for its usage, its end marker.
const LAST_WORD_WAIT: Duration = Duration::from_secs(3);

/// An answer that the client will get: nothing is tried again from here on.
#[expect(clippy::large_enum_variant, reason = "moved twice a request; a box would be one more allocation for each")]
pub enum Committed {
    /// Read to its end.
    Whole { answer: Answer, body: Bytes, content_type: &'static str, usage: Option<Usage> },
    /// Its header and first event are there.
    Stream { answer: Answer, filter: Box<StreamFilter>, first: Bytes, content_type: &'static str },
}

/// Sends it.
///
/// # Errors
/// [`Kind::ClientGone`].
pub async fn deliver(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    committed: Committed,
    journey: &mut Journey,
    mut leg: Leg,
) -> Result<(), Error> {
    let sent = leg.begin;
    match committed {
        Committed::Whole { answer, body, content_type, usage } => {
            if let Some(operation) = ctx.task.as_ref().map(|task| task.operation) {
                ctx.outcome.usage = told(usage, operation);
                if ctx.outcome.usage.is_none_or(|usage| !usage.is_told()) {
                    ctx.outcome.delivered = Some(Delivered::whole(&body, operation));
                }
            }
            ctx.outcome.answer_id = answer_id(&body);
            reserve::price(ctx, target);
            let head = Head {
                status: answer.status(),
                content_type,
                content_length: Some(body.len()),
                upstream: answer.header(),
                hidden: target.key(),
                template: Some(&target.template),
            };
            let header = reply::header(session, ctx, &head).map_err(|error| not_http(&error))?;
            // Before the answer leaves: who has read it finds it counted.
            ctx.outcome.status = head.status;
            let told = reserve::settle(session, ctx, shared);
            // The connection serves the next request while this client is still being written to.
            answer.release(ctx.outcome.answered.unwrap_or(sent)).await;
            // Whose answers are ready too have their calls written to the journal together with this one.
            turn::others_first().await;
            drop(told);
            let sent = reply::send(session, ctx, header, body).await.map_err(|error| gone(&error));
            journey.settled(ctx, shared, &mut leg, Delivery::Whole);
            sent
        }
        Committed::Stream { answer, filter, first, content_type } => {
            ctx.outcome.answer_id = answer_id(&first);
            ctx.outcome.first_token = ctx.outcome.answered.map(|answered| answered - ctx.started);
            let streaming = Streaming { answer, filter, first, content_type, leg };
            let result = Box::pin(stream(session, ctx, shared, target, journey, streaming)).await;
            ctx.outcome.upstream_time = Some(sent.elapsed());
            result
        }
    }
}

/// A stream that has begun.
struct Streaming {
    answer: Answer,
    filter: Box<StreamFilter>,
    first: Bytes,
    content_type: &'static str,
    leg: Leg,
}

async fn stream(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    journey: &mut Journey,
    streaming: Streaming,
) -> Result<(), Error> {
    let Streaming { mut answer, mut filter, first, content_type, mut leg } = streaming;
    let head = Head {
        status: answer.status(),
        content_type,
        content_length: None,
        upstream: answer.header(),
        hidden: target.key(),
        template: Some(&target.template),
    };
    let header = reply::header(session, ctx, &head).map_err(|error| not_http(&error))?;
    reply::start(session, ctx, header).await.map_err(|error| gone(&error))?;
    send(session, first).await?;
    let mut rescue = Rescue::new(ctx);
    let ended = loop {
        rescue.watch(ctx, shared, journey, &leg, &mut answer);
        let broken = match events(session, &mut answer, &mut filter, &rescue).await {
            Ok(Some(error)) => error,
            Ok(None) => break Ok(None),
            Err(gone) => break Err(gone),
        };
        journey.broken(ctx, shared, &mut leg, &broken);
        match rescue.go_on(session, ctx, shared, journey, &leg, &mut filter, broken).await {
            Ok(Ok(next)) => (leg, answer) = next,
            Ok(Err(error)) => break Ok(Some(error)),
            Err(gone) => break Err(gone),
        }
    };
    let snapshot = Arc::clone(&ctx.snapshot);
    let target = snapshot.targets.get(leg.index).unwrap_or(target);
    // Whether the stream ended, broke, or lost its reader: what was used is known up to here.
    used(ctx, &mut filter, matches!(ended, Ok(None)));
    reserve::price(ctx, target);
    let delivery = if matches!(ended, Ok(None)) { Delivery::Whole } else { Delivery::Cut };
    journey.settled(ctx, shared, &mut leg, delivery);
    if let Some(mut error) = ended? {
        error.message = target.redact(error.message);
        // No [DONE] follows: a cut stream must not look like a finished one.
        let last_words = filter.fail(&error, ctx.snapshot.settings.compat);
        send(session, last_words).await?;
        ctx.outcome.error = Some(error);
    } else {
        answer.release(Instant::now()).await;
    }
    drop(reserve::settle(session, ctx, shared));
    session.downstream_session.write_response_body(Bytes::new(), true).await.map_err(|error| gone(&error))
}

/// Notes what a stream cost, as far as the provider told it, and what it said, for the rest.
fn used(ctx: &mut Context, filter: &mut StreamFilter, is_whole: bool) {
    let Some(operation) = ctx.task.as_ref().map(|task| task.operation) else { return };
    let usage = filter.usage().map(|usage| if is_whole { usage } else { usage.of_unfinished() });
    ctx.outcome.usage = told(usage, operation);
    if ctx.outcome.usage.is_none_or(|usage| !usage.is_told()) {
        ctx.outcome.delivered = Some(Delivered::Stream(std::mem::take(filter.said())));
    }
}

/// Passes all events on. `None`: the stream came to its end; the inner error is why it did not, the outer one the client's
/// leaving.
async fn events(
    session: &mut Session,
    answer: &mut Answer,
    filter: &mut StreamFilter,
    rescue: &Rescue,
) -> Result<Option<Error>, Error> {
    match pump(session, answer, filter, rescue).await? {
        Pumped::Broken(error) => Ok(Some(error)),
        Pumped::Ended => {
            let before = filter.said().mark();
            let ended = filter.end();
            deliver_or_take_back(session, filter, before, ended.rest).await?;
            Ok(ended.broken)
        }
    }
}

/// Sends events; what they say is not said if they do not arrive.
async fn deliver_or_take_back(
    session: &mut Session,
    filter: &mut StreamFilter,
    before: Mark,
    events: Bytes,
) -> Result<(), Error> {
    let sent = send(session, events).await;
    if sent.is_err() {
        filter.said().take_back(before);
    }
    sent
}

/// Why no more comes from the upstream.
enum Pumped {
    /// It closed the stream.
    Ended,
    /// It was cut, stalled, or sent what is no event.
    Broken(Error),
}

/// Passes events on until there are no more. The error is the client's leaving.
async fn pump(
    session: &mut Session,
    answer: &mut Answer,
    filter: &mut StreamFilter,
    rescue: &Rescue,
) -> Result<Pumped, Error> {
    loop {
        if filter.is_finished() {
            answer.wait_between_bytes(LAST_WORD_WAIT);
        }
        let piece = tokio::select! {
            biased;
            piece = answer.read() => piece,
            error = client_gone(session) => return Err(error),
        };
        match piece {
            Ok(Some(piece)) => {
                let before = filter.said().mark();
                match filter.feed(piece) {
                    Ok(fed) => deliver_or_take_back(session, filter, before, fed.events).await?,
                    Err((events, error)) => {
                        deliver_or_take_back(session, filter, before, events).await?;
                        return Ok(Pumped::Broken(error));
                    }
                }
            }
            Ok(None) => return Ok(Pumped::Ended),
            // All is said; the provider only keeps the connection open, or drops it.
            Err(_) if filter.is_finished() => return Ok(Pumped::Ended),
            // Nobody else could go on with it, so it is waited for as long as the configuration says.
            Err(error) if error.kind == Kind::Timeout && rescue.waits_longer(answer, filter) => {}
            Err(error) => return Ok(Pumped::Broken(error)),
        }
    }
}

async fn send(session: &mut Session, bytes: Bytes) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    session.downstream_session.write_response_body(bytes, false).await.map_err(|error| gone(&error))
}

fn not_http(error: &pingora_core::Error) -> Error {
    Error::new(Kind::Internal, "Internal error.").detail(error.to_string())
}

fn gone(error: &pingora_core::Error) -> Error {
    Error::new(Kind::ClientGone, "The client left.").detail(error.to_string())
}

/// Types of bodies that come event by event.
const STREAMING: [&str; 4] =
    ["text/event-stream", "application/vnd.amazon.eventstream", "application/x-ndjson", "application/stream+json"];

/// Whether an upstream's answer comes event by event, by its header. Lines of JSON go by the name of JSON at some.
pub fn is_streaming(header: &ResponseHeader, call: Call) -> bool {
    let kind = header.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().trim_start().to_ascii_lowercase();
    STREAMING.iter().any(|streaming| kind.starts_with(streaming)) || call.streams_lines()
}
