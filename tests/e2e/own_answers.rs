//! Answers that need no upstream: mocks, health, models, metrics, the pages.

use serde_json::{Value, json};

use crate::support::openai::{answer, ask, ask_stream, config, deployment, one_model};
use crate::support::{Gateway, Launch, Reply, Request, Upstream, eventually_async, within};

const MOCKED: &str =
    "  - {model_name: mock, litellm_params: {model: openai/gpt-4o, mock_response: \"Hello, I am a mock\"}}\n";

async fn mocked() -> Gateway {
    Gateway::start(&config(&[MOCKED.to_owned()], "")).await
}

#[tokio::test]
async fn a_mock_answers_as_json_and_as_a_stream() {
    let gateway = mocked().await;
    let whole = gateway.call(&Request::chat(&ask("mock"))).await.json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello, I am a mock");
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!("mock")));
    assert!(whole["usage"]["total_tokens"].as_u64().unwrap() > 0, "{whole}");
    let streamed = gateway.call(&Request::chat(&ask_stream("mock"))).await;
    assert_eq!(streamed.streamed_text(), "Hello, I am a mock");
    assert_eq!(streamed.events().last().unwrap(), "[DONE]");
}

#[tokio::test]
async fn a_request_may_bring_its_own_mock() {
    let upstream = Upstream::start([Reply::error(500, "must not be asked")]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    for (mut body, is_stream) in [(ask("gpt"), false), (ask_stream("gpt"), true)] {
        body["mock_response"] = json!("made up");
        let response = gateway.call(&Request::chat(&body)).await;
        let text = if is_stream {
            response.streamed_text()
        } else {
            response.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
        };
        assert_eq!((response.status, text.as_str()), (200, "made up"));
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn supervisors_and_balancers_need_no_key() {
    let gateway = mocked().await;
    for path in ["/health/liveliness", "/health/liveness"] {
        let response = gateway.call(&Request::get(path).without_key()).await;
        assert_eq!((response.status, response.json()), (200, json!("I'm alive!")), "{path}");
    }
    let ready = gateway.call(&Request::get("/health/readiness").without_key()).await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("healthy")), "{}", ready.text());
    assert_eq!(gateway.call(&Request::get("/health").without_key()).await.status, 200);
    assert_eq!(gateway.call(&Request::get("/").without_key()).await.status, 200);
}

/// Recorded from LiteLLM of each release, with its database at hand; of the older one, callbacks and times are its own.
#[tokio::test]
async fn readiness_is_that_of_the_release() {
    let older = json!({"status": "connected", "db": "connected", "cache": null, "litellm_version": "1.80.10",
        "success_callbacks": [], "use_aiohttp_transport": true, "last_updated": "2026-11-20T22:42:44.205150"});
    for (release, recorded) in [("1.106", json!({"status": "healthy", "db": "connected"})), ("1.80", older)] {
        let compat = format!("tollgate: {{litellm_compat: \"{release}\"}}");
        let gateway = Gateway::start(&config(&[MOCKED.to_owned()], &compat)).await;
        let mut ready = eventually_async("the database", async || {
            let ready = gateway.call(&Request::get("/health/readiness").without_key()).await.json();
            (ready["db"] == "connected").then_some(ready)
        })
        .await;
        if let Some(time) = ready.get_mut("last_updated") {
            let recorded = &recorded["last_updated"];
            assert_eq!(time.as_str().unwrap().len(), recorded.as_str().unwrap().len());
            *time = recorded.clone();
        }
        assert_eq!(ready, recorded, "{release}");
    }
}

#[tokio::test]
async fn health_with_the_master_key_asks_every_deployment() {
    let well = Upstream::start([Reply::json(200, &answer("pong"))]).await;
    let ill = Upstream::start([Reply::error(500, "broken")]).await;
    let entries = [deployment("well", &well, ""), deployment("ill", &ill, "")];
    let gateway = Gateway::start(&config(&entries, "")).await;
    gateway.call(&Request::get("/health").without_key()).await;
    assert_eq!((well.count(), ill.count()), (0, 0), "a probe without a key must be quick and cost nothing");
    let health = gateway.call(&Request::get("/health")).await.json();
    assert_eq!((&health["healthy_count"], &health["unhealthy_count"]), (&json!(1), &json!(1)), "{health}");
    assert_eq!(health["healthy_endpoints"].as_array().unwrap().len(), 1);
    assert!(!health.to_string().contains("sk-upstream"), "{health}");
    assert!(well.count() >= 1 && ill.count() >= 1);
}

#[tokio::test]
async fn readiness_has_details_for_who_has_a_key() {
    let gateway = mocked().await;
    let path = "/health/readiness/details";
    assert_eq!(gateway.call(&Request::get(path).without_key()).await.status, 401);
    let details = gateway.call(&Request::get(path)).await.json();
    assert_eq!((&details["status"], &details["litellm_version"]), (&json!("healthy"), &json!("1.106.2")));
}

#[tokio::test]
async fn health_may_be_asked_of_one_model() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| Reply::json(200, &answer("Hi")));
    let entries = ["a/b", "c"].map(|name| deployment(name, &upstream, ""));
    let gateway = Gateway::start(&config(&entries, "")).await;
    let asked = async |query: &str| gateway.call(&Request::get(&format!("/health{query}"))).await.json();
    let one = asked("?model=a%2Fb").await;
    assert_eq!((&one["healthy_count"], upstream.count()), (&json!(1), 1), "{one}");
    let endpoint = &one["healthy_endpoints"][0];
    assert_eq!(endpoint["model"], json!("openai/gpt-4o-2024-08-06"), "as it was said");
    let id = endpoint["model_id"].as_str().unwrap();
    assert_eq!(asked(&format!("?model_id={id}")).await["healthy_endpoints"], one["healthy_endpoints"]);
    assert_eq!(asked("?model=none").await["healthy_count"], json!(0));
    assert_eq!(asked("").await["healthy_count"], json!(2));
}

#[tokio::test]
async fn only_access_groups_are_listed_where_that_is_asked_for() {
    let entry = |name: &str, groups: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/m, mock_response: x}}, model_info: {{access_groups: [{groups}]}}}}\n"
        )
    };
    let entries = [entry("a", "fast, beta"), entry("b", "beta"), MOCKED.to_owned()];
    let gateway = Gateway::start(&config(&entries, "")).await;
    for (query, expected) in [
        ("?only_model_access_groups=True", vec!["beta", "fast"]),
        ("?only_model_access_groups=false", vec!["a", "b", "mock"]),
    ] {
        let models = gateway.call(&Request::get(&format!("/v1/models{query}"))).await.json();
        let ids: Vec<&str> =
            models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn a_timeout_says_which() {
    let upstream = Upstream::start([]).await;
    let entries = [deployment("gpt", &upstream, "timeout: 2")];
    let gateway = Gateway::start(&config(&entries, "router_settings: {num_retries: 0}")).await;
    let mut body = ask("gpt");
    body["mock_timeout"] = json!(true);
    let response = gateway.call(&Request::chat(&body)).await;
    assert_eq!((response.status, response.header("x-litellm-timeout")), (408, Some("2.0")));
    let response = gateway.call(&Request::chat(&body).header("x-litellm-timeout", "0.5")).await;
    assert_eq!((response.status, response.header("x-litellm-timeout")), (408, Some("0.5")));
    assert_eq!(gateway.call(&Request::chat(&ask("none"))).await.header("x-litellm-timeout"), None);
}

#[tokio::test]
async fn who_moderates_need_not_be_said() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| Reply::json(200, &json!({"id": "m", "model": "m", "results": [{"flagged": false}]})));
    let entry = format!(
        "  - {{model_name: \"*\", litellm_params: {{model: openai/*, api_base: \"{}\", api_key: sk-up}}}}\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config(&[entry], "")).await;
    let response = gateway.call(&Request::post("/moderations", &json!({"input": "text"}))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(upstream.last().json()["model"], json!("omni-moderation-latest"));
    // Whatever else is asked must say its model, and reads that even where few are allowed.
    let made = gateway.call(&Request::post("/key/generate", &json!({"models": ["gpt-4o"]}))).await.json();
    let key = made["key"].as_str().unwrap();
    let nameless =
        gateway.call(&Request::chat(&json!({"messages": [{"role": "user", "content": "hi"}]})).key(key)).await;
    assert_eq!(nameless.status, 400, "{}", nameless.text());
}

#[tokio::test]
async fn models_are_listed_and_looked_up() {
    let gateway = mocked().await;
    let paths = ["/v1/models", "/models"];
    for request in paths.map(Request::get).into_iter().chain(paths.map(|path| Request::post(path, &json!({})))) {
        let list = gateway.call(&request).await.json();
        assert_eq!(list["object"], "list");
        let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
        assert_eq!(ids, [&json!("mock")], "{} {}", request.method, request.path);
        assert_eq!(list["data"][0]["object"], "model");
    }
    let one = gateway.call(&Request::get("/v1/models/mock")).await;
    assert_eq!((one.status, &one.json()["id"]), (200, &json!("mock")));
    let none = gateway.call(&Request::get("/v1/models/zzz")).await;
    assert_eq!(none.status, 404);
    assert!(none.json()["detail"].is_string() || none.json()["error"].is_object(), "{}", none.text());
    assert_eq!(gateway.call(&Request::get("/v1/models").without_key()).await.status, 401);
}

#[tokio::test]
async fn metrics_have_litellms_names() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hello"))]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    gateway.call(&Request::chat(&ask("gpt"))).await;
    gateway.call(&Request::chat(&ask("zzz"))).await;
    let page = gateway.call(&Request::get("/metrics").without_key()).await;
    assert!(page.header("content-type").unwrap().starts_with("text/plain"));
    let cases = [
        ("litellm_proxy_total_requests_metric_total", "requested_model=\"gpt\"", 1),
        ("litellm_proxy_failed_requests_metric_total", "exception_class=", 1),
        ("litellm_total_tokens_metric_total", "requested_model=\"gpt\"", 18),
        ("litellm_input_tokens_metric_total", "requested_model=\"gpt\"", 11),
        ("litellm_output_tokens_metric_total", "requested_model=\"gpt\"", 7),
        ("litellm_deployment_success_responses_total", "", 1),
        ("litellm_request_total_latency_metric_count", "requested_model=\"gpt\"", 1),
    ];
    // A request is counted when it is over, which the client may know a moment earlier.
    for (name, label, expected) in cases {
        let start = format!("{name}{{");
        let is_it = |line: &&str| line.starts_with(&start) && line.contains(label);
        let is_there =
            |page: &str| page.lines().find(is_it).is_some_and(|line| line.ends_with(&format!(" {expected}")));
        within(&format!("{name} {label} {expected}"), async { while !is_there(&gateway.metrics().await) {} }).await;
    }
}

#[tokio::test]
async fn metrics_can_be_closed() {
    let settings = "litellm_settings: {require_auth_for_metrics_endpoint: true}";
    let gateway = Gateway::start(&config(&[MOCKED.to_owned()], settings)).await;
    assert_eq!(gateway.call(&Request::get("/metrics").without_key()).await.status, 401);
    assert_eq!(gateway.call(&Request::get("/metrics")).await.status, 200);
}

#[tokio::test]
async fn the_routes_list_themselves() {
    let gateway = mocked().await;
    let listing = gateway.call(&Request::get("/routes")).await.json();
    let routes = listing["routes"].as_array().unwrap();
    let has = |path: &str| routes.iter().any(|route| route["path"] == path);
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/metrics", "/health/readiness", "/routes"] {
        assert!(has(path), "{path} is not in {listing}");
    }
}

#[tokio::test]
async fn one_model_needs_no_file() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hello"))]).await;
    let launch = Launch::without_config().arg("--model").arg("gpt-4o").arg("--api-base").arg(&upstream.url());
    let gateway = launch.env("OPENAI_API_KEY", "sk-from-env").start().await;
    let response = gateway.call(&Request::chat(&ask("gpt-4o")).without_key()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-from-env"));
}

#[tokio::test]
async fn every_endpoint_reaches_its_upstreams_like() {
    let list = json!({"object": "list", "data": [], "model": "up", "usage": {"prompt_tokens": 3, "total_tokens": 3}});
    let upstream = Upstream::start([Reply::json(200, &list)]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let cases = [
        ("/v1/embeddings", "/v1/embeddings"),
        ("/embeddings", "/v1/embeddings"),
        ("/engines/gpt/embeddings", "/v1/embeddings"),
        ("/openai/deployments/gpt/embeddings", "/v1/embeddings"),
        ("/v1/moderations", "/v1/moderations"),
        ("/moderations", "/v1/moderations"),
    ];
    for (path, expected) in cases {
        let response = gateway.call(&Request::post(path, &json!({"model": "gpt", "input": "text"}))).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        let received = upstream.last();
        assert_eq!((received.path.as_str(), &received.json()["input"]), (expected, &json!("text")), "{path}");
    }
}

#[tokio::test]
async fn answers_carry_litellms_headers() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hello"))
        .header("x-ratelimit-remaining-requests", "99")
        .header("x-request-id", "req_up")
        .header("set-cookie", "upstream=1")])
    .await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let response = gateway.call(&Request::chat(&ask("gpt")).header("x-litellm-call-id", "mine-1")).await;
    assert_eq!(response.header("x-litellm-call-id"), Some("mine-1"));
    assert_eq!(response.header("x-litellm-model-group"), Some("gpt"));
    assert_eq!(response.header("x-litellm-attempted-retries"), Some("0"));
    assert_eq!(response.header("x-ratelimit-remaining-requests"), Some("99"));
    assert_eq!(response.header("llm_provider-x-request-id"), Some("req_up"));
    assert_eq!(response.header("set-cookie"), None);
    for name in
        ["x-litellm-model-id", "x-litellm-version", "x-litellm-response-duration-ms", "x-litellm-overhead-duration-ms"]
    {
        assert!(response.header(name).is_some(), "{name} is not among {:?}", response.headers);
    }
    let fresh = gateway.call(&Request::chat(&ask("gpt"))).await;
    assert_ne!(fresh.header("x-litellm-call-id"), Some("mine-1"));
}
