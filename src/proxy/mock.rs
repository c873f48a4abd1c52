//! `mock_response`: an answer without a provider, from `litellm_params` or from the request itself.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pingora_proxy::Session;
use serde_json::Value;

use super::context::{Context, Task};
use super::reply::{self, Head};
use super::target::Target;
use crate::error::{Error, Kind};
use crate::providers::Operation;
use crate::wire::openai::mock::{self, Stamp};
use crate::wire::openai::response;
use crate::wire::usage::Usage;

/// A mocked answer, ready to send.
pub struct Mock {
    /// Whole body of a JSON answer, or each event of a stream.
    body: Vec<Bytes>,
    streamed: bool,
    usage: Option<Usage>,
}

/// The mocked answer of the request or its deployment, if there is one.
///
/// # Errors
/// The error that a `mock_response` such as `litellm.RateLimitError` stands for.
pub fn find(ctx: &Context, target: &Target) -> Result<Option<Mock>, Error> {
    let Some(task) = &ctx.task else { return Ok(None) };
    if task.request.control.mock_timeout {
        return Err(Error::new(Kind::Timeout, "litellm.Timeout: Request timed out."));
    }
    let configured = target.mock_response.as_ref().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let Some(text) = task.request.control.mock_response.clone().or(configured) else { return Ok(None) };
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let stamp = Stamp { id: &ctx.call_id, created, model: task.request.model.as_deref().unwrap_or(&target.model_name) };
    let vector = target.mock_response.as_ref().and_then(vector);
    Ok(Some(build(task, stamp, mock::interpret(&text)?, vector)))
}

/// A `mock_response` for embeddings is a list of numbers.
fn vector(mock_response: &Value) -> Option<Vec<f64>> {
    mock_response.as_array()?.iter().map(Value::as_f64).collect()
}

fn build(task: &Task, stamp: Stamp<'_>, text: &str, vector: Option<Vec<f64>>) -> Mock {
    let request = &task.request;
    let include_usage = request.include_usage;
    let (body, streamed) = match (task.operation, request.stream) {
        (Operation::ChatCompletions | Operation::Models, false) => (vec![mock::chat(stamp, text)], false),
        (Operation::ChatCompletions | Operation::Models, true) => (mock::chat_stream(stamp, text, include_usage), true),
        (Operation::Completions, false) => (vec![mock::completion(stamp, text)], false),
        (Operation::Completions, true) => (mock::completion_stream(stamp, text, include_usage), true),
        (Operation::Embeddings, _) => (vec![mock::embeddings(stamp, inputs(task), vector)], false),
        (Operation::Moderations, _) => (vec![mock::moderation(stamp)], false),
    };
    let usage = match (streamed, body.first()) {
        (false, Some(whole)) => response::read(whole.clone(), None).ok().and_then(|read| read.usage),
        _ => None,
    };
    Mock { body, streamed, usage }
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
pub async fn send(session: &mut Session, ctx: &mut Context, mock: Mock) -> pingora_core::Result<()> {
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let template = ctx.outcome.deployment.and_then(|index| snapshot.targets.get(index)).map(|target| &target.template);
    ctx.outcome.usage = mock.usage;
    let content_type = if mock.streamed { "text/event-stream; charset=utf-8" } else { "application/json" };
    let head = Head { status: 200, content_type, content_length: None, upstream: None, hidden: None, template };
    if !mock.streamed {
        let body = mock.body.into_iter().next().unwrap_or_default();
        return reply::whole(session, ctx, head, body).await;
    }
    let header = reply::header(session, ctx, &head)?;
    reply::start(session, ctx, header).await?;
    for event in mock.body {
        session.downstream_session.write_response_body(event, false).await?;
    }
    session.downstream_session.write_response_body(Bytes::new(), true).await
}
