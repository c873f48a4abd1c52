//! What the admins of teams and organizations give and take over, and what their people take along.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::grants::{give, object, of_an_organization, post, stored};
use super::teams::user;
use super::world::{START, World, key_of};
use crate::admin::Requester;
use crate::admin::times::zulu;
use crate::store::Kind;

const DAY: i64 = 86_400_000;

/// A team in which Ann leads and Ben works; Ann's key ends soon, and enforces a parameter.
async fn of_a_short_lived_leader() -> World {
    let world = World::new().await;
    let members = json!([{"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}]);
    world.post("/team/new", json!({"team_id": "t", "members_with_roles": members})).await.good();
    let own = json!({"expires": zulu(START + DAY), "metadata": {"enforced_params": ["user"]}});
    world.put(key_of("ann", "sk-of-ann", own)).await;
    world
}

#[tokio::test]
async fn who_leads_a_team_gives_keys_that_outlive_their_own() {
    let world = of_a_short_lived_leader().await;
    let own_end = json!(zulu(START + DAY));
    let ends = async |made: &Value| stored(&world, made).await.doc.get("expires").cloned().unwrap_or_default();
    for (body, end) in [
        (json!({"team_id": "t", "user_id": "ben"}), Value::Null),
        (json!({"team_id": "t", "user_id": "ben", "duration": "30d"}), json!(zulu(START + 30 * DAY))),
        (json!({"team_id": "t"}), Value::Null),
        (json!({"team_id": "t", "user_id": "ann"}), own_end.clone()),
        (json!({}), own_end.clone()),
    ] {
        let made = post(&world, "ann", "/key/generate", body.clone()).await.good();
        assert_eq!(ends(&made).await, end, "{body}");
        post(&world, "ann", "/key/update", json!({"key": made["key"], "duration": "60d"})).await.good();
        let end = if end == own_end { end } else { json!(zulu(START + 60 * DAY)) };
        assert_eq!(ends(&made).await, end, "{body}");
    }
}

#[tokio::test]
async fn who_leads_a_team_regenerates_keys_that_outlive_their_own() {
    let world = of_a_short_lived_leader().await;
    for (user, status) in [("ben", 200), ("ann", 403)] {
        let made = world.post("/key/generate", json!({"team_id": "t", "user_id": user})).await.good();
        let answer = post(&world, "ann", "/key/regenerate", json!({"key": made["key"]})).await;
        assert_eq!(answer.status, status, "{user}: {}", answer.body);
        if status == 200 {
            assert_eq!((&answer.body["expires"], &answer.body["enforced_params"]), (&Value::Null, &Value::Null));
        }
    }
}

#[tokio::test]
async fn a_teams_key_does_not_leave_by_saying_that_it_is_in_no_organization() {
    let world = of_an_organization().await;
    world.post("/team/member_add", json!({"team_id": "t", "member": {"role": "admin", "user_id": "ann"}})).await.good();
    world.put(key_of("ann", "sk-of-ann", json!({"max_budget": 1}))).await;
    let made = world.post("/key/generate", json!({"team_id": "t", "user_id": "ann", "max_budget": 5})).await.good();
    let body = json!({"key": made["key"], "organization_id": null, "key_alias": "a"});
    post(&world, "ann", "/key/update", body).await.good();
}

#[tokio::test]
async fn who_leaves_a_team_takes_what_limits_its_members_along() {
    let world = World::new().await;
    let members = json!([{"user_id": "ann", "role": "user"}, {"user_id": "ben", "role": "user"}]);
    let team = json!({"team_id": "t", "members_with_roles": members, "models": ["gpt-4o", "claude"],
        "team_member_budget": 3, "team_member_budget_duration": "1d", "team_member_rpm_limit": 9});
    world.post("/team/new", team).await.good();
    let own = json!({"team_id": "t", "user_id": "ben", "max_budget_in_team": 2, "allowed_models": ["claude"]});
    world.post("/team/member_update", own).await.good();
    for (who, told) in [
        ("ann", json!([3.0, "1d", 9, ["gpt-4o", "claude"]])),
        // What is one's own is for ever.
        ("ben", json!([2.0, null, 9, ["claude"]])),
    ] {
        let own = world.post("/key/generate", json!({"team_id": "t", "user_id": who})).await.good();
        give(&world, who, &own).await;
        let made = post(&world, who, "/key/generate", json!({})).await.good();
        let of = ["max_budget", "budget_duration", "rpm_limit", "models"].map(|name| made[name].clone());
        assert_eq!(json!(of), told, "{who}");
        assert_eq!(post(&world, who, "/key/generate", json!({"max_budget": 4})).await.status, 403, "{who}");
    }
}

#[tokio::test]
async fn end_users_of_a_child_are_limited_like_those_of_its_maker() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"end_user_budget_id": "b"}))).await;
    let made = post(&world, "ann", "/key/generate", json!({})).await.good();
    assert_eq!(made["end_user_budget_id"], json!("b"));
    let made = world.post("/key/generate", json!({"user_id": "ann"})).await.good();
    assert_eq!(made["end_user_budget_id"], Value::Null);
}

#[tokio::test]
async fn a_pattern_of_a_key_gives_a_team_no_groups() {
    let world = of_an_organization().await;
    for (group, models) in [("gpt-free", json!(["claude"])), ("gpt-own", json!(["gpt-4o"]))] {
        world.put(object(Kind::AccessGroup, group, &json!({"model_names": models}))).await;
    }
    world.put(key_of("ola", "sk-of-ola", json!({"models": ["gpt-*"]}))).await;
    let ola = Requester { models: vec!["gpt-*".to_owned()], ..user("ola") };
    for (group, status) in [("gpt-free", 403), ("gpt-own", 200)] {
        for (path, body) in [
            ("/team/new", json!({"organization_id": "o", "models": [group]})),
            ("/team/new", json!({"organization_id": "o", "models": ["gpt-4o"], "access_group_ids": [group]})),
            ("/team/model/add", json!({"team_id": "t", "models": [group]})),
            ("/team/update", json!({"team_id": "t", "models": ["gpt-4o", group]})),
            ("/team/update", json!({"team_id": "t", "access_group_ids": [group]})),
        ] {
            let answer = world.ask(&ola, Method::POST, path, Some(body.clone())).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        }
    }
    // What the team has already nobody gives it anew.
    let body = json!({"team_id": "t", "models": ["gpt-4o", "gpt-free"], "access_group_ids": ["gpt-free"]});
    world.post("/team/update", body.clone()).await.good();
    world.ask(&ola, Method::POST, "/team/update", Some(body)).await.good();
}

#[tokio::test]
async fn a_key_that_is_there_no_more_makes_none() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-other", json!({}))).await;
    for (path, body) in [("/key/generate", json!({})), ("/key/regenerate", json!({"key": "sk-other"}))] {
        let refused = world.ask_raw(&user("ann"), Method::POST, path, Bytes::from(body.to_string())).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.body);
    }
}
