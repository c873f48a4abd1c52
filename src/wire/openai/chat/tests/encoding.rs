//! Requests to providers of OpenAI's family.

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::wire::model::{
    CacheMarker, Effort, Family, Media, MediaKind, Message, Part, Reasoning, Role, Source, Text, Thinking, Tool,
    ToolCall, ToolChoice, ToolKind, ToolResult,
};

fn of(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { model: "m".into(), messages, ..ChatRequest::default() }
}

fn sent(messages: Vec<Message>) -> Value {
    encode(of(messages), "hosted_vllm")["messages"].take()
}

fn image() -> Part {
    Part::Media(Media {
        kind: MediaKind::Image,
        source: Source::Base64("AA==".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
        cache: None,
        extra: None,
    })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult { id: id.into(), content, is_error: Some(true), ..ToolResult::default() })
}

#[test]
fn results_stand_right_behind_their_calls() {
    let shown = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let call = |id: &str, signature: Option<&str>| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: if id == "a" { "{\"x\": 1}" } else { "" }.into(),
            signature: signature.map(str::to_owned),
            ..ToolCall::default()
        })
    };
    let thought = Thinking {
        text: "hm".into(),
        signature: Some("s".into()),
        family: Some(Family::Anthropic),
        ..Default::default()
    };
    let got = sent(vec![
        Message::new(Role::Assistant, vec![Part::Thinking(thought), call("a", Some("sig")), call("b", None)]),
        Message::new(Role::User, vec![Part::text("and"), result("a", vec![Part::text("1"), image()])]),
        Message::new(Role::User, vec![result("b", vec![image()]), Part::text("now")]),
        Message::text(Role::User, "go on"),
    ]);
    let function = |arguments: &str| json!({"name": "f", "arguments": arguments});
    let expected = json!([
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": function("{\"x\": 1}")},
            {"id": "b", "type": "function", "function": function("{}")}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "The result is in the next message."},
        {"role": "user", "content": [shown, {"type": "text", "text": "and"}, shown, {"type": "text", "text": "now"}]},
        {"role": "user", "content": "go on"},
    ]);
    assert_eq!(got, expected);
}

#[test]
fn one_text_is_a_string_and_several_are_a_list() {
    let cached = Part::Text(Text { cache: Some(CacheMarker::default()), ..Text::plain("c") });
    let several = || Message::new(Role::User, vec![Part::text("a"), cached.clone()]);
    let a = json!({"type": "text", "text": "a"});
    assert_eq!(sent(vec![several()])[0]["content"], json!([a, {"type": "text", "text": "c"}]));
    assert_eq!(sent(vec![Message::new(Role::System, vec![cached.clone()])])[0]["content"], "c");
    let marked = json!({"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}});
    assert_eq!(encode(of(vec![several()]), "openrouter")["messages"][0]["content"], json!([a, marked]));
    let role = |provider| encode(of(vec![Message::text(Role::Developer, "d")]), provider)["messages"][0]["role"].take();
    assert_eq!((role("openai"), role("hosted_vllm")), (json!("developer"), json!("system")));
}

#[test]
fn media_find_their_parts() {
    let check = |kind, source: Source, media_type: &str, expected: Value| {
        let media = Media {
            kind,
            source,
            media_type: Some(media_type.into()),
            name: None,
            detail: None,
            cache: None,
            extra: None,
        };
        let got = sent(vec![Message::new(Role::User, vec![Part::Media(media), Part::text("?")])]);
        assert_eq!(got[0]["content"][0], expected);
    };
    let base64 = || Source::Base64("AA==".into());
    check(
        MediaKind::Audio,
        base64(),
        "audio/mpeg",
        json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}),
    );
    check(
        MediaKind::Document,
        base64(),
        "application/pdf",
        json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "document.pdf"}}),
    );
    check(MediaKind::Document, Source::FileId("f".into()), "", json!({"type": "file", "file": {"file_id": "f"}}));
    check(MediaKind::Document, Source::Text("t".into()), "text/plain", json!({"type": "text", "text": "t"}));
    check(
        MediaKind::Image,
        Source::Url("https://x".into()),
        "",
        json!({"type": "image_url", "image_url": {"url": "https://x"}}),
    );
    let by_url = Media {
        kind: MediaKind::Document,
        source: Source::Url("https://x".into()),
        media_type: None,
        name: None,
        detail: None,
        cache: None,
        extra: None,
    };
    let error =
        encode_request(of(vec![Message::new(Role::User, vec![Part::Media(by_url)])]), &profile("openai")).unwrap_err();
    assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("messages")));
}

#[test]
fn tools_and_choices() {
    let function = ToolKind::Function {
        name: "f".into(),
        description: None,
        parameters: Some(raw(r#"{"type":"object"}"#)),
        strict: None,
        extra: vec![("defer_loading".into(), raw("true"))],
    };
    let native = |family, text: &str| ToolKind::Native { family, value: raw(text) };
    let kinds = [
        function,
        native(Family::OpenAi, r#"{"type":"custom","name":"g","format":{"type":"text"}}"#),
        native(Family::Anthropic, r#"{"type":"web_search_20250305","name":"web_search"}"#),
        native(Family::Gemini, r#"{"codeExecution":{}}"#),
    ];
    let tools: Vec<Tool> = kinds.into_iter().map(|kind| Tool { kind, cache: None }).collect();
    let choices = [
        (ToolChoice::Required, json!("required")),
        (ToolChoice::Tool("f".into()), json!({"type": "function", "function": {"name": "f"}})),
        (ToolChoice::Tool("g".into()), json!({"type": "custom", "custom": {"name": "g"}})),
        (
            ToolChoice::Allowed { names: vec!["f".into()], required: true },
            json!({"type": "allowed_tools", "allowed_tools":
                {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}}),
        ),
    ];
    for (choice, expected) in choices {
        let got = encode(ChatRequest { tools: tools.clone(), tool_choice: Some(choice), ..of(Vec::new()) }, "openai");
        let expected_tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}}]);
        assert_eq!((&got["tools"], &got["web_search_options"]), (&expected_tools, &json!({})));
        assert_eq!(got["tool_choice"], expected);
    }
    let bare = encode(ChatRequest { tool_choice: Some(ToolChoice::Auto), ..of(Vec::new()) }, "openai");
    assert_eq!(bare, json!({"model": "m", "messages": []}));
}

#[test]
fn effort_is_what_the_model_can_do() {
    let of_model = |base_model: &'static str, reasoning: Reasoning, drop_params: bool| {
        let request = ChatRequest { reasoning: Some(reasoning), ..of(Vec::new()) };
        let profile = Profile { base_model, drop_params, ..profile("openai") };
        let body: Value = serde_json::from_slice(&encode_request(request, &profile)?).unwrap();
        Ok::<_, Error>(body.get("reasoning_effort").cloned())
    };
    let of_budget = |tokens| Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() };
    let said = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let off = Reasoning { off: true, ..Reasoning::default() };
    assert_eq!(of_model("gpt-5", of_budget(1024), false).unwrap(), Some(json!("low")));
    assert_eq!(of_model("gpt-5", of_budget(32_000), false).unwrap(), Some(json!("high")));
    assert_eq!(of_model("gpt-5", said(Effort::XHigh), false).unwrap(), Some(json!("xhigh")));
    assert_eq!(of_model("gpt-5", off.clone(), false).unwrap(), None);
    assert_eq!(of_model("gpt-4o", off, false).unwrap(), None);
    assert_eq!(of_model("azure/gpt-4o", of_budget(1024), true).unwrap(), None);
    assert_eq!(of_model("gpt-4o", of_budget(1024), false).unwrap_err().kind, Kind::UnsupportedParams);
}

#[test]
fn only_its_familys_extras_are_written() {
    let mut request = of(Vec::new());
    request.extra = vec![("prediction".into(), raw("{}")), ("include".into(), raw("[]"))];
    request.user = Some("u".repeat(100));
    request.sampling.top_k = Some(5);
    let foreign = encode(ChatRequest { family: Some(Family::Gemini), ..request.clone() }, "hosted_vllm");
    assert_eq!((foreign.get("prediction"), &foreign["top_k"]), (None, &json!(5)));
    assert_eq!(foreign["user"].as_str().map(str::len), Some(64));
    request.family = Some(Family::OpenAi);
    let own = encode(request.clone(), "hosted_vllm");
    assert_eq!((&own["prediction"], own.get("include")), (&json!({}), None));
    let refused = encode_request(request, &profile("openai")).unwrap_err();
    assert_eq!((refused.kind, refused.param), (Kind::UnsupportedParams, Some("top_k")));
}
