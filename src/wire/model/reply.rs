//! A whole answer.

use serde_json::{Map, Value};

use super::{Json, Part};
use crate::wire::usage::Usage;

/// An answer, in any dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The provider's id, where LiteLLM shows it to clients (OpenAI, its imitators, Gemini's `responseId`, Anthropic's
    /// where it is asked through `/v1/messages`). `None`: one is made of the call's id.
    pub id: Option<String>,
    /// The provider's own name of the model that answered.
    pub model: Option<String>,
    /// Seconds since 1970, where the provider says it.
    pub created: Option<u64>,
    /// The answers, usually one.
    pub choices: Vec<Choice>,
    /// What it cost in tokens.
    pub usage: Option<Usage>,
    /// OpenAI's and Anthropic's `service_tier`.
    pub service_tier: Option<String>,
    /// OpenAI's.
    pub system_fingerprint: Option<String>,
    /// Further top-level members for clients of OpenAI's dialect, as LiteLLM names them (`vertex_ai_grounding_metadata`,
    /// `citations` …).
    pub extra: Map<String, Value>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Its number.
    pub index: u32,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// How it ended.
    pub finish: Finish,
    /// OpenAI's `logprobs`, raw.
    pub logprobs: Option<Json>,
}

/// How an answer ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finish {
    /// In the words that all dialects share.
    pub reason: FinishReason,
    /// In the provider's own words.
    pub native: Option<String>,
    /// Which of the client's `stop` texts ended it (Anthropic's `stop_sequence`).
    pub stop_sequence: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// It was complete, or met a stop text.
    #[default]
    Stop,
    /// The token limit.
    Length,
    /// Tools are asked for.
    ToolCalls,
    /// The provider, or the model, would not.
    ContentFilter,
    /// Anthropic's `pause_turn`: a long turn that the client is to continue.
    Pause,
}

impl FinishReason {
    /// OpenAI's word.
    pub fn openai(self) -> &'static str {
        match self {
            FinishReason::Stop | FinishReason::Pause => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
        }
    }

    /// LiteLLM's table over all providers' words (`map_finish_reason`); an unknown word is a stop.
    pub fn of(word: &str) -> Self {
        match word {
            "max_tokens" | "MAX_TOKENS" | "length" | "model_context_window_exceeded" | "max_output_tokens" => {
                FinishReason::Length
            }
            "tool_use" | "TOOL_CALL" | "tool_calls" | "function_call" => FinishReason::ToolCalls,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "OTHER"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "refusal"
            | "content_filter"
            | "content_filtered"
            | "guardrail_intervened"
            | "ERROR_TOXIC" => FinishReason::ContentFilter,
            "pause_turn" => FinishReason::Pause,
            _ if word.starts_with("IMAGE_") => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        }
    }
}
