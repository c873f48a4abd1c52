//! Whole answers in both directions.

use serde_json::{Value, json};

use super::super::ids;
use super::super::reply::{decode_reply, encode_reply};
use super::{meant, stamp};
use crate::error::Kind;
use crate::wire::codec::Ids;
use crate::wire::model::{Choice, Family, Finish, FinishReason, Json, Part, Reply, Text, Thinking, ToolCall};
use crate::wire::usage::Usage;

fn reply(parts: Vec<Part>, reason: FinishReason, usage: Option<Usage>) -> Reply {
    let finish = Finish { reason, ..Finish::default() };
    Reply { choices: vec![Choice { parts, finish, ..Choice::default() }], usage, ..Reply::default() }
}

fn encoded(reply: Reply, body: &Value) -> Value {
    serde_json::from_slice(&encode_reply(reply, &stamp(body))).unwrap()
}

/// As recorded: claude, gemini, cohere /responses; ids and times are ours.
#[test]
fn the_answer_is_litellms() {
    let check = |usage: Usage, input: Value, output: Value, total: u64| {
        let body = json!({"model": "claude", "input": "hi", "instructions": "ins"});
        let hello = reply(vec![Part::text("Hello from mock")], FinishReason::Stop, Some(usage));
        let found = encoded(hello, &body);
        let uuid = |nth| stamp(&body).ids.uuid(nth);
        let id = ids::encode("anthropic", "dep", &format!("resp_{}", uuid(0).replace('-', "")));
        let recorded = json!({"id": id, "created_at": 1_795_213_124_u64, "error": null, "incomplete_details": null,
            "instructions": "ins", "metadata": {}, "model": "claude", "object": "response",
            "output": [{"type": "message", "id": format!("msg_{}", uuid(1)), "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello from mock", "annotations": []}], "phase": null}],
            "parallel_tool_calls": false, "temperature": null, "tool_choice": "auto", "tools": [], "top_p": null,
            "max_output_tokens": null, "previous_response_id": null, "reasoning": null, "status": "completed", "text": {},
            "truncation": null, "user": null, "store": null,
            "usage": {"input_tokens": usage.prompt_tokens, "input_tokens_details": input, "output_tokens": 7,
                "output_tokens_details": output, "total_tokens": total, "cost": null}});
        for name in recorded.as_object().unwrap().keys() {
            assert!(found.get(name).is_some(), "{name} must be there");
        }
        assert_eq!(meant(found), meant(recorded));
    };
    let claude = Usage {
        cached_tokens: Some(4),
        cache_creation_tokens: Some(3),
        prompt_text_tokens: Some(11),
        reasoning_tokens: Some(0),
        completion_text_tokens: Some(7),
        ..Usage::of_tokens(18, 7)
    };
    check(
        claude,
        json!({"cached_tokens": 4, "text_tokens": 11, "cache_write_tokens": 3}),
        json!({"reasoning_tokens": 0, "text_tokens": 7}),
        25,
    );
    check(Usage::of_tokens(11, 7), Value::Null, Value::Null, 18);
    let cached = Usage { cache_creation_tokens: Some(3), ..Usage::of_tokens(11, 7) };
    check(cached, json!({"cached_tokens": 0, "cache_write_tokens": 3}), Value::Null, 18);
}

#[test]
fn the_request_is_repeated() {
    let body = json!({"model": "m", "input": "hi", "tools": [{"type": "custom", "name": "patch"}], "temperature": 0.50,
        "metadata": {"k": "v"}, "previous_response_id": "resp_x", "reasoning": {"effort": "low"}, "truncation": "auto",
        "tool_choice": "required", "parallel_tool_calls": true, "text": {"verbosity": "low"}, "safety_identifier": "s"});
    let found = encoded(reply(Vec::new(), FinishReason::Stop, None), &body);
    for name in body.as_object().unwrap().keys().filter(|name| *name != "input") {
        assert_eq!(found[name], body[name], "{name}");
    }
    assert!(found.get("input").is_none() && found["usage"].is_null() && found["output"] == json!([]));
    let broken = super::Stamp { body: "[".into(), ..stamp(&json!({})) };
    assert!(serde_json::from_slice::<Value>(&encode_reply(Reply::default(), &broken)).is_ok());
}

#[test]
fn every_part_has_its_item() {
    let claude = Thinking {
        text: "hm".into(),
        signature: Some("EqQB".into()),
        family: Some(Family::Anthropic),
        ..Thinking::default()
    };
    let page = Json::parse(r#"{"type":"web_search_result_location","url":"u","title":"t","cited_text":"c"}"#).unwrap();
    let cited = Text { citations: vec![(Family::Anthropic, page)], ..Text::plain("é!") };
    let call = |id: &str, name: &str, arguments: &str| {
        let (id, name, arguments) = (id.into(), name.into(), arguments.into());
        Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
    };
    let native = |family, json: &str| Part::Native { family, value: Json::parse(json).unwrap() };
    let signed = ToolCall { id: "c0".into(), signature: Some("s".into()), ..ToolCall::default() };
    let parts = vec![
        Part::Thinking(claude),
        Part::text("a"),
        Part::Text(cited),
        Part::ToolCall(signed),
        call("c1", "f", "{\"x\": 1}"),
        call("c2", "patch", r#"{"input":"a\nb"}"#),
        native(Family::OpenAi, r#"{"type":"web_search_call","id":"ws"}"#),
        native(Family::Anthropic, r#"{"type":"server_tool_use"}"#),
        Part::Refusal("no".into()),
    ];
    let body = json!({"tools": [{"type": "custom", "name": "patch"}]});
    let found = encoded(reply(parts, FinishReason::Length, None), &body);
    assert_eq!(
        (&found["status"], &found["incomplete_details"]),
        (&json!("incomplete"), &json!({"reason": "max_output_tokens"}))
    );
    let id = |prefix: &str, nth| format!("{prefix}_{}", stamp(&body).ids.uuid(nth));
    let expected = json!([
        {"type": "reasoning", "id": id("rs", 1), "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "anthropic##s#EqQB"},
        {"type": "message", "id": id("msg", 2), "status": "completed", "role": "assistant", "content": [
            {"type": "output_text", "text": "a", "annotations": []},
            {"type": "output_text", "text": "é!", "annotations": [{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}]},
        ]},
        {"type": "function_call", "id": id("fc", 3), "call_id": "c0__thought__s", "name": "", "arguments": "{}", "status": "completed"},
        {"type": "function_call", "id": id("fc", 4), "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}", "status": "completed"},
        {"type": "custom_tool_call", "id": id("fc", 5), "call_id": "c2", "name": "patch", "input": "a\nb", "status": "completed"},
        {"type": "web_search_call", "id": "ws"},
        {"type": "message", "id": id("msg", 6), "status": "incomplete", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]);
    assert_eq!(found["output"], expected);
}

/// The upstream of gpt-4o/messages_api, with more in it.
fn openai(output: Value, status: &str, reason: Value) -> Vec<u8> {
    json!({"id": "resp_mock", "object": "response", "created_at": 1.5, "model": "gpt-4o-2024", "status": status, "error": null,
        "incomplete_details": if reason.is_null() { Value::Null } else { json!({"reason": reason}) }, "output": output,
        "usage": {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18}})
    .to_string()
    .into_bytes()
}

#[test]
fn openais_answer_is_read() {
    let check = |output: Value, status: &str, reason: Value, parts: usize, expected: (FinishReason, &str)| {
        let reply = decode_reply(&openai(output, status, reason), &Ids::default()).unwrap();
        let choice = &reply.choices[0];
        assert_eq!((choice.parts.len(), choice.finish.reason), (parts, expected.0));
        assert_eq!(choice.finish.native.as_deref(), Some(expected.1));
        assert_eq!(
            (reply.id.as_deref(), reply.model.as_deref(), reply.created),
            (Some("resp_mock"), Some("gpt-4o-2024"), Some(1))
        );
        let usage = reply.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens), (11, 7, Some(2)));
    };
    let message = |part: Value| json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]});
    let text = message(json!({"type": "output_text", "text": "Hello", "annotations": [], "logprobs": null}));
    let refusal = message(json!({"type": "refusal", "refusal": "no"}));
    let novel = message(json!({"type": "output_smell", "smell": "rose"}));
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"});
    let search = json!({"type": "web_search_call", "id": "ws_1"});
    check(json!([thought, text]), "completed", Value::Null, 2, (FinishReason::Stop, "completed"));
    check(json!([text, call, search]), "completed", Value::Null, 3, (FinishReason::ToolCalls, "completed"));
    check(json!([refusal]), "completed", Value::Null, 1, (FinishReason::ContentFilter, "refusal"));
    check(json!([novel]), "completed", Value::Null, 0, (FinishReason::Stop, "completed"));
    check(json!([text]), "incomplete", json!("max_output_tokens"), 1, (FinishReason::Length, "max_output_tokens"));
    check(json!([]), "incomplete", json!("content_filter"), 0, (FinishReason::ContentFilter, "content_filter"));
}

#[test]
fn a_failure_is_no_answer() {
    let check = |body: &str, kind: Kind, message: &str| {
        let error = decode_reply(body.as_bytes(), &Ids::default()).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message), "{body}");
    };
    let failed = |code: &str| format!(r#"{{"status":"failed","output":[],"error":{{"code":"{code}","message":"m"}}}}"#);
    check(&failed("rate_limit_exceeded"), Kind::RateLimited, "m");
    check(&failed("server_error"), Kind::InternalServer, "m");
    check(&failed("context_length_exceeded"), Kind::ContextWindow, "m");
    check(&failed("invalid_prompt"), Kind::BadRequest, "m");
    check(&failed("image_content_policy_violation"), Kind::ContentPolicy, "m");
    check(r#"{"error":{"message":"m","code":503}}"#, Kind::ServiceUnavailable, "m");
    check(r#"{"status":"cancelled","output":[]}"#, Kind::InternalServer, "The provider reported an error.");
    check("<html>", Kind::GarbledAnswer, "The provider sent an unreadable answer.");
    check("{}", Kind::GarbledAnswer, "The provider sent an unreadable answer.");
}
