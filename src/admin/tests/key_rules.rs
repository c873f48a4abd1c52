//! Who may make keys, by the configuration's words.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, somebody};
use crate::admin::{Requester, Settings};
use crate::auth::Role;
use crate::config::{KeyGeneration, KeyRule};

fn rule(roles: Option<&[&str]>, required: &[&str]) -> KeyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    KeyRule { roles: roles.map(owned), required: owned(required) }
}

/// A team that Ann leads and Ben is in; its members may make keys.
async fn world(of_team: KeyRule, personal: KeyRule) -> World {
    let key_generation = Some(KeyGeneration { of_team, personal });
    let world = World::with(Settings { key_generation, ..Settings::default() }).await;
    let members = json!([{"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}]);
    let body = json!({"team_id": "red", "members_with_roles": members});
    world.post("/team/new", body).await.good();
    let permissions = json!({"team_id": "red", "team_member_permissions": ["/key/generate"]});
    world.post("/team/permissions_update", permissions).await.good();
    world
}

async fn refused(world: &World, who: &Requester, path: &str, body: Value, text: &str) {
    let answer = world.ask(who, Method::POST, path, Some(body)).await;
    assert_eq!((answer.status, &answer.body["error"]["message"]), (400, &json!(text)));
}

#[tokio::test]
async fn keys_of_a_team_are_made_by_its_admins() {
    let world = world(rule(Some(&["admin"]), &["tags"]), KeyRule::default()).await;
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|user| somebody(Role::InternalUser, user));
    let of = |user: &str| json!({"team_id": "red", "user_id": user, "tags": ["x"]});
    let text = "Team member role user not in allowed_team_member_roles=['admin']";
    refused(&world, &ben, "/key/generate", of("ben"), text).await;
    refused(&world, &ben, "/key/service-account/generate", of("ben"), text).await;
    refused(&world, &cat, "/key/generate", of("cat"), "User=cat not assigned to team=red").await;
    let untagged = json!({"team_id": "red", "user_id": "ann"});
    refused(&world, &ann, "/key/generate", untagged.clone(), "Required param tags not in data").await;
    world.ask(&ann, Method::POST, "/key/generate", Some(of("ann"))).await.good();
    world.post("/key/generate", untagged).await.good();
    let text = "Unable to find team object in database. Team ID: none";
    refused(&world, &ann, "/key/generate", json!({"team_id": "none"}), text).await;
    world.ask(&ben, Method::POST, "/key/generate", Some(json!({}))).await.good();
}

#[tokio::test]
async fn personal_keys_are_made_by_some_roles() {
    let world = world(KeyRule::default(), rule(Some(&["proxy_admin"]), &["duration", "max_budget"])).await;
    let ann = somebody(Role::InternalUser, "ann");
    let text =
        "Personal key creation has been restricted by admin. Allowed roles=['proxy_admin']. Your role=internal_user";
    refused(&world, &ann, "/key/generate", json!({"duration": "1h", "max_budget": 1}), text).await;
    let master = super::world::master();
    let text = "Required param max_budget not in data";
    refused(&world, &master, "/key/generate", json!({"duration": "1h"}), text).await;
    world.post("/key/generate", json!({"duration": "1h", "max_budget": 1})).await.good();
    // Teams have no rule of theirs: what they allow otherwise holds.
    let ben = somebody(Role::InternalUser, "ben");
    let body = json!({"team_id": "red", "user_id": "ben"});
    world.ask(&ben, Method::POST, "/key/generate", Some(body)).await.good();
}
