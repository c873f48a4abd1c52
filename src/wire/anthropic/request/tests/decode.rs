//! What a client sends, and whether it comes through.

use super::*;

#[test]
fn a_missing_member_is_named_as_anthropic_does() {
    let check = |body: Value, kind: Kind, message: &str| {
        let error = decoded(&body).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message), "{body}");
    };
    check(json!({"model": "m", "messages": []}), Kind::MissingParameter, "max_tokens: Field required");
    check(json!({"model": "m", "max_tokens": 1}), Kind::MissingParameter, "messages: Field required");
    let odd = json!({"max_tokens": 1, "messages": [{"role": "x", "content": "a"}]});
    check(odd, Kind::InvalidParameter, "messages: Input should be 'user' or 'assistant'");
    let odd = json!({"max_tokens": 1, "messages": [{"role": "user", "content": [{"text": "no type"}]}]});
    check(odd, Kind::InvalidParameter, "messages: Input should be a valid value");
    let count = Request::parse(Bytes::from_static(br#"{"model":"m","messages":[]}"#)).unwrap();
    assert!(decode_count_request(&count).is_ok());
}

/// What Claude Code sends, about.
fn agent_body() -> Value {
    json!({
        "model": "claude", "max_tokens": 32000, "stream": true, "temperature": 1,
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
            {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "see", "citations": [{"type": "page_location", "cited_text": "c"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "ls"}},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": false, "content": [
                    {"type": "text", "text": "out"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}],
                    "cache_control": {"type": "ephemeral"}},
                {"type": "document", "title": "t", "context": "c", "citations": {"enabled": true},
                    "source": {"type": "text", "media_type": "text/plain", "data": "doc"}},
                {"type": "search_result", "source": "https://x", "title": "t", "content": []}]}],
        "tools": [
            {"name": "bash", "description": "run", "input_schema": {"type": "object"}, "defer_loading": true,
                "strict": true, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "stop_sequences": ["END"], "metadata": {"user_id": "u"}, "service_tier": "auto",
        "output_config": {"task_budget": {"type": "tokens", "total": 5}},
        "context_management": {"edits": []}, "container": "c_1", "tags": ["ours"],
    })
}

#[test]
fn nothing_of_an_agents_request_is_lost() {
    let request = decoded(&agent_body()).unwrap();
    assert_eq!(request.extra("tags"), None);
    assert_eq!(request.user.as_deref(), Some("u"));
    let mut expected = agent_body();
    let body = expected.as_object_mut().unwrap();
    body.remove("tags");
    body["model"] = json!(SONNET_4);
    body["system"].as_array_mut().unwrap().remove(0);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "go"}]);
    body["tools"][0]["type"] = json!("custom");
    assert_eq!(encoded(request, SONNET_4).unwrap(), expected);
}

#[test]
fn signatures_of_other_families_come_back() {
    let body = json!({"max_tokens": 1, "messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "t", "signature": "gemini##s#c2ln"},
        {"type": "redacted_thinking", "data": "openai#rs_1#d#gAAA"},
        {"type": "tool_use", "id": "call_1__thought__c2ln", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1__thought__c2ln"}]}]});
    let request = decoded(&body).unwrap();
    let parts: Vec<&Part> = request.messages.iter().flat_map(|message| &message.parts).collect();
    let Part::Thinking(gemini) = parts[0] else { panic!() };
    assert_eq!((gemini.family, gemini.signature.as_deref()), (Some(Family::Gemini), Some("c2ln")));
    let Part::Thinking(openai) = parts[1] else { panic!() };
    assert_eq!((openai.id.as_deref(), openai.sealed.as_deref()), (Some("rs_1"), Some("gAAA")));
    let Part::ToolCall(call) = parts[2] else { panic!() };
    assert_eq!((call.id.as_str(), call.signature.as_deref()), ("call_1", Some("c2ln")));
    let Part::ToolResult(result) = parts[3] else { panic!() };
    assert_eq!(result.id, "call_1");
}

fn text_part() -> impl Strategy<Value = Part> {
    ("[a-zé\"\\\\\n]{1,8}", prop::option::of(prop::sample::select(vec![None, Some("5m"), Some("1h")]))).prop_map(
        |(text, cache)| {
            let cache = cache.map(|ttl| CacheMarker { ttl: ttl.map(str::to_owned) });
            Part::Text(Text { text: format!("{text}."), cache, ..Text::default() })
        },
    )
}

fn assistant_part() -> impl Strategy<Value = Part> {
    let thought = ("[a-z]{0,5}", "[A-Za-z0-9]{1,6}")
        .prop_map(|(text, seal)| Part::Thinking(Thinking::unsealed(text, Some(seal), Family::Anthropic, false)));
    let sealed = "[A-Za-z0-9]{1,6}"
        .prop_map(|seal| Part::Thinking(Thinking::unsealed(String::new(), Some(seal), Family::Anthropic, true)));
    let call = ("[a-z]{1,5}", "[a-z]{0,5}").prop_map(|(id, value)| {
        let arguments = format!("{{\"x\": \"{value}\",  \"n\": 1.0}}");
        Part::ToolCall(ToolCall { id, name: "f".into(), arguments, ..ToolCall::default() })
    });
    prop_oneof![text_part(), thought, sealed, call]
}

fn user_part() -> impl Strategy<Value = Part> {
    let result = ("[a-z]{1,5}", prop::collection::vec(text_part(), 1..3), prop::option::of(any::<bool>())).prop_map(
        |(id, content, is_error)| Part::ToolResult(ToolResult { id, content, is_error, ..ToolResult::default() }),
    );
    prop_oneof![text_part(), result]
}

proptest! {
    /// What was decoded once is the same after it was encoded and decoded again.
    #[test]
    fn decoding_what_was_encoded_changes_nothing(
        turns in prop::collection::vec(
            (prop::collection::vec(user_part(), 1..4), prop::collection::vec(assistant_part(), 1..4)), 1..4),
        system in prop::collection::vec(text_part(), 0..3),
        budget in prop::option::of(1024_i64..9000),
        top_k in prop::option::of(0_u64..9),
    ) {
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(Message::new(Role::System, system));
        }
        for (user, assistant) in turns {
            messages.push(Message::new(Role::User, user));
            messages.push(Message::new(Role::Assistant, assistant));
        }
        messages.push(Message::text(Role::User, "end"));
        let mut request = ChatRequest { messages, tools: vec![function("f")], family: Some(Family::Anthropic), ..ChatRequest::default() };
        request.reasoning = budget.map(|budget| Reasoning { budget_tokens: Some(budget), ..Reasoning::default() });
        request.sampling.top_k = top_k.filter(|_| budget.is_none());
        request.sampling.max_tokens = Some(10_000);
        let once = decoded(&encoded(request, SONNET_4).unwrap()).unwrap();
        let twice = decoded(&encoded(once.clone(), SONNET_4).unwrap()).unwrap();
        prop_assert_eq!(once, twice);
    }
}
