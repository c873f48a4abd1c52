//! A whole answer, `chat.completion`: <https://platform.openai.com/docs/api-reference/chat/object>.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::answer;
use super::types::Message;
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Stamp};
use crate::wire::model::{Choice, Finish, FinishReason, Json, Reply};
use crate::wire::openai::errors;
use crate::wire::peek::{ValueKind, peek_answer};
use crate::wire::usage::Usage;

#[derive(Deserialize)]
struct WireChoice {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
    /// vLLM's: the text that stopped it, or a token's number.
    #[serde(default)]
    stop_reason: Option<Json>,
    #[serde(default)]
    logprobs: Option<Json>,
}

/// Reads a provider's answer.
///
/// # Errors
/// [`Kind::GarbledAnswer`] where it is none; the kind that the provider's words mean where it is an error with status 200.
pub fn decode_reply(body: &[u8], ids: &Ids) -> Result<Reply, Error> {
    let garbled =
        |detail: String| Error::new(Kind::GarbledAnswer, "The provider's answer is unreadable.").detail(detail);
    let object = peek_answer(body).map_err(|error| garbled(error.to_string()))?;
    let mut reply = Reply::default();
    let mut choices: Option<Vec<WireChoice>> = None;
    for member in object.members().iter().filter(|member| member.kind != ValueKind::Null) {
        let text = || object.text(member).map(std::borrow::Cow::into_owned);
        match member.name(body) {
            b"error" => {
                let error = errors::read(body);
                return Err(Error::new(error.kind(), error.message));
            }
            b"id" => reply.id = text(),
            b"model" => reply.model = text(),
            b"created" => reply.created = object.as_u64("created"),
            b"object" => {}
            b"service_tier" => reply.service_tier = text(),
            b"system_fingerprint" => reply.system_fingerprint = text(),
            b"usage" => reply.usage = Usage::parse(object.raw(member)),
            b"choices" => {
                let read = serde_json::from_slice(object.raw(member));
                choices = Some(read.map_err(|error| garbled(format!("choices: {error}")))?);
            }
            name => {
                let value = serde_json::from_slice(object.raw(member)).ok();
                reply.extra.extend(value.map(|value| (String::from_utf8_lossy(name).into_owned(), value)));
            }
        }
    }
    let mut calls = 0;
    for (at, wire) in (0..).zip(choices.ok_or_else(|| garbled("no choices".to_owned()))?) {
        reply.choices.push(choice(at, wire, *ids, &mut calls).map_err(|fault| garbled(fault.into_owned()))?);
    }
    Ok(reply)
}

fn choice(at: u32, wire: WireChoice, ids: Ids, calls: &mut u32) -> Result<Choice, super::message::Fault> {
    let native = wire.finish_reason;
    Ok(Choice {
        index: wire.index.unwrap_or(at),
        parts: answer::parts(wire.message.unwrap_or_default(), ids, calls)?,
        finish: finish(native, wire.stop_reason),
        logprobs: wire.logprobs,
    })
}

/// How a choice ended, in a whole answer or a chunk.
pub fn finish(native: Option<String>, stop_reason: Option<Json>) -> Finish {
    Finish {
        reason: native.as_deref().map(FinishReason::of).unwrap_or_default(),
        native,
        stop_sequence: stop_reason.and_then(|stop| serde_json::from_str(stop.text()).ok()),
    }
}

#[derive(Serialize)]
struct Shown {
    finish_reason: &'static str,
    index: u32,
    message: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_specific_fields: Option<Value>,
}

/// The answer for a client.
pub fn encode_reply(reply: Reply, stamp: &Stamp) -> Vec<u8> {
    // LiteLLM tells the provider's own word for the end of Gemini's answers only, which it marks at the top.
    let tells_native = reply.extra.keys().any(|name| name.starts_with("vertex_ai_"));
    let mut head = Head::of(&reply, stamp, "chat.completion");
    let shown = |choice: Choice| {
        let native = choice.finish.native.filter(|_| tells_native);
        Shown {
            finish_reason: choice.finish.reason.openai(),
            index: choice.index,
            message: answer::message(choice.parts, stamp.ids),
            logprobs: choice.logprobs,
            provider_specific_fields: native.map(|native| json!({"native_finish_reason": native})),
        }
    };
    let choices: Vec<Shown> = reply.choices.into_iter().map(shown).collect();
    head.extra.extend(reply.extra);
    // Of types that are JSON: it cannot fail.
    serde_json::to_vec(&Body { head, choices }).unwrap_or_default()
}

/// What stands around the choices, in chat and in legacy completions.
pub struct Head {
    id: String,
    created: u64,
    model: String,
    object: &'static str,
    system_fingerprint: Option<String>,
    service_tier: Option<String>,
    usage: Option<Spent>,
    /// Further members.
    pub extra: Map<String, Value>,
}

impl Head {
    /// That of this answer; no further members.
    pub fn of(reply: &Reply, stamp: &Stamp, object: &'static str) -> Self {
        let mut service_tier = reply.service_tier.clone();
        // LiteLLM shows the tier where the provider told it: beside the counters, unless it is OpenAI or like it.
        let usage = reply.usage.map(|counters| Spent {
            counters,
            service_tier: if counters.tells_cache_reads { service_tier.take() } else { None },
        });
        Self {
            id: reply.id.clone().unwrap_or_else(|| id(stamp.ids)),
            created: reply.created.unwrap_or(stamp.created),
            model: stamp.model.clone(),
            object,
            system_fingerprint: reply.system_fingerprint.clone(),
            service_tier,
            usage,
            extra: Map::new(),
        }
    }
}

/// Counters, and what is told beside them.
struct Spent {
    counters: Usage,
    service_tier: Option<String>,
}

impl Serialize for Spent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.counters.members(&mut map)?;
        if let Some(tier) = &self.service_tier {
            map.serialize_entry("service_tier", tier)?;
        }
        map.end()
    }
}

/// The id of an answer whose provider gave none that LiteLLM shows.
pub fn id(ids: Ids) -> String {
    format!("chatcmpl-{}", ids.uuid(0))
}

/// A body: head and choices.
pub struct Body<T> {
    /// What stands around the choices.
    pub head: Head,
    /// The choices.
    pub choices: Vec<T>,
}

impl<T: Serialize> Serialize for Body<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let head = &self.head;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &head.id)?;
        map.serialize_entry("created", &head.created)?;
        map.serialize_entry("model", &head.model)?;
        map.serialize_entry("object", head.object)?;
        if let Some(fingerprint) = &head.system_fingerprint {
            map.serialize_entry("system_fingerprint", fingerprint)?;
        }
        map.serialize_entry("choices", &self.choices)?;
        if let Some(usage) = &head.usage {
            map.serialize_entry("usage", usage)?;
        }
        if let Some(tier) = &head.service_tier {
            map.serialize_entry("service_tier", tier)?;
        }
        for (name, value) in &head.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
