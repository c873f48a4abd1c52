//! Whole answers: the superset's for a client, a provider's for the superset
//! (<https://platform.openai.com/docs/api-reference/responses/object>).

use super::answer::{Head, Status};
use super::bridge::CustomTools;
use super::types::Response;
use super::{errors, items, output};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Stamp};
use crate::wire::model::{Choice, Finish, FinishReason, Part, Reply};
use crate::wire::usage::Usage;

/// The answer for a client. Its id tells who holds it ([`super::ids`]).
pub fn encode_reply(reply: Reply, stamp: &Stamp) -> Vec<u8> {
    let head = Head::new(stamp, reply.id.as_deref(), reply.created);
    let custom = CustomTools::of(&stamp.body);
    let mut status = Status::Completed;
    let mut parts = Vec::new();
    let mut logprobs = None;
    for choice in reply.choices {
        status = Status::of(choice.finish.reason);
        parts.extend(choice.parts);
        logprobs = logprobs.or(choice.logprobs);
    }
    let items = output::items(parts, status, stamp.ids, &custom, logprobs);
    head.object(status, &items, reply.usage, None)
}

/// A provider's answer. `Reply::id` is the provider's own.
///
/// # Errors
/// What the provider reports, or [`Kind::GarbledAnswer`].
pub fn decode_reply(body: &[u8], _ids: &Ids) -> Result<Reply, Error> {
    let response: Response = serde_json::from_slice(body).map_err(|error| garbled(&error.to_string()))?;
    let failed = matches!(response.status.as_deref(), Some("failed" | "cancelled"));
    if failed || (response.output.is_none() && response.error.is_some()) {
        return Err(errors::of(errors::reported(body, Some(&response))));
    }
    let Some(output) = response.output else { return Err(garbled("no output")) };
    let mut parts = Vec::new();
    for item in output {
        parts.extend(items::read_output(item).map_err(|what| garbled(&what))?);
    }
    let reason = response.incomplete_details.and_then(|details| details.reason);
    let finish = finish(response.status.as_deref(), reason.as_deref(), Said::of(&parts));
    let choice = Choice { index: 0, parts, finish, logprobs: None };
    Ok(Reply {
        id: response.id,
        model: response.model,
        created: response.created_at.as_ref().and_then(seconds),
        choices: vec![choice],
        usage: response.usage.and_then(|usage| Usage::parse(usage.text().as_bytes())),
        service_tier: response.service_tier,
        ..Reply::default()
    })
}

/// What is no answer at all.
pub fn garbled(why: &str) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(why)
}

/// `created_at`: some write a fraction.
pub fn seconds(number: &serde_json::Number) -> Option<u64> {
    number.as_u64().or_else(|| number.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
}

/// What an answer holds, as far as its end depends on it: the dialect has no word for "tools are asked for".
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    /// A call.
    pub calls: bool,
    /// A refusal.
    pub refusal: bool,
}

impl Said {
    fn of(parts: &[Part]) -> Self {
        Self {
            calls: parts.iter().any(|part| matches!(part, Part::ToolCall(_))),
            refusal: parts.iter().any(|part| matches!(part, Part::Refusal(_))),
        }
    }
}

/// How an answer ended. `reason`: `incomplete_details.reason`.
pub fn finish(status: Option<&str>, reason: Option<&str>, said: Said) -> Finish {
    let (shared, native) = match (status, reason) {
        (Some("incomplete"), Some("content_filter")) => (FinishReason::ContentFilter, "content_filter"),
        (Some("incomplete"), _) => (FinishReason::Length, "max_output_tokens"),
        _ if said.refusal => (FinishReason::ContentFilter, "refusal"),
        _ if said.calls => (FinishReason::ToolCalls, "completed"),
        _ => (FinishReason::Stop, "completed"),
    };
    Finish { reason: shared, native: Some(native.to_owned()), stop_sequence: None }
}
