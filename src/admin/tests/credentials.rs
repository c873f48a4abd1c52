//! Credentials: never shown, held by models, not lost while one holds them.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::models::{loaded, model, world};
use super::world::{World, master, somebody};
use crate::admin::Settings;
use crate::auth::Role;
use crate::governance::declared::credential;
use crate::secret::Secret;
use crate::store::{Kind, SealKey};

#[tokio::test]
async fn a_credential_is_held_by_models_and_seen_by_nobody() {
    let world = world().await;
    let body = json!({
        "credential_name": "c", "credential_values": {"api_key": "sk-canary", "api_base": "http://canary/v1"},
        "credential_info": {"custom_llm_provider": "openai"},
    });
    let told = world.post("/credentials", body.clone()).await.good();
    assert_eq!(told, json!({"success": true, "message": "Credential created successfully"}));
    let params = json!({"api_key": null, "api_base": null, "litellm_credential_name": "c"});
    world.post("/model/new", model("m", "1", params)).await.good();
    assert_eq!(loaded(&world).await[0].api_key, Some(Secret::new("sk-canary")));

    let all = world.get("/credentials").await.good();
    let one = world.get("/credentials/by_name/c").await.good();
    assert_eq!(all["credentials"][0], one);
    assert_eq!(one["credential_info"], json!({"custom_llm_provider": "openai"}));
    assert_eq!(one["credential_values"], json!({"api_key": "********", "api_base": "********"}));
    let stored = world.store.get(Kind::Credential, "c").await.unwrap().unwrap();
    assert!(!format!("{stored:?}{all}").contains("canary"));
    assert_eq!(world.post("/credentials", body).await.status, 409);

    let change = json!({"credential_values": {"api_key": "sk-new"}});
    world.ask(&master(), Method::PATCH, "/credentials/c", Some(change)).await.good();
    let deployment = loaded(&world).await.remove(0);
    assert_eq!(deployment.api_key, Some(Secret::new("sk-new")), "at once");
    assert_eq!(deployment.endpoint.unwrap().host, "canary", "the rest stays");

    let delete = async || world.ask(&master(), Method::DELETE, "/credentials/c", None).await;
    assert_eq!(delete().await.status, 400, "a model holds it");
    world.post("/model/delete", json!({"id": "1"})).await.good();
    delete().await.good();
    assert_eq!(delete().await.status, 404);
}

#[tokio::test]
async fn a_credential_can_be_made_of_a_model() {
    let world = world().await;
    world.post("/model/new", model("m", "1", json!({}))).await.good();
    world.post("/credentials", json!({"credential_name": "c", "model_id": "1"})).await.good();
    let shown = world.get("/credentials/by_name/c").await.good();
    assert_eq!(shown["credential_values"], json!({"api_key": "********", "api_base": "********"}));
    for (body, status) in [
        (json!({"credential_name": "d", "model_id": "none"}), 404),
        (json!({"credential_name": "d"}), 400),
        (json!({"credential_name": "a/b", "credential_values": {}}), 400),
        (json!({"credential_values": {}}), 422),
    ] {
        assert_eq!(world.post("/credentials", body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn only_admins_see_that_there_are_credentials() {
    let world = world().await;
    for role in [Role::ProxyAdminViewer, Role::OrgAdmin, Role::InternalUser] {
        assert_eq!(world.ask(&somebody(role, "eve"), Method::GET, "/credentials", None).await.status, 401, "{role:?}");
    }
}

#[tokio::test]
async fn those_of_the_file_are_shown_and_not_changed() {
    let text = "model_list: []\ncredential_list: [{credential_name: c, credential_values: {api_key: sk-canary, \
                api_base: 'http://canary/v1'}, credential_info: {description: d}}]";
    let rules = crate::config::load(text, &HashMap::<String, String>::new()).usable().unwrap().model_rules;
    let declared: Vec<_> = rules.credentials().iter().map(|known| Arc::new(credential(known))).collect();
    let settings = Settings { seal: Some(SealKey::of_salt("salt")), model_rules: rules, ..Settings::default() };
    let world = World::declaring(declared, settings).await;
    let expected = json!({
        "credential_name": "c", "credential_values": {"api_key": "********", "api_base": "********"},
        "credential_info": {"description": "d"},
    });
    assert_eq!(world.get("/credentials/by_name/c").await.good(), expected);
    assert_eq!(world.get("/credentials").await.good()["credentials"], json!([expected]));
    let params = json!({"api_key": null, "api_base": null, "litellm_credential_name": "c"});
    world.post("/model/new", model("m", "1", params)).await.good();
    assert_eq!(loaded(&world).await[0].api_key, Some(Secret::new("sk-canary")));
    let change = json!({"credential_values": {"api_key": "sk-new"}});
    for (method, body) in [(Method::PATCH, Some(change)), (Method::DELETE, None)] {
        let refused = world.ask(&master(), method, "/credentials/c", body).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.body.to_string().contains("declared in the configuration file"), "{}", refused.body);
    }
    let same = json!({"credential_name": "c", "credential_values": {"api_key": "k"}});
    assert_eq!(world.post("/credentials", same).await.status, 409);
}
