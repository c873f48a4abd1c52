//! Recorded calls of LiteLLM with an OpenAI client and Claude behind: what the client said, and what it got.

use serde_json::{Map, Value, json};

use super::*;
use crate::wire::codec::StreamEncoder;
use crate::wire::model::{
    Choice, Delta, Finish, FinishReason, Media, MediaKind, Message, Part, Reply, ResponseFormat, Role, Source,
    StreamEvent, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
};
use crate::wire::usage::Usage;

const SCHEMA: &str = r#"{"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}"#;

fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        model: "claude".into(),
        messages,
        family: Some(crate::wire::model::Family::OpenAi),
        ..ChatRequest::default()
    }
}

#[test]
fn basic_stream_and_schema() {
    let hi = || request(vec![Message::text(Role::User, "hi")]);
    let check = |rest: &str, expected: ChatRequest| {
        let body = format!(r#"{{"model": "claude", "messages": [{{"role": "user", "content": "hi"}}]{rest}}}"#);
        assert_eq!(decode(&body).unwrap(), expected, "{rest}");
    };
    check("", hi());
    check(r#", "stream": true"#, ChatRequest { stream: true, ..hi() });
    check(
        r#", "stream": true, "stream_options": {"include_usage": true}"#,
        ChatRequest { stream: true, include_usage: true, ..hi() },
    );
    let format = ResponseFormat::JsonSchema {
        name: Some("s".into()),
        schema: raw(SCHEMA),
        strict: Some(true),
        description: None,
    };
    let said = format!(
        r#", "response_format": {{"type": "json_schema", "json_schema": {{"name": "s", "strict": true, "schema": {SCHEMA}}}}}"#
    );
    check(&said, ChatRequest { response_format: Some(format), ..hi() });
}

#[test]
fn tools_conv() {
    let body = format!(
        r#"{{"model": "claude", "messages": [{{"role": "system", "content": "sys A"}}, {{"role": "system", "content": "sys B"}},
            {{"role": "user", "content": "use tool"}}, {{"role": "assistant", "content": null, "tool_calls": [
            {{"id": "call_1", "type": "function", "function": {{"name": "get_tool", "arguments": "{{\"x\": 1}}"}}}},
            {{"id": "call_2", "type": "function", "function": {{"name": "get_tool", "arguments": "{{\"x\": 2}}"}}}}]}},
            {{"role": "tool", "tool_call_id": "call_1", "content": "res1"}},
            {{"role": "tool", "tool_call_id": "call_2", "content": "res2"}},
            {{"role": "user", "content": "now a tool again"}}],
            "tools": [{{"type": "function", "function": {{"name": "get_tool", "description": "d", "parameters": {SCHEMA},
            "strict": true}}}}], "tool_choice": "auto"}}"#
    );
    let call = |id: &str, arguments: &str| {
        let call =
            ToolCall { id: id.into(), name: "get_tool".into(), arguments: arguments.into(), ..Default::default() };
        Part::ToolCall(call)
    };
    let result = |id: &str, text: &str| {
        let result = ToolResult { id: id.into(), content: vec![Part::text(text)], ..ToolResult::default() };
        Message::new(Role::User, vec![Part::ToolResult(result)])
    };
    let kind = ToolKind::Function {
        name: "get_tool".into(),
        description: Some("d".into()),
        parameters: Some(raw(SCHEMA)),
        strict: Some(true),
        extra: Vec::new(),
    };
    let messages = vec![
        Message::text(Role::System, "sys A"),
        Message::text(Role::System, "sys B"),
        Message::text(Role::User, "use tool"),
        Message::new(Role::Assistant, vec![call("call_1", "{\"x\": 1}"), call("call_2", "{\"x\": 2}")]),
        result("call_1", "res1"),
        result("call_2", "res2"),
        Message::text(Role::User, "now a tool again"),
    ];
    let expected = ChatRequest {
        tools: vec![Tool { kind, cache: None }],
        tool_choice: Some(ToolChoice::Auto),
        ..request(messages)
    };
    assert_eq!(decode(&body).unwrap(), expected);
}

#[test]
fn image() {
    let body = r#"{"model": "claude", "messages": [{"role": "user", "content": [{"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0=", "detail": "low"}}]}]}"#;
    let image = Media {
        kind: MediaKind::Image,
        source: Source::Base64("iVBORw0=".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: Some("low".into()),
        cache: None,
        extra: None,
    };
    let parts = vec![Part::text("look"), Part::Media(image)];
    assert_eq!(decode(body).unwrap(), request(vec![Message::new(Role::User, parts)]));
}

fn usage() -> Usage {
    Usage {
        cached_tokens: Some(4),
        cache_creation_tokens: Some(3),
        reasoning_tokens: Some(0),
        prompt_text_tokens: Some(11),
        completion_text_tokens: Some(7),
        tells_cache_reads: true,
        ..Usage::of_tokens(18, 7)
    }
}

fn usage_json() -> Value {
    json!({"completion_tokens": 7, "prompt_tokens": 18, "total_tokens": 25,
        "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 7},
        "prompt_tokens_details":
            {"cache_write_tokens": 3, "cached_tokens": 4, "text_tokens": 11, "cache_creation_tokens": 3},
        "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4})
}

#[test]
fn a_reply_of_words_and_a_call() {
    let call = ToolCall {
        id: "toolu_mock".into(),
        name: "get_tool".into(),
        arguments: "{\"x\": 1}".into(),
        index: Some(1),
        ..ToolCall::default()
    };
    let choice = Choice {
        parts: vec![Part::text("calling"), Part::ToolCall(call)],
        finish: Finish { reason: FinishReason::ToolCalls, native: Some("tool_use".into()), stop_sequence: None },
        ..Choice::default()
    };
    let reply = Reply {
        choices: vec![choice],
        usage: Some(usage()),
        service_tier: Some("standard".into()),
        ..Reply::default()
    };
    let mut expected_usage = usage_json();
    expected_usage["service_tier"] = "standard".into();
    let expected = json!({
        "id": "chatcmpl-00000000-0000-0000-0000-000000000001", "created": 1, "model": "claude",
        "object": "chat.completion",
        "choices": [{"finish_reason": "tool_calls", "index": 0, "message": {"content": "calling", "role": "assistant",
            "tool_calls": [{"index": 1, "function": {"arguments": "{\"x\": 1}", "name": "get_tool"}, "id": "toolu_mock",
                "type": "function"}]}}],
        "usage": expected_usage,
    });
    let got: Value = serde_json::from_slice(&encode_reply(reply, &stamp())).unwrap();
    assert_eq!(got, expected);
}

#[test]
fn a_reply_of_gemini() {
    let finish = Finish { native: Some("STOP".into()), ..Finish::default() };
    let mut extra = Map::new();
    extra.insert("vertex_ai_grounding_metadata".into(), json!([]));
    let choice = Choice { parts: vec![Part::text("Hello")], finish, ..Choice::default() };
    let reply = Reply { id: Some("g1".into()), choices: vec![choice], extra, ..Reply::default() };
    let expected = json!({"id": "g1", "created": 1, "model": "claude", "object": "chat.completion",
        "choices": [{"finish_reason": "stop", "index": 0, "message": {"content": "Hello", "role": "assistant"},
            "provider_specific_fields": {"native_finish_reason": "STOP"}}],
        "vertex_ai_grounding_metadata": []});
    let got: Value = serde_json::from_slice(&encode_reply(reply, &stamp())).unwrap();
    assert_eq!(got, expected);
}

/// What a client gets for these events, `data:` taken off, and each chunk's head, which must be the same.
fn chunks(stamp: Stamp, events: Vec<StreamEvent>) -> Vec<Value> {
    let (mut encoder, mut out) = (Encoder::new(stamp), Vec::new());
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    encoder.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap();
    let head = json!({"id": "chatcmpl-00000000-0000-0000-0000-000000000001", "object": "chat.completion.chunk",
        "created": 1, "model": "claude"});
    let read = |event: &str| {
        let mut chunk: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        for (name, value) in head.as_object().unwrap() {
            assert_eq!(chunk.as_object_mut().unwrap().remove(name).as_ref(), Some(value), "{event}");
        }
        chunk
    };
    text.split_terminator("\n\n").map(read).collect()
}

fn of_choice(choice: Value) -> Value {
    json!({"choices": [choice]})
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn start() -> StreamEvent {
    StreamEvent::Start { id: None, model: Some("claude-sonnet-4".into()), created: None, extra: Map::new() }
}

#[test]
fn stream_and_stream_usage() {
    let events = || {
        let words = ["Hello", " from", " mock"].map(|word| delta(Delta::Text(word.into())));
        let end = [
            StreamEvent::PartEnd { choice: 0 },
            StreamEvent::Usage(Usage::of_tokens(1, 1)),
            StreamEvent::Finish { choice: 0, finish: Finish::default() },
            StreamEvent::Usage(usage()),
            StreamEvent::End,
        ];
        [start()].into_iter().chain(words).chain(end).collect::<Vec<_>>()
    };
    let mut expected = vec![
        of_choice(json!({"index": 0, "delta": {"role": "assistant", "content": "Hello"}})),
        of_choice(json!({"index": 0, "delta": {"content": " from"}})),
        of_choice(json!({"index": 0, "delta": {"content": " mock"}})),
        of_choice(json!({"index": 0, "delta": {}, "finish_reason": "stop"})),
    ];
    assert_eq!(chunks(stamp(), events()), expected);
    expected.push(json!({"choices": [], "usage": usage_json()}));
    assert_eq!(chunks(Stamp { include_usage: true, ..stamp() }, events()), expected);
}

#[test]
fn tools_conv_stream() {
    let arguments = |text: &str| delta(Delta::Arguments { index: 0, text: text.into() });
    let call =
        Delta::ToolCall { index: 0, id: "toolu_mock".into(), name: "get_tool".into(), signature: None, custom: false };
    let finish = Finish { reason: FinishReason::ToolCalls, ..Finish::default() };
    let events = vec![
        start(),
        delta(Delta::Text("calling".into())),
        StreamEvent::PartEnd { choice: 0 },
        delta(call),
        arguments(""),
        arguments("{\"x\":"),
        arguments(" 1}"),
        StreamEvent::PartEnd { choice: 0 },
        StreamEvent::Finish { choice: 0, finish },
    ];
    let piece = |text: &str| {
        of_choice(json!({"index": 0, "delta": {"content": "",
            "tool_calls": [{"function": {"arguments": text}, "type": "function", "index": 0}]}}))
    };
    let expected = vec![
        of_choice(json!({"index": 0, "delta": {"role": "assistant", "content": "calling"}})),
        of_choice(json!({"index": 0, "delta": {"content": "", "tool_calls": [
            {"id": "toolu_mock", "function": {"arguments": "", "name": "get_tool"}, "type": "function", "index": 0}]}})),
        piece(""),
        piece("{\"x\":"),
        piece(" 1}"),
        of_choice(json!({"index": 0, "delta": {}, "finish_reason": "tool_calls"})),
    ];
    assert_eq!(chunks(stamp(), events), expected);
}

#[test]
fn other_dialects_to_openai() {
    let sys = || vec![Message::text(Role::System, "sys"), Message::text(Role::User, "hi")];
    let of = |messages: Vec<Message>, max_tokens: u64, stream: bool| {
        let mut request = ChatRequest { model: "m".into(), messages, stream, ..ChatRequest::default() };
        request.sampling.max_tokens = Some(max_tokens);
        encode(request, "azure")
    };
    let system = json!({"role": "system", "content": "sys"});
    let hi = json!({"role": "user", "content": "hi"});
    assert_eq!(of(sys(), 100, false), json!({"messages": [system, hi], "model": "m", "max_tokens": 100}));
    let streamed = json!({"messages": [hi], "model": "m", "max_tokens": 100, "stream": true,
        "stream_options": {"include_usage": true}});
    assert_eq!(of(vec![Message::text(Role::User, "hi")], 100, true), streamed);
}
