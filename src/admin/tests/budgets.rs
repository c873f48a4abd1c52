//! Budgets that others hold.

use serde_json::{Value, json};

use super::world::World;
use crate::error::Compat;
use crate::store::{Filter, Kind};

#[tokio::test]
async fn a_change_reaches_all_who_hold_it() {
    let world = World::new().await;
    world.post("/budget/new", json!({"budget_id": "b", "max_budget": 3, "budget_duration": "7d"})).await.good();
    for (path, body) in [
        ("/customer/new", json!({"user_id": "c1", "budget_id": "b"})),
        ("/customer/new", json!({"user_id": "c2", "budget_id": "b"})),
        ("/tag/new", json!({"name": "t", "budget_id": "b"})),
        ("/organization/new", json!({"organization_id": "o", "organization_alias": "o", "budget_id": "b"})),
    ] {
        world.post(path, body).await.good();
    }
    world.post("/budget/update", json!({"budget_id": "b", "max_budget": 4})).await.good();
    let shown = async |path: &str| world.get(path).await.good()["litellm_budget_table"]["max_budget"].clone();
    assert_eq!(shown("/customer/info?end_user_id=c1").await, json!(4.0));
    assert_eq!(shown("/customer/info?end_user_id=c2").await, json!(4.0));
    assert_eq!(shown("/organization/info?organization_id=o").await, json!(4.0));
    let tag = world.post("/tag/info", json!({"names": ["t"]})).await.good();
    assert_eq!(tag["t"]["litellm_budget_table"]["max_budget"], json!(4.0));
    let told = world.desk.changed.lock().unwrap().clone();
    assert_eq!(told.last(), Some(&(Kind::Budget, "b".to_owned())));

    // Other limits for one of them are not for the others.
    world.post("/customer/update", json!({"user_id": "c1", "max_budget": 9})).await.good();
    let c1 = world.get("/customer/info?end_user_id=c1").await.good();
    assert_eq!(c1["litellm_budget_table"]["max_budget"], json!(9.0));
    assert_eq!(c1["litellm_budget_table"]["budget_duration"], json!("7d"), "the rest of its limits stays");
    assert_eq!(shown("/customer/info?end_user_id=c2").await, json!(4.0));
    // Nor does the budget of one go with another.
    world.post("/customer/delete", json!({"user_ids": ["c2"]})).await.good();
    assert!(world.store.get(Kind::Budget, "b").await.unwrap().is_some());
    world.post("/customer/delete", json!({"user_ids": ["c1"]})).await.good();
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 1, "its own went with it");
}

#[tokio::test]
async fn budgets_are_made_listed_changed_and_deleted() {
    for (compat, exists) in [(Compat::V1_80, 400), (Compat::V1_106, 409)] {
        let world = World::of(compat).await;
        let made = world.post("/budget/new", json!({"max_budget": 3})).await.good();
        let id = made["budget_id"].as_str().unwrap();
        let changed = world.post("/budget/update", json!({"budget_id": id, "rpm_limit": 2, "max_budget": null})).await;
        let changed = changed.good();
        assert_eq!((&changed["rpm_limit"], &changed["max_budget"]), (&json!(2), &json!(null)));
        assert_eq!(changed["created_at"], made["created_at"]);
        assert_eq!(world.get("/budget/list").await.good().as_array().unwrap().len(), 1);
        let settings = world.get(&format!("/budget/settings?budget_id={id}")).await.good();
        let rpm = settings.as_array().unwrap().iter().find(|it| it["field_name"] == "rpm_limit").unwrap().clone();
        assert_eq!((&rpm["field_value"], &rpm["field_type"]), (&json!(2), &json!("Integer")));
        for (path, body, status) in [
            ("/budget/new", json!({"budget_id": id}), exists),
            ("/budget/new", json!({"max_budget": -1}), 400),
            ("/budget/new", json!({"budget_duration": "often"}), 400),
            ("/budget/new", json!({"max_budget": "x"}), 422),
            ("/budget/update", json!({"max_budget": 1}), 400),
            ("/budget/update", json!({"budget_id": "none"}), 404),
            ("/budget/info", json!({"budgets": []}), 400),
            ("/budget/info", json!({}), 422),
            ("/budget/delete", json!({"id": "none"}), 404),
        ] {
            let answer = world.post(path, body.clone()).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        }
        world.post("/budget/delete", json!({"id": id})).await.good();
        assert_eq!(world.post("/budget/info", json!({"budgets": [id]})).await.good(), json!([]));
    }
}

#[tokio::test]
async fn a_window_that_is_over_is_not_shown() {
    let world = World::new().await;
    world.post("/budget/new", json!({"budget_id": "b", "max_budget": 3, "budget_duration": "1d"})).await.good();
    let resets = async || -> Value {
        world.post("/budget/info", json!({"budgets": ["b"]})).await.good()[0]["budget_reset_at"].clone()
    };
    assert_eq!(resets().await, json!("2026-11-21T00:00:00Z"));
    world.pass(36 * 3_600_000);
    assert_eq!(resets().await, json!("2026-11-23T00:00:00Z"));
}
