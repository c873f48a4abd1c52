//! Requests both ways: what LiteLLM was seen to send, and what must hold for any.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::wire::codec::Profile;
use crate::wire::model::{
    ChatRequest, Effort, Family, Media, MediaKind, Message, Part, Reasoning, ResponseFormat, Role, Source, Text,
    Thinking, Tool, ToolCall, ToolKind, ToolResult,
};
use crate::wire::openai::request::Request;

const STUDIO: Profile<'_> =
    Profile { provider: "gemini", drop_params: false, modify_params: false, base_model: "gemini-2.5-flash" };

fn decoded(body: &Value) -> ChatRequest {
    let request = Request::parse(Bytes::from(body.to_string())).unwrap();
    decode_request(&request, "m", false).unwrap()
}

fn encoded(chat: ChatRequest, profile: &Profile<'_>) -> Value {
    serde_json::from_slice(&encode_request(chat, profile).unwrap()).unwrap()
}

fn chat(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { messages, family: Some(Family::OpenAi), ..ChatRequest::default() }
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), "get_tool".into(), arguments.into());
    Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult { id: id.into(), content, ..ToolResult::default() })
}

/// A conversation with tools, as recorded.
#[test]
fn a_conversation_with_tools_is_litellms() {
    let parameters = Json::parse(r#"{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}"#);
    let function = ToolKind::Function {
        name: "get_tool".into(),
        description: Some("d".into()),
        parameters,
        strict: Some(true),
        extra: Vec::new(),
    };
    let mut request = chat(vec![
        Message::text(Role::System, "sys A"),
        Message::text(Role::System, "sys B"),
        Message::text(Role::User, "use tool"),
        Message::new(Role::Assistant, vec![call("call_1", "{\"x\": 1}"), call("call_2", "{\"x\": 2}")]),
        Message::new(Role::User, vec![result("call_1", vec![Part::text("res1")])]),
        Message::new(Role::User, vec![result("call_2", vec![Part::text("res2")])]),
        Message::text(Role::User, "now a tool again"),
    ]);
    request.tools = vec![Tool { kind: function, cache: None }];
    request.tool_choice = Some(crate::wire::model::ToolChoice::Auto);
    let expected = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "use tool"}]},
            {"role": "model", "parts": [{"function_call": {"name": "get_tool", "args": {"x": 1}}},
                {"function_call": {"name": "get_tool", "args": {"x": 2}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "get_tool", "response": {"content": "res1"}}},
                {"function_response": {"name": "get_tool", "response": {"content": "res2"}}}]},
            {"role": "user", "parts": [{"text": "now a tool again"}]}],
        "system_instruction": {"parts": [{"text": "sys A"}, {"text": "sys B"}]},
        "tools": [{"function_declarations": [{"name": "get_tool", "description": "d", "parameters":
            {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}});
    assert_eq!(encoded(request, &STUDIO), expected);
}

#[test]
fn contents_are_litellms() {
    let check = |messages: Vec<Message>, expected: Value| {
        assert_eq!(encoded(chat(messages), &STUDIO)["contents"], expected);
    };
    let user = |parts: Value| json!([{"role": "user", "parts": parts}]);
    let image = |source| Media {
        kind: MediaKind::Image,
        source,
        media_type: Some("image/png".into()),
        name: None,
        detail: Some("low".into()),
        cache: None,
        extra: None,
    };
    check(Vec::new(), user(json!([{"text": " "}])));
    check(vec![Message::text(Role::System, "s")], user(json!([{"text": "."}])));
    check(
        vec![Message::text(Role::User, "a"), Message::text(Role::User, "b")],
        user(json!([{"text": "a"}, {"text": "b"}])),
    );
    check(
        vec![Message::new(Role::User, vec![Part::Media(image(Source::Base64("AA==".into())))])],
        user(json!([{"inline_data": {"mime_type": "image/png", "data": "AA=="}}, {"text": " "}])),
    );
    let seen = vec![Part::text("{\"url\": \"u\"}"), Part::Media(image(Source::Url("gs://b/x.png".into())))];
    check(
        vec![Message::new(Role::User, vec![Part::text("after"), result("1", seen)])],
        json!([
            {"role": "user", "parts": [{"function_response": {"name": "", "response": {"url": "u"}}},
                {"file_data": {"mime_type": "image/png", "file_uri": "gs://b/x.png"}}]},
            {"role": "user", "parts": [{"text": "after"}]}]),
    );
    let failed = ToolResult { content: vec![Part::text("[1]")], is_error: Some(true), ..ToolResult::default() };
    check(
        vec![Message::new(Role::User, vec![Part::ToolResult(failed)])],
        user(json!([{"function_response": {"name": "", "response": {"error": "[1]"}}}])),
    );
    let mut looked_at = chat(vec![Message::new(Role::User, vec![Part::Media(image(Source::Base64("AA==".into())))])]);
    looked_at.sampling.max_tokens = Some(100);
    let config = json!({"max_output_tokens": 100, "mediaResolution": "MEDIA_RESOLUTION_LOW"});
    assert_eq!(encoded(looked_at.clone(), &STUDIO)["generationConfig"], config);
    let third = Profile { base_model: "gemini-3-pro-preview", ..STUDIO };
    let part = &encoded(looked_at, &third)["contents"][0]["parts"][0];
    assert_eq!(part["media_resolution"], json!({"level": "MEDIA_RESOLUTION_LOW"}));
}

#[test]
fn seals_go_back_where_they_belong() {
    let thought = |family, seal: &str| {
        let signature = Some(seal.to_owned());
        Part::Thinking(Thinking { text: "hm".into(), signature, family, ..Thinking::default() })
    };
    let signed = ToolCall { name: "f".into(), signature: Some("c2ln".into()), ..ToolCall::default() };
    let words = Text { signature: Some("dHh0".into()), ..Text::plain("a") };
    let messages = || {
        vec![Message::new(
            Role::Assistant,
            vec![
                thought(Some(Family::Anthropic), "foreign"),
                thought(Some(Family::Gemini), "b3du"),
                Part::Text(words.clone()),
                Part::ToolCall(signed.clone()),
                call("2", ""),
                Part::Native {
                    family: Family::Gemini,
                    value: Json::parse(r#"{"executableCode":{"code":"1"}}"#).unwrap(),
                },
                Part::Native { family: Family::Anthropic, value: Json::empty_object() },
            ],
        )]
    };
    let parts = |profile: &Profile<'_>| encoded(chat(messages()), profile)["contents"][0]["parts"].clone();
    let own = json!({"text": "hm", "thought": true, "thoughtSignature": "b3du"});
    let code = json!({"executableCode": {"code": "1"}});
    let words = json!({"text": "a", "thoughtSignature": "dHh0"});
    assert_eq!(
        parts(&STUDIO),
        json!([own, words,
        {"function_call": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"},
        {"function_call": {"name": "get_tool", "args": {}}}, code])
    );
    let third = Profile { base_model: "gemini-3-pro-preview", ..STUDIO };
    let dummy = contents::NO_SIGNATURE[1];
    assert_eq!(
        parts(&third),
        json!([own, words,
        {"function_call": {"id": "", "name": "f", "args": {}}, "thoughtSignature": "c2ln"},
        {"function_call": {"id": "2", "name": "get_tool", "args": {}}, "thoughtSignature": dummy}, code])
    );
    let vertex = Profile { provider: "vertex_ai", ..third };
    assert_eq!(parts(&vertex)[3]["function_call"].get("id"), None);
}

#[test]
fn what_gemini_lacks_is_refused_or_dropped() {
    let check = |profile: &Profile<'_>, change: fn(&mut ChatRequest), names: Option<&str>| {
        let mut request = chat(vec![Message::text(Role::User, "hi")]);
        change(&mut request);
        let refused = encode_request(request.clone(), profile).map_err(|error| error.message);
        match names {
            Some(name) => {
                assert!(refused.unwrap_err().contains(name));
                assert!(encode_request(request, &Profile { drop_params: true, ..*profile }).is_ok());
            }
            None => drop(refused.unwrap()),
        }
    };
    let third = Profile { base_model: "gemini-3-pro-preview", ..STUDIO };
    check(&STUDIO, |request| request.sampling.logit_bias = Some(Json::empty_object()), Some("logit_bias"));
    check(&STUDIO, |request| request.sampling.presence_penalty = Some(1.0), None);
    check(&third, |request| request.sampling.presence_penalty = Some(1.0), Some("presence_penalty"));
    check(&STUDIO, |request| request.parallel_tool_calls = Some(false), None);
    check(&STUDIO, |request| request.user = Some("u".into()), None);
    let broken = chat(vec![Message::new(Role::Assistant, vec![call("1", "{\"x\":")])]);
    assert_eq!(encode_request(broken, &STUDIO).unwrap_err().param, Some("messages"));
}

#[test]
fn further_members_are_taken_in_either_spelling() {
    let mut request = chat(vec![Message::text(Role::User, "hi")]);
    let list = || Json::parse("[1]").unwrap();
    request.extra = ["safety_settings", "cachedContent", "labels"].map(|name| (name.to_owned(), list())).to_vec();
    let body = encoded(request.clone(), &STUDIO);
    assert_eq!((&body["safetySettings"], &body["cachedContent"]), (&json!([1]), &json!([1])));
    assert!(body.get("labels").is_none());
    assert_eq!(encoded(request, &Profile { provider: "vertex_ai", ..STUDIO })["labels"], json!([1]));
}

/// All members, in either spelling.
#[test]
fn a_clients_settings_are_read() {
    let camel = json!({"contents": "hi", "safetySettings": [], "metadata": {"a": 1}, "mock_response": "x",
        "generationConfig": {"temperature": 0.5, "topP": 1, "topK": 40.0, "maxOutputTokens": 9, "candidateCount": 2,
            "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "stopSequences": ["x"], "responseLogprobs": true,
            "logprobs": 3, "responseModalities": ["TEXT"], "thinkingConfig": {"thinkingBudget": 500, "includeThoughts": true},
            "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}, "speechConfig": {"a": 1}}});
    let snake = json!({"contents": "hi", "safety_settings": [], "generation_config": {"temperature": 0.5, "top_p": 1,
        "top_k": 40.0, "max_output_tokens": 9, "candidate_count": 2, "seed": 7, "presence_penalty": 0.1,
        "frequency_penalty": 0.2, "stop_sequences": ["x"], "response_logprobs": true, "logprobs": 3,
        "response_modalities": ["TEXT"], "thinking_config": {"thinking_budget": 500, "include_thoughts": true},
        "response_mime_type": "application/json", "response_schema": {"type": "OBJECT"}, "speech_config": {"a": 1}}});
    let request = decoded(&camel);
    assert_eq!(request, decoded(&snake));
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.top_k, sampling.max_tokens), (Some(0.5), Some(40), Some(9)));
    assert_eq!((sampling.n, sampling.seed, sampling.top_logprobs), (Some(2), Some(7), Some(3)));
    let reasoning = Reasoning { budget_tokens: Some(500), include: Some(true), ..Reasoning::default() };
    assert_eq!(request.reasoning, Some(reasoning));
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    let format = ResponseFormat::JsonSchema { name: None, schema, strict: None, description: None };
    assert_eq!(request.response_format, Some(format));
    let names: Vec<&str> = request.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["safetySettings", "generationConfig"]);
    let level = decoded(&json!({"contents": [], "generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}));
    assert_eq!(level.reasoning.unwrap().effort, Some(Effort::High));
    let shown = json!({"contents": [], "generationConfig": {"thinkingConfig": {"includeThoughts": true}}});
    assert_eq!(decoded(&shown).reasoning, None);
}

#[test]
fn a_clients_mistake_is_named() {
    let refused = |body: &str| {
        let request = Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let error = decode_request(&request, "m", false).unwrap_err();
        (error.kind, error.param.unwrap())
    };
    use crate::error::Kind::{InvalidParameter, MissingParameter};
    assert_eq!(refused("{}"), (MissingParameter, "contents"));
    assert_eq!(refused(r#"{"contents":5}"#), (InvalidParameter, "contents"));
    assert_eq!(refused(r#"{"contents":[],"tools":5}"#), (InvalidParameter, "tools"));
    assert_eq!(refused(r#"{"contents":[],"generationConfig":{"topK":"x"}}"#), (InvalidParameter, "generationConfig"));
    assert_eq!(refused(r#"{"contents":[],"toolConfig":[]}"#), (InvalidParameter, "toolConfig"));
}

/// A part that may stand in a turn of the model, or of the user.
fn part(model: bool) -> impl Strategy<Value = Value> {
    let both = [
        json!({"text": "a"}),
        json!({"text": ""}),
        json!({"text": "s", "thought_signature": "c2ln"}),
        json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        json!({"executableCode": {"language": "PYTHON", "code": "1"}}),
    ];
    let models = [
        json!({"text": "t", "thought": true}),
        json!({"text": "", "thought": true, "thoughtSignature": "c2ln"}),
        json!({"thoughtSignature": "c2ln"}),
        json!({"functionCall": {"name": "f", "args": {"x": 1.0}}}),
        json!({"function_call": {"name": "g", "id": "1"}, "thoughtSignature": "c2ln"}),
    ];
    let users = [
        json!({"functionResponse": {"name": "f", "response": {"output": "o"}}}),
        json!({"functionResponse": {"name": "g", "id": "1", "response": {"error": "e"}}}),
        json!({"functionResponse": {"name": "f", "response": {"o": 1},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}}),
        json!({"fileData": {"fileUri": "gs://b/x.mp4"}, "videoMetadata": {"fps": 1}}),
    ];
    let own = if model { models.to_vec() } else { users.to_vec() };
    prop::sample::select([both.to_vec(), own].concat())
}

fn turn() -> impl Strategy<Value = Value> {
    any::<bool>().prop_flat_map(|model| {
        let role = if model { "model" } else { "user" };
        prop::collection::vec(part(model), 0..5).prop_map(move |parts| json!({"role": role, "parts": parts}))
    })
}

proptest! {
    /// What was written is read as what was meant: written again, it is the same.
    #[test]
    fn reading_and_writing_are_stable(
        contents in prop::collection::vec(turn(), 0..5),
        system in any::<bool>(),
    ) {
        let mut body = json!({"contents": contents, "tools": [{"googleSearch": {}}],
            "generationConfig": {"topP": 0.5, "responseModalities": ["TEXT"], "imageConfig": {}},
            "safetySettings": [{"category": "C"}]});
        if system {
            body["systemInstruction"] = json!({"parts": [{"text": "a"}, {"text": "b"}]});
        }
        for profile in [STUDIO, Profile { base_model: "gemini-3-pro-preview", ..STUDIO }] {
            let once = encoded(decoded(&body), &profile);
            let twice = encoded(decoded(&once), &profile);
            prop_assert_eq!(&once, &twice);
        }
    }
}
