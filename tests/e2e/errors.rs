//! Failures in LiteLLM's words: status, type and message, for both releases that can be imitated.

use serde_json::{Value, json};

use crate::support::openai::{ask, config, deployment};
use crate::support::{Gateway, Reply, Request, Response, Step, Upstream};

/// An upstream's accident or status, and what each release makes of it: status, type, beginning of the message.
struct Case {
    reply: Reply,
    newest: (u16, Value, &'static str),
    older: (u16, Value, &'static str),
}

fn upstream_cases() -> Vec<Case> {
    let case = |reply, newest, older| Case { reply, newest, older };
    let told = |status| Reply::error(status, "told by upstream");
    let request_error = || json!("invalid_request_error");
    let internal = || json!("internal_server_error");
    vec![
        case(
            told(400),
            (400, request_error(), "litellm.BadRequestError: OpenAIException - told by upstream"),
            (400, Value::Null, "litellm.BadRequestError: OpenAIException - told by upstream"),
        ),
        case(
            told(401),
            (401, request_error(), "litellm.BadRequestError: OpenAIException - told by upstream"),
            (401, Value::Null, "litellm.AuthenticationError: AuthenticationError: OpenAIException - told by upstream"),
        ),
        case(
            told(403),
            (403, request_error(), "litellm.BadRequestError: OpenAIException - told by upstream"),
            (403, Value::Null, "litellm.PermissionDeniedError"),
        ),
        case(
            told(404),
            (404, request_error(), "litellm.BadRequestError: OpenAIException - told by upstream"),
            (404, Value::Null, "litellm.NotFoundError"),
        ),
        case(told(422), (422, request_error(), "litellm.BadRequestError"), (422, Value::Null, "litellm.")),
        case(
            told(429),
            (
                429,
                json!("throttling_error"),
                "litellm.RateLimitError: RateLimitError: OpenAIException - told by upstream",
            ),
            (
                429,
                json!("throttling_error"),
                "litellm.RateLimitError: RateLimitError: OpenAIException - told by upstream",
            ),
        ),
        case(
            told(500),
            (500, internal(), "litellm.InternalServerError: InternalServerError: OpenAIException - told by upstream"),
            (500, Value::Null, "litellm.InternalServerError: InternalServerError: OpenAIException - told by upstream"),
        ),
        case(
            told(503),
            (503, internal(), "litellm.ServiceUnavailableError"),
            (503, Value::Null, "litellm.ServiceUnavailableError"),
        ),
        case(
            Reply::json(400, &json!({"error": {"message": "too long", "code": "context_length_exceeded"}})),
            (400, request_error(), "litellm.ContextWindowExceededError"),
            (400, Value::Null, "litellm.ContextWindowExceededError"),
        ),
        case(
            Reply::steps([Step::Reset]),
            (500, internal(), "litellm.InternalServerError"),
            (500, Value::Null, "litellm."),
        ),
        case(
            Reply::steps([Step::Cut]),
            (500, internal(), "litellm.InternalServerError"),
            (500, Value::Null, "litellm."),
        ),
        case(
            Reply::steps([Step::Write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), Step::Cut]),
            (500, internal(), "litellm.InternalServerError"),
            (500, Value::Null, "litellm."),
        ),
    ]
}

async fn start(release: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start([Reply::error(500, "no script")]).await;
    let settings = format!(
        "router_settings: {{num_retries: 0, disable_cooldowns: true}}\ntollgate: {{litellm_compat: \"{release}\"}}"
    );
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], &settings)).await;
    (upstream, gateway)
}

fn check(what: &str, response: &Response, (status, error_type, message): &(u16, Value, &str)) {
    let error = &response.json()["error"];
    assert_eq!((response.status, &error["type"]), (*status, error_type), "{what}: {error}");
    assert!(error["message"].as_str().unwrap().starts_with(message), "{what}: {error}");
    assert_eq!(error["code"], status.to_string(), "{what}");
    assert!(error.as_object().unwrap().contains_key("param"), "{what}: {error}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{what}");
    assert!(response.header("x-litellm-call-id").is_some(), "{what}: {:?}", response.headers);
}

#[tokio::test]
async fn an_upstreams_failure_is_told_as_each_release_tells_it() {
    for (release, is_newest) in [("1.106", true), ("1.80", false)] {
        let (upstream, gateway) = start(release).await;
        for (number, case) in upstream_cases().into_iter().enumerate() {
            upstream.now_answers([case.reply]);
            for body in [ask("gpt"), json!({"model": "gpt", "messages": [], "stream": true})] {
                let response = gateway.call(&Request::chat(&body)).await;
                let expected = if is_newest { &case.newest } else { &case.older };
                check(&format!("{release}, case {number}, {body}"), &response, expected);
                let shown = response.text();
                assert!(!shown.contains(&upstream.authority()), "an upstream's address leaves the house: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_internal_error() {
    let (upstream, _gateway) = start("1.106").await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let yaml = config(&[deployment("gpt", &upstream, "")], "router_settings: {num_retries: 0}");
    let gateway = Gateway::start(&yaml.replace(&upstream.authority(), &nobody.to_string())).await;
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    let message = "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.";
    check("refused", &response, &(500, json!("internal_server_error"), message));
}

#[tokio::test]
async fn a_request_that_cannot_be_understood_is_refused_here() {
    let raw = |body: &str| Request::new("POST", "/v1/chat/completions", body.as_bytes().to_vec());
    let request_error = || json!("invalid_request_error");
    let cases: Vec<(Request, u16, Value, &str)> = vec![
        (raw("{"), 400, request_error(), "Invalid JSON payload"),
        (raw(""), 400, request_error(), "Invalid JSON payload"),
        (raw("[]"), 400, request_error(), ""),
        (raw("{\"model\":\"gpt\",}"), 400, request_error(), "Invalid JSON payload"),
        (raw("{\"messages\":[]}"), 400, request_error(), "model=None"),
        (raw("{\"model\":7,\"messages\":[]}"), 400, request_error(), ""),
        (raw("{\"model\":\"gpt\",\"model\":\"other\",\"messages\":[]}"), 400, request_error(), "duplicate"),
        (Request::chat(&ask("zzz")), 400, request_error(), "There are no healthy deployments for this model"),
        (Request::chat(&ask("zzz")), 400, request_error(), "You passed in model=zzz"),
        (raw("{\"model\":\"gpt\"}"), 400, request_error(), "Missing required parameter: 'messages'"),
    ];
    let (upstream, gateway) = start("1.106").await;
    for (request, status, error_type, message) in cases {
        let response = gateway.call(&request).await;
        let what = String::from_utf8(request.body).unwrap();
        check(&what, &response, &(status, error_type, ""));
        assert!(response.text().contains(message), "{what}: {}", response.text());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_older_release_differs_where_it_did() {
    let (_upstream, gateway) = start("1.80").await;
    let missing = Request::chat(&json!({"model": "gpt"}));
    check("no messages", &gateway.call(&missing).await, &(500, json!("None"), ""));
    let unknown = gateway.call(&Request::chat(&ask("zzz"))).await;
    let message = "litellm.BadRequestError: You passed in model=zzz. There are no healthy deployments for this model";
    check("unknown model", &unknown, &(400, Value::Null, message));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_fastapis() {
    let (_upstream, gateway) = start("1.106").await;
    let cases = [
        (Request::get("/v1/nothing/here"), 404, "Not Found"),
        (Request::post("/nothing", &json!({})), 404, "Not Found"),
        (Request::get("/v1/chat/completions"), 405, "Method Not Allowed"),
        (Request::new("DELETE", "/v1/models", Vec::new()), 405, "Method Not Allowed"),
    ];
    for (request, status, detail) in cases {
        let response = gateway.call(&request).await;
        assert_eq!(response.status, status, "{} {}", request.method, request.path);
        assert_eq!(response.json(), json!({"detail": detail}));
    }
}

#[tokio::test]
async fn the_upstreams_pause_reaches_the_client() {
    let (upstream, gateway) = start("1.106").await;
    upstream.now_answers([Reply::error(429, "slow down").header("retry-after", "7")]);
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    assert_eq!(response.status, 429);
    assert_eq!(response.header("llm_provider-retry-after"), Some("7"));
}
