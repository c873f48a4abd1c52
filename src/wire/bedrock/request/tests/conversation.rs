//! The conversation within a request.

use super::*;

/// The conversation alone.
fn check_messages(messages: Vec<Message>, model: &str, modify_params: bool, expected: &str) {
    let request = with(|request| {
        request.messages = messages;
        request.tools = vec![tool("get_tool")];
    });
    let body = encode(request, model, modify_params).unwrap();
    assert_eq!(body["messages"], serde_json::from_str::<Value>(expected).unwrap());
}

#[test]
fn cache_points_stand_behind_what_was_marked() {
    let marked = |ttl: Option<&str>| Part::Text(Text { cache: marker(ttl), ..Text::plain("a") });
    let request = || {
        with(|request| {
            let last = Part::ToolResult(ToolResult {
                id: "t".to_owned(),
                content: vec![Part::text("r")],
                is_error: Some(true),
                cache: marker(None),
                ..ToolResult::default()
            });
            request.messages = vec![
                Message::new(Role::System, vec![marked(Some("1h"))]),
                Message::new(Role::User, vec![marked(Some("5m")), Part::text("b")]),
                Message::new(Role::Assistant, vec![call("t", "")]),
                Message::new(Role::User, vec![last]),
            ];
            request.tools = vec![tool("get_tool")];
        })
    };
    let expected = |system: &str, user: &str, last: &str, status: &str| {
        format!(
            r#"{{"system":[{{"text":"a"}}{system}],"messages":[
                {{"role":"user","content":[{{"text":"a"}}{user},{{"text":"b"}}]}},
                {{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"t","name":"get_tool","input":{{}}}}}}]}},
                {{"role":"user","content":[{{"toolResult":{{"toolUseId":"t","content":[{{"text":"r"}}]{status}}}}}{last}]}}],
                "toolConfig":{{"tools":[{}]}}}}"#,
            spec("get_tool")
        )
    };
    let point = r#",{"cachePoint":{"type":"default"}}"#;
    let hour = r#",{"cachePoint":{"type":"default","ttl":"1h"}}"#;
    let minutes = r#",{"cachePoint":{"type":"default","ttl":"5m"}}"#;
    let status = r#","status":"error""#;
    check(request(), NEW, &expected(hour, minutes, point, status));
    check(request(), "anthropic.claude-3-7-sonnet-20250219-v1:0", &expected(point, point, point, status));
    check(request(), "amazon.nova-pro-v1:0", &expected(point, point, point, status));
    check(request(), SONNET, &expected("", "", "", status));
    check(request(), "mistral.mistral-large-2402-v1:0", &expected("", "", "", ""));
}

#[test]
fn thoughts_go_back_to_who_sealed_them() {
    let thought = |family, signature: Option<&str>, sealed: Option<&str>| {
        let (signature, sealed) = (signature.map(str::to_owned), sealed.map(str::to_owned));
        Part::Thinking(Thinking { text: "hm".into(), signature, sealed, family, ..Thinking::default() })
    };
    let messages = || {
        let parts = vec![
            thought(Some(Family::Anthropic), Some("c2ln"), None),
            thought(Some(Family::Anthropic), None, Some("c2Vj")),
            thought(Some(Family::OpenAi), None, Some("gAAA")),
            thought(None, None, None),
            Part::text("so"),
        ];
        vec![Message::text(Role::User, "a"), Message::new(Role::Assistant, parts), Message::text(Role::User, "b")]
    };
    let expected = |thoughts: &str| {
        format!(
            r#"[{{"role":"user","content":[{{"text":"a"}}]}},{{"role":"assistant","content":[{thoughts}{{"text":"so"}}]}},
                {{"role":"user","content":[{{"text":"b"}}]}}]"#
        )
    };
    let thoughts = r#"{"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},
                      {"reasoningContent":{"redactedContent":"c2Vj"}},"#;
    check_messages(messages(), NEW, false, &expected(thoughts));
    check_messages(messages(), "amazon.nova-pro-v1:0", false, &expected(""));
    // Without thoughts in the history, Claude cannot think on after a call.
    let lost = |modify_params: bool| {
        let request = with(|request| {
            request.messages.extend([
                Message::new(Role::Assistant, vec![call("t", "{}")]),
                Message::new(Role::User, vec![result("t", vec![Part::text("r")])]),
            ]);
            request.tools = vec![tool("get_tool")];
            request.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
        });
        encode(request, NEW, modify_params).unwrap()["additionalModelRequestFields"]["thinking"].is_null()
    };
    assert!(lost(true) && !lost(false));
}

#[test]
fn what_the_api_refuses_is_mended() {
    let turns = |first: &str| {
        vec![
            Message::text(Role::User, first),
            Message::text(Role::Assistant, ""),
            Message::text(Role::User, "go"),
            Message::text(Role::Assistant, "so  \n"),
        ]
    };
    check_messages(
        turns("a"),
        SONNET,
        false,
        r#"[{"role":"user","content":[{"text":"a"},{"text":"go"}]},{"role":"assistant","content":[{"text":"so"}]}]"#,
    );
    check_messages(
        turns(" "),
        SONNET,
        true,
        r#"[{"role":"user","content":[{"text":"Please continue."}]},{"role":"assistant","content":[{"text":"Please continue."}]},
            {"role":"user","content":[{"text":"go"}]},{"role":"assistant","content":[{"text":"so"}]}]"#,
    );
    check_messages(
        vec![Message::text(Role::Assistant, "a"), Message::new(Role::User, vec![Part::text(""), Part::text("b")])],
        SONNET,
        true,
        r#"[{"role":"user","content":[{"text":"Please continue."}]},{"role":"assistant","content":[{"text":"a"}]},
            {"role":"user","content":[{"text":"b"}]}]"#,
    );
    let long = "x".repeat(70);
    let answered = vec![
        Message::new(Role::Assistant, vec![call("a.b+c", "{}"), call(&long, "{}")]),
        Message::new(Role::User, vec![result("a.b+c", vec![]), result(&long, vec![Part::text("r")])]),
    ];
    let short = format!("{}-{:08x}", "x".repeat(55), crc32fast::hash(long.as_bytes()));
    check_messages(
        answered,
        SONNET,
        false,
        &format!(
            r#"[{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"a_b_c","name":"get_tool","input":{{}}}}}},
                {{"toolUse":{{"toolUseId":"{short}","name":"get_tool","input":{{}}}}}}]}},
                {{"role":"user","content":[{{"toolResult":{{"toolUseId":"a_b_c","content":[{{"text":""}}]}}}},
                {{"toolResult":{{"toolUseId":"{short}","content":[{{"text":"r"}}]}}}}]}}]"#
        ),
    );
}
