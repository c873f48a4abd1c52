//! Keys that the configuration file declares: which models they may call, and how much.

use serde_json::json;

use crate::support::openai::config;
use crate::support::{Gate, Gateway, Reply, Request, Upstream};

const MASTER: &str = crate::support::KEY;

fn entries(upstream: &Upstream) -> Vec<String> {
    let entry = |name: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: sk-up}}}}\n",
            upstream.url()
        )
    };
    vec![entry("gpt-4o"), entry("gpt-4o-mini"), entry("embedding-small")]
}

async fn start(upstream: &Upstream, keys: &str) -> Gateway {
    Gateway::start(&config(&entries(upstream), keys)).await
}

fn chat(key: &str, model: &str) -> Request {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    Request::chat(&body).key(key)
}

fn answer() -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice],
                "usage": {"prompt_tokens": 30, "completion_tokens": 30, "total_tokens": 60}}),
    )
}

#[tokio::test]
async fn a_key_calls_the_models_it_may_and_no_others() {
    let upstream = Upstream::start([answer()]).await;
    let keys = "
teams:
  - {team_id: readers, models: ['gpt-*', 'embedding-*']}
key_settings:
  - {api_key: user-key-123, models: ['embedding-*']}
  - {api_key: sk-team-key-1, team_id: readers, models: [gpt-4o]}
";
    let gateway = start(&upstream, keys).await;
    for (key, model, status, kind) in [
        (MASTER, "gpt-4o", 200, None),
        ("user-key-123", "embedding-small", 200, None),
        ("user-key-123", "gpt-4o", 403, Some("key_model_access_denied")),
        ("sk-team-key-1", "gpt-4o", 200, None),
        ("sk-team-key-1", "embedding-small", 403, Some("key_model_access_denied")),
        ("sk-nobody", "gpt-4o", 401, Some("token_not_found_in_db")),
    ] {
        let response = gateway.call(&chat(key, model)).await;
        assert_eq!(response.status, status, "{key} {model}: {}", response.text());
        if let Some(kind) = kind {
            assert_eq!(response.json()["error"]["type"], kind, "{key} {model}");
        }
        assert!(!response.text().contains("user-key-123"), "the key is in the answer");
    }
    let denied = chat("user-key-123", "gpt-4o");
    assert!(gateway.call(&denied).await.text().contains("is not available for this API key"));
}

#[tokio::test]
async fn requests_and_tokens_a_minute_are_limited() {
    let upstream = Upstream::start([answer()]).await;
    let keys = "
key_settings:
  - {api_key: sk-requests-1, rpm_limit: 2}
  - {api_key: sk-tokens-12, rate_limit: {tokens_per_minute: 100}}
";
    let gateway = start(&upstream, keys).await;
    for (key, what) in [("sk-requests-1", "requests"), ("sk-tokens-12", "tokens")] {
        for _ in 0..2 {
            let response = gateway.call(&chat(key, "gpt-4o")).await;
            assert_eq!(response.status, 200, "{key}: {}", response.text());
            assert!(response.header(&format!("x-ratelimit-api_key-remaining-{what}")).is_some(), "{key}");
        }
        // Two answers of 60 tokens are more than 100: the second was let in on an estimate.
        let refused = gateway.call(&chat(key, "gpt-4o")).await;
        assert_eq!(refused.status, 429, "{key}");
        let error = refused.json()["error"].clone();
        assert_eq!((&error["type"], &error["code"]), (&json!("throttling_error"), &json!("429")));
        let text = error["message"].as_str().unwrap();
        assert!(text.starts_with("Rate limit exceeded for api_key: ") && text.contains(what), "{text}");
        assert!(refused.header("retry-after").is_some_and(|wait| wait.parse::<u64>().unwrap() <= 60));
        let of_limit = |name| refused.header(&format!("x-ratelimit-api_key-{name}-{what}"));
        assert!(of_limit("limit").is_some() && of_limit("remaining").is_some(), "{key}: {:?}", refused.headers);
    }
    assert_eq!(upstream.received().len(), 4, "what is refused reaches nobody");
}

#[tokio::test]
async fn a_call_that_is_larger_than_the_limit_passes_once() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream, "key_settings:\n  - {api_key: sk-small-1, tpm_limit: 10}\n").await;
    assert_eq!(gateway.call(&chat("sk-small-1", "gpt-4o")).await.status, 200);
    let refused = gateway.call(&chat("sk-small-1", "gpt-4o")).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("Limit type: tokens. Current limit: 10, Remaining: 0"), "{}", refused.text());
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_picture_is_no_text_to_limits_of_tokens() {
    let upstream = Upstream::start([answer()]).await;
    let keys = "
key_settings:
  - {api_key: sk-tokens-12, tpm_limit: 2000}
  - {api_key: sk-small-12, tpm_limit: 60000}
  - {api_key: sk-budget-1, max_budget: 0.01}
  - {api_key: sk-budget-2, max_budget: 0.001}
";
    let gateway = start(&upstream, keys).await;
    // A megabyte of base64 would be some 350,000 tokens, and those 0.87 dollars.
    let picture = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(1 << 20));
    let content =
        json!([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": picture}}]);
    let body = json!({"model": "gpt-4o", "max_tokens": 30, "messages": [{"role": "user", "content": content}]});
    for _ in 0..2 {
        let response = gateway.call(&Request::chat(&body).key("sk-tokens-12")).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }
    // Money is set aside for the largest that the provider counts: 1,600 tokens at most, which are 0.004 dollars.
    let paid = gateway.call(&Request::chat(&body).key("sk-budget-1")).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    let refused = gateway.call(&Request::chat(&body).key("sk-budget-2")).await;
    assert_eq!(refused.json()["error"]["type"], "budget_exceeded", "{}", refused.text());
    // The same where words stand is words.
    let words = json!([{"type": "text", "text": picture}]);
    let words = json!({"model": "gpt-4o", "max_tokens": 30, "messages": [{"role": "user", "content": words}]});
    let refused = gateway.call(&Request::chat(&words).key("sk-budget-1")).await;
    assert_eq!(refused.json()["error"]["type"], "budget_exceeded", "{}", refused.text());
    // A small model counts more tokens for the same picture.
    let small = json!({"model": "gpt-4o-mini", "max_tokens": 30, "messages": body["messages"]});
    let taken = gateway.call(&Request::chat(&small).key("sk-small-12")).await;
    let remaining = taken.header("x-ratelimit-api_key-remaining-tokens").unwrap();
    assert!(remaining.parse::<u64>().unwrap() < 60_000 - 25_501, "{remaining}");
    // But it is something: 1,600 tokens of the 1,880 that are left fit once at a time.
    let last = gateway.call(&Request::chat(&body).key("sk-tokens-12")).await;
    assert_eq!(last.status, 200, "{}", last.text());
    let remaining = last.header("x-ratelimit-api_key-remaining-tokens").unwrap();
    assert!(remaining.parse::<u64>().unwrap() < 400, "{remaining}");
}

#[tokio::test]
async fn a_team_shares_its_limit_and_a_failure_gives_its_tokens_back() {
    let upstream = Upstream::start([Reply::error(400, "no")]).await;
    let keys = "
teams:
  - {team_id: team-a, tpm_limit: 60}
key_settings:
  - {api_key: sk-first-key, team_id: team-a}
  - {api_key: sk-second-key, team_id: team-a}
";
    let gateway = start(&upstream, keys).await;
    for _ in 0..5 {
        // An estimate of some twenty tokens each: five of them would be over the limit.
        assert_eq!(gateway.call(&chat("sk-first-key", "gpt-4o")).await.status, 400);
    }
    upstream.now_answers([answer()]);
    assert_eq!(gateway.call(&chat("sk-first-key", "gpt-4o")).await.status, 200);
    let refused = gateway.call(&chat("sk-second-key", "gpt-4o")).await;
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("Rate limit exceeded for team: team-a"), "{}", refused.text());
}

#[tokio::test]
async fn requests_at_one_time_are_limited_and_a_place_comes_back() {
    let gate = Gate::new();
    let upstream = Upstream::start([answer().after(&gate)]).await;
    let keys = "key_settings:\n  - {api_key: sk-parallel-1, max_parallel_requests: 1}\n";
    let gateway = start(&upstream, keys).await;
    let mut first = gateway.connect().await;
    first.send(&chat("sk-parallel-1", "gpt-4o")).await;
    upstream.has_received(1).await;
    let second = gateway.call(&chat("sk-parallel-1", "gpt-4o")).await;
    assert_eq!(second.status, 429, "{}", second.text());
    gate.open();
    assert_eq!(first.response().await.status, 200);
    upstream.now_answers([answer()]);
    assert_eq!(gateway.call(&chat("sk-parallel-1", "gpt-4o")).await.status, 200);
}

/// 30 tokens in and 30 out, at gpt-4o's 2.5 and 10 dollars for a million.
const COST: f64 = 0.000_375;

#[tokio::test]
async fn a_call_tells_its_cost_and_a_budget_ends() {
    let upstream = Upstream::start([answer()]).await;
    let keys = "key_settings:\n  - {api_key: sk-budget-AWOQ, max_budget: 0.0005, budget_duration: 1d}\n";
    let gateway = start(&upstream, keys).await;
    let dollars = |response: &crate::support::Response, name: &str| -> f64 {
        response.header(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    };
    let first = gateway.call(&chat("sk-budget-AWOQ", "gpt-4o")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(dollars(&first, "x-litellm-response-cost"), COST);
    assert_eq!(dollars(&first, "x-litellm-response-cost-input"), 0.000_075);
    assert_eq!(dollars(&first, "x-litellm-response-cost-output"), 0.000_3);
    assert_eq!(dollars(&first, "x-litellm-key-max-budget"), 0.0005);
    // A cap that may cost more than what is left is refused beforehand; a small one is not.
    let mut capped = json!({"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]});
    let refused = gateway.call(&Request::chat(&capped).key("sk-budget-AWOQ")).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    capped["max_tokens"] = json!(1);
    let second = gateway.call(&Request::chat(&capped).key("sk-budget-AWOQ")).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(dollars(&second, "x-litellm-key-spend"), COST);
    let third = gateway.call(&chat("sk-budget-AWOQ", "gpt-4o")).await;
    assert_eq!(third.status, 422);
    let error = third.json()["error"].clone();
    assert_eq!((&error["type"], &error["param"]), (&json!("budget_exceeded"), &json!(null)));
    let text = error["message"].as_str().unwrap();
    assert_eq!(text, "Budget has been exceeded! Key=key (sk-...AWOQ) Current cost: 0.00075, Max budget: 0.0005");
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn parallel_calls_never_spend_more_than_the_budget() {
    let upstream = Upstream::start([answer()]).await;
    // Room for four calls of this cost; each is capped at about one and a half times of it.
    let keys = "key_settings:\n  - {api_key: sk-race-key-1, max_budget: 0.0015}\n";
    let gateway = start(&upstream, keys).await;
    let body = json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]});
    let calls = (0..40).map(|_| {
        let request = Request::chat(&body).key("sk-race-key-1");
        let gateway = &gateway;
        async move { gateway.call(&request).await.status }
    });
    let statuses = futures::future::join_all(calls).await;
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!((1..=4).contains(&served), "{served} served: {statuses:?}");
    assert!(statuses.iter().all(|status| [200, 422].contains(status)), "{statuses:?}");
    assert_eq!(upstream.received().len(), served);
}
