//! Requests in both directions.

use serde_json::{Value, json};

use super::super::bridge;
use super::super::request::encode_request;
use super::{PROFILE, decoded, meant};
use crate::error::Kind;
use crate::wire::codec::Profile;
use crate::wire::model::{
    ChatRequest, Effort, Family, Json, Media, MediaKind, Message, Part, Reasoning, ResponseFormat, Role, Source, Text,
    Thinking, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
};

fn encoded(request: ChatRequest) -> Value {
    serde_json::from_slice(&encode_request(request, &PROFILE).unwrap()).unwrap()
}

fn messages(input: Value) -> Vec<Message> {
    decoded(&json!({"model": "m", "input": input})).unwrap().messages
}

#[test]
fn the_plain_request() {
    // As recorded: claude/responses.
    let request = decoded(&json!({"model": "claude", "input": "hi", "instructions": "ins"})).unwrap();
    let expected = [Message::text(Role::System, "ins"), Message::text(Role::User, "hi")];
    assert_eq!((request.model.as_str(), request.messages.as_slice()), ("claude", &expected[..]));
    assert!(!request.stream && request.include_usage && request.family == Some(Family::OpenAi));
    assert!(request.extra.is_empty() && request.tools.is_empty() && request.reasoning.is_none());
}

#[test]
fn what_follows_each_other_is_one_message() {
    let found = messages(json!([
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "x"}, {"type": "summary_text", "text": "y"}], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1__thought__c2ln", "name": "f", "arguments": "{\"x\": 1}", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "*** Begin"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1__thought__c2ln", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "ok"}, {"type": "input_file", "file_id": "file_1"}]},
        {"type": "computer_call_output", "call_id": "call_3", "output": {"type": "computer_screenshot"}},
        {"role": "user", "content": "more"},
        {"type": "item_reference", "id": "msg_0"},
    ]));
    let roles: Vec<(Role, usize)> = found.iter().map(|message| (message.role, message.parts.len())).collect();
    let expected = [
        (Role::Developer, 1),
        (Role::User, 2),
        (Role::Assistant, 6),
        (Role::User, 3),
        (Role::User, 1),
        (Role::Assistant, 1),
    ];
    assert_eq!(roles, expected);
    let thinking = Thinking {
        text: "x\n\ny".into(),
        sealed: Some("gAAA".into()),
        id: Some("rs_1".into()),
        family: Some(Family::OpenAi),
        summary: true,
        ..Thinking::default()
    };
    let call = ToolCall {
        id: "call_1".into(),
        name: "f".into(),
        arguments: r#"{"x": 1}"#.into(),
        signature: Some("c2ln".into()),
        item_id: Some("fc_1".into()),
        ..ToolCall::default()
    };
    assert_eq!(found[2].parts[0], Part::Thinking(thinking));
    assert_eq!(found[2].parts[3], Part::ToolCall(call));
    let Part::ToolResult(result) = &found[3].parts[0] else { panic!() };
    assert_eq!((result.id.as_str(), &result.content), ("call_1", &vec![Part::text("1")]));
    assert!(
        matches!(&found[3].parts[1], Part::ToolResult(ToolResult { custom: true, content, .. }) if content.len() == 2)
    );
    assert!(
        matches!(&found[1].parts[1], Part::Media(Media { kind: MediaKind::Image, source: Source::Base64(data), .. }) if data == "QQ==")
    );
}

#[test]
fn a_foreign_seal_comes_home() {
    let claude = Thinking {
        text: "hm".into(),
        signature: Some("EqQB".into()),
        family: Some(Family::Anthropic),
        ..Thinking::default()
    };
    let seal = claude.seal_for(Family::OpenAi).unwrap();
    let item = json!({"type": "reasoning", "id": "rs_x", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": seal});
    assert_eq!(messages(json!([item])), [Message::new(Role::Assistant, vec![Part::Thinking(claude.clone())])]);
    let mut request = ChatRequest { model: "m".into(), ..ChatRequest::default() };
    request.messages =
        vec![Message::new(Role::Assistant, vec![Part::Thinking(claude)]), Message::text(Role::User, "go")];
    assert_eq!(encoded(request)["input"].as_array().unwrap().len(), 1, "never sent to another family");
}

#[test]
fn every_parameter_has_its_place() {
    let request = decoded(&json!({
        "model": "m", "input": "hi", "stream": true, "user": "u", "max_output_tokens": 5, "temperature": 0.5, "top_p": 0.9,
        "top_logprobs": 2, "parallel_tool_calls": false, "previous_response_id": "resp_1", "store": false,
        "service_tier": "flex", "metadata": {"k": "v"}, "include": ["reasoning.encrypted_content"], "truncation": "auto",
        "tags": ["t"], "litellm_metadata": {}, "mock_response": "x", "background": null, "api_base": "http://evil",
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"a": 1}, "strict": true, "cache_control": {"type": "ephemeral"}},
            {"type": "custom", "name": "patch"},
        ],
    }))
    .unwrap();
    let sampling = &request.sampling;
    assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_p), (Some(5), Some(0.5), Some(0.9)));
    assert_eq!((sampling.logprobs, sampling.top_logprobs), (Some(true), Some(2)));
    assert_eq!((request.parallel_tool_calls, request.store), (Some(false), Some(false)));
    assert_eq!((request.user.as_deref(), request.service_tier.as_deref()), (Some("u"), Some("flex")));
    assert_eq!(request.previous_response_id.as_deref(), Some("resp_1"));
    let names: Vec<&str> = request.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["metadata", "include", "truncation"]);
    let reasoning = Reasoning { effort: Some(Effort::High), summary: Some("auto".into()), ..Reasoning::default() };
    assert_eq!(request.reasoning, Some(reasoning));
    assert_eq!(request.verbosity.as_deref(), Some("low"));
    assert!(matches!(&request.response_format, Some(ResponseFormat::JsonSchema { strict: Some(true), .. })));
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }));
    assert!(request.tools[0].cache.is_some());
    assert!(matches!(&request.tools[1].kind, ToolKind::Native { family: Family::OpenAi, .. }));
    // In its own family it comes out as it went in, but for what the provider's side always says.
    let out = encoded(request);
    assert_eq!(out["metadata"], json!({"k": "v"}));
    assert_eq!(out["include"], json!(["reasoning.encrypted_content", "message.output_text.logprobs"]));
    assert_eq!(out["tool_choice"]["mode"], "required");
    assert_eq!(out["text"]["verbosity"], "low");
    assert!(out.get("tags").is_none() && out.get("api_base").is_none());
}

#[test]
fn tool_choices() {
    let check = |choice: Value, expected: Option<ToolChoice>| {
        let request = decoded(&json!({"model": "m", "input": "hi", "tool_choice": choice})).unwrap();
        assert_eq!(request.tool_choice, expected, "{choice}");
        assert_eq!(request.extra("tool_choice").is_some(), expected.is_none(), "{choice}");
    };
    check(json!("auto"), Some(ToolChoice::Auto));
    check(json!("none"), Some(ToolChoice::None));
    check(json!("required"), Some(ToolChoice::Required));
    check(json!({"type": "function", "name": "f"}), Some(ToolChoice::Tool("f".into())));
    check(json!({"type": "function", "function": {"name": "f"}}), Some(ToolChoice::Tool("f".into())));
    check(json!({"type": "custom", "name": "f"}), Some(ToolChoice::Tool("f".into())));
    check(json!({"type": "tool"}), Some(ToolChoice::Required));
    check(json!({"type": "auto"}), Some(ToolChoice::Auto));
    check(json!({"type": "web_search_preview"}), None);
}

#[test]
fn a_mistake_names_its_parameter() {
    let check = |body: Value, kind: Kind, param: &str| {
        let error = decoded(&body).unwrap_err();
        assert_eq!((error.kind, error.param), (kind, Some(param)), "{body}: {}", error.message);
    };
    check(json!({"model": "m"}), Kind::MissingParameter, "input");
    check(json!({"input": null}), Kind::MissingParameter, "input");
    for input in [
        json!(5),
        json!([5]),
        json!([{}]),
        json!([{"role": "wizard", "content": "x"}]),
        json!([{"role": "user", "content": [{"type": "input_hologram"}]}]),
        json!([{"role": "user", "content": [{"type": "input_text"}]}]),
        json!([{"type": "function_call_output", "call_id": "c", "output": {"a": 1}}]),
    ] {
        check(json!({"input": input}), Kind::InvalidParameter, "input");
    }
    check(json!({"input": "x", "tools": [{"type": "function"}]}), Kind::InvalidParameter, "tools");
    check(json!({"input": "x", "tool_choice": "never"}), Kind::InvalidParameter, "tool_choice");
    check(json!({"input": "x", "text": {"format": {"type": "xml"}}}), Kind::InvalidParameter, "text");
    check(json!({"input": "x", "reasoning": {"effort": "huge"}}), Kind::InvalidParameter, "reasoning");
    check(json!({"input": "x", "max_output_tokens": "5"}), Kind::InvalidParameter, "max_output_tokens");
}

/// As recorded: gpt-4o/messages_api and its stream.
#[test]
fn the_request_for_openai_is_litellms() {
    let mut request = ChatRequest { model: "gpt-4o".into(), family: Some(Family::Anthropic), ..ChatRequest::default() };
    request.messages = vec![Message::text(Role::System, "sys"), Message::text(Role::User, "hi")];
    request.sampling.max_tokens = Some(100);
    let mut expected = json!({"model": "gpt-4o", "include": ["reasoning.encrypted_content"], "instructions": "sys",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "max_output_tokens": 100});
    assert_eq!(encoded(request.clone()), expected);
    request.messages.remove(0);
    request.stream = true;
    expected["stream"] = true.into();
    expected.as_object_mut().unwrap().shift_remove("instructions");
    assert_eq!(encoded(request), expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn an_agents_conversation_keeps_all_it_has() {
    let user = |parts| Message::new(Role::User, parts);
    let image = Media {
        kind: MediaKind::Image,
        source: Source::Base64("QQ==".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
        cache: None,
        extra: None,
    };
    let call = |id: &str| ToolCall { id: id.into(), name: "f".into(), ..ToolCall::default() };
    let sealed = |seal: &str, id: Option<&str>| Thinking {
        text: "t".into(),
        sealed: Some(seal.into()),
        id: id.map(str::to_owned),
        family: Some(Family::OpenAi),
        summary: true,
        ..Thinking::default()
    };
    let unsealed = Thinking { text: "t".into(), family: Some(Family::Anthropic), ..Thinking::default() };
    let result = |id: &str, content| Part::ToolResult(ToolResult { id: id.into(), content, ..ToolResult::default() });
    let messages = vec![
        Message::new(Role::System, vec![Part::text("a"), Part::text("b")]),
        user(vec![Part::text("see"), Part::Media(image.clone())]),
        Message::new(
            Role::Assistant,
            vec![
                Part::Thinking(sealed("gAAA", Some("rs_1"))),
                Part::Thinking(sealed("rs_2#gBBB", None)),
                Part::Thinking(unsealed),
                Part::text("now"),
                Part::ToolCall(ToolCall {
                    arguments: r#"{"x": 1}"#.into(),
                    signature: Some("c2ln".into()),
                    ..call("c1")
                }),
                Part::ToolCall(call("c2")),
            ],
        ),
        user(vec![
            result("c1", vec![Part::text("1"), Part::text("2")]),
            result("c2", vec![Part::text("see"), Part::Media(image)]),
            Part::Text(Text { cache: Some(Default::default()), ..Text::plain("go") }),
        ]),
        Message::text(Role::System, "late"),
    ];
    let found = encoded(ChatRequest { model: "m".into(), messages, ..ChatRequest::default() });
    assert_eq!(found["instructions"], "a\nb");
    let shown = json!({"type": "input_image", "image_url": "data:image/png;base64,QQ=="});
    let text = |text: &str| json!({"type": "input_text", "text": text});
    let thought = |id: &str, seal: &str| json!({"type": "reasoning", "id": id, "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": seal});
    let expected = json!([
        {"type": "message", "role": "user", "content": [text("see"), shown]},
        thought("rs_1", "gAAA"),
        thought("rs_2", "gBBB"),
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "now"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1\n2"},
        {"type": "function_call_output", "call_id": "c2", "output": [text("see"), shown]},
        {"type": "message", "role": "user", "content": [text("go")]},
        {"type": "message", "role": "system", "content": [text("late")]},
    ]);
    assert_eq!(found["input"], expected);
}

#[test]
fn parameters_of_other_dialects() {
    let tool = |kind| Tool { kind, cache: None };
    let function = |name: &str| {
        let name = name.to_owned();
        tool(ToolKind::Function { name, description: None, parameters: None, strict: None, extra: Vec::new() })
    };
    let anthropic =
        |json: &str| tool(ToolKind::Native { family: Family::Anthropic, value: Json::parse(json).unwrap() });
    let found = encoded(ChatRequest {
        model: "m".into(),
        messages: vec![Message::text(Role::User, "hi")],
        tools: vec![
            function("f"),
            anthropic(r#"{"type":"web_search_20250305","name":"web_search"}"#),
            anthropic(r#"{"type":"bash_20250124","name":"bash"}"#),
        ],
        web_search: Json::parse(
            r#"{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"Bonn"}}}"#,
        ),
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(false),
        reasoning: Some(Reasoning { budget_tokens: Some(100_000), ..Reasoning::default() }),
        response_format: Some(ResponseFormat::JsonSchema {
            name: None,
            schema: Json::empty_object(),
            strict: None,
            description: None,
        }),
        user: Some("u".repeat(70)),
        service_tier: Some("standard_only".into()),
        extra: vec![("thinking".into(), Json::empty_object())],
        family: Some(Family::Anthropic),
        ..ChatRequest::default()
    });
    let expected = json!({
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "include": ["reasoning.encrypted_content"],
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false},
            {"type": "web_search_preview"},
            {"type": "web_search_preview", "search_context_size": "low", "user_location": {"type": "approximate", "city": "Bonn"}},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "reasoning": {"effort": "xhigh"},
        "text": {"format": {"type": "json_schema", "name": "structured_output", "schema": {}, "strict": false}},
        "user": "u".repeat(64),
    });
    assert_eq!(meant(found), meant(expected));
}

#[test]
fn what_the_api_lacks_is_refused_or_dropped() {
    let mut request = ChatRequest { model: "m".into(), ..ChatRequest::default() };
    request.sampling.stop = vec!["x".into()];
    let refused = encode_request(request.clone(), &PROFILE).unwrap_err();
    assert_eq!((refused.kind, refused.param), (Kind::UnsupportedParams, Some("stop")));
    assert!(encode_request(request.clone(), &Profile { drop_params: true, ..PROFILE }).is_ok());
    request.sampling.stop.clear();
    let video = Media {
        kind: MediaKind::Video,
        source: Source::Url("u".into()),
        media_type: None,
        name: None,
        detail: None,
        cache: None,
        extra: None,
    };
    request.messages = vec![Message::new(Role::User, vec![Part::Media(video)])];
    assert_eq!(encode_request(request, &PROFILE).unwrap_err().kind, Kind::InvalidParameter);
}

#[test]
fn thinking_that_is_off() {
    let check = |said: Reasoning, expected: Value| {
        let request = ChatRequest { model: "m".into(), reasoning: Some(said), ..ChatRequest::default() };
        assert_eq!(encoded(request).get("reasoning").cloned().unwrap_or_default(), expected);
    };
    check(Reasoning { off: true, ..Reasoning::default() }, Value::Null);
    check(Reasoning { effort: Some(Effort::None), off: true, ..Reasoning::default() }, json!({"effort": "none"}));
    check(Reasoning { adaptive: true, ..Reasoning::default() }, json!({"effort": "medium"}));
    check(Reasoning { summary: Some("auto".into()), ..Reasoning::default() }, json!({"summary": "auto"}));
}

#[test]
fn a_bridged_request_says_only_what_others_know() {
    let mut request = decoded(&json!({
        "model": "m", "store": false, "include": ["x"], "prompt_cache_key": "k", "metadata": {}, "top_k": 3,
        "tools": [
            {"type": "custom", "name": "patch", "description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "G"}},
            {"type": "web_search", "search_context_size": "low", "user_location": {"type": "approximate", "city": "Bonn"}},
            {"type": "local_shell"},
        ],
        "input": [
            {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "a\"b"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        ],
    }))
    .unwrap();
    let mut silent = request.clone();
    bridge::to_other_dialects(&mut silent, false);
    assert!(silent.web_search.is_none() && silent.tools.len() == 2);
    bridge::to_other_dialects(&mut request, true);
    assert!(request.extra.is_empty() && request.store.is_none());
    let search = json!({"search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}});
    assert_eq!(request.web_search.as_ref().map(Json::value), Some(search));
    let ToolKind::Function { name, description, parameters, .. } = &request.tools[0].kind else { panic!() };
    assert_eq!((name.as_str(), parameters.as_ref().unwrap().value()["required"].clone()), ("patch", json!(["input"])));
    assert!(
        description.as_ref().unwrap().starts_with("d\n\n") && description.as_ref().unwrap().ends_with("grammar:\nG")
    );
    let Part::ToolCall(call) = &request.messages[0].parts[0] else { panic!() };
    assert_eq!((call.custom, call.arguments.as_str()), (false, r#"{"input":"a\"b"}"#));
    let Part::ToolResult(result) = &request.messages[1].parts[0] else { panic!() };
    assert!(!result.custom);
}
