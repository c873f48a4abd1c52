//! Saying no: an error in the caller's dialect, readable even by a client that is still sending its body.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderValue};
use pingora_proxy::Session;
use pingora_timeout::timeout;

use super::context::Context;
use super::dispatch::{TIMEOUT, header_seconds};
use super::reply::{self, Head};
use crate::error::{Error, Kind};

/// A body this small is read before the refusal, so that the connection can serve the next request.
const READ_BEFORE_REFUSING: usize = 64 * 1024;
/// How long a client is listened to while it still sends what was refused. Without this the kernel would answer the
/// unread bytes with a reset, and the reset overtakes the refusal.
const LINGER: Duration = Duration::from_secs(2);

/// Answers with `error` and remembers it for the log and the metrics.
///
/// # Errors
/// When the client is gone.
pub async fn refuse(session: &mut Session, ctx: &mut Context, error: Error) -> pingora_core::Result<()> {
    let compat = ctx.snapshot.settings.compat;
    let envelope = ctx.envelope;
    let status = envelope.status(&error, compat);
    let body = envelope.body(&error, compat);
    let mut template = reply::base(compat);
    if let Some(pause) = error.retry_after {
        template.insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs_f64().ceil() as u64));
    }
    if let Some(limit) = timeout_of(session, ctx).filter(|_| error.kind == Kind::Timeout) {
        template.insert(TIMEOUT, limit);
    }
    ctx.outcome.error = Some(error);
    send(session, ctx, status, &template, Bytes::from(body)).await
}

async fn send(
    session: &mut Session,
    ctx: &mut Context,
    status: u16,
    template: &HeaderMap,
    body: Bytes,
) -> pingora_core::Result<()> {
    if declared_length(session).is_some_and(|length| length <= READ_BEFORE_REFUSING) {
        drain(session, READ_BEFORE_REFUSING).await;
    }
    let refusal = ctx.outcome.refusal.take();
    let head = Head {
        status,
        content_type: "application/json",
        content_length: None,
        upstream: refusal.as_deref(),
        hidden: None,
        template: Some(template),
    };
    reply::whole(session, ctx, head, body).await?;
    drain(session, usize::MAX).await;
    Ok(())
}

/// The limit that was overstepped, as LiteLLM tells it: the client's, else the deployment's. Seconds, with a point.
fn timeout_of(session: &Session, ctx: &Context) -> Option<HeaderValue> {
    let asked = header_seconds(session, ctx, &TIMEOUT).or(ctx.task.as_ref()?.request.control.timeout);
    let target = ctx.outcome.deployment.and_then(|index| ctx.snapshot.targets.get(index));
    let limit = asked.or(target?.timeout)?.as_secs_f64();
    HeaderValue::from_str(&format!("{limit:?}")).ok()
}

fn declared_length(session: &Session) -> Option<usize> {
    session.get_header(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads and forgets the rest of the body: at most `limit` bytes, at most [`LINGER`].
async fn drain(session: &mut Session, limit: usize) {
    let reading = async {
        let mut read = 0;
        while !session.downstream_session.is_body_done() && read <= limit {
            match session.downstream_session.read_request_body().await {
                Ok(Some(piece)) => read += piece.len(),
                Ok(None) | Err(_) => return,
            }
        }
    };
    let _gave_up = timeout(LINGER, reading).await;
}
