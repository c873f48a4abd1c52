//! A chat request to a provider who speaks OpenAI, from a client who does not:
//! <https://platform.openai.com/docs/api-reference/chat/create>. What one provider or model wants otherwise
//! (`max_completion_tokens`, `strict` …) is spliced into the body afterwards, as on the way of equal dialects.

use serde::Serialize;
use serde_json::{Value, json};

use super::turns::Turns;
use super::types::Members;
use crate::error::Error;
use crate::wire::codec::Profile;
use crate::wire::model::{
    ChatRequest, Effort, Family, Json, Param, Reasoning, ResponseFormat, Sampling, Tool, ToolChoice, ToolKind,
    refuse_or_drop,
};

/// What OpenAI and Azure refuse; their imitators take it.
const NOT_AT_OPENAI: [Param; 2] = [Param::TopK, Param::MinP];

/// Models of OpenAI's that do not think, by the beginning of their names.
const WITHOUT_REASONING: [&str; 3] = ["gpt-3", "gpt-4", "chatgpt-4"];

/// OpenAI's longest `user`. Claude Code's is longer.
const LONGEST_USER: usize = 64;

/// Members that the Responses API has and chat has not: its clients are of OpenAI's family too.
const ONLY_IN_RESPONSES: [&str; 9] = [
    "include",
    "truncation",
    "background",
    "conversation",
    "prompt",
    "max_tool_calls",
    "text",
    "context_management",
    "client_metadata",
];

/// `service_tier` in OpenAI's words; Anthropic has others.
const SERVICE_TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

/// The body for a provider.
///
/// # Errors
/// [`crate::error::Kind::UnsupportedParams`] for what the provider lacks and may not be dropped;
/// [`crate::error::Kind::InvalidParameter`] for content that OpenAI has no word for.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let is_openai = is_openai(profile.provider);
    if is_openai {
        refuse_or_drop(&mut request, &NOT_AT_OPENAI, profile.drop_params, profile.provider)?;
        let model = profile.base_model.rsplit('/').next().unwrap_or_default();
        if WITHOUT_REASONING.iter().any(|name| model.starts_with(name)) {
            refuse_or_drop(&mut request, &[Param::ReasoningEffort], profile.drop_params, profile.provider)?;
            request.reasoning = None;
        }
    }
    let mut body = Body { json: b"{".to_vec() };
    body.member("model", &request.model);
    body.member("messages", &Turns::of(std::mem::take(&mut request.messages), request.family, profile)?);
    body.sampling(&request.sampling);
    let searches = body.tools(&request);
    if let Some(effort) = request.reasoning.as_ref().and_then(effort) {
        body.member("reasoning_effort", effort.word());
    }
    if let Some(format) = &request.response_format {
        body.member("response_format", &response_format(format));
    }
    body.maybe("user", request.user.map(|user| user.chars().take(LONGEST_USER).collect::<String>()));
    body.maybe("service_tier", request.service_tier.filter(|tier| SERVICE_TIERS.contains(&tier.as_str())));
    body.maybe("web_search_options", request.web_search.or_else(|| searches.then(Json::empty_object)));
    body.maybe("verbosity", request.verbosity);
    body.maybe("modalities", Some(request.modalities).filter(|modalities| !modalities.is_empty()));
    body.maybe("store", request.store.filter(|_| is_openai));
    if request.family == Some(Family::OpenAi) {
        let known = |name: &str| !ONLY_IN_RESPONSES.contains(&name);
        request.extra.iter().filter(|(name, _)| known(name)).for_each(|(name, value)| body.member(name, value));
    }
    if request.stream {
        body.member("stream", &true);
        body.member("stream_options", &json!({"include_usage": true}));
    }
    Ok(body.finish())
}

/// Whether it is OpenAI itself, at home or at Microsoft's, which refuses what it does not know.
pub(super) fn is_openai(provider: &str) -> bool {
    matches!(provider, "openai" | "azure")
}

/// A JSON object that is being written.
struct Body {
    json: Vec<u8>,
}

impl Body {
    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        // Into memory, and of types that are JSON: it cannot fail.
        let written = serde_json::to_writer(&mut self.json, name);
        self.json.push(b':');
        let written = written.and_then(|()| serde_json::to_writer(&mut self.json, value));
        debug_assert!(written.is_ok());
    }

    fn maybe<T: Serialize>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.member(name, &value);
        }
    }

    fn sampling(&mut self, sampling: &Sampling) {
        self.maybe("max_tokens", sampling.max_tokens);
        self.maybe("temperature", sampling.temperature);
        self.maybe("top_p", sampling.top_p);
        self.maybe("top_k", sampling.top_k);
        self.maybe("min_p", sampling.min_p);
        self.maybe("seed", sampling.seed);
        self.maybe("presence_penalty", sampling.presence_penalty);
        self.maybe("frequency_penalty", sampling.frequency_penalty);
        self.maybe("logit_bias", sampling.logit_bias.as_ref());
        self.maybe("n", sampling.n);
        self.maybe("logprobs", sampling.logprobs);
        self.maybe("top_logprobs", sampling.top_logprobs);
        self.maybe("stop", Some(&sampling.stop).filter(|stop| !stop.is_empty()));
    }

    /// Writes the tools that chat has; tells whether a web search, which chat has elsewhere, was among the others.
    fn tools(&mut self, request: &ChatRequest) -> bool {
        let tools: Vec<Value> = request.tools.iter().filter_map(tool).collect();
        if !tools.is_empty() {
            self.member("tools", &tools);
            self.maybe("tool_choice", request.tool_choice.as_ref().map(|choice| tool_choice(choice, &request.tools)));
            self.maybe("parallel_tool_calls", request.parallel_tool_calls);
        }
        request.tools.iter().any(is_search)
    }

    fn finish(mut self) -> Vec<u8> {
        self.json.push(b'}');
        self.json
    }
}

/// A function or a custom tool. `None`: the provider would have to run it, which chat providers do not.
fn tool(tool: &Tool) -> Option<Value> {
    match &tool.kind {
        ToolKind::Function { name, description, parameters, strict, .. } => {
            let mut function = json!({"name": name});
            if let Some(members) = function.as_object_mut() {
                let description = description.as_deref().map(Value::from);
                let known = [
                    ("description", description),
                    ("parameters", parameters.as_ref().map(Json::value)),
                    ("strict", strict.map(Value::from)),
                ];
                members.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            }
            Some(json!({"type": "function", "function": function}))
        }
        ToolKind::Native { family: Family::OpenAi, value } => custom(value),
        ToolKind::Native { .. } => None,
    }
}

/// OpenAI's custom tool; the Responses API has its members beside the type, chat in a member of their own.
fn custom(value: &Json) -> Option<Value> {
    let mut members: Members = serde_json::from_str(value.text()).ok()?;
    if members.take_text("type").as_deref() != Some("custom") {
        return None;
    }
    let inner = members.take("custom").or_else(|| Json::of(&members))?;
    Some(json!({"type": "custom", "custom": inner.value()}))
}

fn is_search(tool: &Tool) -> bool {
    match &tool.kind {
        ToolKind::Native { family: Family::OpenAi | Family::Anthropic, value } => {
            value.value().get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("web_search"))
        }
        _ => false,
    }
}

fn tool_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    let named = |name: &String| {
        let is_function = |tool: &Tool| matches!(&tool.kind, ToolKind::Function { name: known, .. } if known == name);
        let kind = if tools.iter().any(is_function) { "function" } else { "custom" };
        json!({"type": kind, kind: {"name": name}})
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => named(name),
        ToolChoice::Allowed { names, required } => {
            let mode = if *required { "required" } else { "auto" };
            let tools: Vec<Value> = names.iter().map(named).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
        }
    }
}

fn response_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!({"type": "text"}),
        ResponseFormat::JsonObject => json!({"type": "json_object"}),
        ResponseFormat::JsonSchema { name, schema, strict, description } => {
            let name = name.as_deref().unwrap_or("response");
            let mut inner = json!({"name": name, "schema": schema.value()});
            if let Some(members) = inner.as_object_mut() {
                members.extend(strict.map(|strict| ("strict".to_owned(), strict.into())));
                members.extend(description.as_deref().map(|text| ("description".to_owned(), text.into())));
            }
            json!({"type": "json_schema", "json_schema": inner})
        }
    }
}

/// The effort in words that every thinking model of OpenAI's knows, but for the client's own: those are his to choose.
/// `None`: nothing was said, or thinking was switched off in another dialect's words, for which most models have none.
fn effort(reasoning: &Reasoning) -> Option<Effort> {
    match reasoning.effort {
        Some(Effort::Max) => Some(Effort::XHigh),
        Some(effort) => Some(effort),
        None if reasoning.off => None,
        None => reasoning
            .budget_tokens
            .filter(|budget| *budget != 0)
            .map(|budget| Effort::of_budget(budget).min(Effort::High)),
    }
}
