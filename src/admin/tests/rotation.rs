//! Keys that become new ones.

use http::Method;
use serde_json::{Value, json};

use super::world::{START, World, key_of, somebody};
use crate::admin::{Rotated, rotate_due};
use crate::auth::{KeyDigest, Role};
use crate::limiter;
use crate::pricing::Money;
use crate::store::{AuditFilter, Change, Counter, Filter, Kind, Page};

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
async fn another_keys_plain_text_is_no_new_key_and_its_spend_stays() {
    let world = World::new().await;
    world.put(key_of("ben", "sk-of-ben-himself", json!({}))).await;
    world.put(key_of("ann", "sk-of-ann", json!({}))).await;
    let (ann, bens) = (somebody(Role::InternalUser, "ann"), KeyDigest::of("sk-of-ben-himself").to_string());
    let spent = async || {
        let stored = world.store.spent("key", std::slice::from_ref(&bens), 0).await.unwrap();
        (stored.get(&bens).copied(), world.desk.spent.lock().unwrap().get(&(limiter::Kind::Key, bens.clone())).copied())
    };
    let of_ann = KeyDigest::of("sk-of-ann").to_string();
    world.desk.spent.lock().unwrap().insert((limiter::Kind::Key, of_ann), Money::from_pico(5));
    let body = json!({"key": "sk-of-ann", "new_key": "sk-of-ben-himself"});
    let answer = world.ask(&ann, Method::POST, "/key/regenerate", Some(body)).await;
    assert_eq!((answer.status, &answer.body["error"]["param"]), (409, &json!("new_key")), "{}", answer.body);
    assert_eq!(spent().await, (None, None));
    let body = json!({"key": "sk-of-ben-himself", "spend": 7});
    assert_eq!(world.post("/key/generate", body).await.status, 409);
    assert_eq!(spent().await, (None, None));
    assert!(world.store.get(Kind::Key, &KeyDigest::of("sk-of-ann").to_string()).await.unwrap().is_some());
}

#[tokio::test]
async fn every_budget_of_the_old_key_goes_over_with_its_window() {
    let world = World::new().await;
    let old = world.post("/key/generate", json!({"max_budget": 3})).await.good();
    let (old_id, other) = (text(&old["token"]).to_owned(), KeyDigest::of("sk-other").to_string());
    let ends = START / 1_000 + 86_400;
    let counter = |scope: &str, id: &str, budget: &str, spent| Counter {
        scope: scope.to_owned(),
        id: id.to_owned(),
        budget: budget.to_owned(),
        spent,
        resets_at: if budget.is_empty() { 0 } else { ends },
    };
    let spent = |id: &str, all: i64, total: i64| {
        let of_model = format!("{id}:gpt_5");
        vec![
            counter("key", id, "", all),
            counter("key", id, "1d", 3),
            counter("key_total", id, "", total),
            counter("model_per_key", &of_model, "", 1),
            counter("model_per_key", &of_model, "30d", 2),
        ]
    };
    let stored = spent(&old_id, 5, 80).into_iter().chain(spent(&other, 70, 70)).map(Change::Spent).collect::<Vec<_>>();
    world.store.commit(&stored, START).await.unwrap();
    // This node has heard of more of one of them.
    world.desk.spent.lock().unwrap().insert((limiter::Kind::Key, old_id), Money::from_pico(9));
    let new = world.post("/key/regenerate", json!({"key": old["key"]})).await.good();
    let id = text(&new["token"]);
    let mut found = world.store.counters_under("key", id).await.unwrap();
    found.extend(world.store.counters_of(&[("key_total", id)]).await.unwrap());
    found.extend(world.store.counters_under("model_per_key", id).await.unwrap());
    found.sort_by(|one, other| (&one.scope, &one.budget).cmp(&(&other.scope, &other.budget)));
    assert_eq!(found, spent(id, 9, 84), "with what the store has not heard of");
    let info = world.get(&format!("/key/info?key={id}")).await.good();
    assert_eq!((&info["info"]["spend"], &info["info"]["total_spend"]), (&json!(9e-12), &json!(84e-12)));
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

#[tokio::test]
async fn keys_become_new_ones_when_their_time_has_come() {
    const HOUR: i64 = 3_600_000;
    let world = World::new().await;
    let body = json!({"key_alias": "a", "auto_rotate": true, "rotation_interval": "30d", "max_budget": 3, "spend": 1});
    let old = world.post("/key/generate", body).await.good();
    world.post("/key/generate", json!({"rotation_interval": "30d"})).await.good();
    let ended = json!({"auto_rotate": true, "rotation_interval": "1d", "duration": "2d"});
    let ended = world.post("/key/generate", ended).await.good();
    let info = world.get(&format!("/key/info?key={}", text(&old["key"]))).await.good();
    assert_eq!(info["info"]["key_rotation_at"], "2026-12-20T22:27:10.069000+00:00");
    world.pass(29 * 24 * HOUR);
    let none = Rotated::default();
    assert_eq!(rotate_due(&world.control, HOUR, Some("24h")).await.unwrap(), Some(none));
    world.pass(24 * HOUR);
    let one = Rotated { keys: 1, ..none };
    assert_eq!(rotate_due(&world.control, HOUR, Some("24h")).await.unwrap(), Some(one));
    assert_eq!(rotate_due(&world.control, HOUR, Some("24h")).await.unwrap(), None, "somebody just did");
    let kept = world.store.get(Kind::Key, text(&old["token"])).await.unwrap().unwrap();
    assert_eq!((&kept.doc["expires"], &kept.alias), (&json!("2026-12-21T22:27:10.069000Z"), &None));
    let successor = text(&kept.doc["rotated_to"]).to_owned();
    let new = world.get(&format!("/key/info?key={successor}")).await.good();
    let new = &new["info"];
    assert_eq!((&new["key_alias"], &new["spend"], &new["rotation_count"]), (&json!("a"), &json!(1.0), &json!(1)));
    assert_eq!(new["key_rotation_at"], "2027-01-19T22:27:10.069000+00:00");
    let lines = world.store.audit(&AuditFilter::default(), Page::ALL).await.unwrap();
    let line = lines.iter().find(|line| line.audit.action == "rotated").unwrap();
    assert_eq!(line.audit.changed_by, "litellm_internal_jobs");
    // The end of its grace period is the old key's end; the one that ended before was let be.
    world.pass(24 * HOUR);
    let forgotten = Rotated { forgotten: 1, ..none };
    assert_eq!(rotate_due(&world.control, HOUR, None).await.unwrap(), Some(forgotten));
    assert!(world.store.get(Kind::Key, text(&old["token"])).await.unwrap().is_none());
    assert!(world.store.get(Kind::Key, text(&ended["token"])).await.unwrap().is_some());
    // Without a grace period the old one is gone at once.
    world.pass(30 * 24 * HOUR);
    assert_eq!(rotate_due(&world.control, HOUR, None).await.unwrap(), Some(one));
    assert!(world.store.get(Kind::Key, &successor).await.unwrap().is_none());
}

#[tokio::test]
async fn many_nodes_rotate_a_key_once() {
    let world = World::new().await;
    world.post("/key/generate", json!({"auto_rotate": true, "rotation_interval": "1s"})).await.good();
    world.pass(2_000);
    let rounds = (0..8).map(|_| rotate_due(&world.control, 1_000, None));
    let rounds = futures::future::join_all(rounds).await;
    let done: Vec<Rotated> = rounds.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(done, [Rotated { keys: 1, ..Rotated::default() }]);
    let keys = world.store.list(Kind::Key, &Filter::default(), Page::ALL).await.unwrap();
    assert_eq!((keys.len(), &keys[0].doc["rotation_count"]), (1, &json!(1)));
}

#[tokio::test]
async fn a_key_that_two_replace_at_once_has_one_successor() {
    let world = World::new().await;
    let old = world.post("/key/generate", json!({})).await.good();
    let body = json!({"key": old["key"]});
    let replaced = (0..6).map(|_| world.post("/key/regenerate", body.clone()));
    let replaced = futures::future::join_all(replaced).await;
    assert_eq!(replaced.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(world.store.count(Kind::Key, &Filter::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn an_interval_is_one() {
    let world = World::new().await;
    let answer = world.post("/key/generate", json!({"auto_rotate": true, "rotation_interval": "often"})).await;
    assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &json!("rotation_interval")));
    let key = world.post("/key/generate", json!({"auto_rotate": true, "rotation_interval": "1d"})).await.good();
    world.post("/key/update", json!({"key": key["key"], "auto_rotate": false})).await.good();
    let kept = world.store.get(Kind::Key, text(&key["token"])).await.unwrap().unwrap();
    assert!(!kept.doc.contains_key("key_rotation_at"));
}
