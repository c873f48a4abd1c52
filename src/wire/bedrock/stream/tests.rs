use proptest::prelude::*;

use super::*;
use crate::wire::bedrock::event_stream::write;
use crate::wire::usage::Usage;

/// The events of a stream, and the error that ended it.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, forced_json: bool) -> (Vec<StreamEvent>, Option<Kind>) {
    let mut decoder = Decoder::new(forced_json);
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.feed(piece, &mut events) {
            return (events, Some(error.kind));
        }
    }
    let error = decoder.end(&mut events).err();
    (events, error.map(|error| error.kind))
}

fn framed(events: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, payload) in events {
        let headers = [(":event-type", *name), (":content-type", "application/json"), (":message-type", "event")];
        write(&headers, payload.as_bytes(), &mut out);
    }
    out
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn start() -> StreamEvent {
    StreamEvent::Start { id: None, model: None, created: None, extra: Map::new() }
}

fn finish(reason: FinishReason, native: &str) -> StreamEvent {
    let finish = reply::finish(Some(native.to_owned()), None);
    StreamEvent::Finish { choice: 0, finish: crate::wire::model::Finish { reason, ..finish } }
}

const END: StreamEvent = StreamEvent::PartEnd { choice: 0 };

const ANSWER: [(&str, &str); 16] = [
    ("messageStart", r#"{"p":"abcd","role":"assistant"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"a"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"c2Vj"}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"calling é"}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"citation":{"location":{"web":{"url":"u"}}}}}"#),
    ("contentBlockStart", r#"{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"x\":"}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":" 1}"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
    ("contentBlockStart", r#"{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"t2","name":"g"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
    ("somethingNew", "{}"),
    ("messageStop", r#"{"stopReason":"tool_use"}"#),
    (
        "metadata",
        r#"{"usage":{"inputTokens":11,"outputTokens":7,"totalTokens":18,"cacheReadInputTokens":4},"metrics":{"latencyMs":1}}"#,
    ),
];

fn expected() -> Vec<StreamEvent> {
    let family = Family::Anthropic;
    let sealed = Thinking { sealed: Some("c2Vj".to_owned()), family: Some(family), ..Thinking::default() };
    let call = |index: u32, id: &str, name: &str| {
        delta(Delta::ToolCall { index, id: id.to_owned(), name: name.to_owned(), signature: None, custom: false })
    };
    let arguments = |text: &str| delta(Delta::Arguments { index: 0, text: text.to_owned() });
    let citation = r#"{"type":"web_search_result_location","cited_text":"","url":"u"}"#;
    let value = crate::wire::model::Json::parse(citation).unwrap();
    let usage = Usage {
        cached_tokens: Some(4),
        cache_creation_tokens: Some(0),
        prompt_text_tokens: Some(11),
        tells_cache_reads: true,
        ..Usage::of_tokens(15, 7)
    };
    vec![
        start(),
        delta(Delta::Thinking("hm".to_owned())),
        delta(Delta::Signature { family, text: "c2ln".to_owned() }),
        END,
        delta(Delta::Part(Part::Thinking(sealed))),
        delta(Delta::Text("calling é".to_owned())),
        delta(Delta::Citation { family, value }),
        call(0, "t1", "f"),
        arguments("{\"x\":"),
        arguments(" 1}"),
        END,
        call(1, "t2", "g"),
        delta(Delta::Arguments { index: 1, text: "{}".to_owned() }),
        END,
        finish(FinishReason::ToolCalls, "tool_use"),
        StreamEvent::Usage(usage),
        StreamEvent::End,
    ]
}

#[test]
fn every_event_is_understood() {
    assert_eq!(read([&framed(&ANSWER)[..]], false), (expected(), None));
}

#[test]
fn an_answer_is_whole_when_it_was_said_to_be() {
    let check = |events: &[(&str, &str)], tail: &[u8], expected: Option<Kind>| {
        let bytes = [&framed(events)[..], tail].concat();
        for size in [1, 7, bytes.len().max(1)] {
            let (events, error) = read(bytes.chunks(size), false);
            assert_eq!(error, expected, "{events:?}");
            assert_eq!(events.last() == Some(&StreamEvent::End), expected.is_none(), "{events:?}");
        }
    };
    check(&ANSWER, b"", None);
    check(&ANSWER, b"what comes after the last event is not read", None);
    check(&ANSWER[..15], b"", None);
    check(&ANSWER[..15], &framed(&ANSWER[15..])[..20], None);
    check(&ANSWER[..14], b"", Some(Kind::BrokenStream));
    check(&[], b"", Some(Kind::BrokenStream));
    check(&ANSWER[..3], b"{\"message\":\"no event stream\"}", Some(Kind::GarbledAnswer));
    check(&[("contentBlockDelta", "{}")], b"", Some(Kind::GarbledAnswer));
    let exception = |name: &str| {
        let mut out = Vec::new();
        write(&[(":message-type", "exception"), (":exception-type", name)], br#"{"message":"m"}"#, &mut out);
        out
    };
    check(&ANSWER[..6], &exception("throttlingException"), Some(Kind::RateLimited));
    check(&ANSWER[..6], &exception("modelStreamErrorException"), Some(Kind::InternalServer));
    check(&[], &exception("serviceUnavailableException"), Some(Kind::ServiceUnavailable));
}

#[test]
fn the_schemas_tool_is_the_answer() {
    let events = [
        ("messageStart", r#"{"role":"assistant"}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"json_tool_call"}}}"#,
        ),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
    ];
    let text = delta(Delta::Text("{\"a\":1}".to_owned()));
    let whole = vec![start(), text, END, finish(FinishReason::Stop, "tool_use"), StreamEvent::End];
    assert_eq!(read([&framed(&events)[..]], true), (whole, None));
    let (unforced, _) = read([&framed(&events)[..]], false);
    assert!(unforced.contains(&delta(Delta::Arguments { index: 0, text: "{\"a\":1}".to_owned() })), "{unforced:?}");
}

#[test]
fn what_the_provider_runs_itself_is_not_shown() {
    let events = [
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"nova_grounding","type":"server_tool_use"}}}"#,
        ),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"found"}}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
        ("metadata", r#"{"trace":{"guardrail":{}},"serviceTier":{"type":"flex"}}"#),
    ];
    let extra = serde_json::json!({"trace": {"guardrail": {}}, "service_tier": "flex"});
    let expected = vec![
        start(),
        delta(Delta::Text("found".to_owned())),
        finish(FinishReason::Stop, "end_turn"),
        StreamEvent::Extra(extra.as_object().unwrap().clone()),
        StreamEvent::End,
    ];
    assert_eq!(read([&framed(&events)[..]], false), (expected, None));
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        size in 1_usize..400,
        spoil in prop::option::of((any::<prop::sample::Index>(), 1_u8..=255)),
        cut in any::<prop::sample::Index>(),
        forced_json: bool,
    ) {
        let mut bytes = framed(&ANSWER);
        if let Some((at, bits)) = spoil {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let whole = read([&bytes[..]], forced_json);
        prop_assert_eq!(&whole, &read(bytes.chunks(size), forced_json));
        prop_assert_eq!(&whole, &read(bytes.chunks(1), forced_json));
        let is_whole = whole.0.last() == Some(&StreamEvent::End);
        prop_assert_eq!(whole.1.is_none(), is_whole);
    }

    #[test]
    fn no_payload_makes_it_panic(name in 0_usize..16, payload in "[a-zA-Z{}\\[\\]\":,0-9]{0,60}") {
        let bytes = framed(&[(ANSWER[name].0, &payload), ANSWER[name]]);
        read([&bytes[..]], true);
    }
}
