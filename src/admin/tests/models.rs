//! Models that are added at run time: checked, sealed, shown without secrets, gone when they are deleted.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use super::teams::{new_team, user};
use super::world::{World, master, somebody};
use crate::admin::{Requester, Settings, model_view, stored_entries};
use crate::auth::Role;
use crate::config::Deployment;
use crate::error::Compat;
use crate::pricing::Table;
use crate::store::{Filter, Kind, SealKey};

pub async fn world() -> World {
    World::with(Settings { seal: Some(SealKey::of_salt("salt")), ..Settings::default() }).await
}

/// What the gateway would load: the stored models, by the rules of the file.
pub async fn loaded(world: &World) -> Vec<Deployment> {
    let models = world.store.all(Kind::Model, &Filter::default()).await.unwrap();
    let credentials = world.store.all(Kind::Credential, &Filter::default()).await.unwrap();
    let rules = &world.control.settings.model_rules;
    let (entries, unusable) = stored_entries(&models, &credentials, Some(&SealKey::of_salt("salt")), rules);
    assert_eq!(unusable, []);
    let env = HashMap::<String, String>::new();
    entries.iter().map(|entry| rules.read(entry, &env).unwrap().0).collect()
}

/// The same on the desk.
pub async fn load(world: &World) {
    let table = Table::builtin();
    let views = loaded(world).await.iter().map(|deployment| model_view(deployment, &table, true)).collect();
    *world.desk.models.lock().unwrap() = views;
}

pub fn model(name: &str, id: &str, params: Value) -> Value {
    let mut all = json!({"model": "openai/gpt-4o", "api_key": "sk-canary", "api_base": "http://127.0.0.1:1/v1"});
    all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    json!({"model_name": name, "litellm_params": all, "model_info": {"id": id}})
}

#[tokio::test]
async fn a_model_is_sealed_in_the_store_and_whole_when_it_is_loaded() {
    let world = world().await;
    let params = json!({"rpm": 5, "extra_headers": {"x-secret": "canary-header"}});
    let told = world.post("/model/new", model("m", "1", params)).await.good();
    assert_eq!((&told["model_id"], &told["model_name"]), (&json!("1"), &json!("m")));
    let stored = world.store.get(Kind::Model, "1").await.unwrap().unwrap();
    let lines = world.store.audit(&crate::store::AuditFilter::default(), crate::store::Page::ALL).await.unwrap();
    for text in [told.to_string(), format!("{stored:?}"), format!("{lines:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    let deployment = loaded(&world).await.remove(0);
    assert_eq!((deployment.id.as_str(), deployment.model_name.as_str()), ("1", "m"));
    assert_eq!(deployment.api_key, Some(crate::secret::Secret::new("sk-canary")));
    assert_eq!(deployment.extra_headers["x-secret"], "canary-header");
    assert_eq!(deployment.limits.rpm, Some(5));
    assert_eq!(world.desk.changed.lock().unwrap().as_slice(), [(Kind::Model, "1".to_owned())]);

    load(&world).await;
    let info = world.get("/model/info").await.good();
    assert!(!info.to_string().contains("canary"), "{info}");
    assert_eq!(info["data"][0]["model_info"]["db_model"], json!(true));
    assert_eq!(info["data"][0]["litellm_params"]["api_base"], json!("http://127.0.0.1:1/v1"));
}

#[tokio::test]
async fn what_could_not_be_loaded_is_refused_and_not_stored() {
    let world = world().await;
    world.post("/model/new", model("m", "1", json!({}))).await.good();
    for (body, status, word) in [
        (json!({"litellm_params": {"model": "gpt-4o"}}), 422, "model_name"),
        (json!({"model_name": "m", "litellm_params": {}}), 400, "model.litellm_params.model: is missing"),
        (json!({"model_name": "", "litellm_params": {"model": "gpt-4o"}}), 400, "model.model_name: is missing"),
        (model("m", "2", json!({"model": "nobody/x"})), 400, "the provider is not known"),
        (model("m", "2", json!({"rpm": "sk-canary"})), 400, "model.litellm_params.rpm"),
        (model("m", "2", json!({"api_base": "ftp://sk-canary"})), 400, "model.litellm_params.api_base"),
        (model("m", "2", json!({"litellm_credential_name": "none"})), 400, "\\\"none\\\""),
        (model("m", "1", json!({})), 409, "already exists"),
        (json!({"model_name": "m", "litellm_params": "sk-canary"}), 422, "valid dictionary"),
    ] {
        let answer = world.post("/model/new", body.clone()).await;
        let text = answer.body.to_string();
        assert_eq!(answer.status, status, "{body}: {text}");
        assert!(text.contains(word) && !text.contains("canary"), "{body}: {text}");
    }
    assert_eq!(world.store.count(Kind::Model, &Filter::default()).await.unwrap(), 1);
    let without_key = World::new().await;
    assert_eq!(without_key.post("/model/new", model("m", "1", json!({}))).await.status, 500);
    assert_eq!(without_key.store.count(Kind::Model, &Filter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_model_is_changed_and_deleted() {
    let world = world().await;
    world.post("/model/new", model("m", "1", json!({"temperature": 0.5}))).await.good();
    let body = json!({
        "model_info": {"id": "1", "mode": "chat", "team_id": "stolen"},
        "litellm_params": {"rpm": 7, "temperature": null},
    });
    let told = world.post("/model/update", body).await.good();
    assert_eq!(told["model_info"], json!({"id": "1", "db_model": false, "mode": "chat"}));
    let deployment = loaded(&world).await.remove(0);
    assert_eq!((deployment.limits.rpm, deployment.defaults.len()), (Some(7), 0));
    assert_eq!(deployment.api_key, Some(crate::secret::Secret::new("sk-canary")), "what is not said stays");

    // What an answer showed may be sent back as it is.
    let echo = json!({"model_name": "n", "litellm_params": told["litellm_params"]});
    world.ask(&master(), Method::PATCH, "/model/1/update", Some(echo.clone())).await.good();
    assert_eq!(loaded(&world).await[0].api_key, Some(crate::secret::Secret::new("sk-canary")));
    assert_eq!(loaded(&world).await[0].model_name, "n");
    world.post("/model/new", model("o", "2", json!({}))).await.good();
    let of_another = world.ask(&master(), Method::PATCH, "/model/2/update", Some(echo)).await;
    assert_eq!(of_another.status, 400, "a sealed key is worth nothing elsewhere: {}", of_another.body);

    let wrong = json!({"litellm_params": {"model": "nobody/x"}});
    assert_eq!(world.ask(&master(), Method::PATCH, "/model/1/update", Some(wrong)).await.status, 400);
    let unknown = json!({"model_info": {"id": "9"}});
    assert_eq!(world.post("/model/update", unknown).await.status, 404);
    assert_eq!(world.post("/model/update", json!({})).await.status, 400);

    let gone = world.post("/model/delete", json!({"id": "1"})).await.good();
    assert_eq!(gone["message"], json!("Model: 1 deleted successfully"));
    assert_eq!(world.post("/model/delete", json!({"id": "1"})).await.status, 400);
    assert_eq!(loaded(&world).await.len(), 1);
}

#[tokio::test]
async fn models_of_the_file_are_not_changed_here() {
    let world = world().await;
    *world.desk.models.lock().unwrap() = super::golden_models::views();
    let id = world.desk.models.lock().unwrap()[0].id.clone();
    let answer = world.post("/model/delete", json!({"id": id})).await;
    assert!(answer.status == 400 && answer.body.to_string().contains("Model in config"), "{}", answer.body);
    assert_eq!(world.post("/model/update", json!({"model_info": {"id": id}})).await.status, 400);
    assert_eq!(world.post("/model/new", model("m", &id, json!({}))).await.status, 409);
}

#[tokio::test]
async fn only_admins_change_models() {
    let world = world().await;
    new_team(&world, json!({"team_id": "blue", "members_with_roles": [{"role": "admin", "user_id": "lea"}]})).await;
    for role in [Role::InternalUser, Role::OrgAdmin, Role::ProxyAdminViewer, Role::Team] {
        let body = model("m", "1", json!({}));
        let answer = world.ask(&somebody(role, "lea"), Method::POST, "/model/new", Some(body)).await;
        assert_eq!(answer.status, 403, "{role:?}");
    }
}

#[tokio::test]
async fn a_teams_model_is_called_by_its_team_only() {
    let world = world().await;
    new_team(&world, json!({"team_id": "blue", "models": ["claude"]})).await;
    let mut body = model("gpt-4o", "1", json!({}));
    body["model_info"]["team_id"] = json!("blue");
    world.post("/model/new", body.clone()).await.good();
    let stored = world.store.get(Kind::Model, "1").await.unwrap().unwrap();
    assert_eq!(stored.team_id.as_deref(), Some("blue"));
    assert!(stored.alias.as_deref().unwrap().starts_with("model_name_blue_"), "others never meet it by its name");
    assert_eq!(stored.doc["model_info"]["team_public_model_name"], json!("gpt-4o"));
    let team = world.get("/team/info?team_id=blue").await.good();
    assert_eq!(team["team_info"]["models"], json!(["claude", "gpt-4o"]));
    load(&world).await;
    let key_of = |team: Option<&str>| Requester { team_id: team.map(str::to_owned), ..user("ann") };
    for (team, count) in [(Some("blue"), 1), (None, 0), (Some("red"), 0)] {
        let info = world.ask(&key_of(team), Method::GET, "/model/info", None).await.good();
        assert_eq!(info["data"].as_array().unwrap().len(), count, "{team:?}");
    }
    body["model_info"] = json!({"team_id": "none"});
    assert_eq!(world.post("/model/new", body).await.status, 400);
    world.post("/team/delete", json!({"team_ids": ["blue"]})).await.good();
    assert_eq!(world.store.count(Kind::Model, &Filter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_teams_deployments_of_one_name_are_one_group_and_take_nothing_from_it() {
    let world = world().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    for id in ["1", "2"] {
        let mut body = model("gpt-4o", id, json!({}));
        body["model_info"]["team_id"] = json!("blue");
        world.post("/model/new", body).await.good();
    }
    let names = world.store.all(Kind::Model, &Filter::default()).await.unwrap();
    assert_eq!(names[0].alias, names[1].alias);
    let team = world.get("/team/info?team_id=blue").await.good();
    assert_eq!(team["team_info"]["models"], json!(["all-proxy-models", "gpt-4o"]), "it may call all still");
}

#[tokio::test]
async fn a_model_is_blocked_and_unblocked() {
    let world = world().await;
    world.post("/model/new", model("m", "1", json!({}))).await.good();
    for (path, blocked) in [("/model/block", true), ("/model/unblock", false)] {
        let answer = world.post(path, json!({"model_id": "1"})).await.good();
        assert_eq!(answer, json!({"model_id": "1", "blocked": blocked}));
        let stored = world.store.get(Kind::Model, "1").await.unwrap().unwrap();
        assert_eq!(stored.doc["model_info"]["blocked"], json!(blocked));
    }
    assert_eq!(world.post("/model/block", json!({"model_id": "2"})).await.status, 404);
}

#[tokio::test]
async fn a_caller_sees_the_models_that_they_may_call() {
    let world = world().await;
    *world.desk.models.lock().unwrap() = super::golden_models::views();
    new_team(&world, json!({"team_id": "blue", "models": ["gpt-4o", "claude"]})).await;
    new_team(&world, json!({"team_id": "none", "models": ["no-default-models"]})).await;
    world
        .post(
            "/organization/new",
            json!({"organization_id": "o", "organization_alias": "O", "models": ["gemini", "claude"]}),
        )
        .await
        .good();
    new_team(&world, json!({"team_id": "of-o", "organization_id": "o", "models": ["all-org-models"]})).await;
    world.post("/user/new", json!({"user_id": "ann", "models": ["gemini"], "auto_create_key": false})).await.good();
    let key = |user_id: Option<&str>, team: Option<&str>, models: &[&str]| Requester {
        user_id: user_id.map(str::to_owned),
        team_id: team.map(str::to_owned),
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        ..user("")
    };
    for (requester, expected) in [
        (key(None, None, &["gpt-4o"]), json!(["gpt-4o"])),
        (key(Some("ann"), None, &[]), json!(["gemini"])),
        (key(Some("ann"), Some("blue"), &[]), json!(["gpt-4o", "claude"])),
        (key(None, Some("blue"), &["all-team-models"]), json!(["gpt-4o", "claude"])),
        (key(None, Some("blue"), &["claude", "gemini"]), json!(["claude"])),
        (key(None, Some("none"), &[]), json!([])),
        (key(None, Some("of-o"), &["all-team-models"]), json!(["claude", "gemini"])),
    ] {
        let info = world.ask(&requester, Method::GET, "/model/info", None).await.good();
        let names: Vec<_> = info["data"].as_array().unwrap().iter().map(|it| it["model_name"].clone()).collect();
        assert_eq!(json!(names), expected, "{requester:?}");
        let groups = world.ask(&requester, Method::GET, "/model_group/info", None).await.good();
        let names: Vec<_> = groups["data"].as_array().unwrap().iter().map(|it| it["model_group"].clone()).collect();
        assert_eq!(json!(names), expected, "{requester:?}");
    }
    let all = world.get("/model/info").await.good();
    let one = &all["data"][0];
    let path = format!("/model/info?litellm_model_id={}", one["model_info"]["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.good()["data"], json!([one]));
    let hidden = world.ask(&key(None, None, &["claude"]), Method::GET, &path, None).await;
    assert_eq!(hidden.status, 400);
}

#[tokio::test]
async fn models_come_in_pages_and_patterns_as_what_they_stand_for() {
    for compat in [Compat::V1_80, Compat::V1_106] {
        let world = World::with(Settings { compat, seal: Some(SealKey::of_salt("salt")), ..Settings::default() }).await;
        for number in 0..5 {
            world.post("/model/new", model(&format!("m{number}"), &format!("id{number}"), json!({}))).await.good();
        }
        world.post("/model/new", model("anthropic/*", "any", json!({"model": "anthropic/*"}))).await.good();
        load(&world).await;
        let page = world.get("/v2/model/info?page=2&size=4&sortBy=model_name").await.good();
        assert_eq!(
            (&page["total_count"], &page["total_pages"], &page["current_page"]),
            (&json!(6), &json!(2), &json!(2))
        );
        assert_eq!(page["data"][1]["model_name"], json!("m4"));
        assert_eq!(world.get("/v2/model/info?search=M3").await.good()["total_count"], json!(1));
        assert_eq!(world.get("/v2/model/info?modelId=id2").await.good()["data"][0]["model_name"], json!("m2"));

        let groups = world.get("/model_group/info").await.good();
        let names: Vec<&str> =
            groups["data"].as_array().unwrap().iter().filter_map(|it| it["model_group"].as_str()).collect();
        assert!(
            !names.contains(&"anthropic/*") && names.iter().any(|name| name.starts_with("anthropic/claude")),
            "{names:?}"
        );
        let few = Requester { models: vec!["anthropic/claude-opus*".to_owned()], user_id: None, ..user("") };
        let groups = world.ask(&few, Method::GET, "/model_group/info", None).await.good();
        let names: Vec<&str> =
            groups["data"].as_array().unwrap().iter().filter_map(|it| it["model_group"].as_str()).collect();
        assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("anthropic/claude-opus")), "{names:?}");
    }
}
