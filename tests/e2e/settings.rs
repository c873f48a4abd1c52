//! Where a setting may stand (request header, request body, deployment, router, LiteLLM's globals), and what it does.

use serde_json::{Value, json};

use crate::support::openai::{UPSTREAM_MODEL, answer, ask, ask_stream, config, deployment, hello, stream};
use crate::support::{Gateway, Launch, Reply, Request, Step, Upstream};

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test]
async fn retries_are_counted_as_the_nearest_setting_says() {
    let plain = || Request::chat(&ask("gpt"));
    let cases = [
        ("", "", plain(), 3),
        ("router_settings: {num_retries: 1, disable_cooldowns: true}", "", plain(), 2),
        ("litellm_settings: {num_retries: 1}\nrouter_settings: {disable_cooldowns: true}", "", plain(), 2),
        ("router_settings: {num_retries: 0}", "", plain().header("x-litellm-num-retries", "1"), 2),
        ("router_settings: {num_retries: 0}", "", Request::chat(&with(ask("gpt"), "num_retries", json!(1))), 2),
        ("router_settings: {retry_policy: {InternalServerErrorRetries: 0}}", "", plain(), 1),
    ];
    for (settings, params, request, attempts) in cases {
        let upstream = Upstream::start([Reply::error(500, "broken")]).await;
        let twin = deployment("gpt", &upstream, params).replace("sk-upstream", "sk-twin");
        let entries = [deployment("gpt", &upstream, params), twin];
        let settings = if settings.is_empty() { "router_settings: {disable_cooldowns: true}" } else { settings };
        let gateway = Gateway::start(&config(&entries, settings)).await;
        assert_eq!(gateway.call(&request).await.status, 500);
        assert_eq!(upstream.count(), attempts, "{settings} {request:?}");
    }
}

#[tokio::test]
async fn timeouts_hold_wherever_they_are_set() {
    let plain = || Request::chat(&ask("gpt"));
    let streamed = || Request::chat(&ask_stream("gpt"));
    let cases = [
        ("router_settings: {timeout: 0.2, num_retries: 0}", plain()),
        ("router_settings: {stream_timeout: 0.2, num_retries: 0}", streamed()),
        ("litellm_settings: {request_timeout: 0.2}\nrouter_settings: {num_retries: 0}", plain()),
        ("router_settings: {num_retries: 0}", plain().header("x-litellm-timeout", "0.2")),
        ("router_settings: {num_retries: 0}", streamed().header("x-litellm-stream-timeout", "0.2")),
        ("router_settings: {num_retries: 0}", Request::chat(&with(ask("gpt"), "timeout", json!(0.2)))),
        ("tollgate: {timeouts: {first_byte: 0.2}}\nrouter_settings: {num_retries: 0}", plain()),
    ];
    for (settings, request) in cases {
        let upstream = Upstream::start([Reply::steps([Step::Hang])]).await;
        let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
        let response = gateway.call(&request).await;
        assert_eq!(response.status, 408, "{settings} {request:?}: {}", response.text());
        assert_eq!(upstream.last().json().get("timeout"), None);
    }
}

#[tokio::test]
async fn a_stream_that_stalls_is_ended() {
    let stalled = Reply::stream([Step::event(crate::support::openai::chunk("first")), Step::Hang]);
    let upstream = Upstream::start([stalled]).await;
    let settings = "tollgate: {timeouts: {between_bytes: 0.2}}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
    assert_eq!(response.streamed_text(), "first");
    assert!(response.events().last().unwrap().contains("error"), "{}", response.text());
    upstream.sees_closed(0).await;
}

#[tokio::test]
async fn the_base_url_may_be_written_in_many_ways() {
    let upstream = Upstream::start([hello()]).await;
    let host = upstream.authority();
    let cases = [
        (format!("http://{host}/v1"), "/v1/chat/completions"),
        (format!("http://{host}/v1/"), "/v1/chat/completions"),
        (format!("http://{host}"), "/chat/completions"),
        (format!("http://{host}/deep/er/v1"), "/deep/er/v1/chat/completions"),
    ];
    for (base, path) in cases {
        for key in ["api_base", "base_url"] {
            let entry = format!(
                "  - {{model_name: gpt, litellm_params: {{model: openai/m, {key}: \"{base}\", api_key: k}}}}\n"
            );
            let gateway = Gateway::start(&config(&[entry], "")).await;
            let response = gateway.call(&Request::chat(&ask("gpt"))).await;
            assert_eq!((response.status, upstream.last().path.as_str()), (200, path), "{key}: {base}");
        }
    }
}

#[tokio::test]
async fn secrets_come_from_the_environment_in_every_spelling() {
    let upstream = Upstream::start([hello()]).await;
    for spelling in ["os.environ/A_KEY", "env/A_KEY", "\"${A_KEY}\""] {
        let entry = deployment("gpt", &upstream, "").replace("sk-upstream", spelling);
        let gateway = Launch::with_config(&config(&[entry], "")).env("A_KEY", "sk-from-env").start().await;
        assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
        assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-from-env"), "{spelling}");
    }
    let settings = "environment_variables: {A_KEY: sk-from-file}";
    let entry = deployment("gpt", &upstream, "").replace("sk-upstream", "os.environ/A_KEY");
    let gateway = Gateway::start(&config(&[entry], settings)).await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-from-file"));
}

#[tokio::test]
async fn usage_can_be_told_on_every_stream() {
    let upstream = Upstream::start([stream(&["Hello"])]).await;
    let settings = "general_settings: {master_key: sk-e2e-master, always_include_stream_usage: true}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
    assert!(response.text().contains("\"total_tokens\":18"), "{}", response.text());
}

#[tokio::test]
async fn a_bare_model_name_finds_its_provider() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hello"))]).await;
    let entry = deployment("gpt", &upstream, "").replace(&format!("openai/{UPSTREAM_MODEL}"), "gpt-4o");
    let gateway = Gateway::start(&config(&[entry], "")).await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
    assert_eq!(upstream.last().json()["model"], "gpt-4o");
}
