//! `toolConfig`: the client's tools, the forced tool that stands for a schema, and what Bedrock demands of both.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::fields::Fields;
use super::model_id::{ModelId, Vendor};
use super::types::{CachePoint, Empty, InputSchema, Named, Tool, ToolChoice, ToolConfig, ToolSpec};
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::{self, CacheMarker, ChatRequest, Family, Json, ResponseFormat, ToolKind};

/// The tool whose input is the answer, where a model gets its schema by way of a tool. LiteLLM's name of it.
pub const JSON_TOOL: &str = "json_tool_call";

/// Tools of Anthropic's that the client runs, by the beginnings of their types. Converse has no place for them but among
/// the fields that only the model knows.
const CLIENT_TOOLS: [&str; 4] = ["computer_", "bash_", "text_editor_", "memory_"];

impl ModelId {
    /// Whether `toolChoice` may be sent.
    pub(super) fn takes_tool_choice(&self) -> bool {
        !matches!(self.vendor, Vendor::Meta | Vendor::Cohere | Vendor::Ai21)
    }

    /// Whether tools may be sent.
    pub(super) fn takes_tools(&self) -> bool {
        !self.base.starts_with("amazon.titan")
    }

    /// Whether `cachePoint` may be sent.
    pub(super) fn takes_cache_points(&self) -> bool {
        match self.vendor {
            // The first Sonnet 3.5 does not, the second does.
            Vendor::Anthropic => self.claude_version() >= Some((3, 5)) && !self.base.contains("20240620"),
            Vendor::Amazon => self.base.contains("nova"),
            Vendor::Unknown => true,
            _ => false,
        }
    }

    /// The end of a prefix that may be cached, if the model knows such a thing.
    pub(super) fn cache_point(&self, marker: Option<&CacheMarker>) -> Option<CachePoint> {
        let marker = marker.filter(|_| self.takes_cache_points())?;
        let has_choice = self.claude_version() >= Some((4, 5)) || self.vendor == Vendor::Unknown;
        let ttl = marker.ttl.clone().filter(|ttl| has_choice && matches!(ttl.as_str(), "5m" | "1h"));
        Some(CachePoint { kind: "default".to_owned(), ttl })
    }

    /// Whether Bedrock itself holds the answer to a schema.
    pub(super) fn takes_schemas(&self) -> bool {
        self.claude_version() >= Some((4, 5))
    }
}

/// Writes the tools into a list; those that Converse has no place for go into `fields`.
///
/// # Errors
/// [`Kind::UnsupportedParams`] where tools were used and none is defined.
pub fn config(
    request: &mut ChatRequest,
    model: &ModelId,
    profile: &Profile<'_>,
    thinks: bool,
    fields: &mut Fields,
) -> Result<Option<ToolConfig>, Error> {
    let allowed = match &request.tool_choice {
        Some(model::ToolChoice::Allowed { names, .. }) => Some(names.clone()),
        _ => None,
    };
    let mut tools = Vec::new();
    let mut client_tools = Vec::new();
    for tool in std::mem::take(&mut request.tools) {
        let point = model.cache_point(tool.cache.as_ref()).filter(|_| model.vendor != Vendor::Amazon);
        match tool.kind {
            ToolKind::Function { name, description, parameters, strict, .. } => {
                if allowed.as_ref().is_some_and(|names| !names.contains(&name)) {
                    continue;
                }
                tools.push(function(name, description, parameters, strict));
            }
            ToolKind::Native { family: Family::Anthropic, value } if is_client_tool(&value, model) => {
                client_tools.push(value);
                continue;
            }
            ToolKind::Native { .. } => continue,
        }
        tools.extend(point.map(|point| Tool { cache_point: Some(point), ..Tool::default() }));
    }
    let own_tools = !tools.is_empty();
    let mut forced = None;
    if let Some(format) = request.response_format.take().filter(|format| is_by_tool(format, model)) {
        tools.push(json_tool(format));
        forced = Some(JSON_TOOL.to_owned());
    }
    if request.web_search.is_some() && model.vendor == Vendor::Amazon {
        let name = "nova_grounding".to_owned();
        tools.push(Tool { system_tool: Some(Named { name }), ..Tool::default() });
    }
    if !client_tools.is_empty() {
        fields.set("anthropic_beta", &[computer_use(model)]);
        fields.set("tools", &client_tools);
    } else if tools.is_empty() && request.mentions_tools() {
        tools.push(dummy(profile)?);
    }
    if tools.is_empty() {
        return Ok(None);
    }
    let choice = choice(request.tool_choice.as_ref(), forced, own_tools).filter(|_| model.takes_tool_choice());
    let tool_choice = match choice {
        // Thoughts and forced tools exclude each other; LiteLLM lets the model choose.
        Some(ToolChoice::Any(_) | ToolChoice::Tool(_)) if thinks => {
            let was_said = !matches!(request.tool_choice, None | Some(model::ToolChoice::None));
            was_said.then_some(ToolChoice::Auto(Empty {}))
        }
        choice => choice,
    };
    if request.parallel_tool_calls == Some(false) && model.claude_version() >= Some((4, 5)) {
        fields.set("tool_choice", &one_at_a_time(tool_choice.as_ref()));
    }
    Ok(Some(ToolConfig { tools, tool_choice }))
}

/// What the client said, or what the schema that it wants takes (`forced`: the tool that stands for it).
fn choice(said: Option<&model::ToolChoice>, forced: Option<String>, own_tools: bool) -> Option<ToolChoice> {
    let tool = |name: &str| ToolChoice::Tool(Named { name: name.to_owned() });
    match (said, forced) {
        (Some(model::ToolChoice::Tool(name)), _) => Some(tool(name)),
        (Some(model::ToolChoice::None), Some(json)) => Some(tool(&json)),
        // The model answers by the schema or asks for one of the client's tools.
        (_, Some(json)) => Some(if own_tools { ToolChoice::Any(Empty {}) } else { tool(&json) }),
        (Some(model::ToolChoice::Auto | model::ToolChoice::Allowed { required: false, .. }), None) => {
            Some(ToolChoice::Auto(Empty {}))
        }
        (Some(model::ToolChoice::Required | model::ToolChoice::Allowed { .. }), None) => {
            Some(ToolChoice::Any(Empty {}))
        }
        (Some(model::ToolChoice::None) | None, None) => None,
    }
}

fn function(name: String, description: Option<String>, parameters: Option<Json>, strict: Option<bool>) -> Tool {
    let description = description.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| name.clone());
    let input_schema = InputSchema { json: schema(parameters) };
    Tool { tool_spec: Some(ToolSpec { name, description, input_schema, strict }), ..Tool::default() }
}

/// A schema must be of the type `object`, said in so many words.
fn schema(parameters: Option<Json>) -> Json {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<IgnoredAny>,
    }
    let nothing = || Json::of(&json!({"type": "object", "properties": {}})).unwrap_or_else(Json::empty_object);
    let Some(parameters) = parameters.filter(|parameters| parameters.text() != "null") else { return nothing() };
    match serde_json::from_str::<Typed>(parameters.text()) {
        Ok(Typed { kind: None }) => {
            let Value::Object(members) = parameters.value() else { return parameters };
            let mut typed = serde_json::Map::from_iter([("type".to_owned(), "object".into())]);
            typed.extend(members);
            if !typed.contains_key("properties") {
                typed.insert("properties".to_owned(), json!({}));
            }
            Json::of(&typed).unwrap_or(parameters)
        }
        _ => parameters,
    }
}

/// Whether the answer to this format is asked for by way of a tool.
pub fn is_by_tool(format: &ResponseFormat, model: &ModelId) -> bool {
    matches!(format, ResponseFormat::JsonSchema { strict, .. } if !model.takes_schemas() || *strict == Some(false))
}

fn json_tool(format: ResponseFormat) -> Tool {
    let (schema, description) = match format {
        ResponseFormat::JsonSchema { schema, description, .. } => (Some(schema), description),
        ResponseFormat::Text | ResponseFormat::JsonObject => (None, None),
    };
    function(JSON_TOOL.to_owned(), description, schema, None)
}

/// Bedrock refuses calls and results in the history where no tool is defined.
fn dummy(profile: &Profile<'_>) -> Result<Tool, Error> {
    if profile.modify_params {
        return Ok(function("dummy_tool".to_owned(), Some("This is a dummy tool call".to_owned()), None, None));
    }
    let message = "litellm.UnsupportedParamsError: Bedrock doesn't support tool calling without `tools=` param specified. \
                   Pass `tools=` param OR set `litellm.modify_params = True` // `litellm_settings::modify_params: True` to \
                   add dummy tool to the request.";
    Err(Error::new(Kind::UnsupportedParams, message).param("tools"))
}

fn is_client_tool(value: &Json, model: &ModelId) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    let is_known = |kind: &str| CLIENT_TOOLS.iter().any(|prefix| kind.starts_with(prefix));
    matches!(model.vendor, Vendor::Anthropic | Vendor::Unknown)
        && serde_json::from_str::<Typed<'_>>(value.text()).is_ok_and(|typed| is_known(&typed.kind))
}

/// The beta that the client's tools need.
fn computer_use(model: &ModelId) -> &'static str {
    match model.claude_version() {
        Some(version) if version >= (4, 6) || (version == (4, 5) && model.base.contains("opus")) => {
            "computer-use-2025-11-24"
        }
        Some(version) if version < (3, 7) => "computer-use-2024-10-22",
        _ => "computer-use-2025-01-24",
    }
}

/// Anthropic's own word for `parallel_tool_calls: false`.
fn one_at_a_time(choice: Option<&ToolChoice>) -> Value {
    match choice {
        Some(ToolChoice::Tool(tool)) => {
            json!({"type": "tool", "name": tool.name, "disable_parallel_tool_use": true})
        }
        Some(ToolChoice::Any(_)) => json!({"type": "any", "disable_parallel_tool_use": true}),
        Some(ToolChoice::Auto(_)) | None => json!({"type": "auto", "disable_parallel_tool_use": true}),
    }
}
