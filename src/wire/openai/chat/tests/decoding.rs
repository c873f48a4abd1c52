//! Requests of clients: what each member becomes, and what is refused.

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::wire::model::{
    CacheMarker, Effort, Family, MediaKind, Message, Part, Reasoning, ResponseFormat, Role, Source, Text, Thinking,
    ToolCall, ToolChoice, ToolKind,
};

fn messages(list: &str) -> Vec<Message> {
    decode(&format!(r#"{{"model":"m","messages":{list}}}"#)).unwrap().messages
}

fn parts(message: &str) -> Vec<Part> {
    messages(&format!("[{message}]")).pop().unwrap().parts
}

fn with(members: &str) -> Result<ChatRequest, Error> {
    decode(&format!(r#"{{"model":"m","messages":[],{members}}}"#))
}

#[test]
fn every_role_is_read() {
    let list = r#"[{"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d"}]},
        {"role":"user","content":"u","name":"eve"},{"role":"assistant","content":"a","refusal":"no","odd":{"x": 1}},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"r"}]"#;
    let read = messages(list);
    let roles: Vec<Role> = read.iter().map(|message| message.role).collect();
    use Role::{Assistant, Developer, System, User};
    assert_eq!(roles, [System, Developer, User, Assistant, Assistant, User]);
    assert_eq!(read[2].name.as_deref(), Some("eve"));
    assert_eq!(read[3].parts, [Part::text("a"), Part::Refusal("no".into())]);
    assert_eq!(read[3].extra, [("odd".to_owned(), raw(r#"{"x": 1}"#))]);
    let (Part::ToolCall(call), Part::ToolResult(result)) = (&read[4].parts[0], &read[5].parts[0]) else {
        panic!("{read:?}")
    };
    assert_eq!((&call.id, Some("f")), (&result.id, result.name.as_deref()));
}

#[test]
fn every_part_is_read() {
    let check = |part: &str, kind, source: Source, media_type: Option<&str>| {
        let parts = parts(&format!(r#"{{"role":"user","content":[{part}]}}"#));
        let [Part::Media(media)] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!((media.kind, &media.source, media.media_type.as_deref()), (kind, &source, media_type), "{part}");
    };
    let base64 = || Source::Base64("AA==".into());
    let url = |url: &str| Source::Url(url.into());
    use MediaKind::{Audio, Document, Image, Video};
    check(r#"{"type":"image_url","image_url":{"url":"https://x/a.png"}}"#, Image, url("https://x/a.png"), None);
    check(r#"{"type":"image_url","image_url":"data:image/gif;base64,AA=="}"#, Image, base64(), Some("image/gif"));
    check(
        r#"{"type":"image_url","image_url":{"url":"gs://b/o","format":"image/png"}}"#,
        Image,
        url("gs://b/o"),
        Some("image/png"),
    );
    check(r#"{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}"#, Audio, base64(), Some("audio/wav"));
    check(r#"{"type":"video_url","video_url":{"url":"https://x/v"}}"#, Video, url("https://x/v"), None);
    check(
        r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,AA==","filename":"a"}}"#,
        Document,
        base64(),
        Some("application/pdf"),
    );
    check(
        r#"{"type":"file","file":{"file_data":"AA==","filename":"a.PDF"}}"#,
        Document,
        base64(),
        Some("application/pdf"),
    );
    check(r#"{"type":"file","file":{"file_id":"file-1"}}"#, Document, Source::FileId("file-1".into()), None);
    check(
        r#"{"type":"file","file":{"file_id":"https://x/v.mp4","format":"video/mp4"}}"#,
        Video,
        url("https://x/v.mp4"),
        Some("video/mp4"),
    );
    let native = parts(r#"{"role":"user","content":[{"type":"document","source":{"a": 1}},{"type":"odd","x":[]}]}"#);
    let families: Vec<_> = native
        .iter()
        .map(|part| match part {
            Part::Native { family, value } => (*family, value.text().to_owned()),
            part => panic!("{part:?}"),
        })
        .collect();
    let expected = [
        (Family::Anthropic, r#"{"type":"document","source":{"a": 1}}"#.to_owned()),
        (Family::OpenAi, r#"{"type":"odd","x":[]}"#.to_owned()),
    ];
    assert_eq!(families, expected);
}

#[test]
fn thoughts_are_handed_back() {
    let thought = |text: &str, signature: Option<&str>, family| {
        let signature = signature.map(str::to_owned);
        Part::Thinking(Thinking { text: text.into(), signature, family, ..Thinking::default() })
    };
    let redacted = Part::Thinking(Thinking {
        sealed: Some("blob".into()),
        family: Some(Family::Anthropic),
        ..Thinking::default()
    });
    let check = |members: &str, expected: &[Part]| {
        assert_eq!(parts(&format!(r#"{{"role":"assistant",{members}}}"#)), expected, "{members}");
    };
    check(r#""reasoning_content":"hm""#, &[thought("hm", None, None)]);
    check(
        r#""reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"sig"},
            {"type":"redacted_thinking","data":"blob"}],"content":"a""#,
        &[thought("hm", Some("sig"), Some(Family::Anthropic)), redacted, Part::text("a")],
    );
    // Gathered from a stream without joining the pieces.
    check(
        r#""thinking_blocks":[{"type":"thinking","thinking":"h","signature":""},{"type":"thinking","thinking":"m"},
            {"type":"thinking","thinking":"","signature":"sig"}]"#,
        &[thought("hm", Some("sig"), Some(Family::Anthropic))],
    );
    check(
        r#""thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"gemini##s#sig"}]"#,
        &[thought("hm", Some("sig"), Some(Family::Gemini))],
    );
    check(
        r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]"#,
        &[thought("hm", None, None), Part::text("a")],
    );
}

#[test]
fn signatures_of_calls_come_back_from_every_place() {
    let call = |rest: &str, id: &str| {
        let message = format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{\"x\": 1}}"}}{rest}}}]}}"#
        );
        parts(&message)
    };
    let expected = [Part::ToolCall(ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: "{\"x\": 1}".into(),
        signature: Some("sig".into()),
        ..ToolCall::default()
    })];
    assert_eq!(call(r#","provider_specific_fields":{"thought_signature":"sig"}"#, "c__thought__sig"), expected);
    assert_eq!(call("", "c__thought__sig"), expected);
    assert_eq!(call(r#","extra_content":{"google":{"thought_signature":"sig"}}"#, "c"), expected);
    let result = parts(r#"{"role":"tool","tool_call_id":"c__thought__sig","content":"r"}"#);
    assert!(matches!(result.as_slice(), [Part::ToolResult(result)] if result.id == "c"));
    let custom = messages(
        r#"[{"role":"assistant","tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":"free text"}}]},
            {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"r"}]}]"#,
    );
    assert!(matches!(&custom[0].parts[0], Part::ToolCall(call) if call.custom && call.arguments == "free text"));
    assert!(matches!(&custom[1].parts[0], Part::ToolResult(result) if result.custom));
}

#[test]
fn cache_markers_are_kept() {
    let marker = |ttl: Option<&str>| Some(CacheMarker { ttl: ttl.map(str::to_owned) });
    let marked = |text: &str, cache| Part::Text(Text { cache, ..Text::plain(text) });
    let cached = r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#;
    assert_eq!(parts(&format!(r#"{{"role":"system","content":"s",{cached}}}"#)), [marked("s", marker(Some("1h")))]);
    let list =
        parts(r#"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},"b"]}"#);
    assert_eq!(list, [marked("a", marker(None)), marked("b", None)]);
    let result = parts(&format!(r#"{{"role":"tool","tool_call_id":"c","content":"r",{cached}}}"#));
    assert!(matches!(&result[0], Part::ToolResult(result) if result.cache == marker(Some("1h"))));
    for tool in [
        format!(r#"{{"type":"function","function":{{"name":"f"}},{cached}}}"#),
        format!(r#"{{"type":"function","function":{{"name":"f",{cached}}}}}"#),
    ] {
        assert_eq!(with(&format!(r#""tools":[{tool}]"#)).unwrap().tools[0].cache, marker(Some("1h")), "{tool}");
    }
}

#[test]
fn tools_go_to_their_families() {
    let check = |tool: &str, expected: Option<(Family, &str)>| {
        let tools = with(&format!(r#""tools":[{tool}]"#)).unwrap().tools;
        match (&tools[0].kind, expected) {
            (ToolKind::Native { family, value }, Some(expected)) => assert_eq!((*family, value.text()), expected),
            (ToolKind::Function { name, .. }, None) => assert_eq!(name, "f"),
            (kind, _) => panic!("{tool}: {kind:?}"),
        }
    };
    let own = |tool: &'static str, family| check(tool, Some((family, tool)));
    check(r#"{"type":"function","function":{"name":"f","parameters":{}}}"#, None);
    check(r#"{"type":"function","name":"f","parameters":{}}"#, None);
    check(r#"{"name":"f","input_schema":{"type":"object"}}"#, None);
    own(r#"{"type":"custom","custom":{"name":"f"}}"#, Family::OpenAi);
    own(r#"{"type":"web_search_20250305","name":"web_search","max_uses": 5}"#, Family::Anthropic);
    own(r#"{"type":"bash_20250124","name":"bash"}"#, Family::Anthropic);
    own(r#"{"googleSearch": {}}"#, Family::Gemini);
    own(r#"{"url_context":{}}"#, Family::Gemini);
    own(r#"{"type":"mcp","server_label":"x"}"#, Family::OpenAi);
    check(
        r#"{"type":"computer_20250124","function":{"name":"computer","parameters":{"display_width_px": 100}}}"#,
        Some((Family::Anthropic, r#"{"type":"computer_20250124","name":"computer","display_width_px":100}"#)),
    );
    let functions = with(r#""functions":[{"name":"f","description":"d"}],"function_call":{"name":"f"}"#).unwrap();
    assert_eq!(functions.tool_choice, Some(ToolChoice::Tool("f".into())));
    assert!(matches!(&functions.tools[0].kind, ToolKind::Function { name, .. } if name == "f"));
}

#[test]
fn choices_and_formats() {
    let choice = |json: &str| with(&format!(r#""tool_choice":{json}"#)).unwrap().tool_choice.unwrap();
    let allowed = |required| ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required };
    assert_eq!(choice(r#""required""#), ToolChoice::Required);
    assert_eq!(choice(r#""none""#), ToolChoice::None);
    assert_eq!(choice(r#"{"type":"function","function":{"name":"f"}}"#), ToolChoice::Tool("f".into()));
    assert_eq!(choice(r#"{"type":"custom","custom":{"name":"f"}}"#), ToolChoice::Tool("f".into()));
    assert_eq!(choice(r#"{"type":"tool","name":"f"}"#), ToolChoice::Tool("f".into()));
    let tools = r#"[{"type":"function","function":{"name":"f"}},{"type":"function","name":"g"}]"#;
    assert_eq!(
        choice(&format!(r#"{{"type":"allowed_tools","allowed_tools":{{"mode":"required","tools":{tools}}}}}"#)),
        allowed(true)
    );
    assert_eq!(choice(&format!(r#"{{"type":"allowed_tools","mode":"auto","tools":{tools}}}"#)), allowed(false));
    let format = |json: &str| with(&format!(r#""response_format":{json}"#)).unwrap().response_format.unwrap();
    assert_eq!(format(r#"{"type":"text"}"#), ResponseFormat::Text);
    assert_eq!(format(r#"{"type":"json_object"}"#), ResponseFormat::JsonObject);
    let of_schema = format(r#"{"type":"json_object","response_schema":{"type": "object"}}"#);
    assert!(
        matches!(of_schema, ResponseFormat::JsonSchema { name: None, schema, .. } if schema.text() == r#"{"type": "object"}"#)
    );
}

#[test]
fn thinking_has_many_names() {
    let check = |members: &str, expected: Reasoning| {
        assert_eq!(with(members).unwrap().reasoning, Some(expected), "{members}");
    };
    let of_effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let off = || Reasoning { off: true, ..Reasoning::default() };
    let of_budget = |tokens| Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() };
    check(r#""reasoning_effort":"high""#, of_effort(Effort::High));
    check(r#""reasoning_effort":"none""#, Reasoning { off: true, ..of_effort(Effort::None) });
    let detailed = Reasoning { summary: Some("detailed".into()), ..of_effort(Effort::Low) };
    check(r#""reasoning_effort":{"effort":"low","summary":"detailed"}"#, detailed);
    check(r#""thinking":{"type":"enabled","budget_tokens":2000}"#, of_budget(2000));
    check(r#""thinking":{"type":"disabled"}"#, off());
    check(r#""thinking":{"type":"adaptive"}"#, Reasoning { adaptive: true, ..Reasoning::default() });
    check(r#""reasoning":{"max_tokens":100,"exclude":true}"#, Reasoning { include: Some(false), ..of_budget(100) });
    check(r#""reasoning":{"enabled":false}"#, off());
}

#[test]
fn parameters_and_extras() {
    let read = with(
        r#""max_tokens":5,"max_completion_tokens":7.0,"temperature":0.5,"top_p":1,"top_k":40,"seed":-3,"n":2,
            "logit_bias":{"1": -100},"stop":"x","logprobs":true,"top_logprobs":3,"user":"u","modalities":["TEXT"],
            "web_search_options":{},"parallel_tool_calls":false,"store":true,"verbosity":"low","presence_penalty":null,
            "safety_settings":[{"a": 1}],"metadata":{"x":1},"num_retries":1,"mock_testing_fallbacks":false,"tags":["t"],
            "litellm_trace_id":"t""#,
    )
    .unwrap();
    let sampling = &read.sampling;
    assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_k), (Some(7), Some(0.5), Some(40)));
    assert_eq!((sampling.seed, sampling.n, sampling.top_logprobs), (Some(-3), Some(2), Some(3)));
    assert_eq!((sampling.stop.as_slice(), sampling.presence_penalty), (&["x".to_owned()][..], None));
    assert_eq!(sampling.logit_bias.as_ref().map(Json::text), Some(r#"{"1": -100}"#));
    assert_eq!(
        (read.parallel_tool_calls, read.store, read.modalities.as_slice()),
        (Some(false), Some(true), &["text".to_owned()][..])
    );
    assert!(read.web_search.is_some() && read.user.as_deref() == Some("u") && read.verbosity.as_deref() == Some("low"));
    assert_eq!(read.extra, [("safety_settings".to_owned(), raw(r#"[{"a": 1}]"#))]);
    assert_eq!(with(r#""stop":["a","b"]"#).unwrap().sampling.stop, ["a", "b"]);
}

#[test]
fn what_is_wrong_is_named() {
    let check = |error: Error, param: &str| {
        assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some(param)), "{}", error.message);
    };
    for (members, param) in [
        (r#""temperature":"hot""#, "temperature"),
        (r#""max_tokens":-1"#, "max_tokens"),
        (r#""max_completion_tokens":1.5"#, "max_completion_tokens"),
        (r#""stop":5"#, "stop"),
        (r#""tools":{}"#, "tools"),
        (r#""tools":[{"type":"function"}]"#, "tools"),
        (r#""tool_choice":"perhaps""#, "tool_choice"),
        (r#""response_format":{"type":"json_schema"}"#, "response_format"),
        (r#""reasoning_effort":"huge""#, "reasoning_effort"),
        (r#""thinking":{"type":"sometimes"}"#, "thinking"),
        (r#""logit_bias":[]"#, "logit_bias"),
        (r#""modalities":"text""#, "modalities"),
        (r#""parallel_tool_calls":"no""#, "parallel_tool_calls"),
    ] {
        check(with(members).unwrap_err(), param);
    }
    for bad in [
        r#"{"role":"king","content":"a"}"#,
        r#"{"content":"a"}"#,
        r#"{"role":"tool","content":"a"}"#,
        r#"{"role":"user","content":5}"#,
        r#"{"role":"user","content":[{"type":"image_url"}]}"#,
        r#"{"role":"user","content":[{"type":"text"}]}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function"}]}"#,
        r#"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}"#,
        "null",
        "5",
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"secret"}},{bad}]}}"#);
        let error = decode(&body).unwrap_err();
        assert!(error.message.contains("messages[1]") && !error.message.contains("secret"), "{bad}: {}", error.message);
        check(error, "messages");
    }
    check(decode(r#"{"messages":"hi"}"#).unwrap_err(), "messages");
    for body in [r#"{"model":"m"}"#, r#"{"messages":null}"#] {
        let error = decode(body).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::MissingParameter, Some("messages")), "{body}");
    }
}

#[test]
fn defaults_fill_what_was_not_said() {
    let defaults = json!({"temperature": 0.1, "max_tokens": 9, "reasoning_effort": "low", "thinking": {"type": "disabled"},
        "guided": {"x": 1}, "top_k": 5, "stop": ["z"], "timeout": 5});
    let mut request = with(r#""temperature":1,"max_completion_tokens":3,"top_k":7"#).unwrap();
    apply_defaults(&mut request, defaults.as_object().unwrap()).unwrap();
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.max_tokens, sampling.top_k), (Some(1.0), Some(3), Some(7)));
    assert_eq!(sampling.stop, ["z"]);
    // Both were unsaid, so both defaults count.
    assert_eq!(request.reasoning, Some(Reasoning { effort: Some(Effort::Low), off: true, ..Reasoning::default() }));
    assert_eq!(request.extra, [("guided".to_owned(), raw(r#"{"x":1}"#))]);
    let bad = json!({"n": "two"});
    assert_eq!(apply_defaults(&mut request, bad.as_object().unwrap()).unwrap_err().param, Some("n"));
}
