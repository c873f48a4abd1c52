//! Streams both ways, in any chunking.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::{Compat, Error, Kind};
use crate::wire::codec::{Ids, Stamp, StreamDecoder, StreamEncoder};
use crate::wire::gemini::reply::{decode_reply, encode_reply};
use crate::wire::gemini::request;
use crate::wire::model::{
    Delta, Family, Finish, FinishReason, Json, Part, Reply, StreamEvent, Text, Thinking, ToolCall,
};
use crate::wire::usage::Usage;

const USAGE: &str = r#""usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":5,"totalTokenCount":18,
    "cachedContentTokenCount":4,"thoughtsTokenCount":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":11}]}"#;

fn chunk(parts: &str, more: &str) -> String {
    let content = format!(r#"{{"content":{{"parts":[{parts}],"role":"model"}},"index":0{more}}}"#);
    format!(r#"{{"candidates":[{content}],{},"responseId":"g1","modelVersion":"v"}}"#, USAGE.replace('\n', ""))
}

fn decode(bytes: &[u8], size: usize) -> (Vec<StreamEvent>, Result<(), Error>) {
    let mut decoder = Decoder::new(Ids(7));
    let mut events = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        if let Err(error) = decoder.feed(piece, &mut events) {
            return (events, Err(error));
        }
    }
    let end = decoder.end(&mut events);
    (events, end)
}

fn sse(chunks: &[String]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn said(events: &[StreamEvent]) -> Vec<StreamEvent> {
    let counted = |event: &&StreamEvent| !matches!(event, StreamEvent::Usage(_) | StreamEvent::Extra(_));
    events.iter().filter(counted).cloned().collect()
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn finish(reason: FinishReason, native: Option<&str>) -> StreamEvent {
    StreamEvent::Finish { choice: 0, finish: Finish { reason, native: native.map(str::to_owned), stop_sequence: None } }
}

fn seal(text: &str) -> StreamEvent {
    delta(Delta::Signature { family: Family::Gemini, text: text.into() })
}

#[test]
fn a_providers_stream_is_read() {
    let chunks = [
        chunk(r#"{"text":"hm","thought":true}"#, ""),
        chunk(r#"{"text":"Hello"}"#, ""),
        chunk(r#"{"text":"","thoughtSignature":"dHh0"}"#, ""),
        chunk(
            r#"{"functionCall":{"name":"f","args":{"x": 1}},"thoughtSignature":"c2ln"}"#,
            r#","finishReason":"STOP""#,
        ),
    ];
    let (events, end) = decode(sse(&chunks).as_bytes(), 1000);
    end.unwrap();
    let start = StreamEvent::Start {
        id: Some("g1".into()),
        model: Some("v".into()),
        created: None,
        extra: serde_json::Map::new(),
    };
    let signature = Some("c2ln".to_owned());
    let call = Delta::ToolCall { index: 0, id: Ids(7).tool_call(0), name: "f".into(), signature, custom: false };
    let expected = [
        start,
        delta(Delta::Thinking("hm".into())),
        delta(Delta::Text("Hello".into())),
        seal("dHh0"),
        delta(call),
        delta(Delta::Arguments { index: 0, text: "{\"x\": 1}".into() }),
        StreamEvent::PartEnd { choice: 0 },
        finish(FinishReason::ToolCalls, Some("STOP")),
        StreamEvent::End,
    ];
    assert_eq!(said(&events), expected);
    let usage = Usage {
        cached_tokens: Some(4),
        reasoning_tokens: Some(2),
        prompt_text_tokens: Some(7),
        completion_text_tokens: Some(5),
        tells_cache_reads: true,
        ..Usage::of_tokens(11, 7)
    };
    assert!(events.contains(&StreamEvent::Usage(usage)));
    let extra: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Extra(members) => Some(members.len()),
            _ => None,
        })
        .collect();
    assert_eq!(extra, [5], "beside the call, under all of LiteLLM's names");
    let array = format!("[{}]", chunks.join("\n,"));
    assert_eq!(decode(array.as_bytes(), 3).0, events);
}

#[test]
fn a_stream_without_an_end_is_broken() {
    let words = chunk(r#"{"text":"Hello"}"#, "");
    let end = chunk("", r#","finishReason":"MAX_TOKENS""#);
    let check = |bytes: String, expected: Option<Kind>| {
        assert_eq!(decode(bytes.as_bytes(), 11).1.err().map(|error| error.kind), expected, "{bytes}");
    };
    let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#.to_owned();
    check(String::new(), Some(Kind::BrokenStream));
    check(sse(std::slice::from_ref(&words)), Some(Kind::BrokenStream));
    check(sse(&[words.clone(), end.clone()]), None);
    check(sse(&[words.clone(), end.clone()]).trim_end().to_owned(), None);
    check(sse(std::slice::from_ref(&end)) + "data: {\"cand", Some(Kind::BrokenStream));
    check(format!("[{words}"), Some(Kind::BrokenStream));
    check(format!("[{words},{end}]"), None);
    check(format!("[{words},{error}]"), Some(Kind::ServiceUnavailable));
    check(sse(&[words.clone(), error.clone()]), Some(Kind::ServiceUnavailable));
    check(error, Some(Kind::ServiceUnavailable));
    check(sse(&[words, "<html>".to_owned()]), Some(Kind::GarbledAnswer));
    let (events, end) = decode(sse(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#.to_owned()]).as_bytes(), 9);
    assert!(end.is_ok() && events.contains(&finish(FinishReason::ContentFilter, Some("SAFETY"))));
}

fn encode(events: Vec<StreamEvent>, array: bool) -> String {
    let mut encoder = Encoder::new(&Stamp::default(), array);
    let mut out = Vec::new();
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    encoder.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// The parts of all events, and the last event.
fn shown(out: &str) -> (Vec<Value>, Value) {
    let events: Vec<Value> = out
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| serde_json::from_str(&event[6..]).unwrap())
        .collect();
    let parts = |event: &Value| event["candidates"][0]["content"]["parts"].as_array().unwrap().clone();
    (events.iter().flat_map(parts).collect(), events.last().unwrap().clone())
}

#[test]
fn a_client_gets_words_at_once_and_calls_whole() {
    let mut encoder = Encoder::new(&Stamp::default(), false);
    let mut out = Vec::new();
    encoder.event(delta(Delta::Text("He\"llo".into())), &mut out);
    let first =
        r#"{"candidates":[{"content":{"parts":[{"text":"He\"llo"}],"role":"model"},"index":0,"safetyRatings":[]}]}"#;
    assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), format!("data: {first}\n\n"));
    let call = |index, name: &str, id: &str| {
        delta(Delta::ToolCall { index, id: id.into(), name: name.into(), signature: None, custom: false })
    };
    let arguments = |index, text: &str| delta(Delta::Arguments { index, text: text.into() });
    encoder.event(call(0, "f", "1"), &mut out);
    encoder.event(arguments(0, "{\"x\":"), &mut out);
    assert!(out.is_empty());
    encoder.event(call(1, "g", "2"), &mut out);
    assert!(out.is_empty(), "the first is not complete");
    encoder.event(arguments(0, " 1}"), &mut out);
    encoder.event(finish(FinishReason::ToolCalls, None), &mut out);
    encoder.event(StreamEvent::Usage(Usage::of_tokens(11, 7)), &mut out);
    encoder.finish(&mut out);
    let (parts, last) = shown(&String::from_utf8(out).unwrap());
    assert_eq!(
        parts[..2],
        [
            json!({"functionCall": {"id": "1", "name": "f", "args": {"x": 1}}}),
            json!({"functionCall": {"id": "2", "name": "g", "args": {}}}),
        ]
    );
    assert_eq!(
        last,
        json!({
        "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0,
            "safetyRatings": []}],
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}})
    );
}

#[test]
fn without_sse_a_client_gets_an_array() {
    let events = vec![delta(Delta::Text("a".into())), finish(FinishReason::Length, None)];
    let out: Vec<Value> = serde_json::from_str(&encode(events.clone(), true)).unwrap();
    assert_eq!((out.len(), &out[1]["candidates"][0]["finishReason"]), (2, &json!("MAX_TOKENS")));
    let mut encoder = Encoder::new(&Stamp::default(), true);
    let mut out = Vec::new();
    encoder.event(events[0].clone(), &mut out);
    encoder.fail(&Error::new(Kind::RateLimited, "m"), Compat::V1_106, &mut out);
    let out = String::from_utf8(out).unwrap();
    assert!(serde_json::from_str::<Value>(&out).is_err(), "nothing that looks like a proper end");
    assert!(out.ends_with(r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#), "{out}");
}

/// A thought of another family, streamed in pieces to a client who hands all back, is the thought it was.
#[test]
fn seals_of_others_come_back_through_a_client() {
    let events = vec![
        delta(Delta::Thinking("h".into())),
        delta(Delta::Thinking("m".into())),
        delta(Delta::Signature { family: Family::Anthropic, text: "Eq".into() }),
        delta(Delta::Signature { family: Family::Anthropic, text: "QB".into() }),
        StreamEvent::PartEnd { choice: 0 },
        delta(Delta::Text("Hel".into())),
        delta(Delta::Text("lo".into())),
        finish(FinishReason::Stop, None),
    ];
    let (parts, _) = shown(&encode(events, false));
    let body = json!({"contents": [{"role": "model", "parts": parts}]}).to_string();
    let request = crate::wire::openai::request::Request::parse(body.into()).unwrap();
    let request = request::decode_request(&request, "m", true).unwrap();
    let signature = Some("EqQB".to_owned());
    let thought = Thinking { text: "hm".into(), signature, family: Some(Family::Anthropic), ..Thinking::default() };
    assert_eq!(request.messages[0].parts, [Part::Thinking(thought), Part::text("Hello")]);
}

/// A whole answer as recorded, and for a client again.
#[test]
fn a_whole_answer_is_litellms() {
    let body = chunk(r#"{"text":"Hello from mock"}"#, r#","finishReason":"STOP","safetyRatings":[]"#);
    let reply = decode_reply(body.as_bytes(), &Ids(7)).unwrap();
    assert_eq!((reply.id.as_deref(), reply.choices[0].finish.native.as_deref()), (Some("g1"), Some("STOP")));
    assert_eq!(
        Value::Object(reply.extra.clone()),
        json!({"vertex_ai_grounding_metadata": [],
        "vertex_ai_url_context_metadata": [], "vertex_ai_safety_results": [[]], "vertex_ai_citation_metadata": []})
    );
    let mut usage = reply.usage.unwrap().to_json();
    usage["completion_tokens_details"].as_object_mut().unwrap().sort_keys();
    assert_eq!(
        usage,
        json!({"completion_tokens": 7, "prompt_tokens": 11, "total_tokens": 18,
        "completion_tokens_details": {"reasoning_tokens": 2, "text_tokens": 5},
        "prompt_tokens_details": {"cached_tokens": 4, "text_tokens": 7}, "cache_read_input_tokens": 4})
    );
    let plain = Reply { usage: Some(Usage::of_tokens(18, 7)), ..reply };
    let shown: Value = serde_json::from_slice(&encode_reply(plain, &Stamp::default())).unwrap();
    assert_eq!(
        shown,
        json!({"candidates": [{"content": {"parts": [{"text": "Hello from mock"}], "role": "model"},
            "finishReason": "STOP", "index": 0, "safetyRatings": []}],
        "usageMetadata": {"promptTokenCount": 18, "candidatesTokenCount": 7, "totalTokenCount": 25}})
    );
}

#[test]
fn an_answer_of_any_kind_is_read() {
    let parts = r#"{"text":"hm","thought":true},{"text":"a"},{"functionCall":{"name":"f","id":"9"}},
        {"inlineData":{"mimeType":"image/png","data":"AA=="}},{"executableCode":{"code":"1"}}"#;
    let reply = decode_reply(chunk(parts, r#","finishReason":"STOP""#).as_bytes(), &Ids(7)).unwrap();
    let choice = &reply.choices[0];
    assert_eq!((choice.parts.len(), choice.finish.reason), (5, FinishReason::ToolCalls));
    let call =
        ToolCall { id: "9".into(), name: "f".into(), arguments: "{}".into(), index: Some(0), ..ToolCall::default() };
    assert_eq!(choice.parts[2], Part::ToolCall(call));
    // What Gemini says, its clients get as it was.
    let again = decode_reply(&encode_reply(reply.clone(), &Stamp::default()), &Ids(7)).unwrap();
    assert_eq!(again.choices[0].parts, choice.parts);

    let blocked = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3}}"#;
    let blocked = decode_reply(blocked.as_bytes(), &Ids(7)).unwrap();
    assert_eq!((blocked.choices[0].finish.reason, blocked.choices[0].parts.len()), (FinishReason::ContentFilter, 0));
    assert_eq!(decode_reply(b"<html>", &Ids(7)).unwrap_err().kind, Kind::GarbledAnswer);
    assert_eq!(decode_reply(b"{}", &Ids(7)).unwrap_err().kind, Kind::GarbledAnswer);
    let error = br#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#;
    assert_eq!(decode_reply(error, &Ids(7)).unwrap_err().kind, Kind::RateLimited);
    let empty = Part::Text(Text { signature: Some("s".into()), ..Text::default() });
    let alone = decode_reply(chunk(r#"{"thoughtSignature":"s"}"#, "").as_bytes(), &Ids(7)).unwrap();
    assert_eq!(alone.choices[0].parts, [empty]);
}

proptest! {
    #[test]
    fn any_chunking_says_the_same(
        parts in prop::collection::vec(prop::sample::select(vec![
            r#"{"text":"é }\n"}"#, r#"{"text":"t","thought":true,"thoughtSignature":"c2ln"}"#,
            r#"{"functionCall":{"name":"f","args":{"a":"\"}"}}}"#, r#"{"text":""}"#,
        ]), 0..5),
        array in any::<bool>(),
        whole in any::<bool>(),
        size in 1_usize..50,
    ) {
        let mut chunks: Vec<String> = parts.iter().map(|part| chunk(part, "")).collect();
        chunks.extend(whole.then(|| chunk("", r#","finishReason":"STOP""#)));
        let bytes = if array { format!(" [{}\n]", chunks.join(",\r\n")) } else { sse(&chunks).replace('\n', "\r\n") };
        let (one, split) = (decode(bytes.as_bytes(), bytes.len()), decode(bytes.as_bytes(), size));
        prop_assert_eq!(&one.0, &split.0);
        prop_assert_eq!(one.1.is_ok(), split.1.is_ok());
        prop_assert_eq!(one.1.is_ok(), whole);
        // Read, written, read again: the same is said.
        if whole {
            let (again, end) = decode(encode(one.0.clone(), array).as_bytes(), size);
            prop_assert!(end.is_ok());
            let text = |events: &[StreamEvent]| -> String {
                events.iter().filter_map(|event| match event {
                    StreamEvent::Delta { delta: Delta::Text(text) | Delta::Thinking(text)
                        | Delta::Signature { text, .. } | Delta::Arguments { text, .. }, .. } => Some(text.as_str()),
                    _ => None,
                }).collect()
            };
            prop_assert_eq!(text(&one.0), text(&again));
        }
    }
}

#[test]
fn logprobs_and_natives_pass() {
    let logprobs = Json::parse(r#"{"content":[{"token":"a","logprob":-0.5}]}"#).unwrap();
    let code = Json::parse(r#"{"executableCode":{"code":"1"}}"#).unwrap();
    let out = encode(
        vec![
            delta(Delta::Logprobs(logprobs)),
            delta(Delta::Part(Part::Native { family: Family::Gemini, value: code })),
            delta(Delta::Part(Part::Native { family: Family::Anthropic, value: Json::empty_object() })),
        ],
        false,
    );
    let (parts, _) = shown(&out);
    assert!(out.contains(r#""logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.5}]"#), "{out}");
    assert_eq!(parts[1], json!({"executableCode": {"code": "1"}}));
    assert_eq!(parts.len(), 3, "nothing for another family's word, an empty text at the end");
}
