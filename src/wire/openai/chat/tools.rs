//! Tools, the choice among them, and the shape of the answer: <https://platform.openai.com/docs/guides/function-calling>,
//! and what LiteLLM takes besides: Anthropic's and Gemini's own tools among OpenAI's.

use serde::Deserialize;

use super::media::cache_marker;
use super::types::{CacheControl, Members};
use crate::wire::model::{Family, Json, ResponseFormat, Tool, ToolChoice, ToolKind};

/// Members by which Gemini's tools are known: they have no `type`. LiteLLM takes them in both spellings.
const GEMINI: [&str; 14] = [
    "googleSearch",
    "google_search",
    "googleSearchRetrieval",
    "google_search_retrieval",
    "enterpriseWebSearch",
    "enterprise_web_search",
    "codeExecution",
    "code_execution",
    "urlContext",
    "url_context",
    "googleMaps",
    "google_maps",
    "computerUse",
    "computer_use",
];

/// One of `tools`. `None`: it is no tool of anybody's.
pub fn tool(value: Json) -> Option<Tool> {
    let mut members: Members = serde_json::from_str(value.text()).ok()?;
    let has = |name: &str| members.0.iter().any(|(known, _)| known == name);
    let native = |family| Some(Tool { kind: ToolKind::Native { family, value: value.clone() }, cache: None });
    let kind = members.0.iter().find(|(name, _)| name == "type");
    let kind: Option<String> = kind.and_then(|(_, kind)| serde_json::from_str(kind.text()).ok());
    match kind.as_deref() {
        Some("function") | None if has("function") || has("name") => function(members),
        // Anthropic's own word for a function is custom too.
        Some("custom") if has("input_schema") => function(members),
        None if GEMINI.iter().any(|name| has(name)) => native(Family::Gemini),
        None | Some("function") => None,
        Some(kind) if is_anthropic(kind) => match members.take("function") {
            Some(function) => Some(anthropic(kind, &function)?),
            None => native(Family::Anthropic),
        },
        Some(_) => native(Family::OpenAi),
    }
}

/// Anthropic's own tools have the day of their release in their type.
fn is_anthropic(kind: &str) -> bool {
    let day = kind.rsplit_once('_').map(|(_, day)| day);
    kind == "mcp_toolset" || day.is_some_and(|day| day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Anthropic's tool in OpenAI's dress, as LiteLLM documents it: `{type, function: {name, parameters: {…}}}`, where the
/// parameters are the tool's own members.
fn anthropic(kind: &str, function: &Json) -> Option<Tool> {
    let mut function: Members = serde_json::from_str(function.text()).ok()?;
    let mut flat = vec![("type".to_owned(), Json::of(&kind)?)];
    flat.extend(function.take("name").map(|name| ("name".to_owned(), name)));
    let parameters = function.take("parameters");
    flat.extend(parameters.and_then(|json| serde_json::from_str::<Members>(json.text()).ok()).unwrap_or_default().0);
    let value = Json::of(&Members(flat))?;
    Some(Tool { kind: ToolKind::Native { family: Family::Anthropic, value }, cache: None })
}

/// A function, in a `function` member or spread out; Anthropic's `input_schema` is taken for `parameters`.
fn function(mut outer: Members) -> Option<Tool> {
    let cache = outer.take("cache_control");
    let mut it: Members = match outer.take("function") {
        Some(inner) => serde_json::from_str(inner.text()).ok()?,
        None => {
            outer.take("type");
            outer
        }
    };
    let cache = cache.or_else(|| it.take("cache_control"));
    let cache = cache.and_then(|json| serde_json::from_str::<CacheControl>(json.text()).ok()).map(cache_marker);
    let kind = ToolKind::Function {
        name: it.take_text("name")?,
        description: it.take_text("description"),
        parameters: it.take("parameters").or_else(|| it.take("input_schema")),
        strict: it.take("strict").map(|strict| strict.text() == "true"),
        extra: it.0,
    };
    Some(Tool { kind, cache })
}

#[derive(Default, Deserialize)]
struct Choice {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    function: Option<Named>,
    #[serde(default)]
    custom: Option<Named>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    allowed_tools: Option<Allowed>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    tools: Vec<Choice>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    tools: Vec<Choice>,
}

impl Choice {
    fn name(self) -> Option<String> {
        self.function.or(self.custom).map(|named| named.name).or(self.name)
    }
}

/// `tool_choice`, or the `function_call` of old; Anthropic's and Mistral's `any` is `required`. `None`: it is none.
pub fn tool_choice(value: &Json) -> Option<ToolChoice> {
    let word = |word: &str| match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    };
    if value.text().starts_with('"') {
        return word(&serde_json::from_str::<String>(value.text()).ok()?);
    }
    let choice: Choice = serde_json::from_str(value.text()).ok()?;
    match choice.kind.as_deref() {
        Some("allowed_tools") => {
            let (mode, tools) = match choice.allowed_tools {
                Some(allowed) => (allowed.mode, allowed.tools),
                None => (choice.mode, choice.tools),
            };
            let names = tools.into_iter().filter_map(Choice::name).collect();
            Some(ToolChoice::Allowed { names, required: mode.as_deref() == Some("required") })
        }
        Some(kind) if word(kind).is_some() => word(kind),
        _ => choice.name().map(ToolChoice::Tool),
    }
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    json_schema: Option<Schema>,
    /// LiteLLM's, for Gemini.
    #[serde(default)]
    response_schema: Option<Json>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    schema: Option<Json>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(default)]
    description: Option<String>,
}

/// `response_format`. `None`: it is none.
pub fn response_format(value: &Json) -> Option<ResponseFormat> {
    let format: Format = serde_json::from_str(value.text()).ok()?;
    let of_schema = |schema| ResponseFormat::JsonSchema { name: None, schema, strict: None, description: None };
    match format.kind.as_str() {
        "text" => Some(ResponseFormat::Text),
        "json_object" => Some(format.response_schema.map_or(ResponseFormat::JsonObject, of_schema)),
        "json_schema" => {
            let Schema { name, schema, strict, description } = format.json_schema?;
            let Some(schema) = schema else { return Some(ResponseFormat::JsonObject) };
            Some(ResponseFormat::JsonSchema { name, schema, strict, description })
        }
        _ => None,
    }
}
