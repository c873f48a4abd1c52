//! Keys that go on more slowly when their budget is used up (`throttle_on_budget_exceeded`).

use super::*;

/// Tries until a call is limited; more than that are not to be had.
const TRIES: u64 = 10;

async fn start(upstream: &Upstream, settings: &str) -> Gateway {
    Gateway::start(&config(&[deployment("gpt", upstream, PRICES)], settings)).await
}

fn throttled(more: &Value) -> Value {
    let mut body = json!({"max_budget": ONE_CALL, "throttle_on_budget_exceeded": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_part_of_its_rates_is_left_to_a_key_over_its_budget() {
    let upstream = upstream().await;
    let gateway = start(&upstream, "litellm_settings: {budget_exceeded_throttle_percentage: 0.1}\n").await;
    let key = new_key(&gateway, throttled(&json!({"rpm_limit": 20}))).await;
    let first = call(&gateway, &key, "gpt").await;
    assert_eq!((first.status, first.header("x-ratelimit-api_key-limit-requests")), (200, Some("20")));
    let mut passed = 0;
    let limited = loop {
        let response = call(&gateway, &key, "gpt").await;
        if response.status != 200 {
            break response;
        }
        assert_eq!(response.header("x-ratelimit-api_key-limit-requests"), Some("2"));
        passed += 1;
        assert!(passed < TRIES, "nothing holds it back");
    };
    assert!(passed >= 2, "a tenth of twenty: {passed}");
    let text = limited.text();
    assert_eq!(limited.status, 429, "{text}");
    assert!(text.contains("Rate limit exceeded for api_key: ") && text.contains("Current limit: 2,"), "{text}");
    // With a larger budget it is as fast as ever, and all that was spent is counted.
    let info = gateway.call(&Request::get("/key/info").key(&key)).await.json();
    let spent = info["info"]["spend"].as_f64().unwrap();
    assert!(spent > ONE_CALL, "{info}");
    manage(&gateway, "/key/update", json!({"key": key, "max_budget": 100})).await;
    let again = call(&gateway, &key, "gpt").await;
    assert_eq!((again.status, again.header("x-ratelimit-api_key-limit-requests")), (200, Some("20")));
}

#[tokio::test]
async fn who_is_not_held_back_is_stopped() {
    let upstream = upstream().await;
    let gateway = start(&upstream, "litellm_settings: {budget_exceeded_throttle_percentage: 0.5}\n").await;
    manage(&gateway, "/team/new", json!({"team_id": "t", "max_budget": ONE_CALL})).await;
    let window = json!([{"budget_duration": "1d", "max_budget": ONE_CALL}]);
    for body in [
        throttled(&json!({})),
        json!({"max_budget": ONE_CALL, "rpm_limit": 20}),
        throttled(&json!({"rpm_limit": 20, "budget_limits": window})),
        throttled(&json!({"rpm_limit": 20, "team_id": "t", "max_budget": 100})),
    ] {
        let key = new_key(&gateway, body.clone()).await;
        passes(&gateway, &key, "gpt").await;
        is_over(&gateway, &key, "gpt").await;
    }
    let without = start(&upstream, "").await;
    let key = new_key(&without, throttled(&json!({"rpm_limit": 20}))).await;
    passes(&without, &key, "gpt").await;
    is_over(&without, &key, "gpt").await;
}
