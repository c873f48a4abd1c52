//! What a key gives on of its access groups, of the budget that it names, and of its organization.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, key_of, master, somebody};
use crate::admin::Requester;
use crate::auth::Role;
use crate::store::{Kind, Object};

fn user(name: &str) -> Requester {
    somebody(Role::InternalUser, name)
}

async fn post(world: &World, who: &Requester, path: &str, body: Value) -> Answer {
    world.ask(who, Method::POST, path, Some(body)).await
}

/// What a key that was made says, as it is stored.
async fn stored(world: &World, made: &Value) -> Object {
    world.store.get(Kind::Key, made["token"].as_str().unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_key_with_more_groups_is_not_handed_out() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"models": ["a"], "access_group_ids": ["g"]}))).await;
    world.put(key_of("ben", "sk-of-ben", json!({"models": ["a"]}))).await;
    for (who, status) in [("ann", 200), ("ben", 403)] {
        let body = json!({"user_id": who, "models": ["a"], "access_group_ids": ["g"]});
        let made = world.post("/key/generate", body).await.good();
        let answer = post(&world, &user(who), "/key/regenerate", json!({"key": made["key"]})).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
    }
    let made = post(&world, &user("ann"), "/key/generate", json!({})).await.good();
    assert_eq!(made["models"], json!(["a", "g"]), "what she has is what she gives");
    let refused = post(&world, &user("ben"), "/key/generate", json!({"models": ["g"]})).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[tokio::test]
async fn a_key_gives_no_more_than_its_budget() {
    let world = World::new().await;
    let windows = json!([{"budget_duration": "7d", "max_budget": 20.0}]);
    let budget = json!({
        "budget_id": "b", "max_budget": 10, "tpd_limit": 7, "budget_limits": windows, "allowed_models": ["gpt-4o"],
    });
    world.post("/budget/new", budget).await.good();
    world.put(key_of("ann", "sk-of-ann", json!({"budget_id": "b"}))).await;
    let ann = user("ann");
    let made = post(&world, &ann, "/key/generate", json!({})).await.good();
    let doc = stored(&world, &made).await.doc;
    let limits = ["max_budget", "tpd_limit", "budget_limits", "models"].map(|name| doc[name].clone());
    assert_eq!(limits, [json!(10.0), json!(7), windows, json!(["gpt-4o"])]);
    for more in [
        json!({"max_budget": 11}),
        json!({"tpd_limit": 8}),
        json!({"budget_limits": [{"budget_duration": "7d", "max_budget": 21}]}),
        json!({"models": ["claude"]}),
    ] {
        let refused = post(&world, &ann, "/key/generate", more.clone()).await;
        assert_eq!(refused.status, 403, "{more}: {}", refused.body);
    }
    for (limits, status) in [(json!({"user_id": "ann"}), 403), (json!({"user_id": "ann", "budget_id": "b"}), 200)] {
        let made = world.post("/key/generate", limits.clone()).await.good();
        let answer = post(&world, &ann, "/key/regenerate", json!({"key": made["key"]})).await;
        assert_eq!(answer.status, status, "{limits}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_key_of_an_organization_makes_keys_there() {
    let world = World::new().await;
    let own = Object { organization_id: Some("o".to_owned()), ..key_of("ann", "sk-of-ann", json!({})) };
    world.put(own).await;
    let members = json!([{"user_id": "ann", "role": "admin"}]);
    world.post("/team/new", json!({"team_id": "t", "members_with_roles": members})).await.good();
    let of_o = |requester| Requester { organization_id: Some("o".to_owned()), ..requester };
    let of = async |made: &Value| stored(&world, made).await.organization_id;
    let generate = async |who: &Requester, body: Value| post(&world, who, "/key/generate", body).await.good();
    let ann = of_o(user("ann"));
    let made = generate(&ann, json!({})).await;
    assert_eq!(of(&made).await.as_deref(), Some("o"));
    post(&world, &ann, "/key/update", json!({"key": made["key"], "organization_id": null})).await.good();
    assert_eq!(of(&made).await.as_deref(), Some("o"), "nobody takes it out of there");
    let of_team = generate(&ann, json!({"team_id": "t", "user_id": "ann"})).await;
    assert_eq!(of(&of_team).await, None, "a team's key is where the team is");
    post(&world, &ann, "/key/update", json!({"key": of_team["key"], "team_id": null})).await.good();
    assert_eq!(of(&of_team).await.as_deref(), Some("o"));
    for other in [user("ann"), of_o(master())] {
        assert_eq!(of(&generate(&other, json!({})).await).await, None);
    }
}
