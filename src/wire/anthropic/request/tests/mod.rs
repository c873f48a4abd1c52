//! Requests against recordings of LiteLLM, and round trips.

mod decode;
mod encode;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::{Error, Kind};
use crate::wire::anthropic::Hosting;
use crate::wire::codec::Profile;
use crate::wire::model::{
    CacheMarker, ChatRequest, Effort, Family, Json, Media, MediaKind, Message, Part, Reasoning, ResponseFormat, Role,
    Source, Text, Thinking, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
};
use crate::wire::openai::request::Request;

fn profile(base_model: &str) -> Profile<'_> {
    Profile { provider: "anthropic", drop_params: false, modify_params: false, base_model }
}

const SONNET_4: &str = "claude-sonnet-4-20250514";

fn encoded(request: ChatRequest, model: &str) -> Result<Value, Error> {
    let request = ChatRequest { model: model.to_owned(), ..request };
    let body = encode_request(request, &profile(model), Hosting::Own)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn decoded(body: &Value) -> Result<ChatRequest, Error> {
    decode_request(&Request::parse(Bytes::from(body.to_string())).unwrap())
}

fn parameters(json: &str) -> Option<Json> {
    Json::parse(json)
}

fn function(name: &str) -> Tool {
    let schema = r#"{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}"#;
    let kind = ToolKind::Function {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        parameters: parameters(schema),
        strict: Some(true),
        extra: Vec::new(),
    };
    Tool { kind, cache: None }
}

fn call(id: &str, arguments: &str) -> Part {
    let call = ToolCall { id: id.into(), name: "get_tool".into(), arguments: arguments.into(), ..ToolCall::default() };
    Part::ToolCall(call)
}

fn result(id: &str, text: &str) -> Message {
    let result = ToolResult { id: id.into(), content: vec![Part::text(text)], ..ToolResult::default() };
    Message::new(Role::User, vec![Part::ToolResult(result)])
}

fn said(text: &str) -> ChatRequest {
    ChatRequest { messages: vec![Message::text(Role::User, text)], ..ChatRequest::default() }
}
