//! Phase 3: the body, whole and bounded, and what it says at its top level.
//!
//! The body is kept as it came. It is read here, not by Pingora's upstream hooks: those forward a body that was read
//! before them only up to 64 KiB (docs/decisions/0001).

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use pingora_core::ErrorType;
use pingora_proxy::Session;

use super::context::{Context, Task};
use crate::error::{Error, Kind};
use crate::providers::Operation;
use crate::wire::openai::images;
use crate::wire::openai::request::Request;
use crate::wire::peek::ValueKind;

/// Space that is set aside at once for a body whose length the client declares; the rest grows as it arrives, so that
/// a declared length alone costs no memory.
const RESERVED_AT_ONCE: usize = 1024 * 1024;

/// Reads the body and finds its task.
///
/// # Errors
/// [`Kind::BodyTooLarge`], [`Kind::EncodedBody`], [`Kind::ClientGone`], and what is wrong with the JSON.
pub async fn intake(
    session: &mut Session,
    ctx: &mut Context,
    operation: Operation,
    model_in_path: Option<String>,
) -> Result<(), Error> {
    let limit = ctx.snapshot.settings.max_body;
    let body = read(session, limit).await?;
    let mut request = Request::parse(body)?;
    let server_default = || ctx.snapshot.settings.image_generation_model.clone();
    let model = model_in_path.or_else(|| (operation == Operation::ImageGenerations).then(server_default).flatten());
    if model.is_some() {
        request.model = model;
    }
    if operation == Operation::StreamGenerateContent {
        request.stream = true;
    }
    require(&request, operation)?;
    let header = session.req_header();
    let wants_events = header.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    let forwarded =
        FORWARDED.iter().filter_map(|name| Some((name.as_str(), header.headers.get(name)?.clone()))).collect();
    ctx.task = Some(Task::new(operation, request, forwarded, wants_events));
    Ok(())
}

/// Headers of a client that mean something to a provider who speaks the client's dialect.
static FORWARDED: [HeaderName; 2] =
    [HeaderName::from_static("anthropic-version"), HeaderName::from_static("anthropic-beta")];

/// The one parameter without which nobody can answer.
fn require(request: &Request, operation: Operation) -> Result<(), Error> {
    let (name, route) = match operation {
        Operation::ChatCompletions => ("messages", "/chat/completions"),
        Operation::Completions => ("prompt", "/completions"),
        Operation::Embeddings => ("input", "/embeddings"),
        Operation::Moderations => ("input", "/moderations"),
        // In LiteLLM's words.
        Operation::ImageGenerations => ("prompt", "/image/generations"),
        Operation::Messages => ("messages", "/v1/messages"),
        Operation::CountMessageTokens => ("messages", "/v1/messages/count_tokens"),
        Operation::GenerateContent | Operation::StreamGenerateContent => ("contents", "generateContent"),
        // A stored prompt stands in for the input; contents may be wrapped in a whole request.
        Operation::Responses | Operation::CountContentTokens => return Ok(()),
    };
    if request.object().get(name).is_some_and(|member| member.kind != ValueKind::Null) {
        return if operation == Operation::ImageGenerations { images::check(request) } else { Ok(()) };
    }
    Err(Error::new(Kind::MissingParameter, format!("{route}: Missing required parameter: '{name}'.")).param(name))
}

pub(super) async fn read(session: &mut Session, limit: usize) -> Result<Bytes, Error> {
    let headers = &session.req_header().headers;
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Error::new(
            Kind::EncodedBody,
            "Content-Encoding of requests is not supported: send the body plain.",
        ));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    if headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        session.downstream_session.write_continue_response().await.map_err(|error| gone(&error))?;
    }
    let Some(first) = next(session).await? else { return Ok(Bytes::new()) };
    if declared == Some(first.len()) {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(declared.unwrap_or(first.len() * 2).min(RESERVED_AT_ONCE));
    let mut piece = Some(first);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&bytes);
        piece = next(session).await?;
    }
    Ok(whole.freeze())
}

async fn next(session: &mut Session) -> Result<Option<Bytes>, Error> {
    session.downstream_session.read_request_body().await.map_err(|error| gone(&error))
}

fn too_large(limit: usize) -> Error {
    let megabytes = limit / (1024 * 1024);
    Error::new(Kind::BodyTooLarge, format!("Request size is too large. Max size allowed is {megabytes} MB"))
}

/// A client that stopped sending, or that sends what is not HTTP.
fn gone(error: &pingora_core::Error) -> Error {
    let (kind, message) = match error.etype() {
        ErrorType::ReadTimedout => (Kind::BodyTimeout, "The request body was not sent in time."),
        ErrorType::ReadError | ErrorType::ConnectionClosed => {
            (Kind::ClientGone, "The request body was not sent to its end.")
        }
        _ => (Kind::InvalidParameter, "The request body is not framed as HTTP demands."),
    };
    Error::new(kind, message).detail(error.to_string())
}
