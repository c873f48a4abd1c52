//! Requests as the superset model says them, and the bodies that Bedrock gets. Bodies of the cases that LiteLLM was
//! observed with are LiteLLM's.

use super::*;
use crate::wire::model::{
    CacheMarker, Effort, Media, MediaKind, Message, Part, Reasoning, Role, Source, Text, Thinking, Tool, ToolCall,
    ToolKind, ToolResult,
};

mod conversation;

const SONNET: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";
const NEW: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn marker(ttl: Option<&str>) -> Option<CacheMarker> {
    Some(CacheMarker { ttl: ttl.map(str::to_owned) })
}

fn hi() -> ChatRequest {
    ChatRequest {
        messages: vec![Message::text(Role::User, "hi")],
        family: Some(Family::OpenAi),
        ..ChatRequest::default()
    }
}

fn with(change: impl FnOnce(&mut ChatRequest)) -> ChatRequest {
    let mut request = hi();
    change(&mut request);
    request
}

fn tool(name: &str) -> Tool {
    let schema = r#"{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}"#;
    let kind = ToolKind::Function {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        parameters: Some(json(schema)),
        strict: Some(true),
        extra: Vec::new(),
    };
    Tool { kind, cache: None }
}

fn spec(name: &str) -> String {
    format!(
        r#"{{"toolSpec":{{"name":"{name}","description":"d","strict":true,"inputSchema":{{"json":{{"type":"object",
            "properties":{{"x":{{"type":"integer"}}}},"required":["x"]}}}}}}}}"#
    )
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, arguments) = (id.to_owned(), arguments.to_owned());
    Part::ToolCall(ToolCall { id, name: "get_tool".to_owned(), arguments, ..ToolCall::default() })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), content, ..ToolResult::default() })
}

fn schema(strict: Option<bool>) -> Option<ResponseFormat> {
    let schema = json(r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#);
    Some(ResponseFormat::JsonSchema { name: Some("s".to_owned()), schema, strict, description: None })
}

fn encode(request: ChatRequest, base_model: &str, modify_params: bool) -> Result<Value, Error> {
    let profile = Profile { provider: "bedrock", drop_params: false, modify_params, base_model };
    Ok(serde_json::from_slice(&encode_request(request, &profile)?).unwrap())
}

/// `expected` without the members that every body here has: the message `hi` and an empty `inferenceConfig`.
fn check(request: ChatRequest, model: &str, expected: &str) {
    let mut body =
        serde_json::json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {}});
    let expected: Value = serde_json::from_str(expected).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        body[name] = value.clone();
    }
    assert_eq!(encode(request, model, false).unwrap(), body);
}

#[test]
fn observed_bodies() {
    check(hi(), SONNET, "{}");
    check(with(|request| request.sampling.max_tokens = Some(5)), SONNET, r#"{"inferenceConfig":{"maxTokens":5}}"#);
    let tools_conv = with(|request| {
        let calls = vec![call("call_1", r#"{"x": 1}"#), call("call_2", r#"{"x": 2}"#)];
        request.messages = vec![
            Message::text(Role::System, "sys A"),
            Message::text(Role::System, "sys B"),
            Message::text(Role::User, "use tool"),
            Message::new(Role::Assistant, calls),
            Message::new(Role::User, vec![result("call_1", vec![Part::text("res1")])]),
            Message::new(Role::User, vec![result("call_2", vec![Part::text("res2")])]),
            Message::text(Role::User, "now a tool again"),
        ];
        request.tools = vec![tool("get_tool")];
        request.tool_choice = Some(ToolChoice::Auto);
    });
    let expected = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":"use tool"}}]}},{{"role":"assistant","content":[
            {{"toolUse":{{"input":{{"x":1}},"name":"get_tool","toolUseId":"call_1"}}}},
            {{"toolUse":{{"input":{{"x":2}},"name":"get_tool","toolUseId":"call_2"}}}}]}},
            {{"role":"user","content":[{{"toolResult":{{"content":[{{"text":"res1"}}],"toolUseId":"call_1"}}}},
            {{"toolResult":{{"content":[{{"text":"res2"}}],"toolUseId":"call_2"}}}},{{"text":"now a tool again"}}]}}],
            "system":[{{"text":"sys A"}},{{"text":"sys B"}}],
            "toolConfig":{{"tools":[{}],"toolChoice":{{"auto":{{}}}}}}}}"#,
        spec("get_tool")
    );
    check(tools_conv, SONNET, &expected);
    check(
        with(|request| request.response_format = schema(Some(true))),
        SONNET,
        r#"{"toolConfig":{"tools":[{"toolSpec":{"inputSchema":{"json":{"type":"object","properties":{"a":{"type":"string"}},
            "required":["a"]}},"name":"json_tool_call","description":"json_tool_call"}}],
            "toolChoice":{"tool":{"name":"json_tool_call"}}}}"#,
    );
    let image = Media {
        kind: MediaKind::Image,
        source: Source::Base64("aGk=".to_owned()),
        media_type: Some("image/png".to_owned()),
        name: None,
        detail: Some("low".to_owned()),
        cache: None,
        extra: None,
    };
    check(
        with(|request| request.messages = vec![Message::new(Role::User, vec![Part::text("look"), Part::Media(image)])]),
        SONNET,
        r#"{"messages":[{"role":"user","content":[{"text":"look"},{"image":{"source":{"bytes":"aGk="},"format":"png"}}]}]}"#,
    );
}

#[test]
fn parameters_find_their_places() {
    check(
        with(|request| {
            request.sampling.temperature = Some(0.5);
            request.sampling.top_p = Some(0.25);
            request.sampling.stop = vec!["END".to_owned(), String::new()];
            request.sampling.top_k = Some(3);
            request.user = Some("u".to_owned());
            request.service_tier = Some("auto".to_owned());
            request.extra = vec![
                ("guardrailConfig".to_owned(), json(r#"{"guardrailIdentifier":"g"}"#)),
                ("performanceConfig".to_owned(), json(r#"{"latency":"optimized"}"#)),
                ("requestMetadata".to_owned(), json(r#"{"team":"x"}"#)),
                ("additionalModelRequestFields".to_owned(), json(r#"{"a":1}"#)),
                ("some_model_param".to_owned(), json("[1]")),
                ("store".to_owned(), json("true")),
            ];
        }),
        SONNET,
        r#"{"inferenceConfig":{"temperature":0.5,"topP":0.25,"stopSequences":["END"]},
            "additionalModelRequestFields":{"top_k":3,"a":1,"some_model_param":[1]},"serviceTier":{"type":"default"},
            "guardrailConfig":{"guardrailIdentifier":"g"},"performanceConfig":{"latency":"optimized"},
            "requestMetadata":{"team":"x"}}"#,
    );
    let top_k = || with(|request| request.sampling.top_k = Some(3));
    let nova = "amazon.nova-pro-v1:0";
    check(top_k(), nova, r#"{"additionalModelRequestFields":{"inferenceConfig":{"topK":3}}}"#);
    check(top_k(), "cohere.command-r-v1:0", r#"{"additionalModelRequestFields":{"k":3}}"#);
    check(top_k(), "meta.llama3-3-70b-instruct-v1:0", "{}");
    check(
        with(|request| request.web_search = Some(json("{}"))),
        nova,
        r#"{"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}"#,
    );
    // What only the client's own family knows stays there.
    let foreign = with(|request| {
        request.family = Some(Family::Gemini);
        request.extra = vec![("safetySettings".to_owned(), json("[]"))];
    });
    check(foreign, SONNET, "{}");
    let anthropics = || {
        with(|request| {
            request.family = Some(Family::Anthropic);
            request.extra = vec![("anthropic_beta".to_owned(), json(r#"["b"]"#))];
        })
    };
    check(anthropics(), SONNET, r#"{"additionalModelRequestFields":{"anthropic_beta":["b"]}}"#);
    check(anthropics(), nova, "{}");
}

#[test]
fn each_vendor_thinks_in_its_own_words() {
    let effort =
        |effort| with(|request| request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() }));
    let budget = |tokens| {
        with(|request| {
            request.reasoning = Some(Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() });
        })
    };
    let claude = "anthropic.claude-3-7-sonnet-20250219-v1:0";
    let thinking = |budget: u32, length: u32| {
        format!(
            r#"{{"inferenceConfig":{{"maxTokens":{length}}},
                "additionalModelRequestFields":{{"thinking":{{"type":"enabled","budget_tokens":{budget}}}}}}}"#
        )
    };
    check(effort(Effort::High), claude, &thinking(4096, 8192));
    check(effort(Effort::Minimal), NEW, &thinking(1024, 5120));
    check(budget(2000), NEW, &thinking(2000, 6096));
    check(budget(-1), NEW, &thinking(2048, 6144));
    check(
        effort(Effort::Minimal),
        "anthropic.claude-opus-4-6-v1",
        r#"{"additionalModelRequestFields":{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}}"#,
    );
    check(effort(Effort::None), SONNET, "{}");
    let nova = r#"{"additionalModelRequestFields":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}}"#;
    check(effort(Effort::Max), "us.amazon.nova-2-lite-v1:0", nova);
    let oss = r#"{"additionalModelRequestFields":{"reasoning_effort":"low"}}"#;
    check(effort(Effort::Low), "openai.gpt-oss-120b-1:0", oss);
    // Thoughts and forced tools exclude each other.
    let forced = |choice, format| {
        let mut request = budget(2000);
        request.sampling.max_tokens = Some(9000);
        request.tools = vec![tool("f")];
        (request.tool_choice, request.response_format) = (choice, format);
        encode(request, claude, false).unwrap()["toolConfig"]["toolChoice"].clone()
    };
    assert_eq!(forced(Some(ToolChoice::Required), None), serde_json::json!({"auto": {}}));
    assert_eq!(forced(None, schema(None)), Value::Null);
}

#[test]
fn tool_choices() {
    let check = |change: fn(&mut ChatRequest), model: &str, choice: &str, names: &[&str]| {
        let request = with(|request| {
            request.tools = vec![tool("f"), tool("g")];
            change(request);
        });
        let config = encode(request, model, false).unwrap()["toolConfig"].take();
        let found: Vec<&str> =
            config["tools"].as_array().unwrap().iter().filter_map(|tool| tool["toolSpec"]["name"].as_str()).collect();
        assert_eq!((config["toolChoice"].to_string().as_str(), found), (choice, names.to_vec()));
    };
    let both = ["f", "g"];
    check(|_| {}, SONNET, "null", &both);
    check(|request| request.tool_choice = Some(ToolChoice::None), SONNET, "null", &both);
    check(|request| request.tool_choice = Some(ToolChoice::Required), SONNET, r#"{"any":{}}"#, &both);
    check(
        |request| request.tool_choice = Some(ToolChoice::Tool("g".into())),
        SONNET,
        r#"{"tool":{"name":"g"}}"#,
        &both,
    );
    let allowed: fn(&mut ChatRequest) =
        |request| request.tool_choice = Some(ToolChoice::Allowed { names: vec!["g".into()], required: true });
    check(allowed, SONNET, r#"{"any":{}}"#, &["g"]);
    check(|request| request.tool_choice = Some(ToolChoice::Auto), "meta.llama3-3-70b-instruct-v1:0", "null", &both);
    let json = ["f", "g", "json_tool_call"];
    check(|request| request.response_format = schema(None), SONNET, r#"{"any":{}}"#, &json);
    check(|request| request.response_format = schema(None), "cohere.command-r-v1:0", "null", &json);
    check(|request| request.response_format = Some(ResponseFormat::JsonObject), SONNET, "null", &both);
}

#[test]
fn newer_claudes_are_held_to_a_schema_by_bedrock() {
    let request = |strict| with(|request| request.response_format = schema(strict));
    check(
        request(None),
        NEW,
        r#"{"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"s","schema":
            "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],\"additionalProperties\":false}"}}}}}"#,
    );
    let profile = |base_model| Profile { provider: "bedrock", drop_params: false, modify_params: false, base_model };
    assert!(forces_json(&request(Some(true)), &profile(SONNET)) && forces_json(&request(Some(false)), &profile(NEW)));
    assert!(!forces_json(&request(None), &profile(NEW)) && !forces_json(&hi(), &profile(SONNET)));
}

#[test]
fn tools_of_other_kinds() {
    let native = |family, value| Tool { kind: ToolKind::Native { family, value: json(value) }, cache: None };
    let computer = r#"{"type":"computer_20250124","name":"computer","display_width_px":1}"#;
    check(
        with(|request| {
            request.tools = vec![
                native(Family::Anthropic, computer),
                native(Family::Anthropic, r#"{"type":"web_search_20250305","name":"web_search"}"#),
                native(Family::Gemini, r#"{"googleSearch":{}}"#),
            ];
            request.extra = vec![("anthropic_beta".to_owned(), json(r#"["b"]"#))];
        }),
        NEW,
        r#"{"additionalModelRequestFields":{"anthropic_beta":["computer-use-2025-01-24","b"],
            "tools":[{"type":"computer_20250124","name":"computer","display_width_px":1}]}}"#,
    );
    check(
        with(|request| {
            let bare = |parameters: Option<&str>| ToolKind::Function {
                name: "f".to_owned(),
                description: Some(" ".to_owned()),
                parameters: parameters.map(json),
                strict: None,
                extra: Vec::new(),
            };
            request.tools = vec![
                Tool { kind: bare(None), cache: marker(Some("1h")) },
                Tool { kind: bare(Some(r#"{"required":[]}"#)), cache: None },
            ];
            request.parallel_tool_calls = Some(false);
        }),
        NEW,
        r#"{"toolConfig":{"tools":[
            {"toolSpec":{"name":"f","description":"f","inputSchema":{"json":{"type":"object","properties":{}}}}},
            {"cachePoint":{"type":"default","ttl":"1h"}},
            {"toolSpec":{"name":"f","description":"f","inputSchema":{"json":{"type":"object","properties":{},"required":[]}}}}]},
            "additionalModelRequestFields":{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}}"#,
    );
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let check = |request: ChatRequest, model: &str, kind: Kind, param: &str, words: &str| {
        let error = encode(request, model, false).unwrap_err();
        assert_eq!((error.kind, error.param), (kind, Some(param)));
        assert!(error.message.contains(words), "{}", error.message);
    };
    let (unsupported, invalid) = (Kind::UnsupportedParams, Kind::InvalidParameter);
    check(with(|request| request.sampling.seed = Some(1)), SONNET, unsupported, "seed", "['seed']");
    let effort =
        || with(|request| request.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() }));
    check(effort(), SONNET, unsupported, "reasoning_effort", "['reasoning_effort']");
    let one_tool = || with(|request| request.tools = vec![tool("f")]);
    let titan = "amazon.titan-text-express-v1";
    check(one_tool(), titan, unsupported, "tools", "['tools']");
    let serial = ChatRequest { parallel_tool_calls: Some(false), ..one_tool() };
    check(serial, SONNET, unsupported, "parallel_tool_calls", "");
    let choice = ChatRequest { tool_choice: Some(ToolChoice::Required), ..one_tool() };
    check(choice, "meta.llama3-3-70b-instruct-v1:0", unsupported, "tool_choice", "");
    let answered = || {
        with(|request| {
            request.messages.push(Message::new(Role::Assistant, vec![call("t", "{}")]));
            request.messages.push(Message::new(Role::User, vec![result("t", vec![Part::text("r")])]));
        })
    };
    check(answered(), SONNET, unsupported, "tools", "without `tools=` param");
    let mended = encode(answered(), SONNET, true).unwrap();
    assert_eq!(mended["toolConfig"]["tools"][0]["toolSpec"]["name"], "dummy_tool");
    let broken = with(|request| {
        request.tools = vec![tool("get_tool")];
        request.messages.push(Message::new(Role::Assistant, vec![call("t", "{\"x\":")]));
    });
    check(broken, SONNET, invalid, "messages", "'get_tool' are not a JSON object");
    check(with(|request| request.messages.clear()), SONNET, invalid, "messages", "at least one message");
    let source = Source::Url("https://x/a.png".to_owned());
    let (kind, media_type) = (MediaKind::Image, None);
    let image = Media { kind, source, media_type, name: None, detail: None, cache: None, extra: None };
    let linked = with(|request| request.messages = vec![Message::new(Role::User, vec![Part::Media(image)])]);
    check(linked, SONNET, invalid, "messages", "does not fetch files from URLs");
}
