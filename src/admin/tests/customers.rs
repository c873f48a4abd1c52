//! Customers and tags.

use serde_json::json;

use super::world::World;
use crate::error::Compat;
use crate::limiter;
use crate::pricing::Money;
use crate::store::Kind;

#[tokio::test]
async fn customers_come_change_and_go() {
    for (compat, exists) in [(Compat::V1_80, 400), (Compat::V1_106, 409)] {
        let world = World::of(compat).await;
        world
            .post("/end_user/new", json!({"user_id": "c", "alias": "x", "max_budget": 1, "rpm_limit": 5}))
            .await
            .good();
        let spent = Money::from_dollars("0.25").unwrap();
        world.desk.spent.lock().unwrap().insert((limiter::Kind::Customer, "c".to_owned()), spent);
        let info = world.get("/end_user/info?end_user_id=c").await.good();
        assert_eq!((&info["spend"], &info["litellm_budget_table"]["rpm_limit"]), (&json!(0.25), &json!(5)));
        let budget = info["budget_id"].clone();
        let changed = world.post("/customer/update", json!({"user_id": "c", "max_budget": 2})).await.good();
        assert_eq!((&changed["budget_id"], &changed["alias"]), (&budget, &json!("x")));
        assert_eq!(changed["litellm_budget_table"]["max_budget"], json!(2.0));
        assert_eq!(changed["litellm_budget_table"]["rpm_limit"], json!(5));
        for (path, body, status) in [
            ("/customer/new", json!({"user_id": "c"}), exists),
            ("/customer/new", json!({}), 422),
            ("/customer/new", json!({"user_id": "d", "budget_id": "none"}), 400),
            ("/customer/new", json!({"user_id": "d", "allowed_model_region": "mars"}), 422),
            ("/customer/update", json!({"user_id": "none"}), 404),
            ("/customer/delete", json!({"user_ids": ["c", "none"]}), 404),
            ("/customer/delete", json!({"user_ids": []}), 400),
            ("/customer/unblock", json!({"user_ids": ["none"]}), 404),
        ] {
            let answer = world.post(path, body.clone()).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
            if status == 404 {
                let named = body.as_object().unwrap().keys().next().unwrap();
                assert_eq!(answer.body["error"]["param"], json!(named), "{path}: what named them");
            }
        }
        assert_eq!(world.get("/customer/info?end_user_id=none").await.status, 404);
        let gone = world.post("/customer/delete", json!({"user_ids": ["c"]})).await.good();
        assert_eq!(gone["deleted_customers"], json!(1));
        assert_eq!(world.get("/customer/list").await.good(), json!([]));
    }
}

#[tokio::test]
async fn calls_alone_make_a_customer() {
    for compat in [Compat::V1_80, Compat::V1_106] {
        let world = World::of(compat).await;
        super::spend::call(&world).await;
        for (id, spend) in [("sk-of-ann", 0.3), ("sk-of-nobody", 2.3), ("master", 5.0)] {
            for path in ["/customer/info", "/end_user/info"] {
                let info = world.get(&format!("{path}?end_user_id={id}")).await.good();
                assert_eq!((&info["user_id"], &info["spend"]), (&json!(id), &json!(spend)), "{info}");
                assert_eq!((&info["blocked"], &info["litellm_budget_table"]), (&json!(false), &json!(null)), "{info}");
            }
        }
        for id in ["none", ""] {
            assert_eq!(world.get(&format!("/customer/info?end_user_id={id}")).await.status, 404, "{id}");
        }
        // What is stored stands above what was called, and is what is listed.
        world.post("/customer/new", json!({"user_id": "master", "alias": "x"})).await.good();
        assert_eq!(world.get("/customer/info?end_user_id=master").await.good()["alias"], json!("x"));
        assert_eq!(world.get("/customer/list").await.good().as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn who_is_blocked_need_not_be_known() {
    let world = World::new().await;
    let told = world.post("/customer/block", json!({"user_ids": ["a", "b"]})).await.good();
    assert_eq!(told["blocked_users"].as_array().unwrap().len(), 2);
    assert_eq!(world.store.get(Kind::Customer, "a").await.unwrap().unwrap().doc["blocked"], json!(true));
    world.post("/customer/unblock", json!({"user_ids": ["a"]})).await.good();
    assert_eq!(world.get("/customer/info?end_user_id=a").await.good()["blocked"], json!(false));
    assert_eq!(world.get("/customer/info?end_user_id=b").await.good()["blocked"], json!(true));
}

#[tokio::test]
async fn tags_come_change_and_go() {
    let world = World::new().await;
    let made = world.post("/tag/new", json!({"name": "t", "description": "d", "max_budget": 1})).await.good();
    assert_eq!(made["message"], json!("Tag t created successfully"));
    assert_eq!(made["tag"]["litellm_budget_table"]["max_budget"], json!(1.0));
    let changed = world.post("/tag/update", json!({"name": "t", "models": ["m"]})).await.good();
    assert_eq!((&changed["tag"]["models"], &changed["tag"]["description"]), (&json!(["m"]), &json!("d")));
    assert_eq!(world.get("/tag/list").await.good().as_array().unwrap().len(), 1);
    for (path, body, status) in [
        ("/tag/new", json!({"name": "t"}), 409),
        ("/tag/new", json!({"name": ""}), 400),
        ("/tag/new", json!({"name": "x".repeat(257)}), 400),
        ("/tag/update", json!({"name": "none"}), 404),
        ("/tag/info", json!({"names": ["t", "none"]}), 404),
        ("/tag/delete", json!({"name": "none"}), 404),
    ] {
        assert_eq!(world.post(path, body.clone()).await.status, status, "{path} {body}");
    }
    world.post("/tag/delete", json!({"name": "t"})).await.good();
    assert_eq!(world.get("/tag/list").await.good(), json!([]));
}
