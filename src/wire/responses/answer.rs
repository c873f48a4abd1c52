//! The Response object that a client gets, whole or at both ends of a stream
//! (<https://platform.openai.com/docs/api-reference/responses/object>): the request's parameters again, and the output.

use serde::Serialize;
use serde_json::{Value, json};

use super::ids;
use super::types::{IncompleteDetails, Word};
use crate::wire::codec::Stamp;
use crate::wire::model::{FinishReason, Json};
use crate::wire::peek::{ValueKind, peek_answer};
use crate::wire::usage::Usage;

/// Parameters of the request that the object repeats, and what LiteLLM writes where the client said nothing; `None` where
/// it writes nothing at all.
const REPEATED: [(&str, Option<&str>); 22] = [
    ("instructions", Some("null")),
    ("metadata", Some("{}")),
    ("parallel_tool_calls", Some("false")),
    ("temperature", Some("null")),
    ("tool_choice", Some("\"auto\"")),
    ("tools", Some("[]")),
    ("top_p", Some("null")),
    ("max_output_tokens", Some("null")),
    ("previous_response_id", Some("null")),
    ("reasoning", Some("null")),
    ("text", Some("{}")),
    ("truncation", Some("null")),
    ("user", Some("null")),
    ("store", Some("null")),
    ("background", None),
    ("conversation", None),
    ("max_tool_calls", None),
    ("prompt", None),
    ("prompt_cache_key", None),
    ("safety_identifier", None),
    ("service_tier", None),
    ("top_logprobs", None),
];

/// How far the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InProgress,
    Completed,
    /// Cut off, for this reason.
    Incomplete(&'static str),
    Failed,
}

impl Status {
    /// What the end of an answer makes of it.
    pub fn of(finish: FinishReason) -> Self {
        match finish {
            FinishReason::Length => Status::Incomplete("max_output_tokens"),
            FinishReason::ContentFilter => Status::Incomplete("content_filter"),
            FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Pause => Status::Completed,
        }
    }

    /// The dialect's word.
    pub fn word(self) -> &'static str {
        match self {
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete(_) => "incomplete",
            Status::Failed => "failed",
        }
    }
}

/// What stays the same from the first event of an answer to the last.
#[derive(Clone, Debug)]
pub struct Head {
    /// As the client sees it.
    pub id: String,
    created_at: u64,
    model: String,
    /// The repeated parameters as JSON members, a comma before each.
    repeated: Vec<u8>,
}

impl Head {
    /// `reply_id` and `created`: the provider's, if it has some.
    pub fn new(stamp: &Stamp, reply_id: Option<&str>, created: Option<u64>) -> Self {
        let made = || format!("resp_{}", stamp.ids.uuid(0).replace('-', ""));
        let id = reply_id.map_or_else(made, str::to_owned);
        Self {
            id: ids::of(&stamp.origin, &id),
            created_at: created.unwrap_or(stamp.created),
            model: stamp.model.clone(),
            repeated: repeated(&stamp.body),
        }
    }

    /// The object. `error`: `code` and message of a failure.
    pub fn object(
        &self,
        status: Status,
        output: &[Json],
        usage: Option<Usage>,
        error: Option<(&str, &str)>,
    ) -> Vec<u8> {
        let incomplete_details = match status {
            Status::Incomplete(reason) => Some(IncompleteDetails { reason: Some(Word::from(reason)) }),
            _ => None,
        };
        let fields = Fields {
            id: &self.id,
            created_at: self.created_at,
            error: error.map(|(code, message)| json!({"code": code, "message": message})),
            incomplete_details,
            model: &self.model,
            object: "response",
            output,
            status: status.word(),
            usage: usage.map(usage_json),
        };
        let mut json = serde_json::to_vec(&fields).unwrap_or_else(|_| b"{}".to_vec());
        json.pop();
        json.extend_from_slice(&self.repeated);
        json.push(b'}');
        json
    }
}

#[derive(Serialize)]
struct Fields<'a> {
    id: &'a str,
    created_at: u64,
    error: Option<Value>,
    incomplete_details: Option<IncompleteDetails>,
    model: &'a str,
    object: &'a str,
    output: &'a [Json],
    status: &'a str,
    usage: Option<Value>,
}

fn repeated(body: &[u8]) -> Vec<u8> {
    let request = peek_answer(body).ok();
    let mut json = Vec::new();
    for (name, default) in REPEATED {
        let said = request.as_ref().and_then(|request| {
            let member = request.get(name).filter(|member| member.kind != ValueKind::Null)?;
            Some(request.raw(member))
        });
        if let Some(value) = said.or(default.map(str::as_bytes)) {
            json.push(b',');
            json.extend_from_slice(&crate::wire::splice::member_json(name, value));
        }
    }
    json
}

/// `usage` in this dialect's names; details only where a counter of them is known. A known detail has the counter that
/// OpenAI's own clients demand, zero if need be.
fn usage_json(usage: Usage) -> Value {
    let input = [
        ("audio_tokens", usage.prompt_audio_tokens),
        ("cached_tokens", usage.cached_tokens),
        ("image_tokens", usage.prompt_image_tokens),
        ("text_tokens", usage.prompt_text_tokens),
        ("cache_write_tokens", usage.cache_creation_tokens),
    ];
    let output = [
        ("audio_tokens", usage.completion_audio_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
        ("image_tokens", usage.completion_image_tokens),
        ("text_tokens", usage.completion_text_tokens),
    ];
    json!({
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": details(&input, "cached_tokens"),
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": details(&output, "reasoning_tokens"),
        "total_tokens": usage.total_tokens,
    })
}

fn details(counters: &[(&str, Option<u64>)], needed: &str) -> Value {
    let known = counters.iter().filter_map(|(name, count)| Some(((*name).to_owned(), (*count)?.into())));
    let mut known: serde_json::Map<String, Value> = known.collect();
    if known.is_empty() {
        return Value::Null;
    }
    known.entry(needed).or_insert_with(|| 0.into());
    known.into()
}
