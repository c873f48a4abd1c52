//! The JSON of ConverseStream's events.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html>

use serde::Deserialize;

use crate::wire::bedrock::types::{Citation, ModelFields, ServiceTier, TokenUsage};
use crate::wire::model::Json;

/// `contentBlockStart`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStart {
    #[serde(default)]
    pub content_block_index: u32,
    #[serde(default)]
    pub start: StartOf,
}

/// What begins. Text says nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartOf {
    pub tool_use: Option<ToolUseStart>,
}

/// A call begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseStart {
    pub tool_use_id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `contentBlockDelta`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockDelta {
    #[serde(default)]
    pub content_block_index: u32,
    pub delta: DeltaOf,
}

/// How a block goes on: exactly one of the members is there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaOf {
    pub text: Option<String>,
    pub tool_use: Option<ToolUseDelta>,
    pub reasoning_content: Option<ReasoningDelta>,
    pub citation: Option<Citation>,
}

/// A piece of the JSON text of a tool's input.
#[derive(Debug, Deserialize)]
pub struct ToolUseDelta {
    #[serde(default)]
    pub input: String,
}

/// A piece of a thought.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningDelta {
    pub text: Option<String>,
    pub signature: Option<String>,
    pub redacted_content: Option<String>,
}

/// `contentBlockStop`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStop {
    #[serde(default)]
    pub content_block_index: u32,
}

/// `messageStop`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageStop {
    pub stop_reason: Option<String>,
    pub additional_model_response_fields: Option<ModelFields>,
}

/// `metadata`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub usage: Option<TokenUsage>,
    pub trace: Option<Json>,
    pub service_tier: Option<ServiceTier>,
}
