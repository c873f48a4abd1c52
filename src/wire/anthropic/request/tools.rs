//! Tools and the choice among them (<https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview>).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::JSON_TOOL;
use crate::wire::anthropic::Hosting;
use crate::wire::anthropic::models::Model;
use crate::wire::anthropic::types::{CacheControl, Choice, ToolDefinition, ToolEntry};
use crate::wire::codec::Profile;
use crate::wire::model::{CacheMarker, ChatRequest, Family, Json, ResponseFormat, Tool, ToolChoice, ToolKind};
use crate::wire::splice::member_json;

/// Members of a function tool that Anthropic knows and LiteLLM's OpenAI clients may say.
const KNOWN_EXTRA: [&str; 3] = ["defer_loading", "allowed_callers", "input_examples"];

/// Whether [`super::encode_request`] offers [`JSON_TOOL`] in place of structured output: then its input is the answer, and
/// the decoders of the answer must know.
pub fn uses_json_tool(request: &ChatRequest, profile: &Profile<'_>, hosting: Hosting) -> bool {
    let wants_schema = matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. }));
    wants_schema && !has_native_schema(Model::named(profile.base_model), hosting)
}

/// Vertex has structured outputs for the newest models only; those refuse a forced tool.
pub fn has_native_schema(model: Model, hosting: Hosting) -> bool {
    model.has_structured_outputs() && (hosting != Hosting::Vertex || model.is_of_fifth_generation())
}

/// All tools, and the choice among them. `thinks`: no tool may be forced then.
pub fn tools(request: &ChatRequest, json_tool: bool, thinks: bool) -> (Vec<ToolEntry<'_>>, Option<Choice<'static>>) {
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let is_allowed = |tool: &&Tool| match (&tool.kind, allowed) {
        (ToolKind::Function { name, .. }, Some(names)) => names.contains(name),
        _ => true,
    };
    let mut entries: Vec<ToolEntry<'_>> =
        request.tools.iter().filter(is_allowed).filter_map(|tool| entry(tool, request.family)).collect();
    let own = entries.len();
    if json_tool && let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format {
        entries.push(ToolEntry::Definition(Box::new(ToolDefinition {
            name: Some(JSON_TOOL.into()),
            input_schema: Some(object_schema(Some(schema))),
            ..ToolDefinition::default()
        })));
    }
    if let Some(options) = &request.web_search {
        entries.extend(web_search(&options.value()));
    }
    if entries.is_empty() && request.mentions_tools() {
        // Anthropic refuses tool blocks without a tool. LiteLLM's words.
        // In the order in which other tools are written, so that what was written is written the same again.
        let dummy = json!({"name": "dummy_tool", "input_schema": {"type": "object", "properties": {}}, "type": "custom",
            "description": "This is a dummy tool call"});
        entries.extend(Json::of(&dummy).map(|json| ToolEntry::Json(Cow::Owned(json))));
    }
    let choice = if json_tool { json_choice(request, own, thinks) } else { choice(request) };
    let choice = choice.filter(|_| !entries.is_empty());
    (entries, choice)
}

fn entry(tool: &Tool, family: Option<Family>) -> Option<ToolEntry<'_>> {
    match &tool.kind {
        ToolKind::Function { name, description, parameters, strict, extra } => {
            let definition = ToolDefinition {
                name: Some(name.into()),
                input_schema: Some(object_schema(parameters.as_ref())),
                kind: Some("custom".into()),
                description: description.as_deref().map(Cow::Borrowed),
                strict: strict.filter(|_| family == Some(Family::Anthropic)),
                cache_control: tool.cache.as_ref().map(CacheControl::of),
            };
            let known = |name: &str| family == Some(Family::Anthropic) || KNOWN_EXTRA.contains(&name);
            let extra: Vec<_> = extra.iter().filter(|(name, _)| known(name)).collect();
            if extra.is_empty() {
                return Some(ToolEntry::Definition(Box::new(definition)));
            }
            let mut json = serde_json::to_vec(&definition).ok()?;
            append(&mut json, extra.into_iter().map(|(name, value)| (name.as_str(), value)));
            Json::parse(std::str::from_utf8(&json).ok()?).map(|json| ToolEntry::Json(Cow::Owned(json)))
        }
        ToolKind::Native { family: Family::Anthropic, value } => Some(ToolEntry::Json(Cow::Borrowed(value))),
        ToolKind::Native { family: Family::OpenAi, value } => openai_tool(&value.value(), tool.cache.as_ref()),
        ToolKind::Native { family: Family::Gemini, value } => {
            let value = value.value();
            let searches = ["googleSearch", "google_search"].iter().any(|name| value.get(name).is_some());
            searches.then(|| web_search(&Value::Null)).flatten()
        }
        ToolKind::Native { .. } => None,
    }
}

/// Appends members to an object that has some.
pub fn append<'a>(json: &mut Vec<u8>, members: impl Iterator<Item = (&'a str, &'a Json)>) {
    json.pop();
    for (name, value) in members {
        json.push(b',');
        json.extend_from_slice(&member_json(name, value.text().as_bytes()));
    }
    json.push(b'}');
}

/// Anthropic wants an object.
fn object_schema(schema: Option<&Json>) -> Cow<'_, Json> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let text = schema.map(Json::text).unwrap_or_default();
    if serde_json::from_str::<Typed<'_>>(text).is_ok_and(|typed| typed.kind == "object")
        && let Some(schema) = schema
    {
        return Cow::Borrowed(schema);
    }
    let mut members: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    members.insert("type".to_owned(), "object".into());
    members.entry("properties").or_insert_with(|| json!({}));
    Cow::Owned(Json::of(&members).unwrap_or_else(Json::empty_object))
}

/// Tools of OpenAI's that have a counterpart.
fn openai_tool(value: &Value, cache: Option<&CacheMarker>) -> Option<ToolEntry<'static>> {
    let kind = value.get("type")?.as_str()?;
    if kind.starts_with("web_search") {
        return web_search(value);
    }
    if kind != "custom" {
        return None;
    }
    // A custom tool takes free text: here one string.
    let custom = value.get("custom").unwrap_or(value);
    let mut definition = Map::new();
    definition.insert("name".to_owned(), custom.get("name")?.clone());
    if let Some(description) = custom.get("description") {
        definition.insert("description".to_owned(), description.clone());
    }
    definition.insert("type".to_owned(), "custom".into());
    let schema = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
    definition.insert("input_schema".to_owned(), schema);
    if let Some(cache) = cache {
        definition.insert("cache_control".to_owned(), serde_json::to_value(CacheControl::of(cache)).ok()?);
    }
    Json::of(&definition).map(|json| ToolEntry::Json(Cow::Owned(json)))
}

/// OpenAI's `web_search_options`, or its web search tool, as Anthropic's.
fn web_search(options: &Value) -> Option<ToolEntry<'static>> {
    let mut tool = Map::new();
    tool.insert("type".to_owned(), "web_search_20250305".into());
    tool.insert("name".to_owned(), "web_search".into());
    let uses = match options.get("search_context_size").and_then(Value::as_str) {
        Some("low") => Some(1),
        Some("medium") => Some(5),
        Some("high") => Some(10),
        _ => None,
    };
    if let Some(uses) = uses {
        tool.insert("max_uses".to_owned(), uses.into());
    }
    if let Some(location) = options.get("user_location").filter(|location| location.is_object()) {
        let place = location.get("approximate").unwrap_or(location);
        let mut found = Map::new();
        found.insert("type".to_owned(), "approximate".into());
        for name in ["city", "region", "country", "timezone"] {
            if let Some(value) = place.get(name).filter(|value| value.is_string()) {
                found.insert(name.to_owned(), value.clone());
            }
        }
        tool.insert("user_location".to_owned(), found.into());
    }
    if let Some(domains) = options.pointer("/filters/allowed_domains").filter(|domains| domains.is_array()) {
        tool.insert("allowed_domains".to_owned(), domains.clone());
    }
    Json::of(&tool).map(|json| ToolEntry::Json(Cow::Owned(json)))
}

fn choice(request: &ChatRequest) -> Option<Choice<'static>> {
    let (kind, name) = match &request.tool_choice {
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Tool(name)) => ("tool", Some(name.clone())),
        Some(ToolChoice::Allowed { names, required: true }) if names.len() == 1 => ("tool", names.first().cloned()),
        Some(ToolChoice::Allowed { required, .. }) => (if *required { "any" } else { "auto" }, None),
        None if request.parallel_tool_calls.is_some() => ("auto", None),
        None => return None,
    };
    let parallel = request.parallel_tool_calls.filter(|_| kind != "none");
    Some(Choice {
        kind: kind.into(),
        name: name.map(Cow::Owned),
        disable_parallel_tool_use: parallel.map(|parallel| !parallel),
    })
}

/// The answer must come as a call of the JSON tool; but a client's own tools may be called first.
fn json_choice(request: &ChatRequest, own: usize, thinks: bool) -> Option<Choice<'static>> {
    if thinks {
        return None;
    }
    let json_tool = || Choice { kind: "tool".into(), name: Some(JSON_TOOL.into()), disable_parallel_tool_use: None };
    match &request.tool_choice {
        Some(ToolChoice::None) => Some(json_tool()),
        _ if own == 0 => Some(json_tool()),
        Some(ToolChoice::Auto) | None => {
            let disabled = request.parallel_tool_calls.map(|parallel| !parallel);
            Some(Choice { kind: "any".into(), name: None, disable_parallel_tool_use: disabled })
        }
        Some(_) => choice(request),
    }
}
