//! Projects.

use http::Method;
use serde_json::{Value, json};

use super::teams::{new_team, user};
use super::world::{World, key_of, master};
use crate::store::{Filter, Kind, Object};

async fn world() -> World {
    let world = World::new().await;
    let members = json!([{"role": "admin", "user_id": "lea"}, {"role": "user", "user_id": "ann"}]);
    let body = json!({"team_id": "blue", "members_with_roles": members, "max_budget": 10, "models": ["gpt-4o"]});
    new_team(&world, body).await;
    world
}

#[tokio::test]
async fn projects_come_change_and_go() {
    let world = world().await;
    let body = json!({"team_id": "blue", "project_id": "p", "project_alias": "P", "max_budget": 4, "tags": ["x"]});
    let made = world.ask(&user("lea"), Method::POST, "/project/new", Some(body)).await.good();
    assert_eq!((&made["litellm_budget_table"]["max_budget"], &made["metadata"]["tags"]), (&json!(4.0), &json!(["x"])));
    let changed = world.post("/project/update", json!({"project_id": "p", "max_budget": 5})).await.good();
    assert_eq!((&changed["budget_id"], &changed["project_alias"]), (&made["budget_id"], &json!("P")));
    for (who, status, count) in [("ann", 200, 1), ("ben", 403, 0)] {
        let info = world.ask(&user(who), Method::GET, "/project/info?project_id=p", None).await;
        assert_eq!(info.status, status, "{who}: {}", info.body);
        let list = world.ask(&user(who), Method::GET, "/project/list", None).await.good();
        assert_eq!(list.as_array().unwrap().len(), count, "{who}");
    }
    let key = key_of("ann", "sk-p", json!({"project_id": "p"}));
    world.put(Object { team_id: Some("blue".to_owned()), ..key }).await;
    let delete =
        async |who| world.ask(&who, Method::DELETE, "/project/delete", Some(json!({"project_ids": ["p"]}))).await;
    assert_eq!(delete(user("ann")).await.status, 403);
    let in_use = delete(master()).await;
    assert_eq!((in_use.status, in_use.body.to_string().contains("1 key(s)")), (400, true));
    let digest = crate::auth::KeyDigest::of("sk-p").to_string();
    world.store.commit(&[crate::store::Change::Delete(Kind::Key, digest)], 0).await.unwrap();
    assert_eq!(delete(master()).await.good()[0]["project_id"], json!("p"));
    assert_eq!(world.get("/project/info?project_id=p").await.status, 404);
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_project_has_no_more_than_its_team() {
    let world = world().await;
    world.post("/budget/new", json!({"budget_id": "rich", "max_budget": 1000})).await.good();
    new_team(&world, json!({"team_id": "red"})).await;
    let new = async |body: Value| {
        let mut body = body;
        body["team_id"] = json!("blue");
        world.post("/project/new", body).await.status
    };
    for (body, status) in [
        (json!({"models": ["gpt-4o"], "max_budget": 10}), 200),
        (json!({"models": ["all-team-models"]}), 200),
        (json!({"models": ["claude"]}), 400),
        (json!({"max_budget": 11}), 400),
        (json!({"budget_id": "rich"}), 400),
        (json!({"budget_id": "none"}), 400),
        (json!({"soft_budget": 5, "max_budget": 5}), 400),
        (json!({"project_id": "p"}), 200),
        (json!({"project_id": "p"}), 409),
    ] {
        assert_eq!(new(body.clone()).await, status, "{body}");
    }
    for (body, status) in [
        (json!({"project_id": "p", "max_budget": 11}), 400),
        (json!({"project_id": "p", "team_id": "red"}), 400),
        (json!({"project_id": "none"}), 404),
    ] {
        assert_eq!(world.post("/project/update", body.clone()).await.status, status, "{body}");
    }
    let by_member = world.ask(&user("ann"), Method::POST, "/project/new", Some(json!({"team_id": "blue"}))).await;
    assert_eq!(by_member.status, 403);
    assert_eq!(world.post("/project/new", json!({"team_id": "none"})).await.status, 404);
}
