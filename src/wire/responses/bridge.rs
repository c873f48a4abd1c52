//! What only Responses has, said in words that other providers know, before a request leaves for one of them.
//!
//! Custom tools take free text instead of JSON (Codex edits files with one). Elsewhere such a tool becomes a function with
//! one string, `input`, as LiteLLM does; the answer's encoders find its name in the client's request and unwrap the call.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;

use super::items;
use super::types::Tagged;
use crate::wire::model::{ChatRequest, Family, Json, Part, Tool, ToolKind};
use crate::wire::peek::peek_answer;

/// Parameters of the Responses API that mean nothing to a provider that is bridged to. Codex sends several of them with
/// every request, so they are left out and never refused.
const ONLY_RESPONSES: [&str; 15] = [
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "max_tool_calls",
    "metadata",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "tool_choice",
    "top_logprobs",
    "truncation",
];

/// Makes a Responses request one that a provider of another dialect can be asked. The history of `previous_response_id`
/// must be in `messages` by now. `searches`: the provider can search the web; without it a search tool is left out.
pub fn to_other_dialects(request: &mut ChatRequest, searches: bool) {
    request.previous_response_id = None;
    request.store = None;
    request.extra.retain(|(name, _)| !ONLY_RESPONSES.contains(&name.as_str()));
    for tool in std::mem::take(&mut request.tools) {
        match custom_function(&tool.kind) {
            Some(kind) => request.tools.push(Tool { kind, cache: tool.cache }),
            None => match web_search(&tool.kind) {
                Some(options) if searches => request.web_search = Some(options),
                Some(_) => {}
                None => request.tools.push(tool),
            },
        }
    }
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) if call.custom => {
                call.custom = false;
                call.arguments = json!({"input": call.arguments}).to_string();
            }
            Part::ToolResult(result) => result.custom = false,
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct CustomTool {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    format: Option<Grammar>,
}

/// A grammar that the text must follow: nobody else can hold a model to it, but it can be told.
#[derive(Deserialize)]
struct Grammar {
    #[serde(default)]
    syntax: Option<String>,
    #[serde(default)]
    definition: Option<String>,
}

fn custom_function(kind: &ToolKind) -> Option<ToolKind> {
    let name = custom_name(kind)?;
    let ToolKind::Native { value, .. } = kind else { return None };
    let tool: CustomTool = items::parse(value).ok()?;
    let grammar = tool.format.and_then(|format| Some((format.syntax.unwrap_or_default(), format.definition?)));
    let description = match (tool.description, grammar) {
        (description, None) => description,
        (description, Some((syntax, definition))) => {
            let description = description.map(|text| text + "\n\n").unwrap_or_default();
            Some(format!("{description}The input must follow this {syntax} grammar:\n{definition}"))
        }
    };
    let parameters = Json::of(&json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": false,
    }));
    Some(ToolKind::Function { name, description, parameters, strict: None, extra: Vec::new() })
}

/// The name of a custom tool. `None`: it is none.
pub fn custom_name(kind: &ToolKind) -> Option<String> {
    let ToolKind::Native { family: Family::OpenAi, value } = kind else { return None };
    named(value, "custom")
}

fn named(tool: &Json, kind: &str) -> Option<String> {
    let tag: Tagged = items::parse(tool).ok()?;
    (tag.kind.as_deref() == Some(kind)).then_some(tag.name).flatten()
}

/// `web_search_options` of a search tool.
fn web_search(kind: &ToolKind) -> Option<Json> {
    let ToolKind::Native { family: Family::OpenAi, value } = kind else { return None };
    let tag: Tagged = items::parse(value).ok()?;
    tag.kind.filter(|kind| kind.starts_with("web_search"))?;
    let tool = value.value();
    let mut options = serde_json::Map::new();
    if let Some(size) = tool.get("search_context_size").filter(|size| size.is_string()) {
        options.insert("search_context_size".to_owned(), size.clone());
    }
    if let Some(place) = tool.get("user_location").and_then(serde_json::Value::as_object) {
        let mut place = place.clone();
        place.remove("type");
        options.insert("user_location".to_owned(), json!({"type": "approximate", "approximate": place}));
    }
    Json::of(&options)
}

/// Names of the custom tools in a client's request, for the answer.
#[derive(Clone, Debug, Default)]
pub struct CustomTools(Vec<String>);

impl CustomTools {
    /// Looks through a request body.
    pub fn of(body: &[u8]) -> Self {
        if memchr::memmem::find(body, b"\"custom\"").is_none() {
            return Self::default();
        }
        let Ok(object) = peek_answer(body) else { return Self::default() };
        let tools = object.get("tools").map(|member| object.raw(member)).unwrap_or_default();
        let tools: Vec<Json> = serde_json::from_slice(tools).unwrap_or_default();
        Self(tools.iter().filter_map(|tool| named(tool, "custom")).collect())
    }

    /// Whether a call of this name is one of a custom tool.
    pub fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|custom| custom == name)
    }
}

/// The text inside a wrapped call; arguments that are not wrapped are the text.
pub fn unwrapped(arguments: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Wrapped {
        input: String,
    }

    match serde_json::from_str::<Wrapped>(arguments) {
        Ok(wrapped) => Cow::Owned(wrapped.input),
        Err(_) => Cow::Borrowed(arguments),
    }
}
