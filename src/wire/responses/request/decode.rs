//! A client's request (<https://platform.openai.com/docs/api-reference/responses/create>).

use serde::de::DeserializeOwned;

use super::super::items::{self, Item};
use super::super::types::{ChosenTool, FunctionTool, ReasoningConfig, Tagged, TextConfig, TextFormat, TextOr};
use crate::error::{Error, Kind};
use crate::wire::model::{
    CacheMarker, ChatRequest, Effort, Family, Json, Message, Part, Reasoning, ResponseFormat, Role, Tool, ToolChoice,
    ToolKind,
};
use crate::wire::openai::request::{Request, is_ours};
use crate::wire::peek::ValueKind;

/// Reads a request.
///
/// # Errors
/// [`Kind::MissingParameter`] without `input`, [`Kind::InvalidParameter`] with the name of what is not as it must be.
pub fn decode_request(request: &Request) -> Result<ChatRequest, Error> {
    let mut decoder = Decoder {
        chat: ChatRequest {
            model: request.model.clone().unwrap_or_default(),
            stream: request.stream,
            include_usage: true,
            user: request.user.clone(),
            family: Some(Family::OpenAi),
            ..ChatRequest::default()
        },
        instructions: None,
        input: None,
    };
    let object = request.object();
    for member in object.members().iter().filter(|member| member.kind != ValueKind::Null) {
        let name = String::from_utf8_lossy(member.name(object.body()));
        decoder.member(&name, object.raw(member))?;
    }
    let Some(messages) = decoder.input else {
        return Err(Error::new(Kind::MissingParameter, "Missing required parameter: 'input'.").param("input"));
    };
    let instructions = decoder.instructions.map(|text| Message::text(Role::System, text));
    decoder.chat.messages = instructions.into_iter().chain(messages).collect();
    Ok(decoder.chat)
}

struct Decoder {
    chat: ChatRequest,
    instructions: Option<String>,
    input: Option<Vec<Message>>,
}

impl Decoder {
    fn member(&mut self, name: &str, raw: &[u8]) -> Result<(), Error> {
        let chat = &mut self.chat;
        match name {
            "input" => self.input = Some(input(value("input", raw)?)?),
            "instructions" => return self.instructions(raw),
            "tools" => {
                chat.tools = value::<Vec<Json>>("tools", raw)?.into_iter().map(tool).collect::<Result<_, _>>()?
            }
            "tool_choice" => return self.tool_choice(raw),
            "text" => return self.text(raw),
            "reasoning" => chat.reasoning = reasoning(value("reasoning", raw)?)?,
            "max_output_tokens" => chat.sampling.max_tokens = Some(value("max_output_tokens", raw)?),
            "temperature" => chat.sampling.temperature = Some(value("temperature", raw)?),
            "top_p" => chat.sampling.top_p = Some(value("top_p", raw)?),
            "top_k" => chat.sampling.top_k = Some(value("top_k", raw)?),
            "top_logprobs" => {
                let count: u64 = value("top_logprobs", raw)?;
                chat.sampling.top_logprobs = Some(count);
                chat.sampling.logprobs = (count > 0).then_some(true);
            }
            "parallel_tool_calls" => chat.parallel_tool_calls = Some(value("parallel_tool_calls", raw)?),
            "previous_response_id" => chat.previous_response_id = Some(value("previous_response_id", raw)?),
            "store" => chat.store = Some(value("store", raw)?),
            "service_tier" => chat.service_tier = Some(value("service_tier", raw)?),
            "user" => chat.user = Some(value("user", raw)?),
            "model" | "stream" => {}
            // Everywhere else it is the gateway's; on this route it is the provider's.
            "metadata" => return self.extra(name, raw),
            name if is_ours(name.as_bytes()) => {}
            name => return self.extra(name, raw),
        }
        Ok(())
    }

    fn extra(&mut self, name: &str, raw: &[u8]) -> Result<(), Error> {
        let json = serde_json::from_slice(raw)
            .map_err(|error| Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{name}': {error}")))?;
        self.chat.extra.push((name.to_owned(), json));
        Ok(())
    }

    /// A text; the answers of the API show the long form too, so that clients hand it back.
    fn instructions(&mut self, raw: &[u8]) -> Result<(), Error> {
        match value::<TextOr<Json>>("instructions", raw)? {
            TextOr::Text(text) if text.is_empty() => {}
            TextOr::Text(text) => self.instructions = Some(text),
            TextOr::List(list) => {
                let before = input(TextOr::List(list))?;
                let texts = before.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
                    Part::Text(text) => Some(text.text.as_str()),
                    _ => None,
                });
                self.instructions = Some(texts.collect::<Vec<_>>().join("\n"));
            }
        }
        Ok(())
    }

    fn text(&mut self, raw: &[u8]) -> Result<(), Error> {
        let TextConfig { format, verbosity } = value("text", raw)?;
        self.chat.verbosity = verbosity;
        self.chat.response_format = format.map(response_format).transpose()?;
        Ok(())
    }

    fn tool_choice(&mut self, raw: &[u8]) -> Result<(), Error> {
        let invalid = |what: &str| refusal("tool_choice", what);
        if let Ok(word) = serde_json::from_slice::<String>(raw) {
            let choice = by_word(&word).ok_or_else(|| invalid("an unknown word"))?;
            self.chat.tool_choice = Some(choice);
            return Ok(());
        }
        let chosen: ChosenTool = value("tool_choice", raw)?;
        let name = chosen.name.clone().or_else(|| chosen.function.as_ref().and_then(|function| function.name.clone()));
        self.chat.tool_choice = match (chosen.kind.as_ref(), name) {
            ("function" | "custom", Some(name)) => Some(ToolChoice::Tool(name)),
            ("function" | "tool" | "any", None) => Some(ToolChoice::Required),
            ("tool", Some(name)) => Some(ToolChoice::Tool(name)),
            ("allowed_tools", _) => Some(ToolChoice::Allowed {
                names: chosen.tools.unwrap_or_default().into_iter().filter_map(|tool| tool.name).collect(),
                required: chosen.mode.as_deref() == Some("required"),
            }),
            // A tool of the provider's own: only its family knows what that means.
            (word, _) => match by_word(word) {
                None => return self.extra("tool_choice", raw),
                choice => choice,
            },
        };
        Ok(())
    }
}

fn by_word(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// Reads a member's value.
fn value<T: DeserializeOwned>(name: &'static str, raw: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(raw).map_err(|error| refusal(name, &error.to_string()))
}

fn refusal(name: &'static str, what: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{name}': {what}.")).param(name)
}

/// What the model said, did and thought in a row is one message; so are the results that came back in a row.
fn input(input: TextOr<Json>) -> Result<Vec<Message>, Error> {
    let items = match input {
        TextOr::Text(text) => return Ok(vec![Message::text(Role::User, text)]),
        TextOr::List(items) => items,
    };
    let mut messages: Vec<Message> = Vec::new();
    let mut results_open = false;
    for item in items {
        let item = items::read(item).map_err(|what| refusal("input", &what))?;
        let of_result = matches!(item, Item::Result(_));
        let (role, parts, goes_on) = match item {
            Item::Message(role, parts) => (role, parts, false),
            Item::Assistant(parts) => (Role::Assistant, parts, true),
            Item::Result(part) => (Role::User, vec![part], results_open),
        };
        match messages.last_mut().filter(|last| goes_on && last.role == role) {
            Some(last) => last.parts.extend(parts),
            None => messages.push(Message::new(role, parts)),
        }
        results_open = of_result;
    }
    Ok(messages)
}

fn tool(json: Json) -> Result<Tool, Error> {
    let invalid = |what: String| refusal("tools", &what);
    let tag: Tagged = items::parse(&json).map_err(invalid)?;
    if tag.kind.as_deref() != Some("function") {
        return Ok(Tool { kind: ToolKind::Native { family: Family::OpenAi, value: json }, cache: None });
    }
    let tool: FunctionTool = items::parse(&json).map_err(invalid)?;
    let cache = tool.cache_control.clone().map(CacheMarker::from);
    let FunctionTool { name, description, parameters, strict, .. } = match tool.function {
        Some(function) => *function,
        None => tool,
    };
    if name.is_empty() {
        return Err(refusal("tools", "a function has no 'name'"));
    }
    Ok(Tool { kind: ToolKind::Function { name, description, parameters, strict, extra: Vec::new() }, cache })
}

fn response_format(format: TextFormat) -> Result<ResponseFormat, Error> {
    match format.kind.as_ref() {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(ResponseFormat::JsonObject),
        "json_schema" => Ok(ResponseFormat::JsonSchema {
            name: format.name,
            schema: format.schema.unwrap_or_else(Json::empty_object),
            strict: format.strict,
            description: format.description,
        }),
        other => Err(refusal("text", &format!("unknown format '{other}'"))),
    }
}

fn reasoning(config: ReasoningConfig) -> Result<Option<Reasoning>, Error> {
    let parsed =
        |word: &str| Effort::parse(word).ok_or_else(|| refusal("reasoning", &format!("unknown effort '{word}'")));
    let effort = config.effort.as_deref().map(parsed).transpose()?;
    let summary = config.summary.or(config.generate_summary);
    if effort.is_none() && summary.is_none() {
        return Ok(None);
    }
    Ok(Some(Reasoning { effort, off: effort == Some(Effort::None), summary, ..Reasoning::default() }))
}
