//! The wire format of `/api/chat` and `/api/generate`
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md>, `api/types.go` there).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::model::Json;
use crate::wire::usage::Usage;

/// A message of a chat request.
#[derive(Debug, Default, Serialize)]
pub(super) struct Message<'a> {
    pub role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub content: Cow<'a, str>,
    /// Base64. LiteLLM writes the empty list too.
    pub images: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    pub function: CalledFunction<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct CalledFunction<'a> {
    pub name: &'a str,
    /// An object.
    pub arguments: Json,
}

/// A tool's definition, OpenAI's.
#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub function: Function<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Function<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// An answer, or a line of a streamed one, of chat or generate.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub model: Option<String>,
    /// Chat.
    pub message: Option<Said>,
    /// Generate.
    pub response: Option<String>,
    /// Generate.
    pub thinking: Option<String>,
    /// Generate.
    pub tool_calls: Option<Vec<Asked>>,
    pub logprobs: Option<Json>,
    pub done: bool,
    pub done_reason: Option<String>,
    pub prompt_eval_count: Option<u64>,
    pub eval_count: Option<u64>,
    /// In place of everything else.
    pub error: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub content: Option<String>,
    pub thinking: Option<String>,
    pub tool_calls: Option<Vec<Asked>>,
}

/// The model asks for a tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub id: Option<String>,
    pub function: AskedFunction,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AskedFunction {
    pub name: String,
    pub arguments: Option<Json>,
}

impl Answer {
    /// What it cost; `None` when it does not say.
    pub fn usage(&self) -> Option<Usage> {
        Usage::of_counters(self.prompt_eval_count, self.eval_count)
    }
}

/// The text of arguments that stand as an object, or as a string that holds one.
pub(super) fn arguments_text(arguments: Option<&Json>) -> String {
    match arguments {
        None => String::new(),
        Some(json) => serde_json::from_str::<String>(json.text()).unwrap_or_else(|_| json.text().to_owned()),
    }
}
