//! What a provider lets off and the operator puts on (`cost_discount_config`, `cost_margin_config`): in the answer's header,
//! in what is spent, in what is reserved, and in the log.

use serde_json::{Value, json};

use crate::support::openai::{ask, config, deployment, hello};
use crate::support::{Gateway, KEY, Request, Response, Upstream, eventually_async};

/// Eleven tokens of input at a dollar: half is let off, a tenth put on, and a dollar for each call.
const PAID: f64 = 5.5 + 0.55 + 1.0;

async fn start(upstream: &Upstream) -> Gateway {
    let prices = "input_cost_per_token: 1, output_cost_per_token: 0, cache_read_input_token_cost: 0";
    let settings = "litellm_settings:
  cost_discount_config: {openai: 0.5, anthropic: 0.9}
  cost_margin_config: {global: {percentage: 0.1, fixed_amount: 1}, anthropic: 0.2}
";
    Gateway::start(&config(&[deployment("gpt", upstream, prices)], settings)).await
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn call(gateway: &Gateway, key: &str) -> Response {
    let mut body = ask("gpt");
    body["max_tokens"] = 7.into();
    gateway.call(&Request::chat(&body).key(key)).await
}

#[tokio::test]
async fn discount_and_margin_are_in_every_figure() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = start(&upstream).await;
    let made = post(&gateway, "/key/generate", json!({})).await;
    let key = made["key"].as_str().unwrap();
    let response = call(&gateway, key).await;
    assert_eq!(response.status, 200, "{}", response.text());
    for (name, value) in [
        ("x-litellm-response-cost", "7.05"),
        ("x-litellm-response-cost-original", "11.0"),
        ("x-litellm-response-cost-input", "11.0"),
        ("x-litellm-response-cost-discount-amount", "5.5"),
        ("x-litellm-response-cost-margin-amount", "1.55"),
        ("x-litellm-response-cost-margin-percent", "0.1"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    let info = gateway.call(&Request::get("/key/info").key(key)).await.json();
    assert_eq!(info["info"]["spend"], json!(PAID));
    let logged = eventually_async("the call in the log", async || {
        let logs = gateway.call(&Request::get("/spend/logs?summarize=false").key(KEY)).await.json();
        logs.as_array()?.first().cloned()
    })
    .await;
    assert_eq!(logged["spend"], json!(PAID));
    let breakdown = &logged["metadata"]["cost_breakdown"];
    for (name, value) in [
        ("total_cost", PAID),
        ("original_cost", 11.0),
        ("input_cost", 11.0),
        ("output_cost", 0.0),
        ("discount_amount", 5.5),
        ("discount_percent", 0.5),
        ("margin_total_amount", 1.55),
        ("margin_fixed_amount", 1.0),
        ("margin_percent", 0.1),
    ] {
        assert_eq!(breakdown[name], json!(value), "{name} of {breakdown}");
    }
    let estimate = json!({"model": "gpt", "input_tokens": 11, "output_tokens": 0});
    let estimated = post(&gateway, "/cost/estimate", estimate).await;
    assert_eq!((&estimated["cost_per_request"], &estimated["margin_cost_per_request"]), (&json!(PAID), &json!(1.55)));
}

#[tokio::test]
async fn what_is_put_on_is_reserved_too() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = start(&upstream).await;
    // Less than the dollar of each call.
    let made = post(&gateway, "/key/generate", json!({"max_budget": 0.9})).await;
    let refused = call(&gateway, made["key"].as_str().unwrap()).await;
    assert_eq!(refused.json()["error"]["type"], "budget_exceeded", "{}", refused.text());
    assert_eq!(upstream.count(), 0);
}
