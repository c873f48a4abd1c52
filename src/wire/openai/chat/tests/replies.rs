//! Whole answers.

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::wire::model::{
    Choice, Family, FinishReason, Media, MediaKind, Part, Reply, Source, Text, Thinking, ToolCall,
};

fn read(body: &str) -> Result<Reply, Error> {
    decode_reply(body.as_bytes(), &Ids(1))
}

fn shown(parts: Vec<Part>) -> Value {
    let reply = Reply { choices: vec![Choice { parts, ..Choice::default() }], ..Reply::default() };
    let mut json: Value = serde_json::from_slice(&encode_reply(reply, &stamp())).unwrap();
    json["choices"][0]["message"].take()
}

#[test]
fn an_answer_is_read() {
    let reply = read(
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"gpt-4o-2024","service_tier":"default",
            "system_fingerprint":"fp","citations":["https://x"],"usage":{"prompt_tokens":11,"completion_tokens":7},
            "choices":[{"index":0,"finish_reason":"tool_calls","logprobs":{"content": []},"message":{"role":"assistant",
            "content":"a","refusal":null,"reasoning":"hm","annotations":[{"type": "url_citation"}],"tool_calls":[
            {"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},
            {"type":"function","function":{"name":"g","arguments":{"y": 2}}}]}},
            {"index":1,"finish_reason":"length","message":{"content":null,"refusal":"no"}}]}"#,
    )
    .unwrap();
    assert_eq!((reply.id.as_deref(), reply.created, reply.choices.len()), (Some("chatcmpl-1"), Some(5), 2));
    assert_eq!(reply.usage.unwrap().total_tokens, 18);
    assert_eq!(reply.extra["citations"], json!(["https://x"]));
    let text = Text { citations: vec![(Family::OpenAi, raw(r#"{"type": "url_citation"}"#))], ..Text::plain("a") };
    let call = |id: String, name: &str, arguments: &str| {
        Part::ToolCall(ToolCall { id, name: name.into(), arguments: arguments.into(), ..ToolCall::default() })
    };
    let expected = [
        Part::Thinking(Thinking { text: "hm".into(), ..Thinking::default() }),
        Part::Text(text),
        call("c".into(), "f", "{\"x\": 1}"),
        call(Ids(1).tool_call(1), "g", "{\"y\": 2}"),
    ];
    assert_eq!(reply.choices[0].parts, expected);
    assert_eq!(reply.choices[0].finish.native.as_deref(), Some("tool_calls"));
    assert_eq!(reply.choices[0].logprobs.as_ref().map(Json::text), Some(r#"{"content": []}"#));
    assert_eq!(reply.choices[1].parts, [Part::Refusal("no".into())]);
    assert_eq!(reply.choices[1].finish.reason, FinishReason::Length);
}

#[test]
fn what_is_no_answer_is_an_error() {
    let cases = [
        ("<html>", Kind::GarbledAnswer),
        ("[]", Kind::GarbledAnswer),
        (r#"{"object":"chat.completion"}"#, Kind::GarbledAnswer),
        (r#"{"choices":[{"message":{"content":5}}]}"#, Kind::GarbledAnswer),
        (r#"{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}"#, Kind::GarbledAnswer),
        (r#"{"error":{"message":"busy","code":429}}"#, Kind::RateLimited),
    ];
    for (body, kind) in cases {
        assert_eq!(read(body).unwrap_err().kind, kind, "{body}");
    }
}

#[test]
fn thoughts_are_shown_as_litellm_does() {
    let thought = |text: &str, signature: Option<&str>, family| {
        let signature = signature.map(str::to_owned);
        Part::Thinking(Thinking { text: text.into(), signature, family, ..Thinking::default() })
    };
    let redacted = Thinking { sealed: Some("blob".into()), family: Some(Family::Anthropic), ..Thinking::default() };
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"}]);
    let parts = vec![thought("hm", Some("sig"), Some(Family::Anthropic)), Part::Thinking(redacted), Part::text("a")];
    let expected = json!({"role": "assistant", "content": "a", "reasoning_content": "hm", "thinking_blocks": blocks,
        "provider_specific_fields": {"thinking_blocks": blocks}});
    assert_eq!(shown(parts), expected);
    let plain = json!({"role": "assistant", "reasoning_content": "hm"});
    assert_eq!(shown(vec![thought("hm", None, None)]), plain);
    let foreign = json!({"role": "assistant", "reasoning_content": "hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "gemini##s#sig"}]});
    assert_eq!(shown(vec![thought("hm", Some("sig"), Some(Family::Gemini))]), foreign);
}

#[test]
fn what_openai_has_no_word_for_has_litellms() {
    let media = |kind, source: Source, extra| {
        Part::Media(Media { kind, source, media_type: None, name: None, detail: None, cache: None, extra })
    };
    let image = || media(MediaKind::Image, Source::Base64("AA==".into()), None);
    let audio = media(
        MediaKind::Audio,
        Source::Base64("BB==".into()),
        Some((Family::OpenAi, raw(r#"{"id":"a","transcript":"t"}"#))),
    );
    let call = ToolCall { id: "c".into(), name: "f".into(), signature: Some("sig".into()), ..ToolCall::default() };
    let text = Text {
        citations: vec![(Family::Anthropic, raw(r#"{"type":"char_location"}"#))],
        signature: Some("seal".into()),
        ..Text::plain("a")
    };
    let shown_image =
        |index: u32| json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}, "index": index});
    let expected = json!({"role": "assistant", "content": "ab", "refusal": "no",
        "tool_calls": [{"id": "c__thought__sig", "type": "function", "function": {"name": "f", "arguments": "{}"},
            "provider_specific_fields": {"thought_signature": "sig"}}],
        "images": [shown_image(0), shown_image(1)],
        "audio": {"id": "a", "transcript": "t", "data": "BB=="},
        "provider_specific_fields": {"citations": [[{"type": "char_location", "supported_text": "a"}]],
            "thought_signatures": ["seal"]}});
    let parts = vec![
        Part::Text(text),
        image(),
        Part::text("b"),
        Part::ToolCall(call),
        image(),
        audio,
        Part::Refusal("no".into()),
    ];
    assert_eq!(shown(parts), expected);
}
