//! Streams in both directions.

use serde_json::{Map, Value, json};

use super::super::reply::encode_reply;
use super::super::stream::{Decoder, Encoder};
use super::stamp;
use crate::error::{Compat, Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder, StreamEncoder};
use crate::wire::model::{
    Choice, Delta, Family, Finish, FinishReason, Json, Part, Reply, StreamEvent, Text, Thinking, ToolCall,
};
use crate::wire::usage::Usage;

/// All events of a stream that comes in pieces of this size.
pub fn decode(bytes: &[u8], size: usize) -> Result<Vec<StreamEvent>, Error> {
    let mut decoder = Decoder::new(Ids::default());
    let mut events = Vec::new();
    for piece in bytes.chunks(size) {
        decoder.feed(piece, &mut events)?;
    }
    decoder.end(&mut events).map(|()| events)
}

pub fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("x"))).collect()
}

fn start() -> StreamEvent {
    StreamEvent::Start { id: Some("resp_mock".into()), model: Some("gpt".into()), created: Some(1), extra: Map::new() }
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn call(index: u32, id: &str, name: &str) -> StreamEvent {
    let (id, name) = (id.to_owned(), name.to_owned());
    delta(Delta::ToolCall { index, id, name, signature: None, custom: false })
}

fn arguments(index: u32, text: &str) -> StreamEvent {
    delta(Delta::Arguments { index, text: text.to_owned() })
}

fn finish(reason: FinishReason, native: &str) -> StreamEvent {
    StreamEvent::Finish { choice: 0, finish: Finish { reason, native: Some(native.into()), stop_sequence: None } }
}

const PART_END: StreamEvent = StreamEvent::PartEnd { choice: 0 };

/// A stream of OpenAI's with all that it can say.
pub fn rich() -> Vec<Value> {
    let response = json!({"id": "resp_mock", "model": "gpt", "created_at": 1, "status": "in_progress", "output": []});
    let mut done = response.clone();
    done["status"] = "completed".into();
    done["usage"] = json!({"input_tokens": 11, "output_tokens": 7, "total_tokens": 18});
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let function =
        json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"});
    let added = |at: u32, item: Value| json!({"type": "response.output_item.added", "output_index": at, "item": item});
    let ended = |at: u32, item: Value| json!({"type": "response.output_item.done", "output_index": at, "item": item});
    vec![
        json!({"type": "response.created", "response": response}),
        json!({"type": "response.in_progress", "response": response}),
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0, "part": {}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "x"}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1, "part": {}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "y"}),
        ended(0, reasoning),
        added(1, json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []})),
        json!({"type": "response.content_part.added", "output_index": 1, "content_index": 0, "part": {"type": "output_text"}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hé", "logprobs": [], "obfuscation": "zz"}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "llo"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 1, "annotation": {"type": "url_citation"}}),
        json!({"type": "response.output_text.done", "output_index": 1, "text": "Héllo"}),
        json!({"type": "response.content_part.done", "output_index": 1, "part": {"type": "output_text"}}),
        ended(
            1,
            json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Héllo"}]}),
        ),
        added(2, json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""})),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"a\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"a\":1}"}),
        ended(2, function),
        json!({"type": "response.novelty", "delta": {"a": 1}, "arguments": 5}),
        ended(3, json!({"type": "web_search_call", "id": "ws_1"})),
        json!({"type": "response.completed", "response": done}),
    ]
}

#[test]
fn openais_stream_is_read() {
    let native = Part::Native {
        family: Family::OpenAi,
        value: Json::parse(r#"{"type":"web_search_call","id":"ws_1"}"#).unwrap(),
    };
    let citation =
        Delta::Citation { family: Family::OpenAi, value: Json::parse(r#"{"type":"url_citation"}"#).unwrap() };
    let expected = vec![
        start(),
        delta(Delta::Thinking("x".into())),
        delta(Delta::Thinking("\n\n".into())),
        delta(Delta::Thinking("y".into())),
        delta(Delta::Signature { family: Family::OpenAi, text: "rs_1#gAAA".into() }),
        PART_END,
        delta(Delta::Text("Hé".into())),
        delta(Delta::Text("llo".into())),
        delta(citation),
        PART_END,
        call(0, "c1", "f"),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        PART_END,
        delta(Delta::Part(native)),
        StreamEvent::Usage(Usage::of_tokens(11, 7)),
        finish(FinishReason::ToolCalls, "completed"),
        StreamEvent::End,
    ];
    assert_eq!(decode(sse(&rich()).as_bytes(), usize::MAX).unwrap(), expected);
}

#[test]
fn what_a_provider_leaves_out_is_made_up_for() {
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let part = Thinking {
        sealed: Some("gAAA".into()),
        id: Some("rs_1".into()),
        family: Some(Family::OpenAi),
        ..Thinking::default()
    };
    let function = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    let message = json!({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]});
    let end = |output: Value| json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}, "output": output}});
    let unsaid = StreamEvent::Start { id: None, model: None, created: None, extra: Map::new() };
    let ended = [finish(FinishReason::Length, "max_output_tokens"), StreamEvent::End];
    let check = |events: &[Value], expected: Vec<StreamEvent>| {
        let expected: Vec<StreamEvent> = [unsaid.clone()].into_iter().chain(expected).chain(ended.clone()).collect();
        assert_eq!(decode(sse(events).as_bytes(), 5).unwrap(), expected);
    };
    let done = |item: &Value| json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    check(&[done(&thought), end(json!([]))], vec![delta(Delta::Part(Part::Thinking(part)))]);
    check(&[done(&function), end(json!([]))], vec![call(0, "c1", "f"), arguments(0, "{}"), PART_END]);
    check(
        &[end(json!([message, function]))],
        vec![delta(Delta::Part(Part::Refusal("no".into()))), call(0, "c1", "f"), arguments(0, "{}"), PART_END],
    );
    check(
        &[
            json!({"type": "response.output_text.done", "text": "Hi"}),
            json!({"type": "response.content_part.done"}),
            end(json!([])),
        ],
        vec![delta(Delta::Text("Hi".into())), PART_END],
    );
}

#[test]
fn only_an_end_ends_a_stream() {
    let text = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"});
    let check = |last: &str, kind: Kind, message: &str| {
        let error = decode((sse(std::slice::from_ref(&text)) + last).as_bytes(), 7).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message), "{last}");
    };
    let broken = "The provider's stream ended before the answer was complete.";
    check("", Kind::BrokenStream, broken);
    check("data: [DONE]\n\n", Kind::BrokenStream, broken);
    check("data: {\"type\":\"response.comp", Kind::BrokenStream, broken);
    check("data: oops\n\n", Kind::GarbledAnswer, "The provider sent an unreadable answer.");
    check("data: {}\n\n", Kind::GarbledAnswer, "The provider sent an unreadable answer.");
    check(
        "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n",
        Kind::RateLimited,
        "m",
    );
    check(
        "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null}\n\n",
        Kind::InternalServer,
        "m",
    );
    check(
        "data: {\"type\":\"error\",\"error\":{\"code\":\"insufficient_quota\",\"message\":\"m\"}}\n\n",
        Kind::RateLimited,
        "m",
    );
    check("data: {\"error\":{\"message\":\"m\",\"code\":\"503\"}}\n\n", Kind::ServiceUnavailable, "m");
    // The last event may lack its blank line, and nothing behind it is heard.
    let end = "data: {\"type\":\"response.completed\",\"response\":{}}";
    assert!(decode(end.as_bytes(), 3).is_ok());
    assert!(decode(format!("{end}\n\ndata: oops\n\n").as_bytes(), 3).is_ok());
    let long = format!("data: {}", "x".repeat(crate::wire::sse::MAX_EVENT));
    assert_eq!(decode(long.as_bytes(), 4096).unwrap_err().kind, Kind::GarbledAnswer);
}

/// The data of all events; every line is `data:`, every event has its number.
pub fn encode(events: Vec<StreamEvent>, body: &Value) -> Vec<Value> {
    let mut encoder = Encoder::new(stamp(body));
    let mut out = Vec::new();
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    encoder.finish(&mut out);
    data(&out)
}

fn data(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let data: Vec<Value> =
        events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect();
    for (at, event) in data.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{event}");
    }
    data
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

#[test]
fn a_plain_stream_is_litellms() {
    let stream = vec![
        start(),
        delta(Delta::Text("Hel".into())),
        delta(Delta::Text("lo\n".into())),
        finish(FinishReason::Stop, "end_turn"),
        StreamEvent::Usage(Usage::of_tokens(11, 7)),
        StreamEvent::End,
    ];
    let found = encode(stream, &json!({"model": "claude", "instructions": "ins"}));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&found), expected);
    assert_eq!((&found[0]["response"]["status"], &found[0]["response"]["output"]), (&json!("in_progress"), &json!([])));
    assert_eq!(found[0]["response"]["instructions"], "ins");
    let id = found[2]["item"]["id"].clone();
    let delta = json!({"type": "response.output_text.delta", "item_id": id, "output_index": 0, "content_index": 0,
        "delta": "lo\n", "logprobs": [], "sequence_number": 5});
    assert_eq!(found[5], delta);
    assert_eq!(found[6]["text"], "Hello\n");
    let part = json!({"type": "output_text", "text": "Hello\n", "annotations": []});
    assert_eq!(found[7]["part"], part);
    let whole = &found[9]["response"];
    assert_eq!(whole["output"], json!([found[8]["item"]]));
    assert_eq!((&whole["status"], &whole["usage"]["total_tokens"]), (&json!("completed"), &json!(18)));
    assert_eq!(whole["id"], found[0]["response"]["id"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_stream_ends_as_the_whole_answer_would() {
    let claude = Thinking {
        text: "hm".into(),
        signature: Some("EqQB".into()),
        family: Some(Family::Anthropic),
        ..Thinking::default()
    };
    let redacted = Thinking { sealed: Some("data".into()), family: Some(Family::Anthropic), ..Thinking::default() };
    let tool = |id: &str, name: &str, arguments: &str| {
        let (id, name, arguments) = (id.into(), name.into(), arguments.into());
        Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
    };
    let page = Json::parse(r#"{"url":"u","title":"t"}"#).unwrap();
    let cited = Text { citations: vec![(Family::Anthropic, page.clone())], ..Text::plain("b") };
    let parts = vec![
        Part::Thinking(claude),
        Part::Thinking(redacted.clone()),
        Part::text("a"),
        Part::Text(cited),
        tool("c0", "f", "{\"x\":1}"),
        tool("c1", "patch", r#"{"input":"p"}"#),
        tool("c2", "g", ""),
    ];
    let stream = vec![
        start(),
        delta(Delta::Thinking("h".into())),
        delta(Delta::Thinking("m".into())),
        delta(Delta::Signature { family: Family::Anthropic, text: "Eq".into() }),
        delta(Delta::Signature { family: Family::Anthropic, text: "QB".into() }),
        PART_END,
        delta(Delta::Part(Part::Thinking(redacted))),
        delta(Delta::Text("a".into())),
        PART_END,
        delta(Delta::Text("b".into())),
        delta(Delta::Citation { family: Family::Anthropic, value: page }),
        call(0, "c0", "f"),
        arguments(0, "{\"x\""),
        call(1, "c1", "patch"),
        arguments(1, "{\"input\":"),
        arguments(0, ":1}"),
        arguments(1, "\"p\"}"),
        call(2, "c2", "g"),
        finish(FinishReason::Length, "max_tokens"),
        StreamEvent::Usage(Usage::of_tokens(1, 2)),
        StreamEvent::End,
    ];
    let body = json!({"model": "m", "tools": [{"type": "custom", "name": "patch"}]});
    let found = encode(stream, &body);
    let finish = Finish { reason: FinishReason::Length, ..Finish::default() };
    let reply = Reply {
        id: Some("resp_mock".into()),
        created: Some(1),
        choices: vec![Choice { parts, finish, ..Choice::default() }],
        usage: Some(Usage::of_tokens(1, 2)),
        ..Reply::default()
    };
    let whole: Value = serde_json::from_slice(&encode_reply(reply, &stamp(&body))).unwrap();
    let last = found.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"], whole);
    let of = |kind: &str| found.iter().filter(|event| event["type"] == kind).cloned().collect::<Vec<Value>>();
    assert_eq!(of("response.output_item.done").len(), of("response.output_item.added").len());
    assert_eq!(of("response.custom_tool_call_input.delta")[0]["delta"], "p");
    assert_eq!(of("response.function_call_arguments.done")[1]["arguments"], "{}");
    assert_eq!(of("response.output_text.annotation.added").len(), 1);
    assert_eq!(of("response.reasoning_summary_part.done")[0]["part"]["text"], "hm");
}

#[test]
fn a_refusal_has_events_of_its_own() {
    let stream = vec![start(), delta(Delta::Refusal("no".into())), finish(FinishReason::ContentFilter, "refusal")];
    let found = encode(stream, &json!({}));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ];
    assert_eq!(types(&found), expected);
    assert_eq!((&found[4]["delta"], &found[5]["refusal"]), (&json!("no"), &json!("no")));
    assert_eq!(found[8]["response"]["incomplete_details"]["reason"], "content_filter");
}

#[test]
fn a_broken_stream_says_so_twice() {
    let error = Error::new(Kind::ContextWindow, "too long");
    for events in [vec![], vec![start(), delta(Delta::Text("a".into()))]] {
        let mut encoder = Encoder::new(stamp(&json!({})));
        let mut out = Vec::new();
        events.into_iter().for_each(|event| encoder.event(event, &mut out));
        encoder.fail(&error, Compat::V1_106, &mut out);
        let found = data(&out);
        let [.., first, second] = found.as_slice() else { panic!() };
        assert_eq!((&first["type"], &first["error"]["message"]), (&json!("error"), &json!("too long")));
        assert_eq!((&first["code"], &first["message"]), (&json!("context_length_exceeded"), &json!("too long")));
        assert_eq!((&second["type"], &second["response"]["status"]), (&json!("response.failed"), &json!("failed")));
        let expected = json!({"code": "context_length_exceeded", "message": "too long"});
        assert_eq!(second["response"]["error"], expected);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("completed\"") && !text.contains(".done\"") && !text.contains("[DONE]"));
    }
}
