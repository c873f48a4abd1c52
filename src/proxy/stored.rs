//! An answer that a provider keeps (OpenAI's Responses API) is wanted again, deleted or cancelled: its id says which
//! deployment has it.

use std::time::Instant;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pingora_proxy::Session;
use serde_json::json;

use super::attempt::{self, Connections, Deadlines, Outgoing};
use super::context::Context;
use super::gateway::Shared;
use super::reply::{self, Head};
use super::route::StoredAction;
use super::target::Target;
use crate::error::{Error, Kind};
use crate::providers::call::{Call, Operation};
use crate::wire::codec::Origin;
use crate::wire::openai::errors;
use crate::wire::responses;

/// What stands for itself in an id.
const ID: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');
/// A stored answer is read so far.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Passes the call to the deployment that holds the answer; the inner error is for the client.
///
/// # Errors
/// When the client is gone.
pub async fn answer(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    id: &str,
    action: StoredAction,
) -> pingora_core::Result<Result<bool, Error>> {
    let owner = ctx.caller.as_ref().and_then(|caller| caller.key_digest);
    if let Some(conversation) = shared.conversations.get(id, owner) {
        let body = match action {
            StoredAction::Get => conversation.response.clone(),
            StoredAction::Delete => {
                shared.conversations.forget(id, owner);
                json!({ "id": id, "object": "response", "deleted": true }).to_string().into()
            }
            StoredAction::Cancel => {
                let text = "Only responses created with 'background' set to true can be cancelled.";
                return Ok(Err(Error::new(Kind::BadRequest, text)));
            }
            StoredAction::InputItems => return Ok(Err(Error::new(Kind::NoSuchResponse, "Its input is not kept."))),
        };
        return reply::own(session, ctx, "application/json", body).await.map(|()| Ok(true));
    }
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let held = responses::ids::decode(id).and_then(|parts| {
        let index = snapshot.targets.iter().position(|target| *target.id == *parts.model_id)?;
        Some((index, parts.response_id))
    });
    let Some((index, upstream_id)) = held else { return Ok(Err(unknown(id))) };
    let Some(target) = snapshot.targets.get(index) else { return Ok(Err(unknown(id))) };
    ctx.outcome.deployment = Some(index);
    match exchange(ctx, shared, target, &upstream_id, action).await {
        Ok(body) => {
            let head = Head {
                status: 200,
                content_type: "application/json",
                content_length: None,
                upstream: None,
                hidden: None,
                template: Some(&target.template),
            };
            reply::whole(session, ctx, head, body).await.map(|()| Ok(true))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// A client that guesses learns no more than that the answer is not there.
fn unknown(id: &str) -> Error {
    let shown: String = id.chars().take(64).collect();
    Error::new(Kind::NoSuchResponse, format!("Response with id '{shown}' not found."))
}

async fn exchange(
    ctx: &mut Context,
    shared: &Shared,
    target: &Target,
    upstream_id: &str,
    action: StoredAction,
) -> Result<Bytes, Error> {
    let (Some(upstream), Some(Call::Responses)) =
        (&target.upstream, target.call(Operation::Responses, &target.upstream_model))
    else {
        return Err(Error::new(Kind::NoSuchResponse, "This provider keeps no answers."));
    };
    let timeouts = &ctx.snapshot.settings.timeouts;
    let begin = Instant::now();
    let deadlines = Deadlines {
        first_byte: timeouts.first_byte,
        between_bytes: timeouts.between_bytes,
        begin,
        end: begin + timeouts.total,
    };
    let suffix = format!("/{}{}", utf8_percent_encode(upstream_id, ID), action.suffix());
    let head = target.bare_head(&action.method(), Call::Responses, &suffix);
    let outgoing = Outgoing { head: &head, body: &[] };
    let mut connections = Connections::default();
    ctx.outcome.attempts += 1;
    let mut answer = attempt::send(upstream, &shared.connector, &outgoing, deadlines, &mut connections).await?;
    let status = answer.status();
    let body = answer.read_all(ANSWER_LIMIT).await?;
    answer.release(Instant::now()).await;
    ctx.outcome.answered = Some(Instant::now());
    ctx.outcome.upstream_time = Some(begin.elapsed());
    if !(200..300).contains(&status) {
        let mut error = errors::to_error(status, &body, &target.exception, ctx.snapshot.settings.compat);
        error.message = target.redact(error.message);
        return Err(error);
    }
    let origin = Origin { provider: target.provider.name, model_id: target.id.to_string() };
    let read = responses::pass::answer(body, Some(&target.model_name), &origin);
    read.map(|answer| answer.body).map_err(|_| Error::new(Kind::GarbledAnswer, "The provider's answer is not JSON."))
}
