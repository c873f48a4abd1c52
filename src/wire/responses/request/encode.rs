//! The request for a provider (<https://platform.openai.com/docs/api-reference/responses/create>), as LiteLLM writes it
//! for Anthropic's clients of OpenAI's models.

use serde::Serialize;

use super::super::types::{ChosenTool, FunctionTool, ReasoningConfig, TextConfig, TextFormat, Word};
use super::input::{self, Input};
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::{
    ChatRequest, Effort, Family, Json, Param, Reasoning, ResponseFormat, Tool, ToolChoice, ToolKind, refuse_or_drop,
};

/// What the API has no parameter for.
const UNSUPPORTED: [Param; 9] = [
    Param::Stop,
    Param::TopK,
    Param::MinP,
    Param::Seed,
    Param::N,
    Param::PresencePenalty,
    Param::FrequencyPenalty,
    Param::LogitBias,
    Param::Modalities,
];

/// OpenAI refuses a longer `user`; LiteLLM cuts it.
const LONGEST_USER: usize = 64;

/// `include`: reasoning comes sealed, so that it can be handed back without being kept at the provider.
const SEALED_REASONING: &str = "reasoning.encrypted_content";

/// `include`: `top_logprobs` alone is not heard.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Tiers that OpenAI knows; other families have words of their own.
const TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Vec<Input>,
    include: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

/// The body for a provider.
///
/// # Errors
/// [`Kind::UnsupportedParams`] for what the API lacks, [`Kind::InvalidParameter`] for media that it takes in no form.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let of_family = request.family == Some(Family::OpenAi);
    let extra = if of_family { std::mem::take(&mut request.extra) } else { Vec::new() };
    let sampling = &request.sampling;
    let body = Body {
        include: include(&extra, sampling.logprobs == Some(true)),
        max_output_tokens: sampling.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_logprobs: sampling.top_logprobs,
        tool_choice: tool_choice(&request),
        tools: tools(&request.tools, request.web_search.as_ref()),
        parallel_tool_calls: request.parallel_tool_calls,
        reasoning: request.reasoning.as_ref().and_then(reasoning),
        text: text(request.response_format, request.verbosity),
        previous_response_id: request.previous_response_id,
        store: request.store,
        service_tier: request.service_tier.filter(|tier| of_family || TIERS.contains(&tier.as_str())),
        user: request.user.map(|user| user.chars().take(LONGEST_USER).collect()),
        stream: request.stream,
        model: &request.model,
        instructions: input::instructions(&mut request.messages),
        input: input::items(request.messages)?,
    };
    let mut json = serde_json::to_vec(&body)
        .map_err(|error| Error::new(Kind::Internal, "Internal error").detail(error.to_string()))?;
    append(&mut json, &extra);
    Ok(json)
}

/// Adds members that the struct does not have behind its own.
fn append(json: &mut Vec<u8>, extra: &[(String, Json)]) {
    for (name, value) in extra.iter().filter(|(name, _)| name != "include") {
        json.pop();
        json.push(b',');
        json.extend_from_slice(&crate::wire::splice::member_json(name, value.text().as_bytes()));
        json.push(b'}');
    }
}

fn include(extra: &[(String, Json)], logprobs: bool) -> Vec<String> {
    let asked = extra.iter().find(|(name, _)| name == "include");
    let mut include: Vec<String> =
        asked.and_then(|(_, json)| serde_json::from_str(json.text()).ok()).unwrap_or_default();
    for (wanted, name) in [(true, SEALED_REASONING), (logprobs, LOGPROBS)] {
        if wanted && !include.iter().any(|known| known == name) {
            include.push(name.to_owned());
        }
    }
    include
}

fn tools(tools: &[Tool], web_search: Option<&Json>) -> Vec<Json> {
    let search = web_search.map(|options| web_search_tool(Some(options)));
    tools.iter().filter_map(|tool| native_or_function(&tool.kind)).chain(search.flatten()).collect()
}

/// A tool's definition. Functions are not `strict` unless asked: the API's default rewrites the schema.
fn native_or_function(kind: &ToolKind) -> Option<Json> {
    match kind {
        ToolKind::Function { name, description, parameters, strict, .. } => Json::of(&FunctionTool {
            kind: "function".into(),
            name: name.clone(),
            description: description.clone(),
            parameters: parameters.clone().or_else(|| Json::parse(r#"{"type":"object","properties":{}}"#)),
            strict: Some(strict.unwrap_or(false)),
            ..FunctionTool::default()
        }),
        ToolKind::Native { family: Family::OpenAi, value } => Some(value.clone()),
        ToolKind::Native { value, .. } => {
            let tool = value.value();
            let word = |name: &str| tool.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            let searches = word("type").starts_with("web_search") || word("name") == "web_search";
            if searches { web_search_tool(None) } else { None }
        }
    }
}

/// `web_search_options` of chat completions as a tool; a place is one level flatter here.
fn web_search_tool(options: Option<&Json>) -> Option<Json> {
    let mut tool = serde_json::Map::new();
    tool.insert("type".to_owned(), "web_search_preview".into());
    let options = options.map(Json::value).unwrap_or_default();
    if let Some(size) = options.get("search_context_size") {
        tool.insert("search_context_size".to_owned(), size.clone());
    }
    let place = options.get("user_location").map(|place| place.get("approximate").unwrap_or(place));
    if let Some(place) = place.and_then(serde_json::Value::as_object) {
        let mut flat = place.clone();
        flat.insert("type".to_owned(), "approximate".into());
        tool.insert("user_location".to_owned(), flat.into());
    }
    Json::of(&tool)
}

fn tool_choice(request: &ChatRequest) -> Option<Json> {
    let Some(choice) = &request.tool_choice else {
        return None;
    };
    let named = |name: &String| ChosenTool {
        kind: if is_custom(request, name) { "custom" } else { "function" }.into(),
        name: Some(name.clone()),
        ..ChosenTool::default()
    };
    match choice {
        ToolChoice::Auto => Json::of(&"auto"),
        ToolChoice::None => Json::of(&"none"),
        ToolChoice::Required => Json::of(&"required"),
        ToolChoice::Tool(name) => Json::of(&named(name)),
        ToolChoice::Allowed { names, required } => Json::of(&ChosenTool {
            kind: "allowed_tools".into(),
            mode: Some(if *required { "required" } else { "auto" }.into()),
            tools: Some(names.iter().map(named).collect()),
            ..ChosenTool::default()
        }),
    }
}

fn is_custom(request: &ChatRequest, name: &str) -> bool {
    request.tools.iter().any(|tool| super::super::bridge::custom_name(&tool.kind).as_deref() == Some(name))
}

/// Thinking that was switched off by another family's word is left to the model's own default: not every model takes
/// `none`.
fn reasoning(said: &Reasoning) -> Option<ReasoningConfig> {
    let effort = match said.effort() {
        Some(Effort::None) if said.effort.is_none() => None,
        Some(Effort::Max) => Some(Effort::XHigh),
        effort => effort,
    };
    let effort = effort.map(|effort| Word::from(effort.word()));
    let config = ReasoningConfig { effort, summary: said.summary.clone(), generate_summary: None };
    (config.effort.is_some() || config.summary.is_some()).then_some(config)
}

fn text(format: Option<ResponseFormat>, verbosity: Option<String>) -> Option<TextConfig> {
    let of = |kind: &'static str| TextFormat { kind: kind.into(), ..TextFormat::default() };
    let format = format.map(|format| match format {
        ResponseFormat::Text => of("text"),
        ResponseFormat::JsonObject => of("json_object"),
        ResponseFormat::JsonSchema { name, schema, strict, description } => TextFormat {
            name: Some(name.unwrap_or_else(|| "structured_output".to_owned())),
            schema: Some(schema),
            strict: Some(strict.unwrap_or(false)),
            description,
            ..of("json_schema")
        },
    });
    (format.is_some() || verbosity.is_some()).then_some(TextConfig { format, verbosity })
}
