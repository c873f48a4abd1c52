//! Access groups: those of the file, and those that are made here.

use http::Method;
use serde_json::{Value, json};

use super::models::{load, model, world};
use super::teams::user;
use super::world::{World, key_of, master, somebody};
use crate::admin::Requester;
use crate::auth::{KeyDigest, Role};
use crate::store::{Kind, Object};

#[tokio::test]
async fn a_group_stands_for_its_models() {
    let world = world().await;
    let mut beta = model("c", "3", json!({}));
    beta["model_info"]["access_groups"] = json!(["of-file"]);
    for body in [model("a", "1", json!({})), model("b", "2", json!({})), beta] {
        world.post("/model/new", body).await.good();
    }
    load(&world).await;
    let made = world.post("/access_group/new", json!({"access_group": "g", "model_names": ["a", "b"]})).await.good();
    assert_eq!(made, json!({"access_group": "g", "model_names": ["a", "b"], "models_updated": 2}));
    let listed = world.get("/access_group/list").await.good();
    assert_eq!(listed["access_groups"].as_array().unwrap().len(), 2);
    let seen = async |groups: &[&str]| -> Vec<Value> {
        let models = groups.iter().map(|group| (*group).to_owned()).collect();
        let key = Requester { models, user_id: None, ..user("") };
        let info = world.ask(&key, Method::GET, "/model/info", None).await.good();
        info["data"].as_array().unwrap().iter().map(|it| it["model_name"].clone()).collect()
    };
    assert_eq!(seen(&["g"]).await, [json!("a"), json!("b")]);
    assert_eq!(seen(&["of-file"]).await, [json!("c")]);

    let put = async |path: &str, body: Value| world.ask(&master(), Method::PUT, path, Some(body)).await;
    put("/access_group/g/update", json!({"model_names": ["b"]})).await.good();
    assert_eq!(seen(&["g"]).await, [json!("b")]);
    let info = world.get("/access_group/g/info").await.good();
    assert_eq!(info, json!({"access_group": "g", "model_names": ["b"], "deployment_count": 1}));
    for (name, body, status) in [
        ("g", json!({"model_names": ["none"]}), 400),
        ("g", json!({"model_names": []}), 400),
        ("none", json!({"model_names": ["a"]}), 404),
        ("of-file", json!({"model_names": ["a"]}), 400),
    ] {
        assert_eq!(put(&format!("/access_group/{name}/update"), body.clone()).await.status, status, "{name} {body}");
    }
    for (name, status) in [("g", 409), ("of-file", 409), ("", 400), ("a/b", 400), ("*", 400)] {
        let body = json!({"access_group": name, "model_names": ["a"]});
        assert_eq!(world.post("/access_group/new", body).await.status, status, "{name}");
    }
    let delete =
        async |name: &str| world.ask(&master(), Method::DELETE, &format!("/access_group/{name}/delete"), None).await;
    assert_eq!(delete("g").await.good()["message"], json!("Access group 'g' deleted successfully"));
    assert_eq!(seen(&["g"]).await, [] as [Value; 0]);
    assert_eq!((delete("g").await.status, delete("of-file").await.status), (404, 400));
}

/// A key of Ann's, one of Ben's that has a group already, and a team.
async fn with_holders() -> World {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"key_alias": "of ann"}))).await;
    world.put(key_of("ben", "sk-of-ben", json!({"access_group_ids": ["other"]}))).await;
    let team = json!({"team_id": "t", "team_alias": "T"});
    let team = Object::new(Kind::Team, "t", team.as_object().unwrap().clone());
    world.put(Object { alias: Some("T".to_owned()), ..team }).await;
    world
}

fn token(user: &str) -> String {
    KeyDigest::of(&format!("sk-of-{user}")).to_string()
}

async fn groups_of(world: &World, kind: Kind, id: &str) -> Value {
    world.store.get(kind, id).await.unwrap().unwrap().doc.get("access_group_ids").cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_group_is_assigned_and_taken_away() {
    let world = with_holders().await;
    let (ann, ben) = (token("ann"), token("ben"));
    let body = json!({"access_group_name": "g", "description": "d", "access_model_names": ["a"], "access_agent_ids": ["x"],
        "assigned_team_ids": ["t"], "assigned_key_ids": [ann, "sk-of-ben", "nobody"]});
    let made = world.post("/v1/access_group", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["access_group_id"].as_str().unwrap().to_owned();
    let mut keys = vec![json!(ann), json!(ben)];
    keys.sort_by_key(Value::to_string);
    for (member, value) in [
        ("access_group_name", json!("g")),
        ("description", json!("d")),
        ("access_model_names", json!(["a"])),
        ("access_mcp_server_ids", json!([])),
        ("access_agent_ids", json!(["x"])),
        ("assigned_team_ids", json!(["t"])),
        ("assigned_key_ids", json!(keys)),
        ("assigned_teams", json!([{"id": "t", "name": "T"}])),
        ("created_by", json!("default_user_id")),
        ("created_at", json!("2026-11-20T22:27:10.069000Z")),
    ] {
        assert_eq!(made.body[member], value, "{member}");
    }
    assert_eq!(groups_of(&world, Kind::Key, &ann).await, json!([id]));
    assert_eq!(groups_of(&world, Kind::Key, &ben).await, json!(["other", id]));
    assert_eq!(groups_of(&world, Kind::Team, "t").await, json!([id]));

    // Whichever route changes what a key has: the group shows it.
    world.post("/key/update", json!({"key": ann, "access_group_ids": []})).await.good();
    let path = format!("/v1/access_group/{id}");
    assert_eq!(world.get(&path).await.good()["assigned_key_ids"], json!([ben]));
    let put = async |body: Value| world.ask(&master(), Method::PUT, &path, Some(body)).await;
    let changed =
        put(json!({"access_group_name": "h", "assigned_team_ids": null, "assigned_key_ids": [ann]})).await.good();
    assert_eq!((&changed["access_group_name"], &changed["description"]), (&json!("h"), &json!("d")));
    assert_eq!((&changed["assigned_team_ids"], &changed["assigned_key_ids"]), (&json!([]), &json!([ann])));
    assert_eq!(groups_of(&world, Kind::Key, &ben).await, json!(["other"]));
    assert_eq!(groups_of(&world, Kind::Team, "t").await, json!([]));
    let listed = world.get("/v1/unified_access_group").await.good();
    assert_eq!(listed, json!([world.get(&path).await.good()]));

    let ended = world.ask(&master(), Method::DELETE, &path, None).await;
    assert_eq!((ended.status, ended.body), (204, Value::Null));
    assert_eq!(groups_of(&world, Kind::Key, &ann).await, json!([]));
    let gone = world.get(&path).await;
    assert_eq!((gone.status, &gone.body["detail"]), (404, &json!(format!("Access group '{id}' not found"))));
}

#[tokio::test]
async fn what_cannot_be_of_a_group_is_refused() {
    let world = with_holders().await;
    let post = async |body: Value| world.post("/v1/unified_access_group", body).await;
    assert_eq!(post(json!({"access_group_name": "g"})).await.status, 201);
    for (body, status, detail) in [
        (json!({"access_group_name": "g"}), 409, "Access group 'g' already exists"),
        (json!({"access_group_name": "h", "assigned_team_ids": ["t", "u", "s"]}), 400, "Unknown team ids: s, u"),
        (json!({"access_group_name": ""}), 400, "access_group_name must not be empty"),
    ] {
        let answer = post(body.clone()).await;
        assert_eq!((answer.status, &answer.body["detail"]), (status, &json!(detail)), "{body}");
    }
    assert_eq!(post(json!({})).await.status, 422);
    assert_eq!(groups_of(&world, Kind::Team, "t").await, Value::Null, "nothing of what was refused is done");
    let other = post(json!({"access_group_name": "other"})).await.body;
    let path = format!("/v1/access_group/{}", other["access_group_id"].as_str().unwrap());
    let put = async |body: Value| world.ask(&master(), Method::PUT, &path, Some(body)).await.status;
    assert_eq!(put(json!({"access_group_name": "g"})).await, 409);
    assert_eq!(put(json!({"access_group_name": "other"})).await, 200, "its own");
    for method in [Method::PUT, Method::DELETE] {
        let answer = world.ask(&master(), method, "/v1/access_group/none", Some(json!({}))).await;
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
    let viewer = somebody(Role::ProxyAdminViewer, "v");
    assert_eq!(world.ask(&viewer, Method::GET, &path, None).await.status, 200);
    assert_eq!(world.ask(&viewer, Method::DELETE, &path, None).await.status, 401);
}

#[tokio::test]
async fn both_routes_know_the_same_groups() {
    let world = world().await;
    for name in ["a", "b"] {
        world.post("/model/new", model(name, name, json!({}))).await.good();
    }
    load(&world).await;
    world.post("/access_group/new", json!({"access_group": "g", "model_names": ["a"]})).await.good();
    let again = world.post("/v1/access_group", json!({"access_group_name": "g"})).await;
    assert_eq!(again.status, 409);
    let body = json!({"access_group_name": "named", "description": "d", "access_model_names": ["b"]});
    let id = world.post("/v1/access_group", body).await.body["access_group_id"].as_str().unwrap().to_owned();
    let taken = world.post("/access_group/new", json!({"access_group": "named", "model_names": ["a"]})).await;
    assert_eq!(taken.status, 409);
    let shown = world.get("/v1/access_group/g").await.good();
    assert_eq!((&shown["access_group_name"], &shown["access_model_names"]), (&json!("g"), &json!(["a"])));
    let path = format!("/access_group/{id}/update");
    world.ask(&master(), Method::PUT, &path, Some(json!({"model_names": ["a"]}))).await.good();
    let shown = world.get(&format!("/v1/access_group/{id}")).await.good();
    assert_eq!((&shown["description"], &shown["access_model_names"]), (&json!("d"), &json!(["a"])));
    world.post("/v1/access_group", json!({"access_group_name": "empty"})).await;
    // The name of such a group stands in models of keys and teams.
    let put = async |name: &str| {
        let body = json!({"access_group_name": name, "description": "d"});
        world.ask(&master(), Method::PUT, "/v1/access_group/g", Some(body)).await.status
    };
    assert_eq!((put("h").await, put("g").await), (400, 200));
    let listed = world.get("/access_group/list").await.good();
    let names: Vec<&Value> =
        listed["access_groups"].as_array().unwrap().iter().map(|group| &group["access_group"]).collect();
    assert_eq!(names, [&json!("empty"), &json!("g"), &json!("named")]);
    for named in ["named", id.as_str()] {
        let info = world.get(&format!("/access_group/{named}/info")).await.good();
        assert_eq!(info["model_names"], json!(["a"]));
    }
    world.put(key_of("ann", "sk-of-ann", json!({"access_group_ids": ["g"]}))).await;
    world.ask(&master(), Method::DELETE, "/access_group/g/delete", None).await.good();
    assert_eq!(groups_of(&world, Kind::Key, &token("ann")).await, json!([]));
}
