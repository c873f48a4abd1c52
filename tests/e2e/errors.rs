//! Failures in LiteLLM's words: status, type and message, for both releases that can be imitated.

use serde_json::json;

use crate::support::openai::{ask, config, deployment};
use crate::support::{Gateway, Reply, Request, Response, Step, Upstream};

const REQUEST_ERROR: Option<&str> = Some("invalid_request_error");
const INTERNAL: Option<&str> = Some("internal_server_error");
const THROTTLED: Option<&str> = Some("throttling_error");

/// What an upstream does, the status that the client gets, and what each release says: type, beginning of the message.
type Case = (Reply, u16, (Option<&'static str>, &'static str), (Option<&'static str>, &'static str));

fn upstream_cases() -> Vec<Case> {
    let told = |status| Reply::error(status, "told by upstream");
    let bad_request = "litellm.BadRequestError: OpenAIException - told by upstream";
    let unauthenticated = "litellm.AuthenticationError: AuthenticationError: OpenAIException - told by upstream";
    let rate_limited = "litellm.RateLimitError: RateLimitError: OpenAIException - told by upstream";
    let internal = "litellm.InternalServerError: InternalServerError: OpenAIException - told by upstream";
    let unavailable = "litellm.ServiceUnavailableError";
    let too_long = "litellm.ContextWindowExceededError";
    let long = json!({"error": {"message": "too long", "code": "context_length_exceeded"}});
    let no_http = Step::Write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec());
    let accident = "litellm.InternalServerError";
    vec![
        (told(400), 400, (REQUEST_ERROR, bad_request), (None, bad_request)),
        (told(401), 401, (REQUEST_ERROR, bad_request), (None, unauthenticated)),
        (told(403), 403, (REQUEST_ERROR, bad_request), (None, "litellm.PermissionDeniedError")),
        (told(404), 404, (REQUEST_ERROR, bad_request), (None, "litellm.NotFoundError")),
        (told(422), 422, (REQUEST_ERROR, "litellm.BadRequestError"), (None, "litellm.")),
        (told(429), 429, (THROTTLED, rate_limited), (THROTTLED, rate_limited)),
        (told(500), 500, (INTERNAL, internal), (None, internal)),
        (told(503), 503, (INTERNAL, unavailable), (None, unavailable)),
        (Reply::json(400, &long), 400, (REQUEST_ERROR, too_long), (None, too_long)),
        (Reply::steps([Step::Reset]), 500, (INTERNAL, accident), (None, "litellm.")),
        (Reply::steps([Step::Cut]), 500, (INTERNAL, accident), (None, "litellm.")),
        (Reply::steps([no_http, Step::Cut]), 500, (INTERNAL, accident), (None, "litellm.")),
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

fn check(what: &str, response: &Response, status: u16, (error_type, message): (Option<&str>, &str)) {
    let error = &response.json()["error"];
    assert_eq!((response.status, &error["type"]), (status, &json!(error_type)), "{what}: {error}");
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
        for (number, (reply, status, newest, older)) in upstream_cases().into_iter().enumerate() {
            upstream.now_answers([reply]);
            for body in [ask("gpt"), json!({"model": "gpt", "messages": [], "stream": true})] {
                let response = gateway.call(&Request::chat(&body)).await;
                let expected = if is_newest { newest } else { older };
                check(&format!("{release}, case {number}, {body}"), &response, status, expected);
                let shown = response.text();
                assert!(!shown.contains(&upstream.authority()), "an upstream's address leaves the house: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_internal_error() {
    let (upstream, _gateway) = start("1.106").await;
    // A port that no test is given.
    let nobody = "127.0.0.1:1";
    let yaml = config(&[deployment("gpt", &upstream, "")], "router_settings: {num_retries: 0}");
    let gateway = Gateway::start(&yaml.replace(&upstream.authority(), nobody)).await;
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    let message = "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.";
    check("refused", &response, 500, (INTERNAL, message));
}

#[tokio::test]
async fn a_request_that_cannot_be_understood_is_refused_here() {
    let raw = |body: &str| Request::new("POST", "/v1/chat/completions", body.as_bytes().to_vec());
    let cases = [
        (raw("{"), "Invalid JSON payload"),
        (raw(""), "Invalid JSON payload"),
        (raw("[]"), ""),
        (raw("{\"model\":\"gpt\",}"), "Invalid JSON payload"),
        (raw("{\"messages\":[]}"), "model=None"),
        (raw("{\"model\":7,\"messages\":[]}"), ""),
        (raw("{\"model\":\"gpt\",\"model\":\"other\",\"messages\":[]}"), "duplicate"),
        (Request::chat(&ask("zzz")), "There are no healthy deployments for this model"),
        (Request::chat(&ask("zzz")), "You passed in model=zzz"),
        (raw("{\"model\":\"gpt\"}"), "Missing required parameter: 'messages'"),
    ];
    let (upstream, gateway) = start("1.106").await;
    for (request, message) in cases {
        let response = gateway.call(&request).await;
        let what = String::from_utf8(request.body).unwrap();
        check(&what, &response, 400, (REQUEST_ERROR, ""));
        assert!(response.text().contains(message), "{what}: {}", response.text());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_older_release_differs_where_it_did() {
    let (_upstream, gateway) = start("1.80").await;
    let missing = Request::chat(&json!({"model": "gpt"}));
    check("no messages", &gateway.call(&missing).await, 500, (Some("None"), ""));
    let unknown = gateway.call(&Request::chat(&ask("zzz"))).await;
    let message = "litellm.BadRequestError: You passed in model=zzz. There are no healthy deployments for this model";
    check("unknown model", &unknown, 400, (None, message));
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
