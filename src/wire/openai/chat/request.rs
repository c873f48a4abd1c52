//! A chat request from a client who speaks OpenAI: <https://platform.openai.com/docs/api-reference/chat/create>. The way
//! to a provider who speaks it is in [`super::encode`].

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::message::Conversation;
use super::{tools, types};
use crate::error::{Error, Kind};
use crate::wire::model::{ChatRequest, Effort, Family, Json, Message, Reasoning, Tool};
use crate::wire::openai::request::Request;
use crate::wire::openai::upstream::is_ours;
use crate::wire::peek::ValueKind;

pub use super::encode::encode_request;

/// Reads a client's request.
///
/// # Errors
/// [`Kind::MissingParameter`] without `messages`; [`Kind::InvalidParameter`], with the parameter's name, where a value is
/// not of the type that OpenAI documents.
pub fn decode_request(request: &Request) -> Result<ChatRequest, Error> {
    if request.object().get("messages").is_none_or(|messages| messages.kind == ValueKind::Null) {
        return Err(missing("messages"));
    }
    decode_members(request, &[])
}

/// Reads a client's request, but for the members named.
pub(in crate::wire::openai) fn decode_members(request: &Request, without: &[&str]) -> Result<ChatRequest, Error> {
    let object = request.object();
    let mut chat = ChatRequest {
        model: request.model.clone().unwrap_or_default(),
        stream: request.stream,
        include_usage: request.include_usage,
        family: Some(Family::OpenAi),
        ..ChatRequest::default()
    };
    for member in object.members() {
        let name = member.name(object.body());
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if !without.contains(&name) {
            set(&mut chat, name, std::str::from_utf8(object.raw(member)).unwrap_or("null"))?;
        }
    }
    Ok(chat)
}

/// Sets what the request does not say to what the deployment's `litellm_params` say, by OpenAI's names.
///
/// # Errors
/// [`Kind::InvalidParameter`] as for a client's request.
pub fn apply_defaults(request: &mut ChatRequest, defaults: &Map<String, Value>) -> Result<(), Error> {
    let unsaid: Vec<_> = defaults.iter().filter(|(name, _)| !says(request, name)).collect();
    for (name, value) in unsaid {
        set(request, name, &value.to_string())?;
    }
    Ok(())
}

fn says(request: &ChatRequest, name: &str) -> bool {
    let sampling = &request.sampling;
    match name {
        "messages" | "model" | "stream" | "stream_options" => true,
        "tools" | "functions" => !request.tools.is_empty(),
        "tool_choice" | "function_call" => request.tool_choice.is_some(),
        "parallel_tool_calls" => request.parallel_tool_calls.is_some(),
        "max_tokens" | "max_completion_tokens" => sampling.max_tokens.is_some(),
        "temperature" => sampling.temperature.is_some(),
        "top_p" => sampling.top_p.is_some(),
        "top_k" => sampling.top_k.is_some(),
        "min_p" => sampling.min_p.is_some(),
        "seed" => sampling.seed.is_some(),
        "presence_penalty" => sampling.presence_penalty.is_some(),
        "frequency_penalty" => sampling.frequency_penalty.is_some(),
        "logit_bias" => sampling.logit_bias.is_some(),
        "n" => sampling.n.is_some(),
        "logprobs" => sampling.logprobs.is_some(),
        "top_logprobs" => sampling.top_logprobs.is_some(),
        "stop" => !sampling.stop.is_empty(),
        "reasoning_effort" | "thinking" | "reasoning" => request.reasoning.is_some(),
        "response_format" => request.response_format.is_some(),
        "user" => request.user.is_some(),
        "service_tier" => request.service_tier.is_some(),
        "web_search_options" => request.web_search.is_some(),
        "verbosity" => request.verbosity.is_some(),
        "modalities" => !request.modalities.is_empty(),
        "store" => request.store.is_some(),
        other => request.extra(other).is_some(),
    }
}

/// Takes one member of a request; null is as if it were not there.
fn set(chat: &mut ChatRequest, name: &str, raw: &str) -> Result<(), Error> {
    if raw == "null" || is_ours(name.as_bytes()) {
        return Ok(());
    }
    let sampling = &mut chat.sampling;
    match name {
        "model" | "stream" | "stream_options" => {}
        "messages" => chat.messages = messages(raw)?,
        "tools" | "functions" => chat.tools.extend(tools(name, raw)?),
        "tool_choice" | "function_call" => {
            let choice = Json::parse(raw).as_ref().and_then(tools::tool_choice);
            chat.tool_choice = Some(choice.ok_or_else(|| wrong("tool_choice", "a choice of tools"))?);
        }
        "parallel_tool_calls" => chat.parallel_tool_calls = Some(typed("parallel_tool_calls", raw, "a boolean")?),
        // The newer name counts when both are there, whichever comes first.
        "max_completion_tokens" => sampling.max_tokens = Some(whole("max_completion_tokens", raw)?),
        "max_tokens" => sampling.max_tokens = sampling.max_tokens.or(Some(whole("max_tokens", raw)?)),
        "temperature" => sampling.temperature = Some(number("temperature", raw)?),
        "top_p" => sampling.top_p = Some(number("top_p", raw)?),
        "top_k" => sampling.top_k = Some(whole("top_k", raw)?),
        "min_p" => sampling.min_p = Some(number("min_p", raw)?),
        "seed" => sampling.seed = Some(typed("seed", raw, "a whole number")?),
        "presence_penalty" => sampling.presence_penalty = Some(number("presence_penalty", raw)?),
        "frequency_penalty" => sampling.frequency_penalty = Some(number("frequency_penalty", raw)?),
        "logit_bias" => sampling.logit_bias = Some(object("logit_bias", raw)?),
        "n" => sampling.n = Some(whole("n", raw)?),
        "logprobs" => sampling.logprobs = Some(typed("logprobs", raw, "a boolean")?),
        "top_logprobs" => sampling.top_logprobs = Some(whole("top_logprobs", raw)?),
        "stop" => sampling.stop = stop(raw)?,
        "reasoning_effort" | "thinking" | "reasoning" => reasoning(name, raw, chat.reasoning.get_or_insert_default())?,
        "response_format" => {
            let format = Json::parse(raw).as_ref().and_then(tools::response_format);
            chat.response_format = Some(format.ok_or_else(|| wrong("response_format", "a format OpenAI knows"))?);
        }
        "user" => chat.user = Some(text("user", raw)?),
        "service_tier" => chat.service_tier = Some(text("service_tier", raw)?),
        "web_search_options" => chat.web_search = Some(object("web_search_options", raw)?),
        "verbosity" => chat.verbosity = Some(text("verbosity", raw)?),
        "modalities" => {
            let said: Vec<String> = typed("modalities", raw, "a list of strings")?;
            chat.modalities = said.iter().map(|modality| modality.to_ascii_lowercase()).collect();
        }
        "store" => chat.store = Some(typed("store", raw, "a boolean")?),
        other => chat.extra.extend(Json::parse(raw).map(|value| (other.to_owned(), value))),
    }
    Ok(())
}

/// # Errors
/// The first message that is none of OpenAI's is named by its place; its words are not repeated.
fn messages(raw: &str) -> Result<Vec<Message>, Error> {
    let at = |index: usize, fault: &str| {
        let message = format!("Invalid parameter: 'messages[{index}]' {fault}.");
        Error::new(Kind::InvalidParameter, message).param("messages")
    };
    let wire: Vec<types::Message> = serde_json::from_str(raw).map_err(|_| {
        let each: Result<Vec<&RawValue>, _> = serde_json::from_str(raw);
        let bad = |json: &&RawValue| serde_json::from_str::<types::Message>(json.get()).is_err();
        match each.ok().and_then(|each| each.iter().position(bad)) {
            Some(index) => at(index, "is no message: a member of it has the wrong type"),
            None => wrong("messages", "a list of messages"),
        }
    })?;
    let mut conversation = Conversation::default();
    let read = |(index, wire)| conversation.read(wire).map_err(|fault| at(index, &fault));
    wire.into_iter().enumerate().map(read).collect()
}

fn tools(name: &str, raw: &str) -> Result<Vec<Tool>, Error> {
    let name = if name == "functions" { "functions" } else { "tools" };
    let wire: Vec<Json> = typed(name, raw, "a list of tools")?;
    let read = |(index, tool)| {
        let message = || format!("Invalid parameter: '{name}[{index}]' is no tool.");
        tools::tool(tool).ok_or_else(|| Error::new(Kind::InvalidParameter, message()).param(name))
    };
    wire.into_iter().enumerate().map(read).collect()
}

fn stop(raw: &str) -> Result<Vec<String>, Error> {
    if raw.starts_with('"') {
        return Ok(vec![text("stop", raw)?]);
    }
    typed("stop", raw, "a string or a list of strings")
}

#[derive(serde::Deserialize)]
struct Thought {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    budget_tokens: Option<i64>,
    /// Newer Claude: `summarized`, `omitted`.
    #[serde(default)]
    display: Option<String>,
    /// OpenRouter's and the Responses API's `reasoning`, LiteLLM's `reasoning_effort` as an object.
    #[serde(default)]
    effort: Option<String>,
    #[serde(default)]
    max_tokens: Option<i64>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    exclude: Option<bool>,
    #[serde(default)]
    enabled: Option<bool>,
}

/// `reasoning_effort` (a word, or an object at LiteLLM), Anthropic's `thinking`, OpenRouter's `reasoning`.
fn reasoning(name: &str, raw: &str, reasoning: &mut Reasoning) -> Result<(), Error> {
    let name = ["thinking", "reasoning"].into_iter().find(|known| *known == name).unwrap_or("reasoning_effort");
    if raw.starts_with('"') && name == "reasoning_effort" {
        return effort(&text(name, raw)?, reasoning);
    }
    let said: Thought = typed(name, raw, "an effort or a budget")?;
    if let Some(word) = &said.effort {
        effort(word, reasoning)?;
    }
    match said.kind.as_deref() {
        Some("disabled") => reasoning.off = true,
        Some("adaptive") => reasoning.adaptive = true,
        // DeepSeek's and GLM's way of saying it: no budget, as the model likes.
        Some("enabled") if said.budget_tokens.is_none() => reasoning.adaptive = true,
        Some("enabled") | None => {}
        Some(_) => return Err(wrong(name, "of type enabled, disabled or adaptive")),
    }
    reasoning.off |= said.enabled == Some(false);
    reasoning.adaptive |= said.enabled == Some(true) && said.max_tokens.is_none() && said.effort.is_none();
    reasoning.budget_tokens = said.budget_tokens.or(said.max_tokens).or(reasoning.budget_tokens);
    let shown = said.display.map(|display| display != "omitted").or(said.exclude.map(|exclude| !exclude));
    reasoning.include = shown.or(reasoning.include);
    reasoning.summary = said.summary.or(reasoning.summary.take());
    Ok(())
}

fn effort(word: &str, reasoning: &mut Reasoning) -> Result<(), Error> {
    // LiteLLM's word for Gemini.
    let word = if word == "disable" { "none" } else { word };
    let efforts = "one of none, minimal, low, medium, high, xhigh, max";
    let effort = Effort::parse(word).ok_or_else(|| wrong("reasoning_effort", efforts))?;
    reasoning.effort = Some(effort);
    reasoning.off |= effort == Effort::None;
    Ok(())
}

fn typed<T: DeserializeOwned>(name: &'static str, raw: &str, wanted: &str) -> Result<T, Error> {
    serde_json::from_str(raw).map_err(|_| wrong(name, wanted))
}

fn text(name: &'static str, raw: &str) -> Result<String, Error> {
    typed(name, raw, "a string")
}

/// Exactly as the client said it: `serde_json` may be off by the last bit.
fn number(name: &'static str, raw: &str) -> Result<f64, Error> {
    raw.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| wrong(name, "a number"))
}

fn object(name: &'static str, raw: &str) -> Result<Json, Error> {
    Json::parse(raw).filter(Json::is_object).ok_or_else(|| wrong(name, "an object"))
}

/// A whole number that is not negative, also when it is spelt `12.0`.
fn whole(name: &'static str, raw: &str) -> Result<u64, Error> {
    let wanted = "a whole number";
    let value =
        || number(name, raw).ok().filter(|value| value.fract() == 0.0 && (0.0..=u32::MAX.into()).contains(value));
    raw.parse().ok().or_else(|| value().map(|value| value as u64)).ok_or_else(|| wrong(name, wanted))
}

fn wrong(name: &'static str, wanted: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{name}' must be {wanted}.")).param(name)
}

/// A parameter that must be there and is not.
pub(in crate::wire::openai) fn missing(name: &'static str) -> Error {
    Error::new(Kind::MissingParameter, format!("Missing required parameter: '{name}'.")).param(name)
}
