//! What a team calls models: by aliases, and by the names of models that are its own.

use serde_json::{Value, json};

use crate::support::openai::{answer, config, deployment};
use crate::support::{Gateway, KEY, Reply, Request, Response, Upstream, eventually_async};

async fn start(upstream: &Upstream) -> Gateway {
    let entries = ["gpt", "cheap"].map(|name| deployment(name, upstream, ""));
    Gateway::start(&config(&entries, "")).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn team_key(gateway: &Gateway, team: &Value, models: &[&str]) -> String {
    let body = json!({"team_id": team["team_id"], "models": models});
    manage(gateway, "/key/generate", body).await["key"].as_str().unwrap().to_owned()
}

async fn chat(gateway: &Gateway, key: &str, model: &str) -> Response {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    gateway.call(&Request::chat(&body).key(key)).await
}

async fn listed(gateway: &Gateway, key: &str) -> Vec<String> {
    let models = gateway.call(&Request::get("/v1/models").key(key)).await.json();
    let ids = models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
    ids.collect()
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| Reply::json(200, &answer("Hi")));
    upstream
}

#[tokio::test]
async fn an_alias_of_the_team_is_what_it_stands_for() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let team = manage(&gateway, "/team/new", json!({"model_aliases": {"fast": "cheap"}})).await;
    let key = team_key(&gateway, &team, &["cheap"]).await;
    let response = chat(&gateway, &key, "fast").await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-litellm-model-group"), Some("cheap"));
    let aliases = json!({"team_id": team["team_id"], "model_aliases": {"fast": "gpt"}});
    manage(&gateway, "/team/update", aliases).await;
    let is_denied = async || (chat(&gateway, &key, "fast").await.status == 403).then_some(());
    eventually_async("the alias to stand for what the key may not call", is_denied).await;
}

#[tokio::test]
async fn a_teams_own_model_is_called_by_its_name_and_by_nobody_else() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let team = manage(&gateway, "/team/new", json!({"models": ["gpt"]})).await;
    let params = json!({"model": "openai/own", "api_base": upstream.url(), "api_key": "sk-up"});
    let body = json!({"model_name": "ours", "litellm_params": params, "model_info": {"team_id": team["team_id"]}});
    let made = manage(&gateway, "/model/new", body).await;
    let within = made["model_name"].as_str().unwrap();
    let key = team_key(&gateway, &team, &[]).await;
    let is_served = async || {
        let response = chat(&gateway, &key, "ours").await;
        (response.status == 200).then_some(response)
    };
    let response = eventually_async("the team's model to be served", is_served).await;
    assert_eq!(response.json()["model"], json!("ours"), "the name within is not told");
    assert_eq!(upstream.last().json()["model"], json!("own"));
    assert_eq!(listed(&gateway, &key).await, ["gpt", "ours"]);
    let stranger = manage(&gateway, "/key/generate", json!({})).await["key"].as_str().unwrap().to_owned();
    assert_eq!(chat(&gateway, &stranger, "ours").await.status, 400, "nobody else has such a model");
    assert_eq!(chat(&gateway, &stranger, within).await.status, 403, "nor the name within");
    assert_eq!(listed(&gateway, &stranger).await, ["gpt", "cheap"]);
}

#[tokio::test]
async fn a_blocked_model_takes_no_calls() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let params = json!({"model": "openai/added", "api_base": upstream.url(), "api_key": "sk-up"});
    let body = json!({"model_name": "added", "litellm_params": params, "model_info": {"id": "1"}});
    manage(&gateway, "/model/new", body).await;
    for (path, status) in [("/model/block", 400), ("/model/unblock", 200)] {
        manage(&gateway, path, json!({"model_id": "1"})).await;
        let is_so = async || (chat(&gateway, KEY, "added").await.status == status).then_some(());
        eventually_async(path, is_so).await;
        let info = gateway.call(&Request::get("/model/info?litellm_model_id=1").key(KEY)).await.json();
        assert_eq!(info["data"][0]["model_info"]["blocked"], json!(status == 400), "it is shown all the same");
    }
}

#[tokio::test]
async fn a_user_of_no_role_makes_keys_of_their_own() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let user = manage(&gateway, "/user/new", json!({"models": ["gpt"]})).await;
    let key = user["key"].as_str().unwrap();
    let made = gateway.call(&Request::post("/key/generate", &json!({"models": ["gpt"]})).key(key)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["user_id"], user["user_id"]);
    // A key that names a user whom nobody knows makes none.
    let unknown = manage(&gateway, "/key/generate", json!({"user_id": "nobody-known"})).await;
    let refused = gateway.call(&Request::post("/key/generate", &json!({})).key(unknown["key"].as_str().unwrap())).await;
    assert_eq!(refused.status, 401, "{}", refused.text());
}

#[tokio::test]
async fn all_org_models_are_those_of_the_teams_organization() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let organization =
        manage(&gateway, "/organization/new", json!({"organization_alias": "o", "models": ["gpt"]})).await;
    let body = json!({"organization_id": organization["organization_id"], "models": ["all-org-models"]});
    let team = manage(&gateway, "/team/new", body).await;
    for models in [&[][..], &["gpt"], &["all-team-models"]] {
        let key = team_key(&gateway, &team, models).await;
        let response = chat(&gateway, &key, "gpt").await;
        assert_eq!(response.status, 200, "{models:?}: {}", response.text());
        assert_eq!(listed(&gateway, &key).await, ["gpt"], "{models:?}");
        assert_eq!(chat(&gateway, &key, "cheap").await.status, 403, "{models:?}");
    }
}
