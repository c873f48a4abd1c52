//! Second requests beside one that is late, and what the router tells of itself.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::openai::{ask_stream, config, deployment, stream};
use crate::support::{Gate, Gateway, Request, Upstream, eventually, eventually_async};

/// Answers of which the usual wait is learned.
const ENOUGH: usize = 24;

fn streamed(model: &str) -> Request {
    Request::chat(&ask_stream(model))
}

/// The first deployment is chosen as long as nothing is in flight there.
async fn pair(settings: &str) -> (Upstream, Upstream, Gateway) {
    let (one, two) = (Upstream::start([stream(&["one"])]).await, Upstream::start([stream(&["two"])]).await);
    let entries = [deployment("gpt", &one, "weight: 1"), deployment("gpt", &two, "weight: 0")];
    let gateway = Gateway::start(&config(&entries, settings)).await;
    for _ in 0..ENOUGH {
        assert_eq!(gateway.call(&streamed("gpt")).await.streamed_text(), "one");
    }
    (one, two, gateway)
}

#[tokio::test]
async fn who_is_late_is_asked_for_twice_and_the_slower_one_is_cancelled() {
    let (one, two, gateway) = pair("tollgate: {hedging: {gpt: 50}}").await;
    assert_eq!((one.count(), two.count()), (ENOUGH, 0));
    let gate = Gate::new();
    one.now_answers([stream(&["late"]).after(&gate)]);
    let response = gateway.call(&streamed("gpt")).await;
    assert_eq!((response.status, response.streamed_text().as_str()), (200, "two"));
    assert!(response.text().ends_with("data: [DONE]\n\n"));
    assert_eq!((one.count(), two.count()), (ENOUGH + 1, 1));
    let last = one.last().connection;
    one.sees_closed(last).await;
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("tollgate_hedged_requests_total 1"), "{metrics}");
    // Both are in the books.
    let both = eventually_async("the spend log", async || {
        let logs = gateway.call(&Request::get("/spend/logs?limit=100")).await.json();
        let rows = logs.as_array()?.len();
        (rows == ENOUGH + 2).then_some(logs)
    })
    .await;
    let prompts = both.as_array().unwrap().iter().filter(|row| row["prompt_tokens"].as_u64() > Some(0));
    assert_eq!(prompts.count(), ENOUGH + 2, "{both}");
}

#[tokio::test]
async fn nobody_is_asked_for_twice_unless_it_is_said() {
    let (one, two, gateway) = pair("").await;
    let gate = Gate::new();
    one.now_answers([stream(&["late"]).after(&gate)]);
    let mut client = gateway.connect().await;
    client.send(&streamed("gpt")).await;
    eventually("the late one", || (one.count() == ENOUGH + 1).then_some(())).await;
    gate.open();
    assert_eq!(client.response().await.streamed_text(), "late");
    assert_eq!(two.count(), 0);
}

#[tokio::test]
async fn the_routers_settings_are_shown() {
    let settings = "router_settings: {routing_strategy: least-busy, num_retries: 1, fallbacks: [{a: [b]}], retry_policy: {TimeoutErrorRetries: 4}}";
    let upstream = Upstream::start([stream(&["x"])]).await;
    let entries = [deployment("a", &upstream, ""), deployment("b", &upstream, "")];
    let gateway = Gateway::start(&config(&entries, settings)).await;
    let shown = gateway.call(&Request::get("/router/settings")).await.json();
    let values = &shown["current_values"];
    assert_eq!((&values["routing_strategy"], &values["num_retries"]), (&json!("least-busy"), &json!(1)));
    assert_eq!(values["fallbacks"], json!([{"a": ["b"]}]));
    assert_eq!(values["retry_policy"], json!({"TimeoutErrorRetries": 4}));
    let fields = shown["fields"].as_array().unwrap();
    let retries = fields.iter().find(|field| field["field_name"] == "num_retries").unwrap();
    assert_eq!((&retries["field_type"], &retries["field_value"]), (&json!("Integer"), &json!(1)));
    let stranger = gateway.call(&Request::get("/router/settings").key("sk-nobody")).await;
    assert!(stranger.status >= 400);
}

/// What `tollgate explain` says of a model; its exit code, what it prints and what it complains of.
fn explain(file: &str, model: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["explain", "--model", model, "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_plan_of_a_model_is_explained() {
    let file = "\
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: sk-not-to-be-shown, weight: 3}, model_info: {id: first}}
  - {model_name: gpt, litellm_params: {model: azure/east, api_base: 'https://x.example', api_key: k, weight: 1}, model_info: {id: second}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-sonnet-4-5, api_key: k}}
router_settings: {routing_strategy: least-busy, fallbacks: [{gpt: [claude, nobody]}], model_group_alias: {best: gpt}}
";
    let (code, text, _) = explain(file, "best");
    assert_eq!(code, Some(0), "{text}");
    for words in
        ["gpt", "least-busy", "first", "75.0 %", "second", "25.0 %", "claude, nobody (no such model)", "azure/east"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!text.contains("sk-not-to-be-shown"));
    let (code, _, error) = explain(file, "unknown");
    assert_eq!(code, Some(78));
    assert!(error.contains("gpt") && error.contains("claude"), "{error}");
}

#[test]
fn what_a_choice_depends_on_is_explained() {
    let file = "\
model_list:
  - {model_name: m, litellm_params: {model: openai/one, api_key: k, order: 1, rpm: 50, tags: [eu, fast], max_parallel_requests: 4}, model_info: {id: first, max_input_tokens: 8000, supports_vision: true}}
  - {model_name: m, litellm_params: {model: openai/two, api_key: k, order: 2}, model_info: {id: second, max_input_tokens: 200000}}
router_settings: {enable_tag_filtering: true, enable_pre_call_checks: true}
router: {context_threshold: 6000, cost_threshold: 0.5}
";
    let (code, text, error) = explain(file, "m");
    assert_eq!(code, Some(0), "{error}");
    let parts = ["first      order 1", "window 8000", "can vision", "tags eu fast", "rpm 50 (limit)", "4 at once"];
    let rules = [
        "then       order 2",
        "window 200000",
        "tags: who has one of the request's",
        "window: who has too few tokens",
        "abilities: who can what the request needs, where anybody can: vision",
        "context_threshold: a prompt of more than 6000 tokens",
        "cost_threshold: who would cost more than $0.5",
    ];
    let mut rest = text.as_str();
    for words in parts.into_iter().chain(rules) {
        let found = rest.find(words).unwrap_or_else(|| panic!("{words} in its place in {text}"));
        rest = &rest[found..];
    }
}

/// The header of an answer tells how it came about.
#[tokio::test]
async fn an_answer_tells_its_route() {
    let upstream = Upstream::start([stream(&["x"])]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    let response = gateway.call(&streamed("gpt")).await;
    let route = response.header("x-tollgate-route").unwrap();
    let id = response.header("x-litellm-model-id").unwrap();
    assert_eq!(route, format!("group=gpt; strategy=simple-shuffle; candidates=1; chosen={}", &id[..12]));
    let _: Value = gateway.call(&Request::get("/health/readiness")).await.json();
}
