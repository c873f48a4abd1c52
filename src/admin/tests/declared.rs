//! Keys, users and teams of the configuration file: seen like stored ones, and changed nowhere but there.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use super::world::{World, key_of, master, somebody};
use crate::admin::{Requester, Settings};
use crate::auth::{KeyDigest, Role};
use crate::governance::declared;
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Kind, Object};

const FILE: &str = "
model_list: [{model_name: a, litellm_params: {model: openai/a}}]
users: [{user_id: ada, user_email: ada@x.com, max_budget: 20}, {user_id: bob}]
teams: [{team_id: red, team_alias: Red, members: [{user_id: ada, role: admin}, bob], team_member_budget: 3}]
key_settings:
  - {api_key: sk-of-the-file, key_alias: ci, team_id: red, user_id: bob, models: [a], max_budget: 5, budget_duration: 1d}
";

async fn world() -> World {
    declaring(FILE).await
}

async fn declaring(file: &str) -> World {
    let config = crate::config::load(file, &HashMap::<String, String>::new()).usable().unwrap();
    World::declaring(declared::objects(&config.governance).into_values(), Settings::default()).await
}

fn digest() -> String {
    KeyDigest::of("sk-of-the-file").to_string()
}

async fn by(world: &World, who: &Requester, path: &str) -> super::world::Answer {
    world.ask(who, Method::GET, path, None).await
}

#[tokio::test]
async fn they_are_shown_with_what_they_have_spent() {
    let world = world().await;
    let spent = Money::from_dollars_f64(1.25).unwrap();
    world.desk.spent.lock().unwrap().insert((limiter::Kind::Key, digest()), spent);
    let told = world.get("/key/info?key=sk-of-the-file").await.good();
    assert_eq!(told, {
        let mut same = world.get(&format!("/key/info?key={}", digest())).await.good();
        same["key"] = json!("sk-of-the-file");
        same
    });
    let info = &told["info"];
    let seen = [&info["key_alias"], &info["team_id"], &info["user_id"], &info["models"], &info["spend"]];
    assert_eq!(seen, [&json!("ci"), &json!("red"), &json!("bob"), &json!(["a"]), &json!(1.25)]);
    assert_eq!((&info["max_budget"], &info["key_name"]), (&json!(5.0), &json!("sk-...file")));
    assert_eq!((&info["created_at"], &info["budget_reset_at"]), (&json!(null), &json!("2026-11-21T00:00:00+00:00")));

    let list = world.get("/key/list?return_full_object=true&key_alias=ci").await.good();
    assert_eq!((&list["total_count"], &list["keys"][0]["token"]), (&json!(1), &json!(digest())));
    assert!(!list.to_string().contains("sk-of-the-file"), "{list}");
    let team = world.get("/team/info?team_id=red").await.good();
    assert_eq!((&team["team_info"]["team_alias"], &team["keys"][0]["key_alias"]), (&json!("Red"), &json!("ci")));
    assert_eq!(team["team_info"]["team_member_budget_table"]["max_budget"], json!(3.0));
    assert_eq!(team["team_memberships"].as_array().unwrap().len(), 2);
    assert_eq!(world.get("/team/list").await.good()[0]["team_id"], "red");
    assert_eq!(world.get("/v2/team/list").await.good()["total"], 1);
    let user = world.get("/user/info?user_id=bob").await.good();
    let seen = [&user["user_info"]["teams"], &user["keys"][0]["key_alias"], &user["teams"][0]["team_alias"]];
    assert_eq!(seen, [&json!(["red"]), &json!("ci"), &json!("Red")]);
    let users = world.get("/user/list?user_email=ada@").await.good();
    assert_eq!((&users["total"], &users["users"][0]["max_budget"]), (&json!(1), &json!(20.0)));
}

#[tokio::test]
async fn each_role_sees_of_them_what_it_sees_of_others() {
    let world = world().await;
    let (ada, bob) = (somebody(Role::InternalUser, "ada"), somebody(Role::InternalUser, "bob"));
    let (eve, viewer) = (somebody(Role::InternalUser, "eve"), somebody(Role::ProxyAdminViewer, "vic"));
    let key = format!("/key/info?key={}", digest());
    for (who, path, status) in [
        (&bob, key.as_str(), 200),
        (&ada, &key, 200),
        (&viewer, &key, 200),
        (&eve, &key, 403),
        (&ada, "/team/info?team_id=red", 200),
        (&bob, "/team/info?team_id=red", 200),
        (&eve, "/team/info?team_id=red", 403),
        (&bob, "/user/info?user_id=bob", 200),
        (&eve, "/user/info?user_id=bob", 403),
        (&ada, "/key/list?team_id=red&include_team_keys=true", 200),
        (&bob, "/key/list?team_id=red&include_team_keys=true", 403),
    ] {
        assert_eq!(by(&world, who, path).await.status, status, "{:?} {path}", who.user_id);
    }
    assert_eq!(by(&world, &eve, "/team/list").await.good(), json!([]));
    assert_eq!(by(&world, &bob, "/team/list").await.good()[0]["team_id"], "red");
    assert_eq!(by(&world, &eve, "/key/list").await.good()["total_count"], 0);
    assert_eq!(by(&world, &ada, "/key/list?team_id=red&include_team_keys=true").await.good()["total_count"], 1);
}

/// The team's admin makes keys for it; its members keys of their own in it; nobody else.
#[tokio::test]
async fn membership_says_who_makes_keys_of_a_team() {
    let world = world().await;
    let make = async |who: &str, body: Value| {
        world.ask(&somebody(Role::InternalUser, who), Method::POST, "/key/generate", Some(body)).await
    };
    let of_bob = json!({"team_id": "red", "user_id": "bob"});
    assert_eq!(make("eve", json!({"team_id": "red"})).await.status, 403);
    assert_eq!(make("bob", json!({"team_id": "red"})).await.status, 401);
    let made = make("ada", of_bob).await.good();
    let stored = world.store.get(Kind::Key, made["token"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!((stored.team_id.as_deref(), stored.user_id.as_deref()), (Some("red"), Some("bob")));
}

#[tokio::test]
async fn who_would_change_them_is_told_where() {
    let world = world().await;
    let key = digest();
    for (path, body, what) in [
        ("/key/update", json!({"key": key, "max_budget": 9}), "Key"),
        ("/key/delete", json!({"keys": [key]}), "Key"),
        ("/key/delete", json!({"key_aliases": ["ci"]}), "Key"),
        ("/key/block", json!({"key": key}), "Key"),
        ("/key/regenerate", json!({"key": key}), "Key"),
        ("/team/update", json!({"team_id": "red", "max_budget": 9}), "Team"),
        ("/team/delete", json!({"team_ids": ["red"]}), ""),
        ("/team/block", json!({"team_id": "red"}), "Team"),
        ("/team/member_add", json!({"team_id": "red", "member": {"user_id": "eve", "role": "user"}}), "Team"),
        ("/team/member_delete", json!({"team_id": "red", "user_id": "bob"}), "User"),
        ("/team/member_update", json!({"team_id": "red", "user_id": "bob", "max_budget_in_team": 9}), "Team"),
        ("/user/update", json!({"user_id": "bob", "max_budget": 9}), "User"),
        ("/user/delete", json!({"user_ids": ["bob"]}), ""),
    ] {
        let refused = world.post(path, body.clone()).await;
        let text = refused.body.to_string();
        assert_eq!(refused.status, 400, "{path} {body}: {text}");
        let expected = "is declared in the configuration file, which counts before what is stored. Change it there.";
        assert!(text.contains(what) && text.contains(expected), "{path}: {text}");
        assert!(!text.contains("sk-of-the-file"), "{path}: {text}");
    }
    assert_eq!(world.get("/team/info?team_id=red").await.good()["team_info"]["blocked"], json!(false));
    for (path, body) in [
        ("/key/generate", json!({"key": "sk-of-the-file"})),
        ("/key/generate", json!({"key_alias": "ci"})),
        ("/team/new", json!({"team_id": "red"})),
        ("/user/new", json!({"user_id": "bob"})),
    ] {
        let status = world.post(path, body.clone()).await.status;
        assert!([400, 409].contains(&status), "{path} {body}: {status}");
    }
    // What was spent is not in the file.
    let to = json!({"reset_to": 0});
    world.ask(&master(), Method::POST, &format!("/key/{key}/reset_spend"), Some(to)).await.good();
}

/// In the words in which a stored one of each is shown.
#[tokio::test]
async fn what_is_said_of_them_is_shown_as_of_stored_ones() {
    let own = "metadata: {tags: [ci], note: x}, tpd_limit: 9, budget_limits: [{budget_duration: 1d, max_budget: 2}]";
    let world = declaring(&format!(
        "model_list: [{{model_name: a, litellm_params: {{model: openai/a}}}}]
key_settings: [{{api_key: sk-of-the-file, expires: 2031-01-31, {own}}}]
users: [{{user_id: ada, user_alias: Ada, {own}}}]
teams: [{{team_id: red, team_member_budget: 3, {own}}}]"
    ))
    .await;
    let said = json!({"tags": ["ci"], "note": "x"});
    let body = json!({
        "metadata": said, "tpd_limit": 9, "budget_limits": [{"budget_duration": "1d", "max_budget": 2.0}],
        "key": "sk-stored-beside-it",
    });
    world.post("/key/generate", body).await.good();
    let declared = world.get("/key/info?key=sk-of-the-file").await.good()["info"].clone();
    let stored = world.get("/key/info?key=sk-stored-beside-it").await.good()["info"].clone();
    assert_eq!(declared["metadata"], said);
    for same in ["metadata", "tpd_limit"] {
        assert_eq!(declared[same], stored[same], "{same}");
    }
    let window = |shown: &Value| {
        (shown["budget_limits"][0]["budget_duration"].clone(), shown["budget_limits"][0]["max_budget"].as_f64())
    };
    assert_eq!((window(&declared), window(&stored)), ((json!("1d"), Some(2.0)), (json!("1d"), Some(2.0))));
    assert_eq!(declared["expires"], json!("2031-01-31T00:00:00+00:00"));
    let user = world.get("/user/info?user_id=ada").await.good()["user_info"].clone();
    assert_eq!((&user["user_alias"], &user["metadata"]), (&json!("Ada"), &said));
    let team = world.get("/team/info?team_id=red").await.good()["team_info"].clone();
    assert_eq!((&team["metadata"]["tags"], &team["metadata"]["note"]), (&json!(["ci"]), &json!("x")));
    assert_eq!(team["team_member_budget_table"]["max_budget"], json!(3.0), "and whose budget members have");
}

#[tokio::test]
async fn a_stored_one_of_the_same_id_is_not_seen() {
    let world = world().await;
    let stored = Object { alias: Some("stored".to_owned()), ..key_of("eve", "sk-of-the-file", json!({})) };
    world.put(stored).await;
    let info = world.get("/key/info?key=sk-of-the-file").await.good();
    assert_eq!(info["info"]["user_id"], "bob");
    assert_eq!(world.get("/key/list").await.good()["total_count"], 1);
    assert_eq!(world.post("/key/delete", json!({"keys": ["sk-of-the-file"]})).await.status, 400);
}

#[tokio::test]
async fn declared_people_may_be_in_stored_teams() {
    let world = world().await;
    world.post("/team/new", json!({"team_id": "blue"})).await.good();
    let member = json!({"user_id": "bob", "role": "admin"});
    world.post("/team/member_add", json!({"team_id": "blue", "member": member})).await.good();
    let bob = somebody(Role::InternalUser, "bob");
    let teams = by(&world, &bob, "/user/info").await.good();
    assert_eq!(teams["user_info"]["teams"], json!(["red", "blue"]));
    let update = json!({"team_id": "blue", "team_alias": "Blue"});
    world.ask(&bob, Method::POST, "/team/update", Some(update)).await.good();
    world.post("/team/member_delete", json!({"team_id": "blue", "user_id": "bob"})).await.good();
    assert_eq!(by(&world, &bob, "/user/info").await.good()["user_info"]["teams"], json!(["red"]));
}
