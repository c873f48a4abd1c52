//! What goes to Claude, against recordings of LiteLLM.

use super::*;

/// `said("hi")` with these changes, sent to this model; `members` are what differs from the plain body.
fn check(model: &str, change: impl FnOnce(&mut ChatRequest), members: Value) {
    let mut request = said("hi");
    change(&mut request);
    let mut expected = json!({"model": model, "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    for (name, value) in members.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(encoded(request, model).unwrap(), expected, "{model}");
}

#[test]
fn a_conversation_with_tools_is_as_recorded() {
    let request = ChatRequest {
        messages: vec![
            Message::text(Role::System, "sys A"),
            Message::text(Role::System, "sys B"),
            Message::text(Role::User, "use tool"),
            Message::new(
                Role::Assistant,
                vec![Part::text(""), call("call_1", r#"{"x": 1}"#), call("call_2", r#"{"x": 2}"#)],
            ),
            result("call_1", "res1"),
            result("call_2", "res2"),
            Message::text(Role::User, "now a tool again"),
        ],
        tools: vec![function("get_tool")],
        tool_choice: Some(ToolChoice::Auto),
        stream: true,
        ..ChatRequest::default()
    };
    let expected = json!({
        "model": SONNET_4, "max_tokens": 4096, "stream": true,
        "system": [{"type": "text", "text": "sys A"}, {"type": "text", "text": "sys B"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "use tool"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "call_1", "name": "get_tool", "input": {"x": 1}},
                {"type": "tool_use", "id": "call_2", "name": "get_tool", "input": {"x": 2}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "res1"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "res2"},
                {"type": "text", "text": "now a tool again"}]}],
        "tools": [{"name": "get_tool", "type": "custom", "description": "d", "input_schema":
            {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}],
        "tool_choice": {"type": "auto"},
    });
    assert_eq!(encoded(request, SONNET_4).unwrap(), expected);
}

#[test]
fn structured_output_is_a_tool_or_native() {
    let schema =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let wants = |request: &mut ChatRequest| {
        request.response_format = Some(ResponseFormat::JsonSchema {
            name: Some("s".into()),
            schema: parameters(schema).unwrap(),
            strict: Some(true),
            description: None,
        });
    };
    let schema: Value = serde_json::from_str(schema).unwrap();
    let tool = json!({"name": "json_tool_call", "input_schema": schema});
    let forced = json!({"type": "tool", "name": "json_tool_call"});
    check(SONNET_4, wants, json!({"tools": [tool], "tool_choice": forced}));
    let native = json!({"format": {"type": "json_schema", "schema": schema}});
    check("claude-sonnet-4-5-20250929", wants, json!({"output_config": native}));

    let mut request = said("hi");
    wants(&mut request);
    let uses = |model, hosting| uses_json_tool(&request, &profile(model), hosting);
    assert!(uses(SONNET_4, Hosting::Own) && uses("claude-sonnet-4-5", Hosting::Vertex));
    assert!(!uses("claude-sonnet-4-5", Hosting::Own) && !uses("claude-sonnet-5", Hosting::Vertex));

    // A client's own tools may still be called.
    let both = |request: &mut ChatRequest| {
        wants(request);
        request.tools = vec![function("f")];
    };
    let mut request = said("hi");
    both(&mut request);
    let sent = encoded(request, SONNET_4).unwrap();
    assert_eq!(sent["tool_choice"], json!({"type": "any"}));
    assert_eq!(sent["tools"].as_array().unwrap().len(), 2);
    check(SONNET_4, |request| request.response_format = Some(ResponseFormat::JsonObject), json!({}));
}

#[test]
fn thinking_is_said_as_the_model_takes_it() {
    let effort = |effort| {
        move |request: &mut ChatRequest| {
            request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
            request.sampling.temperature = Some(0.5);
            request.sampling.top_k = Some(3);
        }
    };
    let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    check(SONNET_4, effort(Effort::High), json!({"thinking": enabled(4096), "max_tokens": 8192}));
    check(SONNET_4, effort(Effort::Minimal), json!({"thinking": enabled(1024), "max_tokens": 5120}));
    check(SONNET_4, effort(Effort::None), json!({"temperature": 0.5, "top_k": 3}));
    let adaptive = json!({"type": "adaptive"});
    let with = |word: &str| json!({"thinking": adaptive, "output_config": {"effort": word}});
    check("claude-opus-4-6", effort(Effort::Minimal), with("low"));
    check("claude-opus-4-6", effort(Effort::XHigh), with("high"));
    let budget = |tokens, limit| {
        move |request: &mut ChatRequest| {
            request.reasoning = Some(Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() });
            request.sampling.max_tokens = limit;
        }
    };
    check(SONNET_4, budget(2000, Some(1500)), json!({"thinking": enabled(1499), "max_tokens": 1500}));
    check(SONNET_4, budget(2000, Some(1000)), json!({"max_tokens": 1000}));
    check("claude-opus-4-6", budget(2000, Some(9000)), json!({"thinking": enabled(2000), "max_tokens": 9000}));
    check("claude-opus-4-8", budget(5000, None), with("xhigh"));
    let off = |request: &mut ChatRequest| request.reasoning = Some(Reasoning { off: true, ..Reasoning::default() });
    check(SONNET_4, off, json!({"thinking": {"type": "disabled"}}));
    check("claude-fable-5", off, json!({}));
    let silent = |request: &mut ChatRequest| {
        request.reasoning = Some(Reasoning { effort: Some(Effort::None), off: true, ..Reasoning::default() });
    };
    check(SONNET_4, silent, json!({}));
    check("claude-sonnet-5", silent, json!({"thinking": {"type": "disabled"}}));
}

#[test]
fn parameters_are_anthropics() {
    let all = |request: &mut ChatRequest| {
        request.sampling.max_tokens = Some(50);
        request.sampling.temperature = Some(1.0);
        request.sampling.top_p = Some(0.9);
        request.sampling.top_k = Some(5);
        request.sampling.stop = vec!["a".into(), "b".into()];
        request.user = Some("u-1".into());
        request.service_tier = Some("auto".into());
        request.parallel_tool_calls = Some(false);
        request.tools = vec![function("f")];
        request.tool_choice = Some(ToolChoice::Required);
        request.family = Some(Family::OpenAi);
        let extra = [("mcp_servers", "[{}]"), ("logit_x", "1"), ("speed", "\"fast\"")];
        request.extra = extra.map(|(name, json)| (name.to_owned(), Json::parse(json).unwrap())).to_vec();
    };
    let tools = json!([{"name": "f", "type": "custom", "description": "d", "input_schema":
        {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}]);
    check(
        SONNET_4,
        all,
        json!({"max_tokens": 50, "temperature": 1, "top_p": 0.9, "top_k": 5, "stop_sequences": ["a", "b"],
            "metadata": {"user_id": "u-1"}, "service_tier": "auto", "mcp_servers": [{}], "speed": "fast",
            "tools": tools, "tool_choice": {"type": "any", "disable_parallel_tool_use": true}}),
    );
    let search = |request: &mut ChatRequest| {
        let options =
            r#"{"search_context_size":"medium","user_location":{"type":"approximate","approximate":{"city":"Rome"}}}"#;
        request.web_search = Json::parse(options);
    };
    let tool = json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 5,
        "user_location": {"type": "approximate", "city": "Rome"}});
    check(SONNET_4, search, json!({"tools": [tool]}));
}

#[test]
fn what_claude_lacks_is_refused_or_dropped() {
    let refused = |model: &str, change: fn(&mut ChatRequest), name: &str| {
        let mut request = said("hi");
        change(&mut request);
        let error = encoded(request.clone(), model).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::UnsupportedParams, Some(name)));
        let dropping = Profile { drop_params: true, ..profile(model) };
        assert!(encode_request(request, &dropping, Hosting::Own).is_ok());
    };
    refused(SONNET_4, |request| request.sampling.seed = Some(1), "seed");
    refused(
        "claude-3-5-haiku-20241022",
        |request| {
            request.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
        },
        "reasoning_effort",
    );
    refused("claude-opus-4-7", |request| request.sampling.temperature = Some(0.5), "temperature");
    check("claude-opus-4-7", |request| request.sampling.temperature = Some(1.0), json!({}));
    let mut request = said("hi");
    request.messages.push(Message::new(Role::Assistant, vec![call("c", "{\"x\":")]));
    let error = encoded(request, SONNET_4).unwrap_err();
    assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("messages")));
}

#[test]
fn hosts_have_their_frames() {
    let with = |hosting| {
        let request = ChatRequest { stream: true, model: "m".into(), ..said("hi") };
        let body = encode_request(request, &profile(SONNET_4), hosting).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        [body["model"].clone(), body["stream"].clone(), body["anthropic_version"].clone()]
    };
    assert_eq!(with(Hosting::Own), [json!("m"), json!(true), Value::Null]);
    assert_eq!(with(Hosting::Vertex), [Value::Null, json!(true), json!("vertex-2023-10-16")]);
    assert_eq!(with(Hosting::BedrockInvoke), [Value::Null, Value::Null, json!("bedrock-2023-05-31")]);
}

#[test]
fn turns_are_what_anthropic_takes() {
    let turns = |messages: Vec<Message>| {
        let request = ChatRequest { messages, tools: vec![function("f")], ..ChatRequest::default() };
        encoded(request, SONNET_4).unwrap()["messages"].clone()
    };
    let text = |role: &str, text: &str| json!({"role": role, "content": [{"type": "text", "text": text}]});
    let merged = turns(vec![
        Message::text(Role::User, "a"),
        Message::text(Role::Assistant, ""),
        Message::text(Role::User, "b"),
        Message::text(Role::Assistant, "c \n"),
    ]);
    let both = json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    assert_eq!(merged, json!([both, text("assistant", "c")]));
    let blank = turns(vec![Message::text(Role::User, "a"), Message::text(Role::Assistant, " \n")]);
    assert_eq!(blank, json!([text("user", "a")]));

    let foreign =
        Thinking { text: "t".into(), signature: Some("s".into()), family: Some(Family::Gemini), ..Thinking::default() };
    let own = Thinking { family: Some(Family::Anthropic), ..foreign.clone() };
    let sealed = Thinking { sealed: Some("d".into()), family: Some(Family::Anthropic), ..Thinking::default() };
    let parts = vec![Part::Thinking(foreign), Part::Thinking(own), Part::Thinking(sealed), call("x/1", "")];
    let thought = turns(vec![Message::text(Role::User, "a"), Message::new(Role::Assistant, parts), result("x/1", "")]);
    let expected = json!([text("user", "a"), {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
        {"type": "tool_use", "id": "x_1", "name": "get_tool", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x_1", "content": ""}]}]);
    assert_eq!(thought, expected);
}

#[test]
fn results_of_tools_come_first() {
    let mut last = result("c", "r");
    last.parts.insert(0, Part::text("before"));
    let messages = vec![Message::text(Role::User, "a"), Message::new(Role::Assistant, vec![call("c", "{}")]), last];
    let sent = encoded(ChatRequest { messages, tools: vec![function("f")], ..ChatRequest::default() }, SONNET_4);
    let sent = sent.unwrap();
    let kinds: Vec<&Value> =
        sent["messages"][2]["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["tool_result", "text"]);
}

#[test]
fn what_may_be_mended_is() {
    let mended = |request: ChatRequest| -> Value {
        let profile = Profile { modify_params: true, ..profile(SONNET_4) };
        serde_json::from_slice(&encode_request(request, &profile, Hosting::Own).unwrap()).unwrap()
    };
    let only_system = ChatRequest { messages: vec![Message::text(Role::System, "s")], ..ChatRequest::default() };
    assert_eq!(mended(only_system)["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "."}]}]));
    assert!(mended(said(""))["messages"][0]["content"][0]["text"].as_str().unwrap().starts_with("[System:"));
    // A turn with calls and without thoughts would be refused while thinking is on.
    let messages =
        vec![Message::text(Role::User, "a"), Message::new(Role::Assistant, vec![call("c", "{}")]), result("c", "r")];
    let reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    let request = ChatRequest { messages, reasoning, ..ChatRequest::default() };
    assert_eq!(mended(request.clone()).get("thinking"), None);
    assert!(encoded(request, SONNET_4).unwrap().get("thinking").is_some(), "only where it may be mended");
}

#[test]
fn tools_that_were_used_need_a_definition() {
    let messages =
        vec![Message::text(Role::User, "a"), Message::new(Role::Assistant, vec![call("c", "{}")]), result("c", "r")];
    let sent = encoded(ChatRequest { messages, ..ChatRequest::default() }, SONNET_4).unwrap();
    assert_eq!(sent["tools"][0]["name"], "dummy_tool");
    // Without any tool a choice would be refused.
    let parallel = |request: &mut ChatRequest| request.parallel_tool_calls = Some(false);
    check(SONNET_4, parallel, json!({}));
}

#[test]
fn only_allowed_tools_are_offered() {
    let mut request = said("hi");
    request.tools = vec![function("a"), function("b")];
    request.tool_choice = Some(ToolChoice::Allowed { names: vec!["b".into()], required: true });
    let sent = encoded(request, SONNET_4).unwrap();
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["tool_choice"], json!({"type": "tool", "name": "b"}));
}

#[test]
fn files_go_where_they_may_stand() {
    let media = |kind, source, media_type: Option<&str>| {
        Part::Media(Media {
            kind,
            source,
            media_type: media_type.map(str::to_owned),
            name: Some("n".into()),
            detail: Some("low".into()),
            cache: None,
            extra: None,
        })
    };
    let check = |part: Part, expected: Value| {
        let request = ChatRequest { messages: vec![Message::new(Role::User, vec![part])], ..ChatRequest::default() };
        assert_eq!(encoded(request, SONNET_4).unwrap()["messages"][0]["content"][0], expected);
    };
    let base64 = |data: &str| Source::Base64(data.to_owned());
    check(
        media(MediaKind::Image, base64("iVBO"), Some("image/png")),
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}),
    );
    check(
        media(MediaKind::Image, Source::Url("https://x/y.png".into()), None),
        json!({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}),
    );
    check(
        media(MediaKind::Document, base64("JVBE"), Some("application/pdf")),
        json!({"type": "document", "title": "n",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}),
    );
    check(
        media(MediaKind::Document, base64("aGk="), Some("text/csv")),
        json!({"type": "document", "title": "n",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}),
    );
    check(
        media(MediaKind::Document, Source::FileId("file_1".into()), None),
        json!({"type": "document", "title": "n", "source": {"type": "file", "file_id": "file_1"}}),
    );
}
