//! Messages of OpenAI's chat dialect as they stand on the wire, in requests and in answers, with what LiteLLM adds to
//! them (`reasoning_content`, `thinking_blocks`, `cache_control`, `provider_specific_fields`):
//! <https://platform.openai.com/docs/api-reference/chat/object>.
//!
//! All members are optional, null is "not said", and members that nobody here knows are kept where somebody behind may.

mod open;
mod part;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::model::Json;
use open::{Name, open_object};

pub use open::Members;
pub use part::{Content, ContentPart, File, InputAudio, Link};

open_object! {
    /// One message, of any role.
    Message {
        /// `system`, `developer`, `user`, `assistant`, `tool`, `function`.
        role as "role": Cow<'static, str>,
        /// What is said.
        content as "content": Content,
        /// The model's reasoning in plain words (DeepSeek, vLLM, LiteLLM).
        reasoning_content as "reasoning_content": String,
        /// The same at OpenRouter and newer vLLM.
        reasoning as "reasoning": String,
        /// LiteLLM's: thoughts with their seals.
        thinking_blocks as "thinking_blocks": Vec<ThinkingBlock>,
        /// The model declines.
        refusal as "refusal": String,
        /// Tools that the model asks for.
        tool_calls as "tool_calls": Vec<ToolCall>,
        /// The same before there were tools.
        function_call as "function_call": Function,
        /// Which call a `tool` message answers.
        tool_call_id as "tool_call_id": String,
        /// Who of several participants; the function's name of a `function` message.
        name as "name": String,
        /// LiteLLM's: images that the model made.
        images as "images": Vec<ContentPart>,
        /// Sound that the model made.
        audio as "audio": Json,
        /// Sources.
        annotations as "annotations": Vec<Json>,
        /// LiteLLM's: the prompt cache may end behind this message.
        cache_control as "cache_control": CacheControl,
        /// LiteLLM's place for what OpenAI has no word for.
        provider_specific_fields as "provider_specific_fields": Json,
    }
}

/// LiteLLM's `cache_control`, as Anthropic has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheControl {
    /// `ephemeral`
    #[serde(rename = "type", default = "ephemeral")]
    pub kind: Cow<'static, str>,
    /// `5m`, `1h`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

fn ephemeral() -> Cow<'static, str> {
    Cow::Borrowed("ephemeral")
}

/// LiteLLM's `thinking_blocks[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThinkingBlock {
    /// In chunks: which block this is a piece of. OpenAI's SDK gathers lists by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// `thinking`, `redacted_thinking`
    #[serde(rename = "type", default)]
    pub kind: Cow<'static, str>,
    /// Of `thinking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Of `thinking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Of `redacted_thinking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// A tool that the model asks for, in an answer, a chunk or a conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Which call of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Pairs it with its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`, `custom`
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'static, str>>,
    /// Of `function`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Function>,
    /// Of `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
    /// LiteLLM's place for Gemini's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_specific_fields: Option<CallFields>,
    /// Google's own place for it in its OpenAI dialect.
    #[serde(default, skip_serializing)]
    pub extra_content: Option<ExtraContent>,
    /// LiteLLM's: the prompt cache may end here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl>,
}

/// A function and what it is called with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Arguments>,
    /// As that of the call; some releases of LiteLLM put it here.
    #[serde(default, skip_serializing)]
    pub provider_specific_fields: Option<CallFields>,
}

/// A custom tool and the text it is called with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Custom {
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// JSON text in a string. Imitators of OpenAI that write the object itself are understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Arguments(pub String);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        match json.text().as_bytes().first() {
            Some(b'"') => serde_json::from_str(json.text()).map(Self).map_err(de::Error::custom),
            Some(b'{') => Ok(Self(json.text().to_owned())),
            _ => Err(de::Error::custom("arguments are neither a text nor an object")),
        }
    }
}

/// What LiteLLM puts into `provider_specific_fields` of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallFields {
    /// Gemini's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

/// What Google puts into `extra_content` of a call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ExtraContent {
    /// Google's members.
    #[serde(default)]
    pub google: Option<CallFields>,
}

/// What LiteLLM puts into `provider_specific_fields` of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageFields {
    /// Sources, a list for each text that has some.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub citations: Option<Vec<Vec<serde_json::Value>>>,
    /// The thoughts again.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub thinking_blocks: Option<Vec<ThinkingBlock>>,
    /// Gemini's seals of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_signatures: Option<Vec<String>>,
}
