//! Budgets that several end users or tags have in common: one stored budget, a counter for each.

use serde_json::{Value, json};

use crate::support::openai::{answer, config, deployment};
use crate::support::{Gateway, KEY, Reply, Request, Response, Upstream};

/// Enough for so many calls, of seven tokens of output each, but for no more.
fn enough_for(calls: u32) -> f64 {
    0.7 * f64::from(calls) + 0.1
}

async fn start(upstream: &Upstream, settings: &str) -> Gateway {
    let prices = "input_cost_per_token: 0, output_cost_per_token: 0.1";
    Gateway::start(&config(&[deployment("gpt", upstream, prices)], settings)).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

/// A call for an end user, with a tag.
async fn call(gateway: &Gateway, customer: &str, tag: &str) -> Response {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": "gpt", "max_tokens": 7, "user": customer, "metadata": {"tags": [tag]},
        "messages": messages});
    gateway.call(&Request::chat(&body)).await
}

fn is_over(response: &Response) -> bool {
    response.text().contains("budget_exceeded")
}

#[tokio::test]
async fn a_change_of_a_budget_reaches_all_who_have_it() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hi"))]).await;
    let gateway = start(&upstream, "").await;
    manage(&gateway, "/budget/new", json!({"budget_id": "small", "max_budget": enough_for(1)})).await;
    manage(&gateway, "/budget/new", json!({"budget_id": "tagged", "max_budget": 100})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "ann", "budget_id": "small"})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "ben", "budget_id": "small"})).await;
    manage(&gateway, "/tag/new", json!({"name": "night", "budget_id": "tagged"})).await;
    for customer in ["ann", "ben"] {
        let first = call(&gateway, customer, "day").await;
        assert_eq!(first.status, 200, "{}", first.text());
        assert!(is_over(&call(&gateway, customer, "day").await), "{customer}");
    }
    manage(&gateway, "/budget/update", json!({"budget_id": "small", "max_budget": enough_for(2)})).await;
    for customer in ["ann", "ben"] {
        let first = call(&gateway, customer, "day").await;
        assert_eq!(first.status, 200, "{}", first.text());
        assert!(is_over(&call(&gateway, customer, "day").await), "{customer}");
    }
    assert_eq!(call(&gateway, "eve", "night").await.status, 200);
    manage(&gateway, "/budget/update", json!({"budget_id": "tagged", "max_budget": enough_for(1)})).await;
    assert!(is_over(&call(&gateway, "eve", "night").await));
    // Who is no end user of the gateway's any more has no limits of one.
    manage(&gateway, "/customer/delete", json!({"user_ids": ["ann"]})).await;
    assert_eq!(call(&gateway, "ann", "day").await.status, 200);
    assert!(is_over(&call(&gateway, "ben", "day").await));
}

#[tokio::test]
async fn a_key_has_a_budget_for_end_users_whom_it_is_the_first_to_name() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hi"))]).await;
    let gateway = start(&upstream, "litellm_settings: {max_end_user_budget_id: usual}\n").await;
    for (budget, calls) in [("usual", 1), ("of-key", 2), ("of-other", 3), ("own", 4)] {
        manage(&gateway, "/budget/new", json!({"budget_id": budget, "max_budget": enough_for(calls)})).await;
    }
    manage(&gateway, "/customer/new", json!({"user_id": "known", "budget_id": "own"})).await;
    let mut keys = Vec::new();
    for body in [
        json!({"end_user_budget_id": "of-key"}),
        json!({"metadata": {"end_user_budget_id": "of-other"}}),
        json!({"end_user_budget_id": "none"}),
    ] {
        keys.push(manage(&gateway, "/key/generate", body).await["key"].as_str().unwrap().to_owned());
    }
    let call = async |key: &str, customer: &str| {
        let body = json!({"model": "gpt", "max_tokens": 7, "user": customer,
            "messages": [{"role": "user", "content": "hi"}]});
        gateway.call(&Request::chat(&body).key(key)).await
    };
    for (key, customer, calls) in
        [(&keys[0], "new", 2), (&keys[1], "newer", 3), (&keys[0], "known", 4), (&keys[2], "stranger", 1)]
    {
        for number in 0..calls {
            assert_eq!(call(key, customer).await.status, 200, "{customer}, {number}");
        }
        let over = call(key, customer).await;
        assert!(is_over(&over), "{customer}: {}", over.text());
    }
    // Whoever calls for them later: they keep what they were entered with.
    assert!(is_over(&call(&keys[1], "new").await));
    let info = gateway.call(&Request::get("/customer/info?end_user_id=new").key(KEY)).await.json();
    assert_eq!(info["budget_id"], json!("of-key"), "{info}");
    let nobody = gateway.call(&Request::get("/customer/list").key(KEY)).await.json();
    let listed: Vec<&Value> = nobody.as_array().unwrap().iter().map(|customer| &customer["user_id"]).collect();
    assert!(!listed.contains(&&json!("stranger")), "without such a budget nobody is entered: {nobody}");
}

#[tokio::test]
async fn who_is_refused_enters_nobody() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hi"))]).await;
    let gateway = start(&upstream, "").await;
    manage(&gateway, "/budget/new", json!({"budget_id": "b", "max_budget": 100})).await;
    let said = json!({"end_user_budget_id": "b", "rpm_limit": 1});
    let key = manage(&gateway, "/key/generate", said).await["key"].as_str().unwrap().to_owned();
    let call = async |customer: &str| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let body = json!({"model": "gpt", "max_tokens": 7, "user": customer, "messages": messages});
        gateway.call(&Request::chat(&body).key(&key)).await.status
    };
    assert_eq!(call("first").await, 200);
    for customer in ["second", "third"] {
        assert_eq!(call(customer).await, 429, "{customer}");
    }
    let listed = gateway.call(&Request::get("/customer/list").key(KEY)).await.json();
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().map(|customer| &customer["user_id"]).collect();
    assert_eq!(listed, [&json!("first")]);
}

#[tokio::test]
async fn end_users_without_limits_have_the_configured_budget() {
    let upstream = Upstream::start([Reply::json(200, &answer("Hi"))]).await;
    let gateway = start(&upstream, "litellm_settings: {max_end_user_budget_id: usual}\n").await;
    // Nobody has made it yet.
    assert_eq!(call(&gateway, "eve", "t").await.status, 200);
    manage(&gateway, "/budget/new", json!({"budget_id": "usual", "max_budget": enough_for(2)})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "ann", "max_budget": enough_for(3)})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "ben"})).await;
    for (customer, calls) in [("eve", 1), ("stranger", 2), ("ben", 2), ("ann", 3)] {
        for number in 0..calls {
            assert_eq!(call(&gateway, customer, "t").await.status, 200, "{customer}, {number}");
        }
        let over = call(&gateway, customer, "t").await;
        assert!(is_over(&over), "{customer}: {}", over.text());
    }
    // A budget that is there no more leaves the configured one.
    manage(&gateway, "/budget/new", json!({"budget_id": "large", "max_budget": 100})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "joe", "budget_id": "large"})).await;
    for _ in 0..3 {
        assert_eq!(call(&gateway, "joe", "t").await.status, 200);
    }
    manage(&gateway, "/budget/delete", json!({"id": "large"})).await;
    assert!(is_over(&call(&gateway, "joe", "t").await));
    manage(&gateway, "/budget/update", json!({"budget_id": "usual", "max_budget": enough_for(3)})).await;
    for (customer, passes) in [("eve", true), ("stranger", true), ("ben", true), ("ann", false)] {
        assert_eq!(call(&gateway, customer, "t").await.status == 200, passes, "{customer}");
    }
}
