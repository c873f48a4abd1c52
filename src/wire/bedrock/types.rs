//! Converse's JSON, in both directions. What is not said is not written.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use crate::wire::model::Json;

/// A request. The model stands in the path.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseRequest {
    pub messages: Vec<Message>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Block>,
    pub inference_config: InferenceConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_config: Option<ToolConfig>,
    /// What only the model itself knows.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub additional_model_request_fields: Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_response_field_paths: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_variables: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_metadata: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Json>,
}

/// One turn.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Message {
    /// `user` or `assistant`
    pub role: String,
    #[serde(default)]
    pub content: Vec<Block>,
}

/// A piece of a turn, of the instructions or of a tool's result: exactly one of the members is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_use: Option<ToolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_result: Option<ToolResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<ReasoningContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citations_content: Option<CitationsContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_point: Option<CachePoint>,
}

/// An image, document, video or sound.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// `png`, `pdf`, `mp4` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Documents only; the API allows few characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    pub source: FileSource,
    /// Documents only: what the model should know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Documents only: `{"enabled":true}`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citations: Option<Json>,
}

/// Where its bytes are.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSource {
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_location: Option<S3Location>,
}

/// A file in S3.
#[derive(Debug, Serialize, Deserialize)]
pub struct S3Location {
    /// `s3://…`
    pub uri: String,
}

/// The model asks for a tool.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUse {
    pub tool_use_id: String,
    pub name: String,
    #[serde(default = "Json::empty_object")]
    pub input: Json,
    /// `server_tool_use`: the provider runs it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What a tool said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    pub tool_use_id: String,
    #[serde(default)]
    pub content: Vec<Block>,
    /// `success` or `error`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A thought: readable, or sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningContent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_text: Option<ReasoningText>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_content: Option<String>,
}

/// A thought that may be read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ReasoningText {
    #[serde(default)]
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Words with their sources.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CitationsContent {
    #[serde(default)]
    pub content: Vec<CitedText>,
    #[serde(default)]
    pub citations: Vec<Citation>,
}

/// Words that have a source, or words of a source.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CitedText {
    #[serde(default)]
    pub text: String,
}

/// A source.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Citation {
    pub title: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub source_content: Vec<CitedText>,
    #[serde(default)]
    pub location: CitationLocation,
}

/// Where in the source: exactly one of the members is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CitationLocation {
    pub web: Option<WebLocation>,
    pub document_char: Option<Span>,
    pub document_page: Option<Span>,
    pub document_chunk: Option<Span>,
    pub search_result_location: Option<Span>,
}

/// A page of the web.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct WebLocation {
    pub url: Option<String>,
}

/// A stretch of a document or search result.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    pub document_index: Option<u64>,
    pub search_result_index: Option<u64>,
    pub start: Option<u64>,
    pub end: Option<u64>,
}

/// The prefix up to here may be cached.
#[derive(Debug, Serialize, Deserialize)]
pub struct CachePoint {
    /// `default`
    #[serde(rename = "type")]
    pub kind: String,
    /// `5m` or `1h`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// Length, randomness, stops.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InferenceConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
}

/// The tools, and whether they must be used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolConfig {
    pub tools: Vec<Tool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
}

/// An entry of the list of tools: exactly one of the members is there.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_spec: Option<ToolSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_tool: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_point: Option<CachePoint>,
}

/// A tool that the client runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolSpec {
    pub name: String,
    /// May not be empty.
    pub description: String,
    pub input_schema: InputSchema,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// JSON Schema of a tool's input.
#[derive(Debug, Serialize)]
pub struct InputSchema {
    pub json: Json,
}

/// A name, where the API wants an object.
#[derive(Debug, Serialize)]
pub struct Named {
    pub name: String,
}

/// `{}`
#[derive(Debug, Serialize)]
pub struct Empty {}

/// Whether a tool must be used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ToolChoice {
    Auto(Empty),
    Any(Empty),
    Tool(Named),
}

/// A whole answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseResponse {
    pub output: Output,
    pub stop_reason: Option<String>,
    pub usage: Option<TokenUsage>,
    pub additional_model_response_fields: Option<ModelFields>,
    pub trace: Option<Json>,
    pub service_tier: Option<ServiceTier>,
}

/// What the model said.
#[derive(Debug, Default, Deserialize)]
pub struct Output {
    pub message: Option<Message>,
}

/// Of the fields that only the model knows, what has a place elsewhere.
#[derive(Debug, Default, Deserialize)]
pub struct ModelFields {
    pub stop_sequence: Option<String>,
}

/// `priority`, `default`, `flex` or `reserved`
#[derive(Debug, Deserialize)]
pub struct ServiceTier {
    #[serde(rename = "type")]
    pub kind: String,
}

/// Token counters. `inputTokens` excludes what was read from or written to the cache.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub output_tokens: u64,
    pub cache_read_input_tokens: Option<u64>,
    pub cache_write_input_tokens: Option<u64>,
    #[serde(default)]
    pub cache_details: Vec<CacheDetail>,
}

/// Of the tokens written to the cache, how many stay how long.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheDetail {
    pub ttl: String,
    #[serde(default)]
    pub input_tokens: u64,
}
