//! The body for whoever hosts Claude.

use serde_json::{Map, Number, Value, json};

use super::messages::conversation;
use super::thinking::Plan;
use super::tools;
use crate::error::{Error, Kind};
use crate::wire::anthropic::models::Model;
use crate::wire::anthropic::types::{MessagesRequest, Metadata};
use crate::wire::anthropic::{Hosting, betas, schema};
use crate::wire::codec::Profile;
use crate::wire::model::{ChatRequest, Family, Json, Param, ResponseFormat, refuse_or_drop};

/// What no Claude has.
const UNSUPPORTED: [Param; 9] = [
    Param::Seed,
    Param::N,
    Param::PresencePenalty,
    Param::FrequencyPenalty,
    Param::LogitBias,
    Param::Logprobs,
    Param::TopLogprobs,
    Param::MinP,
    Param::Modalities,
];

/// Members that clients of other dialects may say under Anthropic's name.
const KNOWN_EXTRA: [&str; 6] =
    ["mcp_servers", "container", "context_management", "cache_control", "speed", "inference_geo"];

/// Members that are written from fields: never a second time from `extra`.
const OWN: [&str; 17] = [
    "anthropic_version",
    "anthropic_beta",
    "model",
    "messages",
    "system",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "service_tier",
    "stream",
];

/// Writes a request for Claude, wherever it is hosted.
///
/// # Errors
/// [`Kind::UnsupportedParams`] for what this Claude lacks, unless it may be dropped; [`Kind::InvalidParameter`] for a
/// message that cannot be said in this dialect.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>, hosting: Hosting) -> Result<Vec<u8>, Error> {
    let model = Model::named(profile.base_model);
    drop_unsupported(&mut request, model, profile)?;
    let plan = Plan::of(&request, model, profile.modify_params);
    let json_tool = tools::uses_json_tool(&request, profile, hosting);
    let (tool_entries, tool_choice) = tools::tools(&request, json_tool, plan.thinks());
    let said = conversation(&request, profile)?;
    let sampling = &request.sampling;
    let blank = |stop: &&String| profile.drop_params && stop.trim().is_empty();
    let body = MessagesRequest {
        anthropic_version: hosting.version(),
        anthropic_beta: if hosting == Hosting::BedrockInvoke { betas(&request) } else { Vec::new() },
        model: (hosting == Hosting::Own).then_some(request.model.as_str()),
        messages: said.turns,
        system: said.system,
        max_tokens: plan.max_tokens,
        temperature: sampling.temperature.filter(|value| plan.allows_temperature(*value)).and_then(number),
        top_p: sampling.top_p.filter(|value| plan.allows_top_p(*value)).and_then(number),
        top_k: sampling.top_k.filter(|_| !plan.thinks()),
        stop_sequences: sampling.stop.iter().filter(|stop| !blank(stop)).map(String::as_str).collect(),
        tools: tool_entries,
        tool_choice,
        output_config: output_config(&request, plan.effort, tools::has_native_schema(model, hosting)),
        thinking: plan.thinking,
        metadata: request
            .user
            .as_deref()
            .filter(|user| is_anonymous(user))
            .map(|user| Metadata { user_id: Some(user.into()) }),
        service_tier: request.service_tier.as_deref().and_then(service_tier),
        stream: (request.stream && hosting != Hosting::BedrockInvoke).then_some(true),
    };
    let internal = |error: serde_json::Error| Error::new(Kind::Internal, "Internal error").detail(error.to_string());
    let mut json = serde_json::to_vec(&body).map_err(internal)?;
    let own = request.family == Some(Family::Anthropic);
    let goes = |name: &str| !OWN.contains(&name) && (own || KNOWN_EXTRA.contains(&name));
    let extra: Vec<(String, Json)> =
        request.extra.iter().filter(|(name, _)| goes(name)).filter_map(in_our_words).collect();
    tools::append(&mut json, extra.iter().map(|(name, value)| (name.as_str(), value)));
    Ok(json)
}

fn drop_unsupported(request: &mut ChatRequest, model: Model, profile: &Profile<'_>) -> Result<(), Error> {
    let mut lacking = UNSUPPORTED.to_vec();
    if !model.thinks() {
        lacking.push(Param::ReasoningEffort);
    }
    if model.is_adaptive_only() {
        // The default may be said; anything else is refused.
        request.sampling.temperature = request.sampling.temperature.filter(|value| *value != 1.0);
        request.sampling.top_p = request.sampling.top_p.filter(|value| *value != 1.0);
        lacking.extend([Param::Temperature, Param::TopP, Param::TopK]);
    }
    refuse_or_drop(request, &lacking, profile.drop_params, profile.provider)
}

/// `1` and not `1.0`, where a client said so.
fn number(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() < 1e9 { Some(Number::from(value as i64)) } else { Number::from_f64(value) }
}

/// Effort and format, and what a client said besides under this name.
fn output_config(request: &ChatRequest, effort: Option<&'static str>, native: bool) -> Map<String, Value> {
    let said = request.extra("output_config").map(Json::value);
    let mut config = match said {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    if let Some(effort) = effort {
        config.entry("effort").or_insert_with(|| effort.into());
    }
    if let (true, Some(ResponseFormat::JsonSchema { schema, .. })) = (native, &request.response_format) {
        let schema = if request.family == Some(Family::Anthropic) {
            schema.value()
        } else {
            schema::for_structured_output(schema.value())
        };
        config.entry("format").or_insert_with(|| json!({"type": "json_schema", "schema": schema}));
    }
    config
}

/// OpenAI's tiers in Anthropic's words.
fn service_tier(tier: &str) -> Option<&'static str> {
    match tier {
        "auto" | "priority" => Some("auto"),
        "standard_only" | "default" => Some("standard_only"),
        _ => None,
    }
}

/// OpenAI's list of `context_management` as Anthropic's object; all else as it is. `None`: it cannot be said.
fn in_our_words((name, value): &(String, Json)) -> Option<(String, Json)> {
    if name != "context_management" || value.is_object() {
        return Some((name.clone(), value.clone()));
    }
    let entries: Vec<Map<String, Value>> = serde_json::from_str(value.text()).ok()?;
    let edits: Vec<Value> = entries.into_iter().filter_map(compaction).collect();
    if edits.is_empty() {
        return None;
    }
    Some((name.clone(), Json::of(&json!({"edits": edits}))?))
}

fn compaction(mut entry: Map<String, Value>) -> Option<Value> {
    entry.remove("type").filter(|kind| kind == "compaction")?;
    let threshold = entry.remove("compact_threshold");
    let mut edit = Map::new();
    edit.insert("type".to_owned(), "compact_20260112".into());
    if let Some(tokens) = threshold.filter(Value::is_number) {
        edit.insert("trigger".to_owned(), json!({"type": "input_tokens", "value": tokens}));
    }
    edit.extend(entry);
    Some(edit.into())
}

/// Anthropic refuses a user id that looks like an e-mail address or a telephone number.
fn is_anonymous(user: &str) -> bool {
    let is_email = user.split_once('@').is_some_and(|(name, host)| {
        let known = |character: char| character.is_ascii_alphanumeric() || "._%+-".contains(character);
        let ending = host.rsplit_once('.').map_or("", |(_, ending)| ending);
        let named = !name.is_empty() && name.chars().all(known);
        named && ending.len() >= 2 && ending.chars().all(|character| character.is_ascii_alphabetic())
    });
    let digits = user.strip_prefix('+').unwrap_or(user);
    let dialled =
        |character: char| character.is_ascii_digit() || character.is_whitespace() || "()-".contains(character);
    let is_phone = digits.chars().count() >= 7 && digits.chars().all(dialled);
    !is_email && !is_phone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_not_named() {
        for (user, anonymous) in [
            ("user-123", true),
            ("a@b", true),
            ("ann@example.com", false),
            ("+49 (170) 1234567", false),
            ("123456", true),
            ("1234567", false),
            ("", true),
        ] {
            assert_eq!(is_anonymous(user), anonymous, "{user}");
        }
    }

    #[test]
    fn compaction_has_two_spellings() {
        let openai = Json::parse(r#"[{"type":"compaction","compact_threshold":9},{"type":"x"}]"#).unwrap();
        let (_, ours) = in_our_words(&("context_management".to_owned(), openai)).unwrap();
        let expected = json!({"edits": [
            {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 9}}]});
        assert_eq!(ours.value(), expected);
    }
}
