//! The request in the provider's words: spliced where the dialects agree, translated where they do not.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::conversations::Memory;
use super::exchange::{Exchange, Manner};
use super::gateway::Shared;
use super::open::{Ask, Continuation};
use crate::error::{Error, Kind};
use crate::providers::call::Call;
use crate::wire::anthropic::Hosting;
use crate::wire::anthropic::pass::PassRules;
use crate::wire::dialects::{ClientDialect, EmbeddingDialect, ProviderDialect};
use crate::wire::model::{self, ChatRequest, Json, Param, Part, Role};
use crate::wire::openai::request::Request;
use crate::wire::splice::{Spliced, merged};
use crate::wire::{anthropic, gemini, openai, responses};

/// What is to be sent.
pub struct Message {
    /// Bodies, each in slices; more than one where a call takes one input only.
    pub bodies: Vec<Vec<Bytes>>,
    /// Header lines that depend on the request, each with its CR LF.
    pub lines: Vec<u8>,
}

/// Anthropic's version of the API, if the client names none.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Writes the request.
///
/// # Errors
/// What in it cannot be said to this provider.
pub fn write(ask: &Ask<'_>, shared: &Shared, exchange: &mut Exchange) -> Result<Message, Error> {
    let request = &ask.task.request;
    let mut betas = Vec::new();
    let bodies = match exchange.manner {
        Manner::OpenAi => vec![slices(&request.for_upstream(&ask.target.rules(ask.upstream_model))?)],
        Manner::Images => vec![slices(&request.for_upstream(&ask.target.rules_of_pictures(ask.upstream_model))?)],
        Manner::Messages => vec![slices(&messages(ask, exchange.call)?)],
        Manner::Responses => {
            vec![slices(&responses::pass::for_upstream(request, &ask.target.rules(ask.upstream_model))?)]
        }
        Manner::GenerateContent => vec![slices(&gemini::pass::for_upstream(request)?)],
        Manner::Untouched => vec![slices(&counting(ask, exchange.call)?)],
        Manner::Translated { client, provider } => {
            let mut chat = client.decode_request(request)?;
            chat.stream |= ask.continuation.is_some();
            if let Some(continuation) = ask.continuation.filter(|continuation| continuation.prefill) {
                chat.messages.push(prefilled(ask, continuation));
            }
            if client == ClientDialect::Responses {
                exchange.memory = resumed(ask, shared, &mut chat)?;
                responses::bridge::to_other_dialects(&mut chat, provider.searches());
            }
            vec![translated(ask, exchange, chat, provider, &mut betas)?]
        }
        Manner::Embedded(dialect) => embedded(ask, dialect)?,
    };
    Ok(Message { bodies, lines: lines(ask, exchange, &betas) })
}

/// The words that were delivered, as the model's own beginning. No white space ends them: Anthropic refuses that.
fn prefilled(ask: &Ask<'_>, continuation: &Continuation) -> model::Message {
    let mark = ask.target.provider.quirks.prefill_mark;
    let extra = mark.and_then(|mark| Some((mark.to_owned(), Json::of(&true)?)));
    model::Message {
        role: Role::Assistant,
        parts: vec![Part::text(continuation.said.text.trim_end())],
        name: None,
        extra: extra.into_iter().collect(),
    }
}

/// The conversation that the request goes on with is put before it, and the answer will be remembered in its turn.
fn resumed(ask: &Ask<'_>, shared: &Shared, chat: &mut ChatRequest) -> Result<Option<Memory>, Error> {
    let instructed = responses::history::is_instructed(&ask.task.request);
    shared.conversations.resume(chat, instructed, ask.owner)?;
    let memory = || Memory {
        conversations: Arc::clone(&shared.conversations),
        owner: ask.owner,
        messages: responses::history::turns(&chat.messages, instructed).to_vec(),
        request_bytes: ask.task.request.body().len(),
    };
    Ok((chat.store != Some(false)).then(memory))
}

fn slices(spliced: &Spliced) -> Vec<Bytes> {
    spliced.pieces().collect()
}

fn messages(ask: &Ask<'_>, call: Call) -> Result<Spliced, Error> {
    let hosting = match call.dialect(ask.target.provider.dialect, ask.task.operation) {
        Some(ProviderDialect::Messages(hosting)) => hosting,
        _ => Hosting::Own,
    };
    let target = ask.target;
    let betas: Vec<&str> =
        ask.said("anthropic-beta").map(|said| said.split(',').map(str::trim).collect()).unwrap_or_default();
    let rules = PassRules {
        upstream_model: ask.upstream_model,
        hosting,
        defaults: target.defaults(),
        extra_body: target.extra_body(),
        drop: target.dropped_params(),
        betas: &betas,
    };
    anthropic::pass::for_upstream(&ask.task.request, &rules)
}

fn counting(ask: &Ask<'_>, call: Call) -> Result<Spliced, Error> {
    match call {
        Call::CountMessageTokens => anthropic::pass::for_counting(&ask.task.request, ask.upstream_model),
        _ => gemini::pass::for_upstream(&ask.task.request),
    }
}

fn translated(
    ask: &Ask<'_>,
    exchange: &mut Exchange,
    mut chat: ChatRequest,
    provider: ProviderDialect,
    betas: &mut Vec<&'static str>,
) -> Result<Vec<Bytes>, Error> {
    let target = ask.target;
    chat.model = ask.upstream_model.to_owned();
    openai::chat::apply_defaults(&mut chat, target.defaults())?;
    for name in target.dropped_params() {
        match Param::by_name(name) {
            Some(param) => param.drop_from(&mut chat),
            None => chat.extra.retain(|(known, _)| known != name),
        }
    }
    let encoded = provider.encode_request(chat, &target.profile(ask.upstream_model))?;
    exchange.forced_json = encoded.forced_json;
    *betas = encoded.betas;
    if provider == ProviderDialect::ChatCompletions {
        // The provider's quirks are edits of OpenAI's dialect.
        let request = Request::parse(encoded.body.into())?;
        return Ok(slices(&request.for_upstream(&target.rules(ask.upstream_model))?));
    }
    Ok(vec![with_extra_body(encoded.body, target.extra_body())?])
}

/// `extra_body` wins over what the client said.
fn with_extra_body(body: Vec<u8>, extra_body: &Map<String, Value>) -> Result<Bytes, Error> {
    if extra_body.is_empty() {
        return Ok(body.into());
    }
    let broken = || Error::new(Kind::Internal, "Internal error.").detail("extra_body cannot be merged");
    merged(body.into(), extra_body).ok_or_else(broken)
}

fn embedded(ask: &Ask<'_>, dialect: EmbeddingDialect) -> Result<Vec<Vec<Bytes>>, Error> {
    let mut request = openai::embed::decode_request(&ask.task.request)?;
    request.model = ask.upstream_model.to_owned();
    let bodies = dialect.encode_requests(request, &ask.target.profile(ask.upstream_model))?;
    bodies.into_iter().map(|body| Ok(vec![with_extra_body(body, ask.target.extra_body())?])).collect()
}

/// Anthropic wants its version with each request, and features of the day by name; a client of its own dialect says both
/// itself.
fn lines(ask: &Ask<'_>, exchange: &Exchange, betas: &[&'static str]) -> Vec<u8> {
    if !matches!(exchange.call, Call::Messages | Call::CountMessageTokens) {
        return Vec::new();
    }
    let speaks_it = ask.task.operation.client_dialect(false) == Some(ClientDialect::Messages);
    let said = |name: &str| ask.said(name).filter(|_| speaks_it);
    let mut features: Vec<&str> = said("anthropic-beta").into_iter().collect();
    features.extend(betas);
    let mut lines = format!("anthropic-version: {}\r\n", said("anthropic-version").unwrap_or(ANTHROPIC_VERSION));
    if !features.is_empty() {
        lines.push_str(&format!("anthropic-beta: {}\r\n", features.join(",")));
    }
    lines.into_bytes()
}
