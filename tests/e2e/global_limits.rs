//! What all calls together may use, whoever makes them: `global_rpm_limit`, `global_tpm_limit`,
//! `global_max_parallel_requests`, and the gateway's own budgets.

use serde_json::json;

use crate::support::openai::{answer, ask, config, deployment, hello};
use crate::support::{Gate, Gateway, Reply, Request, Response, Upstream, within};

const KEYS: &str = "key_settings:\n  - {api_key: sk-key-of-one-1}\n  - {api_key: sk-key-of-two-2}\n";

async fn start(upstream: &Upstream, settings: &str) -> Gateway {
    let settings = format!("{settings}\n{KEYS}");
    Gateway::start(&config(&[deployment("gpt", upstream, "output_cost_per_token: 0.1")], &settings)).await
}

fn general(limit: &str) -> String {
    format!("general_settings: {{master_key: sk-e2e-master, {limit}}}")
}

fn assert_refused(response: &Response, meter: &str) {
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("throttling_error"), &json!("429")));
    let text = error["message"].as_str().unwrap();
    let expected = format!("Rate limit exceeded for global: all. Limit type: {meter}. ");
    assert!(text.starts_with(&expected), "{text}");
    assert!(response.header("retry-after").is_some());
}

#[tokio::test]
async fn requests_and_tokens_of_all_keys_count_together() {
    let upstream = Upstream::start([hello()]).await;
    for (limit, meter) in [("global_rpm_limit: 2", "requests"), ("global_tpm_limit: 2", "tokens")] {
        let gateway = start(&upstream, &general(limit)).await;
        let first = gateway.call(&Request::chat(&ask("gpt")).key("sk-key-of-one-1")).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let left = first.header(&format!("x-ratelimit-global-remaining-{meter}"));
        if meter == "requests" {
            assert_eq!(left, Some("1"));
            assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200, "the master key counts too");
        }
        assert_refused(&gateway.call(&Request::chat(&ask("gpt")).key("sk-key-of-two-2")).await, meter);
        assert_refused(&gateway.call(&Request::chat(&ask("gpt"))).await, meter);
        assert_eq!(gateway.call(&Request::get("/v1/models")).await.status, 200, "only calls of models count");
    }
}

#[tokio::test]
async fn more_at_once_than_all_may_have_is_refused_in_litellms_words() {
    let gate = Gate::new();
    let upstream = Upstream::start([hello().after(&gate)]).await;
    let gateway = start(&upstream, &general("global_max_parallel_requests: 2")).await;
    let mut held = Vec::new();
    for key in ["sk-key-of-one-1", "sk-e2e-master"] {
        let mut client = gateway.connect().await;
        client.send(&Request::chat(&ask("gpt")).key(key)).await;
        held.push(client);
    }
    upstream.has_received(2).await;
    assert_refused(&gateway.call(&Request::chat(&ask("gpt")).key("sk-key-of-two-2")).await, "max_parallel_requests");
    gate.open();
    for mut client in held {
        assert_eq!(client.response().await.status, 200);
    }
    // The places are free again, a moment after the answers.
    let again = async { while gateway.call(&Request::chat(&ask("gpt"))).await.status != 200 {} };
    within("a free place", again).await;
}

#[tokio::test]
async fn the_gateways_own_budget_has_several_windows() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hi"))]).await;
    let windows = "{budget_duration: 1d, max_budget: 0.8}, {budget_duration: 30d, max_budget: 100}";
    let gateway = start(&upstream, &format!("litellm_settings: {{budget_limits: [{windows}]}}")).await;
    let mut ask = ask("gpt");
    ask["max_tokens"] = json!(7);
    let first = gateway.call(&Request::chat(&ask).key("sk-key-of-one-1")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    for key in ["sk-key-of-one-1", "sk-key-of-two-2"] {
        let response = gateway.call(&Request::chat(&ask).key(key)).await;
        assert!(response.text().contains("budget_exceeded"), "{} {}", response.status, response.text());
    }
}
