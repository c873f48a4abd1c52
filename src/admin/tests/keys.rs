//! Keys, as a proxy admin makes and changes them.

use http::Method;
use serde_json::{Value, json};

use super::world::{START, World, master};
use crate::admin::Settings;
use crate::auth::KeyDigest;
use crate::error::Compat;
use crate::limiter;
use crate::pricing::Money;
use crate::store::{AuditFilter, Filter, KEY_TOTAL, Kind, Page};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn settings(default_key: Value, upper_bounds: Value) -> Settings {
    let map = |value: Value| value.as_object().unwrap().clone();
    Settings { default_key: map(default_key), upper_bounds: map(upper_bounds), ..Settings::default() }
}

#[tokio::test]
async fn a_new_key_is_stored_by_its_digest_and_shown_once() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({"key_alias": "a"})).await.good();
    let key = text(&made["key"]);
    let digest = KeyDigest::of(key).to_string();
    assert_eq!(made["token"], json!(digest));
    assert_eq!(*world.desk.changed.lock().unwrap(), [(Kind::Key, digest.clone())]);
    let stored = world.store.get(Kind::Key, &digest).await.unwrap().unwrap();
    let lines = world.store.audit(&AuditFilter::default(), Page::ALL).await.unwrap();
    let info = world.get(&format!("/key/info?key={digest}")).await.good();
    for text in [json!(stored.doc).to_string(), format!("{lines:?}"), info.to_string()] {
        assert!(!text.contains(key), "{text}");
    }
    assert_eq!((lines.len(), lines[0].audit.action.as_str()), (1, "created"));
    assert_eq!(lines[0].audit.changed_by, "default_user_id");
}

#[tokio::test]
async fn what_is_said_of_a_key_is_what_it_has() {
    let world = World::new().await;
    let body = json!({
        "duration": "1mo", "max_budget": "2.5", "budget_duration": "1d", "tags": ["x"], "model_rpm_limit": {"m": 3},
        "key_type": "read_only", "aliases": {"small": "gpt-4o-mini"}, "soft_budget": 1, "unknown_member": 1,
    });
    let made = world.post("/key/generate", body).await.good();
    assert_eq!(made["expires"], "2026-12-20T22:27:10.069000Z");
    assert_eq!((&made["tags"], &made["model_rpm_limit"]), (&json!(["x"]), &json!({"m": 3})));
    assert_eq!(made["metadata"], json!({"model_rpm_limit": {"m": 3}, "tags": ["x"]}));
    assert_eq!((&made["allowed_routes"], &made["max_budget"]), (&json!(["info_routes"]), &json!(2.5)));
    let info = world.get(&format!("/key/info?key={}", text(&made["key"]))).await.good();
    assert_eq!(info["info"]["budget_reset_at"], "2026-11-21T00:00:00+00:00");
    assert_eq!(info["info"]["litellm_budget_table"]["soft_budget"], json!(1.0));
    assert_eq!(info["info"]["budget_id"], made["budget_id"]);
    // A window that is over shows the end of the next one.
    world.pass(86_400_000);
    let info = world.get(&format!("/key/info?key={}", text(&made["key"]))).await.good();
    assert_eq!(info["info"]["budget_reset_at"], "2026-11-22T00:00:00+00:00");
}

#[tokio::test]
async fn a_soft_budget_leaves_the_budget_that_is_named() {
    let world = World::new().await;
    world.post("/budget/new", json!({"budget_id": "b", "max_budget": 3})).await.good();
    let made = world.post("/key/generate", json!({"budget_id": "b", "soft_budget": 1})).await.good();
    let stored = world.store.get(Kind::Key, text(&made["token"])).await.unwrap().unwrap();
    assert_eq!((&stored.doc["budget_id"], &stored.doc["soft_budget"]), (&json!("b"), &json!(1.0)));
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn keys_without_an_alias_take_no_place_among_aliases() {
    const WITHOUT: usize = 60;
    let world = World::new().await;
    for body in std::iter::repeat_n(json!({}), WITHOUT).chain([json!({"key_alias": "b"}), json!({"key_alias": "a"})]) {
        world.post("/key/generate", body).await.good();
    }
    let told = world.get("/key/aliases").await.good();
    assert_eq!((&told["aliases"], &told["total_count"]), (&json!(["a", "b"]), &json!(2)));
}

#[tokio::test]
async fn a_key_of_no_duration_has_ended() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({"duration": "0s"})).await.good();
    assert_eq!(made["expires"], "2026-11-20T22:27:10.069000Z");
    let info = world.get(&format!("/key/info?key={}", text(&made["key"]))).await.good();
    assert_eq!(info["info"]["status"], "expired");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = World::new().await;
    world.post("/key/generate", json!({"key_alias": "taken"})).await.good();
    let taken = world.post("/key/generate", json!({"key_alias": "taken"})).await;
    let error = json!({"error": {
        "message": "Key with alias 'taken' already exists. Unique key aliases across all keys are required.",
        "type": "bad_request_error", "param": "key_alias", "code": "400",
    }});
    assert_eq!((taken.status, taken.body), (400, error));
    for body in [
        json!({"duration": "1y"}),
        json!({"max_budget": -1}),
        json!({"rpm_limit": -1}),
        json!({"budget_duration": "soon"}),
        json!({"key": "my-key-1234567890"}),
        json!({"key": "sk-short"}),
        json!({"model_max_budget": {"m": {"budget_limit": "x"}}}),
        json!({"budget_limits": [{"max_budget": 1}]}),
    ] {
        let answer = world.post("/key/generate", body.clone()).await;
        assert_eq!((answer.status, &answer.body["error"]["type"]), (400, &json!("bad_request_error")), "{body}");
    }
    for body in [json!({"models": "gpt-4o"}), json!({"key_type": "root"}), json!({"tpm_limit": 1.5}), json!([])] {
        let answer = world.post("/key/generate", body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body["detail"].is_array(), "{}", answer.body);
    }
    let chosen = json!({"key": "sk-0123456789abcdef"});
    world.post("/key/generate", chosen.clone()).await.good();
    assert_eq!(world.post("/key/generate", chosen).await.status, 409);
}

#[tokio::test]
async fn an_update_changes_what_it_says() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({"models": ["a"], "max_budget": 1, "duration": "1d"})).await.good();
    let key = &made["key"];
    let body = json!({"key": key, "max_budget": null, "duration": "-1", "metadata": {"n": 1}, "spend": 0.5});
    let updated = world.post("/key/update", body).await.good();
    assert_eq!((&updated["key"], &updated["token"]), (key, &made["token"]));
    assert_eq!((&updated["max_budget"], &updated["expires"]), (&Value::Null, &Value::Null));
    assert_eq!((&updated["models"], &updated["metadata"]), (&json!(["a"]), &json!({"n": 1})));
    assert_eq!(updated["spend"], json!(0.5));
    assert_eq!(world.post("/key/update", json!({"models": []})).await.status, 422);
    assert_eq!(world.post("/key/update", json!({"key": "sk-unknown"})).await.status, 404);
    // Its own alias is not taken.
    for _ in 0..2 {
        world.post("/key/update", json!({"key": key, "key_alias": "mine"})).await.good();
    }
}

#[tokio::test]
async fn a_blocked_key_is_shown_as_such() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({})).await.good();
    let body = json!({"key": made["key"]});
    assert_eq!(world.post("/key/block", body.clone()).await.good()["blocked"], true);
    let path = format!("/key/info?key={}", text(&made["key"]));
    assert_eq!(world.get(&path).await.good()["info"]["status"], "blocked");
    assert_eq!(world.post("/key/unblock", body).await.good()["blocked"], false);
    assert_eq!(world.get(&path).await.good()["info"]["status"], "active");
    assert_eq!(world.post("/key/block", json!({"key": "sk-unknown"})).await.status, 404);
}

#[tokio::test]
async fn keys_are_deleted_all_or_none() {
    let world = World::new().await;
    let first = world.post("/key/generate", json!({"key_alias": "a"})).await.good();
    world.post("/key/generate", json!({"key_alias": "b"})).await.good();
    let deleted = world.post("/key/delete", json!({"keys": [first["key"]]})).await.good();
    assert_eq!(deleted, json!({"deleted_keys": [first["key"]]}));
    let deleted = world.post("/key/delete", json!({"key_aliases": ["b"]})).await.good();
    assert_eq!(deleted, json!({"deleted_keys": ["b"]}));
    assert_eq!(world.get("/key/list").await.good()["total_count"], 0);
    let none = world.post("/key/delete", json!({"keys": [first["key"]]})).await;
    assert_eq!((none.status, &none.body["error"]["message"]), (404, &json!("No keys found")));
    assert_eq!(world.post("/key/delete", json!({})).await.status, 422);
}

#[tokio::test]
async fn lists_have_pages() {
    let world = World::new().await;
    for number in 0..5 {
        world.pass(1_000);
        let body = json!({"key_alias": format!("k{number}"), "user_id": if number < 2 { "ann" } else { "ben" }});
        world.post("/key/generate", body).await.good();
    }
    let page = world.get("/key/list?size=2&page=2&return_full_object=true").await.good();
    assert_eq!((&page["total_count"], &page["total_pages"], &page["current_page"]), (&json!(5), &json!(3), &json!(2)));
    let aliases: Vec<&str> = page["keys"].as_array().unwrap().iter().map(|key| text(&key["key_alias"])).collect();
    assert_eq!(aliases, ["k2", "k1"]);
    assert_eq!(world.get("/key/list?user_id=ann").await.good()["total_count"], 2);
    assert_eq!(world.get("/key/list?key_alias=k3").await.good()["total_count"], 1);
    assert_eq!(world.get("/key/list?size=101").await.status, 422);
    assert_eq!(world.get("/key/list?page=0").await.status, 422);
    let aliases = world.get("/key/aliases?size=2").await.good();
    assert_eq!((&aliases["aliases"], &aliases["total_count"]), (&json!(["k0", "k1"]), &json!(5)));
}

#[tokio::test]
async fn the_configurations_words_on_new_keys_count() {
    let world = World::with(settings(
        json!({"max_budget": 5, "models": ["gpt-4o"], "metadata": {"by": "default"}}),
        json!({"max_budget": 10, "duration": "30d", "tpm_limit": 100}),
    ))
    .await;
    let made = world.post("/key/generate", json!({})).await.good();
    assert_eq!((&made["max_budget"], &made["models"]), (&json!(5.0), &json!(["gpt-4o"])));
    assert_eq!((&made["metadata"]["by"], &made["tpm_limit"]), (&json!("default"), &json!(100)));
    assert_eq!(made["expires"], "2026-12-20T22:27:10.069000Z");
    let over = world.post("/key/generate", json!({"max_budget": 11})).await;
    assert_eq!(over.status, 400);
    let text = "max_budget is over max limit set in config - user_value=11.0; max_value=10";
    assert_eq!(over.body["error"]["message"], text);
    for body in [json!({"duration": "2mo"}), json!({"duration": "-1"}), json!({"tpm_limit": 101})] {
        assert_eq!(world.post("/key/generate", body).await.status, 400);
    }
}

#[tokio::test]
async fn spend_is_set_to_less() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({"max_budget": 3, "spend": 2})).await.good();
    assert_eq!(made["spend"], json!(2.0));
    let total = world.store.counters_of(&[(KEY_TOTAL, text(&made["token"]))]).await.unwrap();
    assert_eq!(total.first().map(|total| total.spent), Some(2_000_000_000_000), "over all windows too");
    let made = world.post("/key/generate", json!({"max_budget": 3})).await.good();
    let two = (limiter::Kind::Key, text(&made["token"]).to_owned());
    world.desk.spent.lock().unwrap().insert(two, Money::from_dollars("2").unwrap());
    let path = format!("/key/{}/reset_spend", text(&made["token"]));
    let reset = world.post(&path, json!({"reset_to": 0.5})).await.good();
    assert_eq!((&reset["spend"], &reset["previous_spend"]), (&json!(0.5), &json!(2.0)));
    let spent = world.desk.spent.lock().unwrap()[&(limiter::Kind::Key, text(&made["token"]).to_owned())];
    assert_eq!(spent, Money::from_dollars("0.5").unwrap());
    for to in [json!(0.6), json!(-1)] {
        assert_eq!(world.post(&path, json!({"reset_to": to})).await.status, 400);
    }
    assert_eq!(world.post("/key/unknown/reset_spend", json!({"reset_to": 0})).await.status, 404);
}

#[tokio::test]
async fn many_keys_are_changed_each_on_its_own() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({})).await.good();
    let keys = json!([{"key": made["key"], "max_budget": 4}, {"key": "sk-unknown"}, {"max_budget": 1}]);
    let answer = world.post("/key/bulk_update", json!({"keys": keys})).await.good();
    assert_eq!(answer["total_requested"], 3);
    assert_eq!(answer["successful_updates"][0]["key_info"]["max_budget"], json!(4.0));
    assert_eq!(answer["failed_updates"].as_array().unwrap().len(), 2);
    assert_eq!(world.post("/key/bulk_update", json!({"keys": []})).await.status, 400);
    let several = world.post("/v2/key/info", json!({"keys": [made["key"], "sk-unknown"]})).await.good();
    assert_eq!(several["info"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_away_is_told() {
    for (compat, status) in [(Compat::V1_106, 503), (Compat::V1_80, 503)] {
        let world = World::of(compat).await;
        world.store.close().await;
        let answer = world.post("/key/generate", json!({})).await;
        assert_eq!((answer.status, &answer.body["error"]["type"]), (status, &json!("no_db_connection")));
    }
}

#[tokio::test]
async fn two_at_once_lose_nothing() {
    let world = World::new().await;
    let made = world.post("/key/generate", json!({"key_alias": "shared"})).await.good();
    let change = |body: Value| world.post("/key/update", body);
    let (first, second) = tokio::join!(
        change(json!({"key": made["key"], "max_budget": 7})),
        change(json!({"key": made["key"], "tpm_limit": 8})),
    );
    first.good();
    second.good();
    let info = world.ask(&master(), Method::GET, &format!("/key/info?key={}", text(&made["key"])), None).await.good();
    assert_eq!((&info["info"]["max_budget"], &info["info"]["tpm_limit"]), (&json!(7.0), &json!(8)));
    // Of twenty with one alias one is made.
    let asked = (0..20).map(|_| world.post("/key/generate", json!({"key_alias": "one"})));
    let answers = futures::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 400].contains(&answer.status)), "{answers:?}");
    assert_eq!(START % 1_000, 69);
}
