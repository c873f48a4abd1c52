//! A client's `/v1/messages` body, member by member.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts;
use crate::error::{Error, Kind};
use crate::wire::anthropic::types::{Choice, Content, Metadata, OutputFormat, ThinkingConfig, ToolDefinition, Turn};
use crate::wire::model::{
    ChatRequest, Effort, Family, Json, Message, Part, Reasoning, ResponseFormat, Role, Tool, ToolChoice, ToolKind,
};
use crate::wire::openai::request::{Request, is_ours};
use crate::wire::peek::ValueKind;

/// Claude Code's note to Anthropic's billing: no instruction, and another one in each version, so that it would spoil
/// every other provider's prompt cache. LiteLLM leaves it out too.
const BILLING_NOTE: &str = "x-anthropic-billing-header:";

/// Reads the body of `/v1/messages`.
///
/// # Errors
/// [`Kind::MissingParameter`] in Anthropic's words without `messages` or `max_tokens`; [`Kind::InvalidParameter`] for a
/// member that is not what the Messages API says.
pub fn decode_request(request: &Request) -> Result<ChatRequest, Error> {
    decode(request, &["max_tokens", "messages"])
}

/// Reads the body of `/v1/messages/count_tokens`, which asks for no answer and so for no length.
///
/// # Errors
/// As [`decode_request`].
pub fn decode_count_request(request: &Request) -> Result<ChatRequest, Error> {
    decode(request, &["messages"])
}

fn decode(request: &Request, required: &[&'static str]) -> Result<ChatRequest, Error> {
    let object = request.object();
    let mut chat = ChatRequest {
        model: request.model.clone().unwrap_or_default(),
        stream: request.stream,
        include_usage: true,
        family: Some(Family::Anthropic),
        ..ChatRequest::default()
    };
    let said = |name: &str| object.get(name).is_some_and(|member| member.kind != ValueKind::Null);
    if let Some(name) = required.iter().copied().find(|name| !said(name)) {
        return Err(Error::new(Kind::MissingParameter, format!("{name}: Field required")).param(name));
    }
    let mut system = Vec::new();
    for member in object.members().iter().filter(|member| member.kind != ValueKind::Null) {
        let raw = object.raw(member);
        let whole = |name: &'static str| object.as_u64(name).ok_or_else(|| wrong(name));
        match member.name(request.body()) {
            b"model" | b"stream" => {}
            b"messages" => chat.messages = messages(raw)?,
            b"max_tokens" => chat.sampling.max_tokens = Some(whole("max_tokens")?),
            b"system" => system = instructions(raw)?,
            b"temperature" => chat.sampling.temperature = Some(parse("temperature", raw)?),
            b"top_p" => chat.sampling.top_p = Some(parse("top_p", raw)?),
            b"top_k" => chat.sampling.top_k = Some(whole("top_k")?),
            b"stop_sequences" => chat.sampling.stop = parse("stop_sequences", raw)?,
            b"service_tier" => chat.service_tier = Some(parse("service_tier", raw)?),
            b"metadata" => {
                chat.user = parse::<Metadata<'_>>("metadata", raw)?.user_id.map(Cow::into_owned);
            }
            b"tools" => chat.tools = tools(raw)?,
            b"tool_choice" => tool_choice(raw, &mut chat)?,
            b"thinking" => thinking(raw, chat.reasoning.get_or_insert_default())?,
            b"output_config" => output_config(raw, &mut chat)?,
            b"output_format" => chat.response_format = output_format(parse("output_format", raw)?),
            name if is_ours(name) => {}
            name => chat.extra.push((String::from_utf8_lossy(name).into_owned(), parse("request body", raw)?)),
        }
    }
    if !system.is_empty() {
        chat.messages.insert(0, Message::new(Role::System, system));
    }
    Ok(chat)
}

pub fn wrong(name: &'static str) -> Error {
    Error::new(Kind::InvalidParameter, format!("{name}: Input should be a valid value")).param(name)
}

fn parse<'de, T: Deserialize<'de>>(name: &'static str, raw: &'de [u8]) -> Result<T, Error> {
    // What a parser says may quote the prompt: it is for the log only.
    serde_json::from_slice(raw).map_err(|error| wrong(name).detail(error.to_string()))
}

fn instructions(raw: &[u8]) -> Result<Vec<Part>, Error> {
    let mut parts = parts::content(parse::<&RawValue>("system", raw)?, "system")?;
    parts.retain(
        |part| !matches!(part, Part::Text(text) if text.text.starts_with(BILLING_NOTE) || text.text.is_empty()),
    );
    Ok(parts)
}

fn messages(raw: &[u8]) -> Result<Vec<Message>, Error> {
    let turns: Vec<Turn<'_>> = parse("messages", raw)?;
    turns.iter().map(message).collect()
}

fn message(turn: &Turn<'_>) -> Result<Message, Error> {
    let role = match turn.role.as_ref() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => {
            let message = "messages: Input should be 'user' or 'assistant'";
            return Err(Error::new(Kind::InvalidParameter, message).param("messages"));
        }
    };
    let Content::Raw(content) = turn.content else { return Err(wrong("messages")) };
    Ok(Message::new(role, parts::content(content, "messages")?))
}

fn tools(raw: &[u8]) -> Result<Vec<Tool>, Error> {
    let tools: Vec<&RawValue> = parse("tools", raw)?;
    tools.into_iter().map(tool).collect()
}

fn tool(raw: &RawValue) -> Result<Tool, Error> {
    let definition: ToolDefinition<'_> = parse("tools", raw.get().as_bytes())?;
    let cache = definition.cache_control.as_ref().map(|control| control.marker());
    let json = || Json::parse(raw.get()).ok_or_else(|| wrong("tools"));
    if definition.kind.as_deref().is_some_and(|kind| kind != "custom") {
        return Ok(Tool { kind: ToolKind::Native { family: Family::Anthropic, value: json()? }, cache });
    }
    let name = definition
        .name
        .ok_or_else(|| Error::new(Kind::InvalidParameter, "tools: name: Field required").param("tools"))?;
    let kind = ToolKind::Function {
        name: name.into_owned(),
        description: definition.description.map(Cow::into_owned),
        parameters: definition.input_schema.map(Cow::into_owned),
        strict: definition.strict,
        extra: further_members(raw)?,
    };
    Ok(Tool { kind, cache })
}

/// The members of a definition that the model has no field for.
fn further_members(raw: &RawValue) -> Result<Vec<(String, Json)>, Error> {
    const FIELDS: [&str; 6] = ["type", "name", "description", "input_schema", "strict", "cache_control"];
    let all: parts::Members = parse("tools", raw.get().as_bytes())?;
    Ok(all.0.into_iter().filter(|(name, _)| !FIELDS.contains(&name.as_str())).collect())
}

fn tool_choice(raw: &[u8], chat: &mut ChatRequest) -> Result<(), Error> {
    let choice: Choice<'_> = parse("tool_choice", raw)?;
    chat.tool_choice = Some(match (choice.kind.as_ref(), choice.name) {
        ("auto", _) => ToolChoice::Auto,
        ("any", _) => ToolChoice::Required,
        ("none", _) => ToolChoice::None,
        ("tool", Some(name)) => ToolChoice::Tool(name.into_owned()),
        _ => return Err(wrong("tool_choice")),
    });
    chat.parallel_tool_calls = choice.disable_parallel_tool_use.map(|disabled| !disabled);
    Ok(())
}

fn thinking(raw: &[u8], reasoning: &mut Reasoning) -> Result<(), Error> {
    let config: ThinkingConfig<'_> = parse("thinking", raw)?;
    match config.kind.as_ref() {
        "enabled" => reasoning.budget_tokens = config.budget_tokens,
        "adaptive" => reasoning.adaptive = true,
        "disabled" => reasoning.off = true,
        "between_tools" => {}
        _ => return Err(wrong("thinking")),
    }
    reasoning.include = config.display.map(|display| display != "omitted");
    Ok(())
}

/// Effort and format have fields; the rest stays Anthropic's.
fn output_config(raw: &[u8], chat: &mut ChatRequest) -> Result<(), Error> {
    let members: parts::Members = parse("output_config", raw)?;
    let mut rest = serde_json::Map::new();
    for (name, value) in members.0 {
        match name.as_str() {
            "effort" => {
                let effort = value.value().as_str().and_then(Effort::parse);
                chat.reasoning.get_or_insert_default().effort = Some(effort.ok_or_else(|| wrong("output_config"))?);
            }
            "format" => chat.response_format = output_format(parse("output_config", value.text().as_bytes())?),
            _ => {
                rest.insert(name, value.value());
            }
        }
    }
    if !rest.is_empty() {
        chat.extra.extend(Json::of(&rest).map(|json| ("output_config".to_owned(), json)));
    }
    Ok(())
}

fn output_format(format: Option<OutputFormat<'_>>) -> Option<ResponseFormat> {
    let schema = format.filter(|format| format.kind == "json_schema")?.schema?.into_owned();
    Some(ResponseFormat::JsonSchema { name: None, schema, strict: None, description: None })
}
