//! What something would cost, and how many tokens it is.

use http::Method;
use serde_json::{Map, json};

use super::golden_models::views;
use super::world::{World, somebody};
use crate::admin::{Requester, Settings};
use crate::auth::Role;
use crate::error::Compat;

async fn world(compat: Compat) -> World {
    let world = World::of(compat).await;
    *world.desk.models.lock().unwrap() = views();
    world
}

#[tokio::test]
async fn a_call_is_priced_before_or_after_it_is_made() {
    let world = world(Compat::V1_106).await;
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (body, cost) in [
        (json!({"model": "gpt-4o", "messages": messages}), 2e-5),
        (json!({"model": "openai/gpt-4o", "messages": messages}), 2e-5),
        (json!({"model": "gpt-4o-mini", "messages": messages}), 1.2e-6),
        (json!({"completion_response": {"model": "gpt-4o-2024-08-06", "usage": usage}}), 0.0035),
        (json!({"model": "gpt-4o", "completion_response": {"model": "none", "usage": usage}}), 0.0035),
    ] {
        assert_eq!(world.post("/spend/calculate", body.clone()).await.good(), json!({"cost": cost}), "{body}");
    }
    for body in [
        json!({}),
        json!({"model": "gpt-4o"}),
        json!({"messages": messages}),
        json!({"model": "gpt-4o", "messages": messages, "completion_response": {}}),
        json!({"completion_response": {"usage": usage}}),
        json!({"completion_response": {"model": "gpt-4o", "usage": null}}),
        json!({"model": "no such model", "messages": messages}),
    ] {
        let answer = world.post("/spend/calculate", body.clone()).await;
        assert_eq!((answer.status, &answer.body["error"]["type"]), (400, &json!("bad_request_error")), "{body}");
    }
    assert_eq!(world.post("/spend/calculate", json!({"model": 7})).await.status, 422);
}

#[tokio::test]
async fn an_alias_is_what_it_stands_for() {
    let aliases = json!({
        "fast": {"model": "gpt-4o", "hidden": false}, "claude": {"model": "gpt-4o", "hidden": true},
        "twice": {"model": "fast", "hidden": false},
    });
    let router_settings = Map::from_iter([("model_group_alias".to_owned(), aliases)]);
    let world = World::with(Settings { compat: Compat::V1_106, router_settings, ..Settings::default() }).await;
    *world.desk.models.lock().unwrap() = views();
    let messages = json!([{"role": "user", "content": "hi"}]);
    for name in ["fast", "claude"] {
        let answer = world.post("/spend/calculate", json!({"model": name, "messages": messages})).await;
        assert_eq!(answer.good(), json!({"cost": 2e-5}), "{name}");
        let body = json!({"model": name, "input_tokens": 1000, "output_tokens": 500, "num_requests_per_day": 10});
        assert_eq!(world.post("/cost/estimate", body).await.good()["daily_cost"], json!(0.075), "{name}");
        let answer = world.post("/utils/token_counter", json!({"model": name, "prompt": "hello world"})).await.good();
        assert_eq!((&answer["request_model"], &answer["total_tokens"]), (&json!(name), &json!(2)));
        assert!(answer["model_used"].as_str().unwrap().starts_with("gpt-4o"), "{answer}");
    }
    let answer = world.post("/spend/calculate", json!({"model": "twice", "messages": messages})).await;
    assert_eq!(answer.status, 400, "an alias of an alias is none: {}", answer.body);
}

#[tokio::test]
async fn an_estimate_by_the_day_and_the_month() {
    let world = world(Compat::V1_106).await;
    let body = json!({"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500, "num_requests_per_day": 10});
    let answer = world.post("/cost/estimate", body).await.good();
    assert_eq!((&answer["daily_cost"], &answer["monthly_cost"]), (&json!(0.075), &json!(null)));
    for (body, status) in [
        (json!({"model": "gpt-4o", "input_tokens": 1}), 422),
        (json!({"model": "gpt-4o", "input_tokens": -1, "output_tokens": 1}), 422),
        (json!({"model": "none", "input_tokens": 1, "output_tokens": 1}), 404),
    ] {
        let answer = world.post("/cost/estimate", body.clone()).await;
        assert_eq!(answer.status, status, "{body} {}", answer.body);
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_model_behind_the_name() {
    let world = world(Compat::V1_106).await;
    let body = json!({"model": "claude", "prompt": "hello world"});
    let answer = world.post("/utils/token_counter", body.clone()).await.good();
    assert_eq!((&answer["total_tokens"], &answer["model_used"]), (&json!(3), &json!("claude-sonnet-4-20250514")));
    let limited = Requester { models: vec!["gpt-4o".to_owned()], ..somebody(Role::InternalUser, "ann") };
    let answer = world.ask(&limited, Method::POST, "/utils/token_counter", Some(body)).await.good();
    assert_eq!(answer["model_used"], "claude", "what stands behind a name is for those who may call it");
    for compat in [Compat::V1_80, Compat::V1_106] {
        let world = World::of(compat).await;
        assert_eq!(world.post("/utils/token_counter", json!({"prompt": "x"})).await.status, 422);
        let answer = world.post("/utils/token_counter", json!({"model": "m", "prompt": null})).await;
        let text = "prompt or messages or contents must be provided";
        assert_eq!((answer.status, answer.body), (400, json!({"detail": text})));
    }
}
