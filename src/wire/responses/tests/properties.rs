//! Any conversation, any chunking.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::reply::{decode_reply, encode_reply};
use super::super::request::encode_request;
use super::streams::{decode, encode, rich, sse};
use super::{PROFILE, decoded, stamp};
use crate::wire::codec::Ids;
use crate::wire::model::{ChatRequest, Delta, Part, StreamEvent};

fn word() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{1,12}"
}

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        (prop::sample::select(vec!["user", "developer", "assistant"]), word())
            .prop_map(|(role, text)| json!({"role": role, "content": text})),
        word().prop_map(|text| json!({"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": text},
            {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low"},
            {"type": "input_image", "image_url": "https://a/b"},
            {"type": "input_image", "file_id": "file_1"},
            {"type": "input_file", "filename": text, "file_data": "data:application/pdf;base64,QQ=="},
            {"type": "input_file", "file_data": "QQ=="},
            {"type": "input_file", "file_url": "https://a/c"},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
        ]})),
        (word(), word()).prop_map(
            |(text, refusal)| json!({"type": "message", "role": "assistant", "id": "msg_1", "content": [
                {"type": "output_text", "text": text, "annotations": [{"type": "url_citation", "url": "u"}]},
                {"type": "refusal", "refusal": refusal},
            ]})
        ),
        (word(), word()).prop_map(|(text, seal)| json!({"type": "reasoning", "id": "rs_1", "encrypted_content": seal,
            "summary": [{"type": "summary_text", "text": text}]})),
        Just(
            json!({"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "r"}]})
        ),
        ("[a-z0-9_]{1,9}", word()).prop_map(|(id, text)| json!({"type": "function_call", "call_id": id, "name": "f",
            "arguments": json!({"x": text}).to_string()})),
        ("[a-z0-9_]{1,9}", word())
            .prop_map(|(id, text)| json!({"type": "custom_tool_call", "call_id": id, "name": "g", "input": text})),
        ("[a-z0-9_]{1,9}", word())
            .prop_map(|(id, text)| json!({"type": "function_call_output", "call_id": id, "output": text})),
        "[a-z0-9_]{1,9}".prop_map(|id| json!({"type": "custom_tool_call_output", "call_id": id, "output": [
            {"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://a/b"}]})),
        Just(json!({"type": "item_reference", "id": "msg_0"})),
        Just(json!({"type": "mcp_approval_response", "approval_request_id": "a", "approve": true})),
    ]
}

fn again(request: &ChatRequest) -> ChatRequest {
    let bytes = encode_request(request.clone(), &PROFILE).unwrap();
    decoded(&serde_json::from_slice(&bytes).unwrap()).unwrap()
}

/// An answer's text, thoughts and arguments, whatever events told them.
fn told(events: &[StreamEvent]) -> Vec<(&'static str, String)> {
    let mut told: Vec<(&'static str, String)> = Vec::new();
    let mut add = |kind: &'static str, text: &str| match told.last_mut().filter(|(last, _)| *last == kind) {
        Some((_, all)) => all.push_str(text),
        None => told.push((kind, text.to_owned())),
    };
    for event in events {
        let StreamEvent::Delta { delta, .. } = event else { continue };
        match delta {
            Delta::Text(text) => add("text", text),
            Delta::Thinking(text) => add("thinking", text),
            Delta::Signature { text, .. } => add("seal", text),
            Delta::ToolCall { id, name, .. } => add("call", &format!("{id} {name} ")),
            Delta::Arguments { text, .. } => add("call", text),
            Delta::Refusal(text) => add("refusal", text),
            Delta::Part(Part::Native { value, .. }) => add("native", value.text()),
            _ => {}
        }
    }
    told
}

proptest! {
    #[test]
    fn a_request_survives_its_own_dialect(items in prop::collection::vec(item(), 0..8), instructions in prop::option::of(word())) {
        let tools = json!([{"type": "function", "name": "f", "parameters": {}, "strict": false}, {"type": "web_search"}]);
        let mut body = json!({"model": "m", "input": items, "tools": tools, "tool_choice": {"type": "function", "name": "f"},
            "reasoning": {"effort": "low", "summary": "auto"}, "text": {"format": {"type": "json_object"}}, "max_output_tokens": 3,
            "include": ["reasoning.encrypted_content"], "metadata": {"a": "b"}});
        body["instructions"] = instructions.into();
        let first = decoded(&body).unwrap();
        prop_assert_eq!(&again(&first), &first);
    }

    #[test]
    fn an_answer_survives_its_own_dialect(items in prop::collection::vec(item(), 0..8)) {
        let output: Vec<Value> = items.into_iter().filter(|item| item["role"] != "user").collect();
        let read = |output: Value| {
            let body = json!({"id": "resp_1", "output": output, "status": "completed", "usage": {"input_tokens": 1, "output_tokens": 2}});
            decode_reply(body.to_string().as_bytes(), &Ids::default()).unwrap()
        };
        let once = |output: Value| -> Value {
            let answer = encode_reply(read(output), &stamp(&json!({})));
            serde_json::from_slice::<Value>(&answer).unwrap()["output"].clone()
        };
        // The first pass gives ids to what had none.
        let first = once(json!(output));
        prop_assert_eq!(read(once(first.clone())), read(first));
    }

    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..40, line_end in prop::sample::select(vec!["\n", "\r", "\r\n"])) {
        let bytes = sse(&rich()).replace('\n', line_end);
        prop_assert_eq!(decode(bytes.as_bytes(), size).unwrap(), decode(sse(&rich()).as_bytes(), usize::MAX).unwrap());
    }

    #[test]
    fn a_cut_stream_never_ends_well(cut in 0_usize..2000) {
        let whole = sse(&rich());
        let end = whole.rfind('}').unwrap();
        let bytes = whole.as_bytes();
        let cut = cut.min(end);
        prop_assert!(decode(&bytes[..cut], 11).is_err());
    }

    #[test]
    fn a_stream_survives_its_own_dialect(words in prop::collection::vec((0..4_u8, word()), 0..12)) {
        let mut calls = 0;
        let mut events = vec![StreamEvent::Start { id: None, model: None, created: None, extra: Default::default() }];
        for (kind, text) in words {
            let delta = match kind {
                0 => Delta::Text(text),
                1 => Delta::Thinking(text),
                2 => Delta::Refusal(text),
                _ => {
                    let (id, name) = (format!("c{calls}"), "f".to_owned());
                    events.push(StreamEvent::Delta { choice: 0, delta: Delta::ToolCall { index: calls, id, name, signature: None, custom: false } });
                    calls += 1;
                    Delta::Arguments { index: calls - 1, text }
                }
            };
            events.push(StreamEvent::Delta { choice: 0, delta });
        }
        let out = encode(events.clone(), &json!({}));
        prop_assert_eq!(told(&decode(sse(&out).as_bytes(), 13).unwrap()), told(&events));
    }

    #[test]
    fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, 7);
        let _ = decode_reply(&bytes, &Ids::default());
    }
}
