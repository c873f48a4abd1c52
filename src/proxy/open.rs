//! One attempt up to the point where it can be committed: the request in the target's terms, the answer read until it
//! is whole or its first useful event is there, and every failure given its kind.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header;
use pingora_http::ResponseHeader;

use super::attempt::{self, Answer, Connections, Deadlines, Outgoing};
use super::context::Task;
use super::deliver::{Committed, is_streaming};
use super::exchange::{Exchange, Whole};
use super::gateway::Shared;
use super::target::{ProviderKey, Target};
use super::{outgoing, poll, sign};
use crate::auth::digest::KeyDigest;
use crate::drawing::Drawing;
use crate::error::{Compat, Error, Kind};
use crate::providers::call::Call;
use crate::wire::codec::StreamDecoder;
use crate::wire::openai::errors;
use crate::wire::said::Plain;

/// A whole answer may be so large; embeddings of long lists reach tens of megabytes.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;
/// An error body is read so far.
const ERROR_BODY_LIMIT: usize = 1024 * 1024;
/// Events that say nothing yet (a role, a comment) are held back up to this size until one does; what says nothing for
/// longer is no answer.
const HELD_LIMIT: usize = 64 * 1024;
/// Where text is held back, so many bytes of events are held for each of its bytes at most.
const HELD_PER_TEXT: usize = 1024;
/// `Retry-After` above this is not believed.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What an attempt needs to know.
pub struct Ask<'a> {
    /// The client's request.
    pub task: &'a Task,
    /// Who is asked.
    pub target: &'a Target,
    /// The model's name upstream.
    pub upstream_model: &'a str,
    /// `always_include_stream_usage`.
    pub always_usage: bool,
    /// Whose key it is.
    pub owner: Option<KeyDigest>,
    /// Whose error texts are spoken.
    pub compat: Compat,
    /// How long it may take.
    pub deadlines: Deadlines,
    /// The name that the client gets to see as `model`, where it is not the one that it asked for.
    pub answers_as: Option<&'a str>,
    /// Bytes of text that are held back at the beginning of a stream.
    pub hold: usize,
    /// What was delivered of an answer that broke; this one takes its place.
    pub continuation: Option<&'a Continuation>,
}

/// An answer that broke after its beginning was delivered.
#[derive(Clone, Debug)]
pub struct Continuation {
    /// What the client has.
    pub said: Plain,
    /// The words are put before the new answer, so that it goes on after them; else it begins again.
    pub prefill: bool,
}

/// A failed attempt.
pub struct Failed {
    /// Why.
    pub error: Error,
    /// The provider's header, if it answered.
    pub header: Option<Box<ResponseHeader>>,
    /// Nobody was asked: it says nothing of the deployment.
    pub is_mocked: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, header: None, is_mocked: false }
    }
}

impl Ask<'_> {
    /// A header of the client's own for a provider that speaks its dialect.
    pub fn said(&self, name: &str) -> Option<&str> {
        let said = self.task.forwarded.iter().find(|(known, _)| *known == name);
        said.and_then(|(_, value)| value.to_str().ok())
    }

    /// What is drawn, in the client's words and the deployment's.
    pub fn drawing(&self) -> Drawing {
        self.task.drawing().unwrap_or_default().or(self.target.drawing)
    }

    /// The name that the client gets to see as `model`.
    pub fn shown_model(&self) -> &str {
        self.answers_as.or(self.task.request.model.as_deref()).unwrap_or(&self.target.model_name)
    }
}

/// Sends the request and reads until the answer can be committed.
///
/// # Errors
/// What failed; nothing of it has reached the client.
pub async fn open(ask: &Ask<'_>, shared: &Shared) -> Result<Committed, Failed> {
    let mut exchange = Exchange::plan(ask)?;
    let message = outgoing::write(ask, shared, &mut exchange)?;
    if exchange.is_translated() {
        shared.metrics.translations.inc();
    }
    let stream = ask.task.request.stream;
    let mut head = ask.target.head(exchange.call, stream, ask.upstream_model).await?;
    if !message.lines.is_empty() {
        head.to_mut().extend_from_slice(&message.lines);
    }
    let mut answers = Vec::new();
    let mut bodies = message.bodies.iter().peekable();
    while let Some(body) = bodies.next() {
        let answer = send(ask, shared, &exchange, &head, body).await?;
        if bodies.peek().is_some() {
            let tokens = counted(&exchange, &answer);
            answers.push((read_and_release(ask, answer).await?, tokens));
        } else if stream && answer.header().is_some_and(|header| is_streaming(header, exchange.call)) {
            return first_event(ask, exchange, answer).await;
        } else {
            return whole(ask, shared, exchange, answers, answer).await;
        }
    }
    Err(Error::new(Kind::InvalidParameter, "The request holds nothing to be answered.").into())
}

/// Asks for an answer that takes the place of a broken one; its stream, and who reads it.
///
/// # Errors
/// As [`open`].
pub async fn open_again(ask: &Ask<'_>, shared: &Shared) -> Result<(Answer, Box<dyn StreamDecoder>), Failed> {
    let mut exchange = Exchange::plan(ask)?;
    let message = outgoing::write(ask, shared, &mut exchange)?;
    let mut head = ask.target.head(exchange.call, true, ask.upstream_model).await?;
    head.to_mut().extend_from_slice(&message.lines);
    let body = message.bodies.first().map_or(&[][..], Vec::as_slice);
    let answer = send(ask, shared, &exchange, &head, body).await?;
    if !answer.header().is_some_and(|header| is_streaming(header, exchange.call)) {
        return Err(named(ask, Error::new(Kind::GarbledAnswer, "The provider does not stream.")).into());
    }
    match exchange.decoder() {
        Some(decoder) => Ok((answer, decoder)),
        None => Err(Error::new(Kind::Internal, "Internal error.").into()),
    }
}

/// One request and the header of its answer; a refusal is an error.
async fn send(
    ask: &Ask<'_>,
    shared: &Shared,
    exchange: &Exchange,
    head: &[u8],
    body: &[Bytes],
) -> Result<Answer, Failed> {
    let Some(upstream) = &ask.target.upstream else {
        let text = format!("litellm.BadRequestError: no api_base for provider {}.", ask.target.provider.name);
        return Err(Error::new(Kind::InternalServer, text).into());
    };
    let signed = sign::signed(ask, head, body).await.map_err(|error| named(ask, error))?;
    let outgoing = Outgoing { head: &signed, body };
    let mut connections = Connections::default();
    let answer = attempt::send(upstream, &shared.connector, &outgoing, ask.deadlines, &mut connections).await;
    shared.metrics.connections_opened.inc_by(connections.opened.into());
    shared.metrics.connections_reused.inc_by(connections.reused.into());
    let answer = answer.map_err(|error| named(ask, error))?;
    match answer.status() {
        200..300 => Ok(answer),
        status => Err(refused(ask, exchange, answer, status).await),
    }
}

/// The tokens of the input, where a header counts them.
fn counted(exchange: &Exchange, answer: &Answer) -> Option<u64> {
    answer.header()?.headers.get(exchange.token_header()?)?.to_str().ok()?.parse().ok()
}

async fn read_and_release(ask: &Ask<'_>, mut answer: Answer) -> Result<Bytes, Failed> {
    let body = answer.read_all(ANSWER_LIMIT).await.map_err(|error| named(ask, as_retryable(error)))?;
    answer.release(Instant::now()).await;
    Ok(body)
}

async fn whole(
    ask: &Ask<'_>,
    shared: &Shared,
    exchange: Exchange,
    mut answers: Vec<(Bytes, Option<u64>)>,
    mut answer: Answer,
) -> Result<Committed, Failed> {
    let read = if exchange.call == Call::Predictions {
        poll::finished(ask, shared, answer).await
    } else {
        answer.read_all(ANSWER_LIMIT).await.map(|body| (answer, body))
    };
    let (answer, body) = read.map_err(|error| named(ask, as_retryable(error)))?;
    answers.push((body, counted(&exchange, &answer)));
    let Whole { body, content_type, usage } = exchange.whole(ask, answers).map_err(|error| named(ask, error))?;
    Ok(Committed::Whole { answer, body, content_type, usage })
}

async fn first_event(ask: &Ask<'_>, exchange: Exchange, mut answer: Answer) -> Result<Committed, Failed> {
    let content_type = exchange.stream_type();
    let mut filter = Box::new(exchange.filter(ask));
    let mut held = BytesMut::new();
    let mut useful = false;
    // The wait for the header is part of it.
    let wait = ask.deadlines.first_byte.saturating_sub(ask.deadlines.begin.elapsed());
    let first_byte = pingora_timeout::timeout(wait, async {
        loop {
            let Some(piece) = answer.read().await? else {
                // All of it was held back.
                let ended = useful.then(|| held.split().freeze());
                let error = "The provider's stream ended before the answer began.";
                return ended.ok_or_else(|| Error::new(Kind::BrokenStream, error));
            };
            let fed = filter.feed(piece).map_err(|(_, error)| error)?;
            useful |= fed.commit;
            let commit =
                fed.commit && (ask.hold == 0 || filter.said().len() >= ask.hold as u64 || filter.is_finished());
            if commit && held.is_empty() {
                return Ok(fed.events);
            }
            held.extend_from_slice(&fed.events);
            if commit || (useful && held.len() > ask.hold.saturating_mul(HELD_PER_TEXT)) {
                return Ok(held.split().freeze());
            }
            if !useful && held.len() > HELD_LIMIT {
                return Err(Error::new(Kind::GarbledAnswer, "The provider's stream says nothing."));
            }
        }
    });
    match first_byte.await {
        Ok(Ok(first)) => Ok(Committed::Stream { answer, filter, first, content_type }),
        Ok(Err(error)) => Err(named(ask, as_retryable(error)).into()),
        Err(_elapsed) => Err(named(ask, Error::new(Kind::Timeout, "Request timed out.")).into()),
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
async fn refused(ask: &Ask<'_>, exchange: &Exchange, mut answer: Answer, status: u16) -> Failed {
    let retry_after = answer.header().and_then(retry_after);
    let body = answer.read_all(ERROR_BODY_LIMIT).await.unwrap_or_default();
    let mut header = answer.header().cloned().map(Box::new);
    answer.release(Instant::now()).await;
    let (kind, message) = exchange.refusal(status, &body);
    let error = named(ask, Error::new(kind, message).retry_after(retry_after));
    if let Some(key) = ask.target.key() {
        header = header.map(|header| Box::new(without(key, *header)));
    }
    Failed { error, header, is_mocked: false }
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

/// Puts LiteLLM's prefix before a failure of the provider or on the way to it.
fn named(ask: &Ask<'_>, mut error: Error) -> Error {
    let message = errors::client_message(error.kind, ask.compat, &ask.target.exception, &error.message);
    error.message = ask.target.redact(message);
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
