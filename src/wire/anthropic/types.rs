//! The Messages API's JSON (<https://platform.claude.com/docs/en/api/messages>), one set of structs for both directions.
//!
//! Blocks are flat: every member of every kind that is understood, all optional. What nobody here needs to understand
//! stays text ([`RawValue`]).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::wire::model::{CacheMarker, Json};

/// `{"type":"ephemeral"}`
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CacheControl<'a> {
    /// Always `ephemeral`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// `5m`, `1h`
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Cow<'a, str>>,
}

impl CacheControl<'_> {
    pub fn marker(&self) -> CacheMarker {
        CacheMarker { ttl: self.ttl.as_deref().map(str::to_owned) }
    }

    pub fn of(marker: &CacheMarker) -> CacheControl<'_> {
        CacheControl { kind: "ephemeral".into(), ttl: marker.ttl.as_deref().map(Cow::Borrowed) }
    }
}

/// A string, or a list of blocks; of a server tool's result also an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Content<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<Element<'a>>),
    /// As it came: read by whoever knows what may stand there.
    Raw(&'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Content::Raw)
    }
}

/// One entry of a list of blocks.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Element<'a> {
    Block(Box<Block<'a>>),
    /// A block in the words of the family, as it came.
    Json(&'a Json),
}

/// A content block of any kind.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    // tool_result first has what pairs it, as Anthropic's own examples
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Cow<'a, Json>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a RawValue>,
    /// Of a text the list of its sources, of a document whether it may be cited.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub citations: Option<Cow<'a, Json>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl<'a>>,
}

/// A block's `source`: of an image or document an object, of a search result a string.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Source<'a> {
    File(FileSource<'a>),
    Raw(&'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Source::Raw)
    }
}

/// Where the bytes of an image or document are.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct FileSource<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<Cow<'a, str>>,
}

/// One turn.
#[derive(Debug, Deserialize, Serialize)]
pub struct Turn<'a> {
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    #[serde(borrow)]
    pub content: Content<'a>,
}

/// A tool's definition. A server tool has a `type` of its own and is carried whole.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct ToolDefinition<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Cow<'a, Json>>,
    #[serde(rename = "type", borrow, default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl<'a>>,
}

/// One entry of `tools`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ToolEntry<'a> {
    Definition(Box<ToolDefinition<'a>>),
    Json(Cow<'a, Json>),
}

/// Whether and which tool.
#[derive(Debug, Deserialize, Serialize)]
pub struct Choice<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_parallel_tool_use: Option<bool>,
}

/// `thinking`
#[derive(Debug, Deserialize, Serialize)]
pub struct ThinkingConfig<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<i64>,
    /// `summarized`, `omitted`
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Cow<'a, str>>,
}

/// `output_config.format`, and the older `output_format`.
#[derive(Debug, Deserialize, Serialize)]
pub struct OutputFormat<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Cow<'a, Json>>,
}

/// `metadata`
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Metadata<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Cow<'a, str>>,
}

/// The body of a request, as it is written. The rest is appended by name.
#[derive(Debug, Default, Serialize)]
pub struct MessagesRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anthropic_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anthropic_beta: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    pub messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Element<'a>>,
    pub max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingConfig<'a>>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub output_config: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

/// A whole answer, as it is read.
#[derive(Debug, Default, Deserialize)]
pub struct MessagesReply<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub content: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_sequence: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub usage: Option<super::usage::UsageCounters<'a>>,
}

/// An event of a stream.
#[derive(Debug, Deserialize)]
pub struct StreamData<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub delta: Option<BlockDelta<'a>>,
    #[serde(borrow, default)]
    pub content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub usage: Option<super::usage::UsageCounters<'a>>,
}

/// What a block, or the message, goes on with.
#[derive(Debug, Default, Deserialize)]
pub struct BlockDelta<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub citation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_sequence: Option<Cow<'a, str>>,
}
