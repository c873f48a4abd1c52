//! A conversation for `/api/chat`
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion>).

use std::borrow::Cow;

use super::images::{Seen, seen};
use super::options::{UNSUPPORTED, format, shared};
use super::tools::offered;
use super::types::{Call, CalledFunction, Message};
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::members::Members;
use crate::wire::model::{self, ChatRequest, Family, Json, Part, Role, Thinking, ToolCall, ToolResult, refuse_or_drop};

/// The body of `POST /api/chat`.
///
/// # Errors
/// [`Kind::UnsupportedParams`] for parameters that Ollama lacks, [`Kind::InvalidParameter`] for messages that cannot be
/// said in its words.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let mut body = Members::default();
    body.put("model", &request.model);
    body.put("messages", &messages(&request)?);
    shared(&request, profile, &mut body);
    if let Some(format) = format(&request) {
        body.raw("format", &format);
    }
    body.put_list("tools", &offered(&request));
    Ok(body.finish().into_bytes())
}

fn messages(request: &ChatRequest) -> Result<Vec<Message<'_>>, Error> {
    let mut all = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        match message.role {
            // One message for each instruction: texts of one message are joined without a gap.
            Role::System | Role::Developer => {
                for part in &message.parts {
                    all.push(spoken("system", [part])?);
                }
            }
            Role::User => user(message, &mut all)?,
            Role::Assistant => all.push(spoken("assistant", &message.parts)?),
        }
    }
    Ok(all)
}

/// Results of tools as messages of their own, the rest between them as messages of the user.
fn user<'a>(message: &'a model::Message, all: &mut Vec<Message<'a>>) -> Result<(), Error> {
    let before = all.len();
    let mut rest: Vec<&Part> = Vec::new();
    for part in &message.parts {
        let Part::ToolResult(result) = part else {
            rest.push(part);
            continue;
        };
        if !rest.is_empty() {
            all.push(spoken("user", rest.drain(..))?);
        }
        all.push(tool(result)?);
    }
    if !rest.is_empty() || all.len() == before {
        all.push(spoken("user", rest)?);
    }
    Ok(())
}

/// Ollama pairs results with calls by the tool's name; some models' templates are broken without it.
fn tool(result: &ToolResult) -> Result<Message<'_>, Error> {
    // LiteLLM pairs a result with its call by id alone; the name says it where there is no id.
    let tool_name = result.name.as_deref().filter(|_| result.id.is_empty());
    Ok(Message { tool_call_id: Some(&result.id), tool_name, ..spoken("tool", &result.content)? })
}

fn spoken<'a>(role: &'static str, parts: impl IntoIterator<Item = &'a Part>) -> Result<Message<'a>, Error> {
    let mut message = Message { role, ..Message::default() };
    // What a user says in several texts is several things; an answer in several blocks is one text.
    let gap = if role == "assistant" { "" } else { "\n" };
    let mut say = |text: &'a str| match message.content.is_empty() {
        true => message.content = Cow::Borrowed(text),
        false => message.content.to_mut().extend([gap, text]),
    };
    for part in parts {
        match part {
            Part::Text(text) => say(&text.text),
            Part::Refusal(text) => say(text),
            Part::Media(media) => match seen(media)? {
                Seen::Text(text) => say(text),
                Seen::Image(data) => message.images.push(data),
            },
            Part::ToolCall(call) => {
                let function = CalledFunction { name: &call.name, arguments: arguments(call)? };
                message.tool_calls.push(Call { function });
            }
            Part::Thinking(thought) if is_readable(thought) => {
                message.thinking.get_or_insert_default().push_str(&thought.text);
            }
            Part::Thinking(_) | Part::ToolResult(_) | Part::Native { .. } => {}
        }
    }
    Ok(message)
}

/// Thoughts that may go back: Ollama's own, and those that nobody sealed.
fn is_readable(thought: &Thinking) -> bool {
    let sealed = thought.signature.is_some() || thought.sealed.is_some();
    !thought.text.is_empty() && (!sealed || thought.family == Some(Family::Ollama))
}

/// The arguments of a call as an object. The text of a custom tool becomes its `input`.
pub(super) fn arguments(call: &ToolCall) -> Result<Json, Error> {
    let of_custom = || Json::of(&serde_json::json!({ "input": call.arguments })).filter(|_| call.custom);
    call.arguments_json().or_else(of_custom).ok_or_else(|| {
        let message = format!("messages: the arguments of the call of tool '{}' are no JSON object.", call.name);
        Error::new(Kind::InvalidParameter, message).param("messages")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::model::{
        Effort, Media, MediaKind, Message, Reasoning, ResponseFormat, Sampling, Source, Tool, ToolChoice, ToolKind,
    };

    const PROFILE: Profile<'static> =
        Profile { provider: "ollama_chat", drop_params: false, modify_params: false, base_model: "llama3.2" };

    fn encoded(request: ChatRequest) -> Value {
        serde_json::from_slice(&encode_request(request, &PROFILE).unwrap()).unwrap()
    }

    fn request(messages: Vec<Message>) -> ChatRequest {
        ChatRequest { model: "llama3.2".into(), messages, ..ChatRequest::default() }
    }

    fn call(id: &str, arguments: &str) -> Part {
        let name = "get_tool".to_owned();
        Part::ToolCall(ToolCall { id: id.into(), name, arguments: arguments.into(), ..ToolCall::default() })
    }

    fn result(id: &str, text: &str) -> Part {
        let content = vec![Part::text(text)];
        Part::ToolResult(ToolResult { id: id.into(), content, ..ToolResult::default() })
    }

    fn image(source: Source) -> Part {
        let kind = MediaKind::Image;
        let (media_type, name, detail, cache, extra) = (None, None, None, None, None);
        Part::Media(Media { kind, source, media_type, name, detail, cache, extra })
    }

    fn tool(name: &str) -> Tool {
        let kind = ToolKind::Function {
            name: name.into(),
            description: Some("d".into()),
            parameters: Json::parse(r#"{"type": "object"}"#),
            strict: Some(true),
            extra: Vec::new(),
        };
        Tool { kind, cache: None }
    }

    #[test]
    fn a_conversation_with_tools() {
        let thought = Thinking { text: "hm".into(), family: Some(Family::OpenAi), ..Thinking::default() };
        let sealed = Thinking { signature: Some("s".into()), family: Some(Family::Anthropic), ..thought.clone() };
        let parts =
            vec![Part::Thinking(thought), Part::Thinking(sealed), call("call_1", r#"{"x": 1}"#), call("call_2", "")];
        let mut asked = request(vec![
            Message::text(Role::Developer, "sys"),
            Message::new(Role::User, vec![Part::text("look"), image(Source::Base64("iVBO".into()))]),
            Message::new(Role::Assistant, parts),
            Message::new(Role::User, vec![result("call_1", "res1"), result("call_2", "res2"), Part::text("again")]),
        ]);
        asked.tools = vec![tool("get_tool")];
        asked.tool_choice = Some(ToolChoice::Auto);
        let function = |arguments| json!({"function": {"name": "get_tool", "arguments": arguments}});
        let tool_message = |content, id| {
            json!({
                "role": "tool", "content": content, "images": [], "tool_call_id": id,
            })
        };
        assert_eq!(
            encoded(asked.clone()),
            json!({
                "model": "llama3.2",
                "messages": [
                    {"role": "system", "content": "sys", "images": []},
                    {"role": "user", "content": "look", "images": ["iVBO"]},
                    {"role": "assistant", "content": "", "images": [], "thinking": "hm",
                        "tool_calls": [function(json!({"x": 1})), function(json!({}))]},
                    tool_message("res1", "call_1"),
                    tool_message("res2", "call_2"),
                    {"role": "user", "content": "again", "images": []},
                ],
                "options": {},
                "stream": false,
                "tools": [{"type": "function", "function": {
                    "name": "get_tool", "description": "d", "parameters": {"type": "object"}, "strict": true,
                }}],
            })
        );
        asked.tool_choice = Some(ToolChoice::None);
        assert_eq!(encoded(asked).get("tools"), None);
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_name() {
        let refused = |part| {
            let error = encode_request(request(vec![Message::new(Role::User, vec![part])]), &PROFILE).unwrap_err();
            assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("messages")));
            error.message
        };
        assert!(refused(image(Source::Url("https://x/y.png".into()))).contains("not by URL"));
        refused(image(Source::FileId("f".into())));
        refused(call("1", "{"));
        let data = encoded(request(vec![Message::new(
            Role::User,
            vec![image(Source::Url("data:image/png;base64,AA".into()))],
        )]));
        assert_eq!(data["messages"][0]["images"], json!(["AA"]));
        let mut lacking = request(Vec::new());
        lacking.sampling.n = Some(2);
        let error = encode_request(lacking, &PROFILE).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::UnsupportedParams, Some("n")));
    }

    #[test]
    fn every_parameter_has_ollamas_name() {
        let json = |text: &str| Json::parse(text).unwrap();
        let asked = ChatRequest {
            sampling: Sampling {
                max_tokens: Some(5),
                temperature: Some(0.5),
                top_k: Some(3),
                seed: Some(7),
                frequency_penalty: Some(0.25),
                stop: vec!["x".into()],
                logprobs: Some(true),
                top_logprobs: Some(2),
                ..Sampling::default()
            },
            response_format: Some(ResponseFormat::JsonSchema {
                name: None,
                schema: json(r#"{"type":"object"}"#),
                strict: None,
                description: None,
            }),
            stream: true,
            extra: vec![
                ("num_ctx".into(), json("512")),
                ("keep_alive".into(), json("\"5m\"")),
                ("options".into(), json(r#"{"num_ctx":1,"mirostat":2}"#)),
                ("store".into(), json("true")),
            ],
            ..request(Vec::new())
        };
        assert_eq!(
            encoded(asked),
            json!({
                "model": "llama3.2", "messages": [], "stream": true, "format": {"type": "object"}, "keep_alive": "5m",
                "logprobs": true, "top_logprobs": 2,
                "options": {
                    "num_predict": 5, "temperature": 0.5, "top_k": 3, "seed": 7, "frequency_penalty": 0.25,
                    "stop": ["x"], "num_ctx": 512, "mirostat": 2,
                },
            })
        );
    }

    #[test]
    fn thinking_is_a_switch_or_a_level() {
        let check = |base_model, effort: Effort, expected: Value| {
            let reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
            let asked = ChatRequest { reasoning, ..request(Vec::new()) };
            let body = encode_request(asked, &Profile { base_model, ..PROFILE }).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["think"], expected, "{base_model} {effort:?}");
        };
        check("qwen3", Effort::High, json!(true));
        check("qwen3", Effort::Low, json!(true));
        check("qwen3", Effort::Minimal, json!(false));
        check("qwen3", Effort::None, json!(false));
        check("gpt-oss:20b", Effort::Minimal, json!("low"));
        check("gpt-oss:20b", Effort::Medium, json!("medium"));
        check("gpt-oss:20b", Effort::Max, json!("high"));
        check("gpt-oss:20b", Effort::None, json!(false));
        assert_eq!(encoded(request(Vec::new())).get("think"), None);
        let format = Some(ResponseFormat::JsonObject);
        assert_eq!(encoded(ChatRequest { response_format: format, ..request(Vec::new()) })["format"], "json");
    }
}
