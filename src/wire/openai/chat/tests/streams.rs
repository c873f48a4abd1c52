//! Streams, both ways.

use serde_json::{Map, json};

use super::*;
use crate::error::{Compat, Kind};
use crate::wire::codec::{StreamDecoder, StreamEncoder};
use crate::wire::model::{Delta, Family, Finish, FinishReason, Part, StreamEvent, Thinking};
use crate::wire::sse::MAX_EVENT;

fn events(bytes: &[u8]) -> (Vec<StreamEvent>, Result<(), Error>) {
    let (mut decoder, mut events) = (Decoder::new(Ids(1)), Vec::new());
    let fed = decoder.feed(bytes, &mut events);
    let end = fed.and_then(|()| decoder.end(&mut events));
    (events, end)
}

fn stream(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// The deltas of choice 0 in a stream of these deltas.
fn deltas(wire: &[&str]) -> Vec<Delta> {
    let chunks: Vec<String> = wire.iter().map(|delta| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#)).collect();
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).chain([END, "[DONE]"]).collect();
    let (events, end) = events(stream(&chunks).as_bytes());
    end.unwrap();
    let of = |event| match event {
        StreamEvent::Delta { choice: 0, delta } => Some(delta),
        _ => None,
    };
    events.into_iter().filter_map(of).collect()
}

const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;

fn call(index: u32, id: &str, name: &str) -> Delta {
    Delta::ToolCall { index, id: id.into(), name: name.into(), signature: None, custom: false }
}

fn arguments(index: u32, text: &str) -> Delta {
    Delta::Arguments { index, text: text.into() }
}

#[test]
fn a_stream_is_read() {
    let bytes = stream(&[
        r#"{"id":"c","created":5,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"content": []}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}"#,
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        "[DONE]",
        "{broken",
    ]);
    let (got, end) = events(bytes.as_bytes());
    end.unwrap();
    let mut extra = Map::new();
    extra.insert("system_fingerprint".into(), "fp".into());
    let delta = |delta| StreamEvent::Delta { choice: 0, delta };
    let native = Some("stop".to_owned());
    let expected = [
        StreamEvent::Start { id: Some("c".into()), model: Some("m".into()), created: Some(5), extra },
        delta(Delta::Text("Hi".into())),
        delta(Delta::Logprobs(raw(r#"{"content": []}"#))),
        StreamEvent::Finish {
            choice: 0,
            finish: Finish { reason: FinishReason::Stop, native, stop_sequence: Some("END".into()) },
        },
        StreamEvent::Usage(crate::wire::usage::Usage::of_tokens(1, 2)),
        StreamEvent::End,
    ];
    assert_eq!(got, expected);
}

#[test]
fn calls_are_counted_anew() {
    let first = |index: u32, id: &str, name: &str, text: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":{index},"id":"{id}","function":{{"name":"{name}","arguments":"{text}"}}}}]}}"#
        )
    };
    let more = |index: u32, text: &str| {
        format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"{text}"}}}}]}}"#)
    };
    let check = |wire: &[String], expected: &[Delta]| {
        let wire: Vec<&str> = wire.iter().map(String::as_str).collect();
        assert_eq!(deltas(&wire), expected, "{wire:?}");
    };
    check(
        &[first(0, "a", "f", ""), more(0, "{"), first(1, "b", "g", "{}"), more(0, "}")],
        &[call(0, "a", "f"), arguments(0, "{"), call(1, "b", "g"), arguments(1, "{}"), arguments(0, "}")],
    );
    // All numbered 0.
    check(
        &[first(0, "a", "f", "{}"), first(0, "b", "g", "{}")],
        &[call(0, "a", "f"), arguments(0, "{}"), call(1, "b", "g"), arguments(1, "{}")],
    );
    // Id and name in each piece.
    check(
        &[first(0, "a", "f", "{"), first(0, "a", "f", "}")],
        &[call(0, "a", "f"), arguments(0, "{"), arguments(0, "}")],
    );
    // No id, and the name comes late.
    check(&[more(3, "{"), first(3, "", "f", "}")], &[call(0, &Ids(1).tool_call(0), "f"), arguments(0, "{}")]);
    check(
        &[r#"{"function_call":{"name":"f","arguments":""}}"#.into(), r#"{"function_call":{"arguments":"{}"}}"#.into()],
        &[call(0, &Ids(1).tool_call(0), "f"), arguments(0, "{}")],
    );
    check(
        &[r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":"x"}}]}"#.into()],
        &[
            Delta::ToolCall { index: 0, id: "a".into(), name: "f".into(), signature: None, custom: true },
            arguments(0, "x"),
        ],
    );
}

#[test]
fn thoughts_have_many_names() {
    let thought = |text: &str| Delta::Thinking(text.into());
    let seal = Delta::Signature { family: Family::Anthropic, text: "sig".into() };
    let cases = [
        (r#"{"reasoning_content":"hm"}"#, vec![thought("hm")]),
        (r#"{"reasoning":"hm","reasoning_content":null}"#, vec![thought("hm")]),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, vec![thought("hm")]),
        (
            r#"{"reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"sig"}]}"#,
            vec![thought("hm"), seal.clone()],
        ),
        (r#"{"refusal":"no"}"#, vec![Delta::Refusal("no".into())]),
    ];
    for (wire, expected) in cases {
        assert_eq!(deltas(&[wire]), expected, "{wire}");
    }
}

#[test]
fn what_breaks_a_stream_has_its_kind() {
    let chunk = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    let check = |rest: &str, kind: Option<Kind>| {
        let (_, end) = events((stream(&[chunk]) + rest).as_bytes());
        assert_eq!(end.err().map(|error| error.kind), kind, "{rest}");
    };
    check("", Some(Kind::BrokenStream));
    check(&stream(&[END]), None);
    check(&(stream(&[END]) + "data: {\"cho"), Some(Kind::BrokenStream));
    check("data: [DONE]", None);
    check(": ping\n\ndata:\n\ndata: [DONE]\n\n", None);
    check("data: <html>\n\n", Some(Kind::GarbledAnswer));
    check("data: {\"error\":{\"message\":\"busy\",\"code\":429}}\n\n", Some(Kind::RateLimited));
    check("event: error\ndata: {\"message\":\"m\",\"type\":\"overloaded_error\"}\n\n", Some(Kind::ProviderOverloaded));
    check(&format!("data: {}", "x".repeat(MAX_EVENT)), Some(Kind::GarbledAnswer));
    check("", Some(Kind::BrokenStream));
    let message = events(b"data: {\"error\":{\"message\":\"busy\"}}\n\n").1.unwrap_err().message;
    assert_eq!(message, "busy");
}

/// The deltas that a client sees, and how the first choice ends.
fn written(deltas: Vec<Delta>) -> Vec<Value> {
    let (mut encoder, mut out) = (Encoder::new(stamp()), Vec::new());
    for delta in deltas {
        encoder.event(StreamEvent::Delta { choice: 0, delta }, &mut out);
        assert!(out.ends_with(b"\n\n"), "each event leaves at once");
    }
    encoder.event(StreamEvent::Finish { choice: 0, finish: Finish::default() }, &mut out);
    let text = String::from_utf8(out).unwrap();
    let read = |event: &str| {
        let mut chunk: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        chunk["choices"][0]["delta"].take()
    };
    text.split_terminator("\n\n").map(read).collect()
}

#[test]
fn thoughts_and_seals_are_written() {
    let seal = |family, text: &str| Delta::Signature { family, text: text.into() };
    let block = |thinking: &str, signature: Option<&str>| {
        let mut block = json!({"index": 0, "type": "thinking", "thinking": thinking});
        if let Some(signature) = signature {
            block["signature"] = signature.into();
        }
        json!({"reasoning_content": thinking, "thinking_blocks": [block],
            "provider_specific_fields": {"thinking_blocks": [block]}})
    };
    let mut first = block("h\"m", None);
    first["role"] = "assistant".into();
    let thoughts = |family| vec![Delta::Thinking("h\"m".into()), seal(family, "si"), seal(family, "g")];
    let own = written(thoughts(Family::Anthropic));
    assert_eq!(own, [first.clone(), block("", Some("si")), block("", Some("g")), json!({})]);
    let foreign = written(thoughts(Family::Gemini));
    assert_eq!(foreign, [first, block("", Some("gemini##s#si")), block("", Some("g")), json!({})]);
    let redacted = Thinking { sealed: Some("blob".into()), family: Some(Family::Anthropic), ..Thinking::default() };
    let written = written(vec![Delta::Part(Part::Thinking(redacted))]);
    assert_eq!(written[0]["thinking_blocks"], json!([{"index": 0, "type": "redacted_thinking", "data": "blob"}]));
}

#[test]
fn calls_and_the_rest_are_written() {
    let signed =
        Delta::ToolCall { index: 0, id: "c".into(), name: "f".into(), signature: Some("s".into()), custom: false };
    let custom = Delta::ToolCall { index: 1, id: "d".into(), name: "g".into(), signature: None, custom: true };
    let citation = |family| Delta::Citation { family, value: raw(r#"{"a":1}"#) };
    let got = written(vec![
        signed,
        custom,
        arguments(1, "free"),
        Delta::Refusal("no".into()),
        citation(Family::OpenAi),
        citation(Family::Anthropic),
        Delta::Logprobs(raw("{}")),
    ]);
    let piece = |call: Value| json!({"tool_calls": [call]});
    let mut first = piece(json!({"index": 0, "id": "c__thought__s", "type": "function",
        "function": {"name": "f", "arguments": ""}, "provider_specific_fields": {"thought_signature": "s"}}));
    first["role"] = "assistant".into();
    let expected = [
        first,
        piece(json!({"index": 1, "id": "d", "type": "custom", "custom": {"name": "g", "input": ""}})),
        piece(json!({"index": 1, "type": "custom", "custom": {"input": "free"}})),
        json!({"refusal": "no"}),
        json!({"annotations": [{"a": 1}]}),
        json!({"provider_specific_fields": {"citation": {"a": 1}}}),
        json!({}),
        // The call that had no arguments gets an object that parses.
        piece(json!({"index": 0, "type": "function", "function": {"arguments": "{}"}})),
        json!({}),
    ];
    assert_eq!(got, expected);
}

#[test]
fn an_empty_answer_still_has_its_role() {
    assert_eq!(written(Vec::new()), [json!({"role": "assistant"})]);
    let (mut encoder, mut out) = (Encoder::new(stamp()), Vec::new());
    encoder.event(StreamEvent::Delta { choice: 0, delta: Delta::Text(String::new()) }, &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_failure_has_no_proper_end() {
    let (mut encoder, mut out) = (Encoder::new(stamp()), Vec::new());
    encoder.fail(&Error::new(Kind::BrokenStream, "gone"), Compat::V1_106, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("data: {\"error\":") && !text.contains("[DONE]"), "{text}");
}
