//! The wire format of Responses (<https://platform.openai.com/docs/api-reference/responses/object>), both directions.
//!
//! An item is first read as [`Tagged`]; the structs for the kinds of items follow. Members that are carried and not
//! understood are [`Json`].

mod forms;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::model::{CacheMarker, Json};

pub use forms::{ImageUrl, TextOr};

use forms::text_or_nothing;

/// A word of the dialect: borrowed when we say it.
pub type Word = Cow<'static, str>;

/// LiteLLM's way to say Anthropic's cache marker in OpenAI's dialects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CacheControl {
    #[serde(default)]
    pub ttl: Option<String>,
}

impl From<CacheControl> for CacheMarker {
    fn from(control: CacheControl) -> Self {
        CacheMarker { ttl: control.ttl }
    }
}

/// What tells how the rest is to be read.
#[derive(Debug, Deserialize)]
pub struct Tagged {
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub role: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub name: Option<String>,
}

/// A part of a message, or of a tool's output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContentPart {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<ImageUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<Audio>,
    #[serde(default, skip_serializing)]
    pub cache_control: Option<CacheControl>,
}

/// Sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    pub data: String,
    pub format: String,
}

/// `message`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageItem {
    #[serde(rename = "type", default)]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Word>,
    #[serde(default)]
    pub role: Word,
    #[serde(default)]
    pub content: Option<TextOr<ContentPart>>,
}

/// `function_call` (`arguments`) and `custom_tool_call` (`input`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallItem {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub call_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Word>,
}

/// `function_call_output` and `custom_tool_call_output`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputItem {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default)]
    pub call_id: String,
    #[serde(default)]
    pub output: Option<TextOr<ContentPart>>,
}

/// `reasoning`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReasoningItem {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub summary: Option<Vec<Words>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Words>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Word>,
}

/// `summary_text` and `reasoning_text`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Words {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default)]
    pub text: String,
}

/// A picture that the model made: the only item besides messages and calls that other dialects can say.
#[derive(Debug, Serialize)]
pub struct ImageItem<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub id: String,
    pub status: &'a str,
    pub result: &'a str,
}

/// `tools[]`: a function. `function` is where chat completions has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FunctionTool {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    #[serde(default)]
    pub strict: Option<bool>,
    #[serde(default, skip_serializing)]
    pub cache_control: Option<CacheControl>,
    #[serde(default, skip_serializing)]
    pub function: Option<Box<FunctionTool>>,
}

/// `tool_choice` where it is an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChosenTool {
    #[serde(rename = "type", default)]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ChosenTool>>,
    #[serde(default, skip_serializing)]
    pub function: Option<Box<ChosenTool>>,
}

/// `text`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TextConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
}

/// `text.format`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TextFormat {
    #[serde(rename = "type")]
    pub kind: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `reasoning` of a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReasoningConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The old name of `summary`.
    #[serde(default, skip_serializing)]
    pub generate_summary: Option<String>,
}

/// What an answer is read for.
#[derive(Debug, Default, Deserialize)]
pub struct Response {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub created_at: Option<serde_json::Number>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub incomplete_details: Option<IncompleteDetails>,
    #[serde(default)]
    pub error: Option<Json>,
    #[serde(default)]
    pub output: Option<Vec<Json>>,
    #[serde(default)]
    pub usage: Option<Json>,
    #[serde(default)]
    pub service_tier: Option<String>,
}

/// Why an answer is `incomplete`: `max_output_tokens` or `content_filter`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct IncompleteDetails {
    #[serde(default)]
    pub reason: Option<Word>,
}

/// Any event of a stream. Members that some event uses for something else are read as nothing there.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub delta: Option<String>,
    #[serde(default)]
    pub output_index: Option<u32>,
    #[serde(default)]
    pub summary_index: Option<u32>,
    #[serde(default)]
    pub item: Option<Json>,
    #[serde(default)]
    pub response: Option<Json>,
    #[serde(default)]
    pub annotation: Option<Json>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub arguments: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub input: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub text: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub refusal: Option<String>,
    #[serde(default)]
    pub error: Option<Json>,
}
