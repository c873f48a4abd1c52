//! Keys that become new ones.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, key_of, somebody};
use crate::auth::{KeyDigest, Role};
use crate::store::Kind;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn the_old_key_is_gone_and_the_new_one_has_its_place() {
    let world = World::new().await;
    let old = world
        .post("/key/generate", json!({"key_alias": "a", "models": ["m"], "max_budget": 3, "spend": 1}))
        .await
        .good();
    world.pass(5_000);
    let new = world.post("/key/regenerate", json!({"key": old["key"], "max_budget": 4})).await.good();
    assert_ne!(new["key"], old["key"]);
    assert_eq!((&new["key_alias"], &new["models"], &new["max_budget"]), (&json!("a"), &json!(["m"]), &json!(4.0)));
    assert_eq!((&new["spend"], &new["created_at"]), (&json!(1.0), &old["created_at"]));
    assert_eq!(world.get(&format!("/key/info?key={}", text(&old["key"]))).await.status, 404);
    let info = world.get(&format!("/key/info?key={}", text(&new["key"]))).await.good();
    assert_eq!((&info["info"]["rotation_count"], &info["info"]["spend"]), (&json!(1), &json!(1.0)));
    assert_eq!(info["info"]["last_rotation_at"], "2026-11-20T22:27:15.069000+00:00");
    let told = world.desk.changed.lock().unwrap().clone();
    for token in [&old["token"], &new["token"]] {
        assert!(told.contains(&(Kind::Key, text(token).to_owned())), "{told:?}");
    }
}

#[tokio::test]
async fn within_its_grace_period_the_old_key_works() {
    let world = World::new().await;
    let old = world.post("/key/generate", json!({"key_alias": "a", "user_id": "ann"})).await.good();
    let path = format!("/key/{}/regenerate", text(&old["key"]));
    let new = world.post(&path, json!({"grace_period": "24h", "new_key": "sk-new-0123456789"})).await.good();
    assert_eq!(new["key"], "sk-new-0123456789");
    let kept = world.store.get(Kind::Key, text(&old["token"])).await.unwrap().unwrap();
    assert_eq!(kept.doc["expires"], "2026-11-21T22:27:10.069000Z");
    assert_eq!((&kept.doc["rotated_to"], &kept.alias), (&new["token"], &None));
    let path = format!("/key/info?key={}", text(&old["key"]));
    assert_eq!(world.get(&path).await.good()["info"]["status"], "active");
    world.pass(24 * 3_600_000);
    assert_eq!(world.get(&path).await.good()["info"]["status"], "expired");
    // It is not to be made a further key of.
    assert_eq!(world.post("/key/regenerate", json!({"key": old["key"]})).await.status, 400);
}

#[tokio::test]
async fn an_end_of_its_own_is_not_put_off() {
    let world = World::new().await;
    let old = world.post("/key/generate", json!({"duration": "1h"})).await.good();
    let body = json!({"key": old["key"], "grace_period": "2d"});
    world.post("/key/regenerate", body).await.good();
    let kept = world.store.get(Kind::Key, text(&old["token"])).await.unwrap().unwrap();
    assert_eq!(kept.doc["expires"], old["expires"]);
}

#[tokio::test]
async fn what_cannot_be_regenerated() {
    let world = World::new().await;
    let old = world.post("/key/generate", json!({})).await.good();
    for (body, status) in [
        (json!({}), 400),
        (json!({"key": "sk-unknown"}), 404),
        (json!({"key": old["key"], "grace_period": "soon"}), 400),
        (json!({"key": old["key"], "new_key": "new"}), 400),
        (json!({"key": old["key"], "new_master_key": "sk-other-master"}), 400),
    ] {
        assert_eq!(world.post("/key/regenerate", body.clone()).await.status, status, "{body}");
    }
    assert_eq!(world.post("/key/unknown/regenerate", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_limited_key_does_not_become_a_stronger_one() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"models": ["small"]}))).await;
    world.put(key_of("ann", "sk-strong-of-ann", json!({}))).await;
    world.put(key_of("ben", "sk-of-ben-himself", json!({}))).await;
    let ann = somebody(Role::InternalUser, "ann");
    let strong = somebody(Role::InternalUser, "ann");
    let strong = crate::admin::Requester { key: Some(KeyDigest::of("sk-strong-of-ann").to_string()), ..strong };
    for (requester, key, status) in
        [(&ann, "sk-strong-of-ann", 403), (&ann, "sk-of-ben-himself", 403), (&strong, "sk-of-ann", 200)]
    {
        let body = json!({"key": key, "grace_period": "1h"});
        let answer = world.ask(requester, Method::POST, "/key/regenerate", Some(body)).await;
        assert_eq!(answer.status, status, "{key}: {}", answer.body);
    }
}
