//! Streams against recordings of LiteLLM, in any chunking, and round trips.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::error::{Compat, Error, Kind};
use crate::wire::codec::{Ids, Stamp, StreamDecoder, StreamEncoder};
use crate::wire::model::{Delta, Family, Finish, FinishReason, Json, Part, StreamEvent, Thinking};
use crate::wire::sse;
use crate::wire::usage::Usage;

/// The stream of these events' data.
fn sse(data: &[Value]) -> String {
    data.iter().map(|data| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())).collect()
}

fn decoded(bytes: &[u8], size: usize, json_tool: bool) -> (Vec<StreamEvent>, Result<(), Error>) {
    let mut decoder = Decoder::new(json_tool);
    let mut events = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        if let Err(error) = decoder.feed(piece, &mut events) {
            return (events, Err(error));
        }
    }
    let end = decoder.end(&mut events);
    (events, end)
}

fn encoded(events: &[StreamEvent]) -> String {
    let stamp = Stamp { ids: Ids(7), model: "claude".into(), ..Stamp::default() };
    let mut encoder = Encoder::new(stamp);
    let mut out = Vec::new();
    for event in events {
        encoder.event(event.clone(), &mut out);
    }
    encoder.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// The data of all events; each must bear the name of its type.
fn data(stream: &str) -> Vec<Value> {
    let frames = stream.split_terminator("\n\n");
    frames
        .map(|frame| {
            let event = sse::Event::parse(frame.as_bytes());
            let data: Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
            assert_eq!(event.name, data["type"].as_str().map(str::as_bytes), "{frame}");
            data
        })
        .collect()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_mock", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-20250514", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 11, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4,
            "output_tokens": 1, "service_tier": "standard"}}})
}

fn block(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    [json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}), json!({"type": "message_stop"})]
}

/// Every kind of block.
fn rich() -> Vec<Value> {
    let mut all = vec![
        start(),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "EqQB"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "EmwK"})),
        stop(1),
        block(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "Hé \"wörld\"\n"})),
        delta(2, json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "c"}})),
        delta(2, json!({"type": "text_delta", "text": "!"})),
        stop(2),
        block(3, json!({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"query\":"})),
        delta(3, json!({"type": "input_json_delta", "partial_json": " \"q\"}"})),
        stop(3),
        block(4, json!({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []})),
        stop(4),
        block(5, json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}})),
        delta(5, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(5, json!({"type": "input_json_delta", "partial_json": "{\"x\": 1}"})),
        stop(5),
        block(6, json!({"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}})),
        stop(6),
    ];
    all.extend(end("tool_use"));
    all
}

fn change(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_block_is_read() {
    let (events, end) = decoded(sse(&rich()).as_bytes(), 1 << 20, false);
    end.unwrap();
    let mut expected = vec![
        StreamEvent::Start {
            id: None,
            model: Some("claude-sonnet-4-20250514".into()),
            created: None,
            extra: Map::new(),
        },
        change(Delta::Thinking("hm".into())),
        change(Delta::Signature { family: Family::Anthropic, text: "EqQB".into() }),
        StreamEvent::PartEnd { choice: 0 },
        change(Delta::Part(Part::Thinking(Thinking {
            sealed: Some("EmwK".into()),
            family: Some(Family::Anthropic),
            ..Thinking::default()
        }))),
        change(Delta::Text("Hé \"wörld\"\n".into())),
        change(Delta::Citation {
            family: Family::Anthropic,
            value: Json::parse(r#"{"cited_text":"c","type":"char_location"}"#).unwrap(),
        }),
        change(Delta::Text("!".into())),
        StreamEvent::PartEnd { choice: 0 },
    ];
    let native = |value: Value| {
        change(Delta::Part(Part::Native { family: Family::Anthropic, value: Json::of(&value).unwrap() }))
    };
    expected.extend([
        native(json!({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}})),
        native(json!({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []})),
    ]);
    let call = |index, id: &str, name: &str| {
        change(Delta::ToolCall { index, id: id.into(), name: name.into(), signature: None, custom: false })
    };
    expected.extend([
        call(0, "toolu_1", "f"),
        change(Delta::Arguments { index: 0, text: String::new() }),
        change(Delta::Arguments { index: 0, text: "{\"x\": 1}".into() }),
        StreamEvent::PartEnd { choice: 0 },
        call(1, "toolu_2", "g"),
        change(Delta::Arguments { index: 1, text: "{}".into() }),
        StreamEvent::PartEnd { choice: 0 },
    ]);
    let finish = Finish { reason: FinishReason::ToolCalls, native: Some("tool_use".into()), stop_sequence: None };
    expected.extend([StreamEvent::Finish { choice: 0, finish }, StreamEvent::End]);
    let rest: Vec<StreamEvent> =
        events.iter().filter(|event| !matches!(event, StreamEvent::Usage(_))).cloned().collect();
    let plain = |events: &[StreamEvent]| -> Vec<String> {
        // Members of carried JSON have no order.
        events
            .iter()
            .map(|event| match event {
                StreamEvent::Delta { delta: Delta::Citation { value, .. }, .. } => format!("{:?}", sorted(value)),
                StreamEvent::Delta { delta: Delta::Part(Part::Native { value, .. }), .. } => {
                    format!("{:?}", sorted(value))
                }
                event => format!("{event:?}"),
            })
            .collect()
    };
    assert_eq!(plain(&rest), plain(&expected));
    let usage =
        events.iter().rev().find_map(|event| if let StreamEvent::Usage(usage) = event { Some(*usage) } else { None });
    let usage = usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens), (18, 7, Some(4)));
}

fn sorted(value: &Json) -> std::collections::BTreeMap<String, Value> {
    serde_json::from_str(value.text()).unwrap()
}

#[test]
fn the_json_tools_input_is_the_answer() {
    let mut stream = vec![
        start(),
        block(0, json!({"type": "tool_use", "id": "toolu_1", "name": "json_tool_call", "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{\"a\": "})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "1}"})),
        stop(0),
    ];
    stream.extend(end("tool_use"));
    let text = |json_tool| {
        let (events, end) = decoded(sse(&stream).as_bytes(), 64, json_tool);
        end.unwrap();
        let mut text = String::new();
        let mut reason = None;
        for event in events {
            match event {
                StreamEvent::Delta { delta: Delta::Text(piece), .. } => text.push_str(&piece),
                StreamEvent::Finish { finish, .. } => reason = Some(finish.reason),
                _ => {}
            }
        }
        (text, reason.unwrap())
    };
    assert_eq!(text(true), ("{\"a\": 1}".to_owned(), FinishReason::Stop));
    assert_eq!(text(false), (String::new(), FinishReason::ToolCalls));
}

#[test]
fn a_stream_that_is_not_whole_is_an_error() {
    let check = |stream: String, kind: Kind| {
        let (_, end) = decoded(stream.as_bytes(), 64, false);
        assert_eq!(end.unwrap_err().kind, kind, "{stream}");
    };
    let text = rich();
    check(sse(&text[..12]), Kind::BrokenStream);
    check(sse(&text[..text.len() - 1]), Kind::BrokenStream);
    check(String::new(), Kind::BrokenStream);
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    check(sse(&text[..5]) + &sse(&[error]), Kind::ProviderOverloaded);
    check("data: <html>\n\n".to_owned(), Kind::GarbledAnswer);
    check("data: {\"choices\":[]}\n\n".to_owned(), Kind::GarbledAnswer);
    // What follows the end is not read.
    assert!(decoded((sse(&text) + "data: <html>\n\n").as_bytes(), 64, false).1.is_ok());
    assert!(decoded(sse(&text).trim_end().as_bytes(), 64, false).1.is_ok());
}

/// As recorded for gemini, azure-gpt and ollama: `messages_api_stream`.
#[test]
fn a_stream_is_as_recorded() {
    let usage = Usage { cached_tokens: Some(4), ..Usage::of_tokens(11, 7) };
    let finish = Finish { reason: FinishReason::Stop, native: Some("stop".into()), stop_sequence: None };
    let events = [
        StreamEvent::Start { id: Some("chatcmpl-1".into()), model: None, created: None, extra: Map::new() },
        change(Delta::Text("Hello".into())),
        change(Delta::Text(" from".into())),
        StreamEvent::Finish { choice: 0, finish },
        StreamEvent::Usage(usage),
        StreamEvent::End,
    ];
    let id = format!("msg_{}", Ids(7).uuid(0));
    let expected = [
        json!({"type": "message_start", "message": {"id": id, "type": "message", "role": "assistant", "content": [],
            "model": "claude", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0,
            "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}}}),
        block(0, json!({"type": "text", "text": ""})),
        delta(0, json!({"type": "text_delta", "text": "Hello"})),
        delta(0, json!({"type": "text_delta", "text": " from"})),
        stop(0),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"input_tokens": 7, "output_tokens": 7, "cache_read_input_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(data(&encoded(&events)), expected);
}

#[test]
fn seals_of_other_families_are_marked() {
    let events = [
        change(Delta::Thinking("t".into())),
        change(Delta::Signature { family: Family::Gemini, text: "c2".into() }),
        change(Delta::Signature { family: Family::Gemini, text: "ln".into() }),
        StreamEvent::PartEnd { choice: 0 },
        change(Delta::Thinking("u".into())),
        change(Delta::Part(Part::Thinking(Thinking {
            sealed: Some("gAAA".into()),
            id: Some("rs_1".into()),
            family: Some(Family::OpenAi),
            ..Thinking::default()
        }))),
        change(Delta::ToolCall {
            index: 0,
            id: "c".into(),
            name: "f".into(),
            signature: Some("s".into()),
            custom: true,
        }),
        change(Delta::Arguments { index: 0, text: "a \"b\"\n".into() }),
    ];
    let all = data(&encoded(&events));
    let pieces = |kind: &str, member: &str| -> Vec<String> {
        let deltas = all.iter().filter(|event| event["delta"]["type"] == kind);
        deltas.map(|event| event["delta"][member].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(pieces("signature_delta", "signature"), ["gemini##s#c2", "ln", "openai#rs_1#d#gAAA"]);
    let input: Value = serde_json::from_str(&pieces("input_json_delta", "partial_json").concat()).unwrap();
    assert_eq!(input, json!({"input": "a \"b\"\n"}));
    let call = all.iter().find(|event| event["content_block"]["type"] == "tool_use").unwrap();
    assert_eq!(call["content_block"]["id"], "c__thought__s");
    assert_eq!(all[all.len() - 2]["delta"]["stop_reason"], "tool_use", "a client must run the tool");
}

#[test]
fn a_broken_stream_has_no_end() {
    let mut encoder = Encoder::new(Stamp::default());
    let mut out = Vec::new();
    encoder.event(change(Delta::Text("a".into())), &mut out);
    encoder.fail(&Error::new(Kind::ProviderOverloaded, "busy"), Compat::V1_106, &mut out);
    let all = data(std::str::from_utf8(&out).unwrap());
    let expected = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    assert_eq!(all.last(), Some(&expected));
    assert!(!all.iter().any(|event| event["type"] == "message_stop" || event["type"] == "message_delta"));
}

/// Events as one string each, without what a second encoding says in other pieces.
fn spoken(events: &[StreamEvent]) -> Vec<String> {
    let silent = |event: &&StreamEvent| match event {
        StreamEvent::Delta { delta: Delta::Arguments { text, .. }, .. } => !text.is_empty(),
        StreamEvent::Usage(_) | StreamEvent::Start { .. } => false,
        _ => true,
    };
    events.iter().filter(silent).map(|event| format!("{event:?}")).collect()
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..50, crlf: bool) {
        let stream = sse(&rich());
        let stream = if crlf { stream.replace('\n', "\r\n") } else { stream };
        let (whole, end) = decoded(stream.as_bytes(), stream.len(), false);
        prop_assert!(end.is_ok());
        prop_assert_eq!(decoded(stream.as_bytes(), size, false).0, whole);
    }

    /// Neither a crash nor a proper end that the bytes did not say.
    #[test]
    fn a_damaged_stream_never_ends_well_before_its_end(at in 0_usize..2000, byte: u8, cut in 0_usize..2000) {
        let mut stream = sse(&rich()).into_bytes();
        let length = stream.len();
        stream[at % length] = byte;
        stream.truncate(cut % length);
        let (events, end) = decoded(&stream, 7, false);
        prop_assert_eq!(end.is_ok(), events.contains(&StreamEvent::End));
    }

    #[test]
    fn decoding_what_was_encoded_changes_nothing(
        order in prop::collection::vec(0_usize..5, 1..8),
        text in "[a-zé\"\\\\\n]{1,8}",
    ) {
        let mut events = vec![];
        let mut calls = 0;
        for kind in order {
            match kind {
                0 => events.push(change(Delta::Text(text.clone()))),
                1 => {
                    events.push(change(Delta::Thinking(text.clone())));
                    events.push(change(Delta::Signature { family: Family::Anthropic, text: "EqQB".into() }));
                }
                2 => {
                    let sealed = Thinking::unsealed(String::new(), Some("EmwK".into()), Family::Anthropic, true);
                    events.push(change(Delta::Part(Part::Thinking(sealed))));
                    continue;
                }
                3 => {
                    let value = Json::parse(r#"{"type":"mcp_tool_result","content":[]}"#).unwrap();
                    events.push(change(Delta::Part(Part::Native { family: Family::Anthropic, value })));
                    continue;
                }
                _ => {
                    let id = format!("toolu_{calls}");
                    events.push(change(Delta::ToolCall { index: calls, id, name: "f".into(), signature: None, custom: false }));
                    events.push(change(Delta::Arguments { index: calls, text: "{\"x\":".into() }));
                    events.push(change(Delta::Arguments { index: calls, text: " 1}".into() }));
                    calls += 1;
                }
            }
            events.push(StreamEvent::PartEnd { choice: 0 });
        }
        let finish = Finish { reason: FinishReason::Length, native: Some("max_tokens".into()), stop_sequence: None };
        events.extend([StreamEvent::Finish { choice: 0, finish }, StreamEvent::End]);
        let (again, end) = decoded(encoded(&events).as_bytes(), 64, false);
        prop_assert!(end.is_ok());
        prop_assert_eq!(spoken(&again), spoken(&events));
    }
}
