//! One attempt up to the point where it can be committed: the request in the target's terms, the answer read until it
//! is whole or its first useful event is there, and every failure given its kind.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header;
use pingora_http::ResponseHeader;

use super::attempt::{self, Answer, Connections, Deadlines, Outgoing};
use super::context::Task;
use super::deliver::{Committed, is_event_stream};
use super::gateway::Shared;
use super::stream::StreamFilter;
use super::target::{ProviderKey, Target};
use crate::error::{Compat, Error, Kind};
use crate::providers::{Dialect, Operation};
use crate::wire::openai::request::Request;
use crate::wire::openai::{errors, legacy_completions, response};
use crate::wire::peek::PeekError;

/// A whole answer may be so large; embeddings of long lists reach tens of megabytes.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;
/// An error body is read so far.
const ERROR_BODY_LIMIT: usize = 1024 * 1024;
/// Events that say nothing yet (a role, a comment) are held back up to this size until one does.
const HELD_LIMIT: usize = 64 * 1024;
/// `Retry-After` above this is not believed.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What an attempt needs to know.
pub struct Call<'a> {
    /// The client's request.
    pub task: &'a Task,
    /// Who is asked.
    pub target: &'a Target,
    /// The model's name upstream.
    pub upstream_model: &'a str,
    /// `always_include_stream_usage`.
    pub always_usage: bool,
    /// Whose error texts are spoken.
    pub compat: Compat,
    /// How long it may take.
    pub deadlines: Deadlines,
}

/// A failed attempt.
pub struct Failed {
    /// Why.
    pub error: Error,
    /// The provider's header, if it answered.
    pub header: Option<Box<ResponseHeader>>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, header: None }
    }
}

impl Call<'_> {
    /// The endpoint that is called, which differs from the client's where completions are bridged to chat.
    fn operation(&self) -> Operation {
        if self.bridged() { Operation::ChatCompletions } else { self.task.operation }
    }

    fn bridged(&self) -> bool {
        self.task.operation == Operation::Completions && self.target.bridge_completions
    }

    /// The name that the client gets to see as `model`.
    fn shown_model(&self) -> &str {
        self.task.request.model.as_deref().unwrap_or(&self.target.model_name)
    }
}

/// Sends the request and reads until the answer can be committed.
///
/// # Errors
/// What failed; nothing of it has reached the client.
pub async fn open(call: &Call<'_>, shared: &Shared) -> Result<Committed, Failed> {
    let target = call.target;
    if target.dialect != Dialect::OpenAi {
        let text = format!("litellm.BadRequestError: provider {} is not served by this version yet.", target.provider);
        return Err(Error::new(Kind::Unprocessable, text).into());
    }
    let Some(upstream) = &target.upstream else {
        let text = format!("litellm.BadRequestError: no api_base for provider {}.", target.provider);
        return Err(Error::new(Kind::InternalServer, text).into());
    };
    let body = outgoing_body(call)?;
    let outgoing = Outgoing { head: target.head(call.operation()), body: &body };
    let mut connections = Connections::default();
    let answer = attempt::send(upstream, &shared.connector, &outgoing, call.deadlines, &mut connections).await;
    shared.metrics.connections_opened.inc_by(connections.opened.into());
    shared.metrics.connections_reused.inc_by(connections.reused.into());
    let answer = answer.map_err(|error| named(call, error))?;
    let status = answer.status();
    if !(200..300).contains(&status) {
        return Err(refused(call, answer, status).await);
    }
    if call.task.request.stream && answer.header().is_some_and(is_event_stream) {
        first_event(call, answer).await
    } else {
        whole(call, answer).await
    }
}

fn outgoing_body(call: &Call<'_>) -> Result<Vec<Bytes>, Error> {
    let rules = call.target.rules(call.upstream_model);
    let spliced = if call.bridged() {
        Request::parse(legacy_completions::to_chat(&call.task.request)?)?.for_upstream(&rules)?
    } else {
        call.task.request.for_upstream(&rules)?
    };
    Ok(spliced.pieces().collect())
}

async fn whole(call: &Call<'_>, mut answer: Answer) -> Result<Committed, Failed> {
    let body = answer.read_all(ANSWER_LIMIT).await.map_err(|error| named(call, as_retryable(error)))?;
    let not_json = || named(call, Error::new(Kind::GarbledAnswer, "The provider's answer is not JSON."));
    let body = if call.bridged() { legacy_completions::answer(&body).ok_or_else(not_json)? } else { body };
    let read = response::read(body, Some(call.shown_model()))
        .map_err(|error: PeekError| not_json().detail(format!("{} at byte {}", error.reason, error.offset)))?;
    if let Some(error) = read.error {
        return Err(named(call, Error::new(error.kind(), error.message)).into());
    }
    Ok(Committed::Whole { answer, body: read.body, usage: read.usage })
}

async fn first_event(call: &Call<'_>, mut answer: Answer) -> Result<Committed, Failed> {
    let withhold_usage = !(call.task.request.include_usage || call.always_usage);
    let mut filter = Box::new(StreamFilter::new(call.shown_model(), withhold_usage, call.bridged()));
    let mut held = BytesMut::new();
    let first_byte = pingora_timeout::timeout(call.deadlines.first_byte, async {
        loop {
            let Some(piece) = answer.read().await? else {
                return Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer began."));
            };
            let fed = filter.feed(piece).map_err(|(_, error)| error)?;
            if fed.commit && held.is_empty() {
                return Ok(fed.events);
            }
            held.extend_from_slice(&fed.events);
            if fed.commit || held.len() > HELD_LIMIT {
                return Ok(held.split().freeze());
            }
        }
    });
    match first_byte.await {
        Ok(Ok(first)) => Ok(Committed::Stream { answer, filter, first }),
        Ok(Err(error)) => Err(named(call, as_retryable(error)).into()),
        Err(_elapsed) => Err(named(call, Error::new(Kind::Timeout, "Request timed out.")).into()),
    }
}

/// A break before the commit is a failed attempt like any other: it may be tried again.
fn as_retryable(mut error: Error) -> Error {
    if error.kind == Kind::BrokenStream {
        error.kind = Kind::Connection;
    }
    error
}

/// The provider said no.
async fn refused(call: &Call<'_>, mut answer: Answer, status: u16) -> Failed {
    let retry_after = answer.header().and_then(retry_after);
    let body = answer.read_all(ERROR_BODY_LIMIT).await.unwrap_or_default();
    let mut header = answer.header().cloned().map(Box::new);
    answer.release(Instant::now()).await;
    let mut error = errors::to_error(status, &body, &call.target.exception, call.compat).retry_after(retry_after);
    error.message = call.target.redact(error.message);
    if let Some(key) = call.target.key() {
        header = header.map(|header| Box::new(without(key, *header)));
    }
    Failed { error, header }
}

/// Some providers hand the key back that they refuse.
fn without(key: &ProviderKey, mut header: ResponseHeader) -> ResponseHeader {
    let telling: Vec<_> =
        header.headers.iter().filter(|(_, value)| key.is_in(value.as_bytes())).map(|(name, _)| name.clone()).collect();
    for name in telling {
        header.remove_header(&name);
    }
    header
}

/// Puts LiteLLM's prefix before a failure that the provider did not word itself.
fn named(call: &Call<'_>, mut error: Error) -> Error {
    let message = errors::client_message(error.kind, call.compat, &call.target.exception, &error.message);
    error.message = call.target.redact(message);
    error
}

/// Seconds or a date (RFC 9110, 10.2.3).
fn retry_after(header: &ResponseHeader) -> Option<Duration> {
    let text = header.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            httpdate::parse_http_date(text).ok()?.duration_since(std::time::SystemTime::now()).unwrap_or_default()
        }
    };
    (pause <= RETRY_AFTER_LIMIT).then_some(pause)
}
