//! Deployments for models of any name (`openai/*`): a call costs what the model costs that was asked for.

use serde_json::{Value, json};

use crate::support::openai::{ask_stream, chunk, config};
use crate::support::{Gateway, KEY, Reply, Request, Step, Upstream, eventually_async};

/// A thousand tokens of each, by the model's own price.
const GPT_4O: f64 = 1000.0 * 2.5e-6 + 1000.0 * 1e-5;

fn answer() -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}),
    )
}

async fn gateway(upstream: &Upstream, sections: &str) -> Gateway {
    let entry = |name: &str, params: &str| {
        let at = format!("api_base: \"{}\", api_key: sk-up", upstream.url());
        format!("  - {{model_name: \"{name}\", litellm_params: {{{at}, {params}}}}}\n")
    };
    let entries = [
        entry("*", "model: \"openai/*\""),
        entry("mine-*", "model: \"openai/gpt-*\""),
        entry("own/*", "model: \"openai/*\", output_cost_per_token: 1"),
    ];
    let settings = format!("general_settings: {{master_key: {KEY}}}\nrouter_settings: {{num_retries: 0{sections}}}\n");
    Gateway::start(&config(&entries, &settings)).await
}

fn ask(model: &str, most: u64) -> Request {
    Request::chat(&json!({"model": model, "max_tokens": most, "messages": [{"role": "user", "content": "hi"}]}))
}

async fn new_key(gateway: &Gateway, members: &Value) -> String {
    let response = gateway.call(&Request::post("/key/generate", members)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_name_has_its_price() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| answer());
    let gateway = gateway(&upstream, "").await;
    for (model, expected) in [
        ("gpt-4o", Some(GPT_4O)),
        ("openai/gpt-4o", Some(GPT_4O)),
        ("mine-4o", Some(GPT_4O)),
        ("own/gpt-4o", Some(1000.0 * 2.5e-6 + 1000.0)),
        ("nobody-knows", None),
    ] {
        let response = gateway.call(&ask(model, 1000)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let cost = response.header("x-litellm-response-cost").and_then(|cost| cost.parse::<f64>().ok());
        let is_as_expected = match expected {
            Some(expected) => cost.is_some_and(|cost| (cost - expected).abs() < 1e-9),
            None => cost.is_none_or(|cost| cost == 0.0),
        };
        assert!(is_as_expected, "{model}: {cost:?} and not {expected:?}");
    }
}

#[tokio::test]
async fn a_budget_holds_for_any_name() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| answer());
    let gateway = gateway(&upstream, "").await;
    // Enough for three calls, and what their prompts are reserved by.
    let key = new_key(&gateway, &json!({"max_budget": 3.5 * GPT_4O})).await;
    let request = ask("gpt-4o", 1000).key(&key);
    let calls = (0..20).map(|_| gateway.call(&request));
    let statuses: Vec<u16> = futures::future::join_all(calls).await.iter().map(|response| response.status).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!((1..=4).contains(&served), "{statuses:?}");
    assert_eq!(gateway.call(&ask("gpt-4o", 100_000).key(&key)).await.status, 422);
}

#[tokio::test]
async fn what_is_counted_here_has_its_price_too() {
    let upstream = Upstream::start([]).await;
    let end = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    upstream.now_answers([Reply::stream([
        Step::event(chunk("some words")),
        Step::event(end),
        Step::event("[DONE]"),
        Step::end(),
    ])]);
    let gateway = gateway(&upstream, "").await;
    let key = new_key(&gateway, &json!({})).await;
    assert_eq!(gateway.call(&Request::chat(&ask_stream("gpt-4o")).key(&key)).await.status, 200);
    eventually_async("the spend", async || {
        let info = gateway.call(&Request::get("/key/info").key(&key)).await.json();
        info["info"]["spend"].as_f64().filter(|spend| *spend > 0.0)
    })
    .await;
}

#[tokio::test]
async fn a_providers_budget_knows_the_price_of_any_name() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| answer());
    let budget = format!(", provider_budget_config: {{openai: {{budget_limit: {}, time_period: 1d}}}}", 1.5 * GPT_4O);
    let gateway = gateway(&upstream, &budget).await;
    assert_eq!(gateway.call(&ask("gpt-4o", 1000)).await.status, 200);
    let refused = gateway.call(&ask("gpt-4o", 1000)).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("crossed budget"), "{}", refused.text());
}

#[tokio::test]
async fn pictures_are_reserved_as_the_model_sees_them_that_is_asked_for() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| answer());
    // Of gpt-4o-mini's price, 48,169 tokens are 0.0072 and 1,600 are 0.0003.
    let budget = ", provider_budget_config: {openai: {budget_limit: 1.004, time_period: 1d}}";
    let gateway = gateway(&upstream, budget).await;
    let key = new_key(&gateway, &json!({"max_budget": 0.004})).await;
    let look = |model: &str| {
        let picture = json!([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]);
        let messages = json!([{"role": "user", "content": picture}]);
        Request::chat(&json!({"model": model, "max_tokens": 1, "messages": messages}))
    };
    let refused = gateway.call(&look("mine-4o-mini").key(&key)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let refused = gateway.call(&look("own/gpt-4o-mini")).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
}

#[tokio::test]
async fn another_model_takes_over_where_the_keys_budget_for_one_is_spent() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| answer());
    let gateway = gateway(&upstream, "").await;
    let budget = |times: f64| json!({"budget_limit": times * GPT_4O, "time_period": "1d"});
    let key = new_key(
        &gateway,
        &json!({
            "model_max_budget": {"gpt-4o": budget(1.5), "gpt-4.1": budget(0.0001)},
            "budget_fallbacks": {"gpt-4o": ["gpt-4.1", "gpt-4o-mini"]},
        }),
    )
    .await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        let response = gateway.call(&ask("gpt-4o", 1000).key(&key)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        asked.push(upstream.last().json()["model"].as_str().unwrap().to_owned());
    }
    assert_eq!(asked, ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]);
    let refused = gateway.call(&ask("gpt-4.1", 1000).key(&key)).await;
    assert_eq!(refused.status, 422, "nobody takes over for it: {}", refused.text());
}
