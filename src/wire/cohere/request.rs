//! A chat request in Cohere's words (<https://docs.cohere.com/reference/chat>).

use serde::Serialize;

use super::message::messages;
use crate::error::Error;
use crate::wire::codec::Profile;
use crate::wire::members::Members;
use crate::wire::model::{
    ChatRequest, Effort, Json, Param, Reasoning, ResponseFormat, ToolChoice, ToolKind, refuse_or_drop,
};

/// What Cohere's chat has no word for.
const UNSUPPORTED: [Param; 7] = [
    Param::MinP,
    Param::LogitBias,
    Param::Logprobs,
    Param::TopLogprobs,
    Param::ParallelToolCalls,
    Param::WebSearchOptions,
    Param::Modalities,
];

/// Cohere's own parameters: taken from any client as they are.
const OWN: [&str; 7] =
    ["documents", "citation_options", "safety_mode", "strict_tools", "priority", "raw_prompting", "truncation_mode"];

/// The body of `POST /v2/chat`.
///
/// # Errors
/// [`crate::error::Kind::UnsupportedParams`] for parameters that Cohere lacks,
/// [`crate::error::Kind::InvalidParameter`] for messages that cannot be said in its words.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let sampling = &request.sampling;
    let mut body = Members::default();
    body.put("model", &request.model);
    body.put("messages", &messages(&request.messages, profile.base_model)?);
    // Unsaid it is false, but every body says it, as LiteLLM's do.
    body.put("stream", &request.stream);
    body.put_list("tools", &tools(&request));
    body.put_some("tool_choice", tool_choice(&request).as_ref());
    body.put_some("max_tokens", sampling.max_tokens.as_ref());
    body.put_some("temperature", sampling.temperature.as_ref());
    body.put_some("p", sampling.top_p.as_ref());
    body.put_some("k", sampling.top_k.as_ref());
    body.put_some("seed", sampling.seed.as_ref());
    body.put_some("frequency_penalty", sampling.frequency_penalty.as_ref());
    body.put_some("presence_penalty", sampling.presence_penalty.as_ref());
    body.put_list("stop_sequences", &sampling.stop);
    // The name that LiteLLM gives `n`.
    body.put_some("num_generations", sampling.n.as_ref());
    body.put_some("response_format", response_format(&request).as_ref());
    body.put_some("thinking", request.reasoning.as_ref().map(thinking).as_ref());
    for name in OWN {
        body.put_some(name, request.extra(name));
    }
    Ok(body.finish().into_bytes())
}

/// A tool's definition.
#[derive(Debug, Serialize)]
struct Definition<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Parameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Schema(&'a Json),
    /// Cohere demands a schema where OpenAI does not.
    None {
        #[serde(rename = "type")]
        kind: &'static str,
        properties: NoProperties,
    },
}

#[derive(Debug, Serialize)]
struct NoProperties {}

/// The functions that may be called. Cohere cannot be told which one: of a choice it gets only the chosen. What runs at
/// other providers (their web search and the like) has no counterpart here.
fn tools(request: &ChatRequest) -> Vec<Definition<'_>> {
    let chosen = |name: &String| match &request.tool_choice {
        Some(ToolChoice::Tool(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        _ => true,
    };
    let mut definitions = Vec::new();
    for tool in &request.tools {
        let ToolKind::Function { name, description, parameters, strict, .. } = &tool.kind else { continue };
        if chosen(name) {
            let parameters = parameters.as_ref();
            let parameters =
                parameters.map_or(Parameters::None { kind: "object", properties: NoProperties {} }, Parameters::Schema);
            let function = Function { name, description: description.as_deref(), parameters, strict: *strict };
            definitions.push(Definition { kind: "function", function });
        }
    }
    definitions
}

/// "As it likes" is unsaid.
fn tool_choice(request: &ChatRequest) -> Option<&'static str> {
    match request.tool_choice.as_ref()? {
        ToolChoice::None => Some("NONE"),
        ToolChoice::Required | ToolChoice::Tool(_) | ToolChoice::Allowed { required: true, .. } => Some("REQUIRED"),
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => None,
    }
}

#[derive(Debug, Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Json>,
}

fn response_format(request: &ChatRequest) -> Option<Format<'_>> {
    let schema = match request.response_format.as_ref()? {
        ResponseFormat::Text => return None,
        ResponseFormat::JsonObject => None,
        ResponseFormat::JsonSchema { schema, .. } => Some(schema),
    };
    Some(Format { kind: "json_object", schema })
}

#[derive(Debug, Serialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<i64>,
}

/// A negative budget is Gemini's "as you like", which is Cohere's default.
fn thinking(reasoning: &Reasoning) -> Thinking {
    if reasoning.effort() == Some(Effort::None) {
        return Thinking { kind: "disabled", token_budget: None };
    }
    Thinking { kind: "enabled", token_budget: reasoning.budget().filter(|budget| *budget > 0) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Kind;
    use crate::wire::model::{
        Family, Media, MediaKind, Message, Part, Role, Sampling, Source, Thinking, Tool, ToolCall, ToolResult,
    };

    const PROFILE: Profile<'static> =
        Profile { provider: "cohere", drop_params: false, modify_params: false, base_model: "command-r-plus" };

    fn request(messages: Vec<Message>) -> ChatRequest {
        ChatRequest { model: "command-r-plus".into(), messages, ..ChatRequest::default() }
    }

    fn encoded(request: ChatRequest) -> Value {
        serde_json::from_slice(&encode_request(request, &PROFILE).unwrap()).unwrap()
    }

    fn call(id: &str, arguments: &str) -> Part {
        let name = "get_tool".to_owned();
        Part::ToolCall(ToolCall { id: id.into(), name, arguments: arguments.into(), ..ToolCall::default() })
    }

    fn result(id: &str, content: Vec<Part>) -> Part {
        Part::ToolResult(ToolResult { id: id.into(), content, ..ToolResult::default() })
    }

    fn image(source: Source) -> Part {
        let media_type = matches!(source, Source::Base64(_)).then(|| "image/png".to_owned());
        let (name, cache, extra) = (None, None, None);
        Part::Media(Media {
            kind: MediaKind::Image,
            source,
            media_type,
            name,
            detail: Some("low".into()),
            cache,
            extra,
        })
    }

    fn tool(name: &str) -> Tool {
        let parameters = Json::parse(r#"{"type": "object"}"#);
        let kind = ToolKind::Function {
            name: name.into(),
            description: Some("d".into()),
            parameters,
            strict: Some(true),
            extra: Vec::new(),
        };
        Tool { kind, cache: None }
    }

    #[track_caller]
    fn check_messages(messages: Vec<Message>, expected: Value) {
        assert_eq!(encoded(request(messages))["messages"], expected);
    }

    #[test]
    fn a_conversation_with_tools_is_openais() {
        let parts = vec![call("call_1", r#"{"x": 1}"#), call("call_2", "")];
        let mut asked = request(vec![
            Message::text(Role::System, "sys A"),
            Message::text(Role::Developer, "sys B"),
            Message::text(Role::User, "use tool"),
            Message::new(Role::Assistant, parts),
            Message::new(
                Role::User,
                vec![result("call_1", vec![Part::text("res1")]), result("call_2", vec![]), Part::text("again")],
            ),
        ]);
        asked.tools = vec![tool("get_tool")];
        asked.tool_choice = Some(ToolChoice::Auto);
        let function = |id, arguments| json!({"id": id, "type": "function", "function": {"name": "get_tool", "arguments": arguments}});
        assert_eq!(
            encoded(asked),
            json!({
                "model": "command-r-plus",
                "messages": [
                    {"role": "system", "content": "sys A"},
                    {"role": "system", "content": "sys B"},
                    {"role": "user", "content": "use tool"},
                    {"role": "assistant", "tool_calls": [function("call_1", r#"{"x": 1}"#), function("call_2", "{}")]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "res1"},
                    {"role": "tool", "tool_call_id": "call_2", "content": ""},
                    {"role": "user", "content": "again"},
                ],
                "stream": false,
                "tools": [{"type": "function", "function": {
                    "name": "get_tool", "description": "d", "parameters": {"type": "object"}, "strict": true,
                }}],
            })
        );
    }

    #[test]
    fn a_tool_without_a_schema_gets_an_empty_one() {
        let mut bare = tool("f");
        if let ToolKind::Function { parameters, .. } = &mut bare.kind {
            *parameters = None;
        }
        let body = encoded(ChatRequest { tools: vec![bare], ..request(Vec::new()) });
        assert_eq!(body["tools"][0]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn images_documents_and_thoughts_have_their_places() {
        let url = |url: &str| json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
        check_messages(
            vec![Message::new(Role::User, vec![Part::text("look"), image(Source::Base64("iVBO".into()))])],
            json!([{"role": "user", "content": [
                {"type": "text", "text": "look"}, url("data:image/png;base64,iVBO"),
            ]}]),
        );
        let mut document = Media {
            kind: MediaKind::Document,
            source: Source::Text("words".into()),
            media_type: None,
            name: Some("a.txt".into()),
            detail: None,
            cache: None,
            extra: None,
        };
        let seen = image(Source::Url("https://x/y.png".into()));
        check_messages(
            vec![Message::new(
                Role::User,
                vec![result("1", vec![Part::Media(document.clone()), seen]), result("2", vec![Part::text("b")])],
            )],
            json!([
                {"role": "tool", "tool_call_id": "1", "content": [
                    {"type": "document", "document": {"data": {"title": "a.txt", "text": "words"}}},
                ]},
                {"role": "tool", "tool_call_id": "2", "content": "b"},
                {"role": "user", "content": [url("https://x/y.png")]},
            ]),
        );
        let thought = |signature: Option<&str>| {
            let family = signature.map(|_| Family::Anthropic);
            let signature = signature.map(str::to_owned);
            Part::Thinking(Thinking { text: "hm".into(), signature, family, ..Thinking::default() })
        };
        check_messages(
            vec![Message::new(Role::Assistant, vec![thought(None), thought(Some("EqQB")), call("1", "{}")])],
            json!([{"role": "assistant", "tool_plan": "hm", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "get_tool", "arguments": "{}"}},
            ]}]),
        );
        document.source = Source::Base64("JVBE".into());
        let refused = request(vec![Message::new(Role::User, vec![Part::Media(document)])]);
        let error = encode_request(refused, &PROFILE).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("messages")));
    }

    #[test]
    fn models_that_think_get_their_thoughts_back_as_thoughts() {
        let thought = Thinking { text: "hm".into(), family: Some(Family::Cohere), ..Thinking::default() };
        let parts = vec![Part::Thinking(thought), Part::text("so")];
        let profile = Profile { base_model: "command-a-reasoning-08-2025", ..PROFILE };
        let body = encode_request(request(vec![Message::new(Role::Assistant, parts)]), &profile).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let parts = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]);
        assert_eq!(body["messages"][0]["content"], parts);
    }

    #[test]
    fn every_parameter_has_coheres_name() {
        let asked = ChatRequest {
            tools: vec![tool("a"), tool("b")],
            tool_choice: Some(ToolChoice::Tool("b".into())),
            sampling: Sampling {
                max_tokens: Some(5),
                temperature: Some(0.5),
                top_p: Some(0.9),
                top_k: Some(3),
                seed: Some(7),
                presence_penalty: Some(0.25),
                frequency_penalty: Some(0.75),
                stop: vec!["x".into()],
                n: Some(1),
                ..Sampling::default()
            },
            reasoning: Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() }),
            response_format: Some(ResponseFormat::JsonSchema {
                name: Some("s".into()),
                schema: Json::empty_object(),
                strict: None,
                description: None,
            }),
            stream: true,
            extra: vec![
                ("documents".into(), Json::parse(r#"["d"]"#).unwrap()),
                ("prompt_cache_key".into(), Json::parse("\"k\"").unwrap()),
            ],
            ..request(Vec::new())
        };
        let body = encoded(asked.clone());
        let (tools, rest) = (&body["tools"], {
            let mut rest = body.clone();
            rest.as_object_mut().unwrap().remove("tools");
            rest
        });
        assert_eq!(tools.as_array().map(Vec::len), Some(1));
        assert_eq!(
            rest,
            json!({
                "model": "command-r-plus", "messages": [], "stream": true, "tool_choice": "REQUIRED", "max_tokens": 5,
                "temperature": 0.5, "p": 0.9, "k": 3, "seed": 7, "frequency_penalty": 0.75, "presence_penalty": 0.25,
                "stop_sequences": ["x"], "num_generations": 1,
                "response_format": {"type": "json_object", "schema": {}},
                "thinking": {"type": "enabled", "token_budget": 1024}, "documents": ["d"],
            })
        );
        for (reasoning, expected) in [
            (Reasoning { off: true, ..Reasoning::default() }, json!({"type": "disabled"})),
            (Reasoning { budget_tokens: Some(0), ..Reasoning::default() }, json!({"type": "disabled"})),
            (Reasoning { budget_tokens: Some(-1), ..Reasoning::default() }, json!({"type": "enabled"})),
            (Reasoning { adaptive: true, ..Reasoning::default() }, json!({"type": "enabled"})),
        ] {
            let asked = ChatRequest { reasoning: Some(reasoning), ..asked.clone() };
            assert_eq!(encoded(asked)["thinking"], expected);
        }
        let mut lacking = asked;
        lacking.sampling.logit_bias = Some(Json::empty_object());
        let error = encode_request(lacking, &PROFILE).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::UnsupportedParams, Some("logit_bias")));
    }
}
