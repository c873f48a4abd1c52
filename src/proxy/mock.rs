//! `mock_response`: an answer without a provider, from `litellm_params` or from the request itself.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pingora_proxy::Session;
use serde_json::Value;

use super::billing::answer_id;
use super::context::{Context, Task};
use super::gateway::Shared;
use super::open::Failed;
use super::reply::{self, Head};
use super::reserve;
use super::target::Target;
use crate::error::{Error, Kind};
use crate::providers::Operation;
use crate::wire::anthropic::count_tokens::estimate;
use crate::wire::codec::{self, Ids, Origin};
use crate::wire::model::{Choice, Part, Reply};
use crate::wire::openai::images;
use crate::wire::openai::mock::{self, Stamp};
use crate::wire::openai::response;
use crate::wire::usage::Usage;
use crate::wire::{anthropic, gemini, translation};

/// A mocked answer, ready to send.
pub struct Mock {
    /// Whole body of a JSON answer, or each event of a stream.
    body: Vec<Bytes>,
    /// `content-type` of a stream; `None`: one JSON answer.
    streamed: Option<&'static str>,
    usage: Option<Usage>,
}

const EVENTS: Option<&str> = Some("text/event-stream; charset=utf-8");

/// The answer that needs no upstream, if there is one: mocked, or an estimate where the provider does not count tokens.
///
/// # Errors
/// The error that a `mock_response` such as `litellm.RateLimitError` stands for; what is wrong with the request.
pub fn find(ctx: &Context, target: &Target, upstream_model: &str) -> Result<Option<Mock>, Error> {
    let Some(task) = &ctx.task else { return Ok(None) };
    if task.request.control.mock_timeout {
        return Err(Error::new(Kind::Timeout, "litellm.Timeout: Request timed out."));
    }
    let configured = target.mock_response.as_ref().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let mocked = task.request.control.mock_response.clone().or(configured);
    if matches!(task.operation, Operation::CountMessageTokens | Operation::CountContentTokens) {
        let counts = mocked.is_none() && target.call(task.operation, upstream_model).is_some();
        return if counts { Ok(None) } else { count(task).map(Some) };
    }
    let Some(text) = mocked else { return Ok(None) };
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let stamp = Stamp { id: &ctx.call_id, created, model: task.request.model.as_deref().unwrap_or(&target.model_name) };
    let vector = target.mock_response.as_ref().and_then(vector);
    Ok(Some(build(task, target, stamp, mock::interpret(&text)?, vector)))
}

/// The failure that the client wants to see, to try its fallbacks out (`mock_testing_fallbacks` and its kin): of the model
/// that it asked for, not of those that take over.
pub fn failure(ctx: &Context) -> Option<Error> {
    let task = ctx.task.as_ref().filter(|_| ctx.outcome.hops == 0)?;
    let (control, model) = (&task.request.control, task.request.model.as_deref().unwrap_or_default());
    let mocked = |kind, class: &str| {
        let text = format!("litellm.{class}: This is a mock exception for model={model}, to trigger a fallback.");
        Some(Error::new(kind, text))
    };
    if control.mock_testing_context_fallbacks {
        mocked(Kind::ContextWindow, "ContextWindowExceededError")
    } else if control.mock_testing_content_policy_fallbacks {
        mocked(Kind::ContentPolicy, "ContentPolicyViolationError")
    } else if control.mock_testing_fallbacks {
        mocked(Kind::InternalServer, "InternalServerError")
    } else {
        None
    }
}

/// The limit that the client wants to see reached by the first attempt, to try retries out
/// (`mock_testing_rate_limit_error`).
pub fn limited(ctx: &Context) -> Option<Failed> {
    let task = ctx.task.as_ref().filter(|task| task.request.control.mock_testing_rate_limit_error)?;
    let model = task.request.model.as_deref().unwrap_or_default();
    let text =
        format!("litellm.RateLimitError: This is a mock exception for model={model}, to trigger a rate limit error.");
    let error = Error::new(Kind::RateLimited, text);
    (ctx.outcome.attempts == 0).then_some(Failed { error, header: None, is_mocked: true })
}

/// A `mock_response` for embeddings is a list of numbers.
fn vector(mock_response: &Value) -> Option<Vec<f64>> {
    mock_response.as_array()?.iter().map(Value::as_f64).collect()
}

fn build(task: &Task, target: &Target, stamp: Stamp<'_>, text: &str, vector: Option<Vec<f64>>) -> Mock {
    let request = &task.request;
    let include_usage = request.include_usage;
    let (body, streamed) = match (task.operation, request.stream) {
        (Operation::ChatCompletions, false) => (vec![mock::chat(stamp, text)], None),
        (Operation::ChatCompletions, true) => (mock::chat_stream(stamp, text, include_usage), EVENTS),
        (Operation::Completions, false) => (vec![mock::completion(stamp, text)], None),
        (Operation::Completions, true) => (mock::completion_stream(stamp, text, include_usage), EVENTS),
        (Operation::Embeddings, _) => (vec![mock::embeddings(stamp, inputs(task), vector)], None),
        (Operation::Moderations, _) => (vec![mock::moderation(stamp)], None),
        (Operation::ImageGenerations, _) => return pictures(task, target, stamp, text),
        _ => return other_dialect(task, target, stamp, text),
    };
    let usage = match (streamed, body.first()) {
        (None, Some(whole)) => response::read(whole.clone(), None).ok().and_then(|read| read.usage),
        _ => Some(mock::usage()),
    };
    Mock { body, streamed, usage }
}

/// As many pictures as are asked for, at the address that is mocked.
fn pictures(task: &Task, target: &Target, stamp: Stamp<'_>, address: &str) -> Mock {
    let asked = images::asked(&task.request).or(target.drawing);
    let whole = images::mock(stamp, address, asked);
    let usage = images::read(whole.clone(), asked).ok().and_then(|read| read.usage);
    if !task.request.stream {
        return Mock { body: vec![whole], streamed: None, usage };
    }
    let count = usage.and_then(|usage| usage.pictures).map_or(1, |drawn| drawn.count());
    Mock { body: (0..count).map(|_| images::mock_event(stamp, address)).collect(), streamed: EVENTS, usage }
}

/// The mocked text in a client's dialect that is not OpenAI's.
fn other_dialect(task: &Task, target: &Target, stamp: Stamp<'_>, text: &str) -> Mock {
    let Some(client) = task.operation.client_dialect(!task.wants_events) else {
        return Mock { body: Vec::new(), streamed: None, usage: None };
    };
    let choice = Choice { parts: vec![Part::text(text)], ..Choice::default() };
    let reply = Reply { choices: vec![choice], usage: Some(mock::usage()), ..Reply::default() };
    let stamp = codec::Stamp {
        ids: Ids(uuid::Uuid::new_v4().as_u128()),
        created: stamp.created,
        model: stamp.model.to_owned(),
        include_usage: true,
        body: task.request.body().clone(),
        origin: Origin { provider: target.provider.name, model_id: target.id.to_string() },
    };
    if !task.request.stream {
        let body = client.encode_reply(reply, &stamp).into();
        return Mock { body: vec![body], streamed: None, usage: Some(mock::usage()) };
    }
    let mut encoder = client.encoder(stamp);
    let mut body = Vec::new();
    translation::events_of(reply).into_iter().for_each(|event| encoder.event(event, &mut body));
    encoder.finish(&mut body);
    Mock { body: vec![body.into()], streamed: Some(client.stream_type()), usage: Some(mock::usage()) }
}

/// How many tokens a prompt has, where no provider counts: an estimate.
fn count(task: &Task) -> Result<Mock, Error> {
    let request = &task.request;
    let body = match task.operation {
        Operation::CountMessageTokens => {
            let tokens = estimate(&anthropic::request::decode_count_request(request)?);
            anthropic::count_tokens::encode_answer(tokens, true)
        }
        _ => {
            let model = request.model.as_deref().unwrap_or_default();
            gemini::count_tokens::encode_reply(estimate(&gemini::count_tokens::decode_request(request, model)?))
        }
    };
    Ok(Mock { body: vec![body.into()], streamed: None, usage: None })
}

/// How many vectors are asked for: a list of texts, or of token lists, has one each.
fn inputs(task: &Task) -> usize {
    let object = task.request.object();
    let Some(input) = object.get("input") else { return 1 };
    match serde_json::from_slice(object.raw(input)) {
        Ok(Value::Array(items)) if items.iter().any(|item| !item.is_number()) => items.len(),
        _ => 1,
    }
}

/// Sends a mocked answer.
///
/// # Errors
/// When the client is gone.
pub async fn send(session: &mut Session, ctx: &mut Context, shared: &Shared, mock: Mock) -> pingora_core::Result<()> {
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let target = ctx.outcome.deployment.and_then(|index| snapshot.targets.get(index));
    let template = target.map(|target| &target.template);
    ctx.outcome.usage = mock.usage;
    ctx.outcome.answer_id = mock.body.first().and_then(|answer| answer_id(answer));
    if let Some(target) = target {
        // As in LiteLLM: what stands for an answer costs what an answer costs.
        reserve::price(ctx, target);
    }
    let content_type = mock.streamed.unwrap_or("application/json");
    let head = Head { status: 200, content_type, content_length: None, upstream: None, hidden: None, template };
    if mock.streamed.is_none() {
        let body = mock.body.into_iter().next().unwrap_or_default();
        let header = reply::header(session, ctx, &Head { content_length: Some(body.len()), ..head })?;
        ctx.outcome.status = 200;
        drop(reserve::settle(session, ctx, shared));
        return reply::send(session, ctx, header, body).await;
    }
    let header = reply::header(session, ctx, &head)?;
    ctx.outcome.status = 200;
    drop(reserve::settle(session, ctx, shared));
    reply::start(session, ctx, header).await?;
    for event in mock.body {
        session.downstream_session.write_response_body(event, false).await?;
    }
    session.downstream_session.write_response_body(Bytes::new(), true).await
}
