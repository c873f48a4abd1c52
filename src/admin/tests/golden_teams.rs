//! LiteLLM's recorded answers to `team/*`, `budget/*`, `customer/*` and `model/new`. `golden` says how they are compared.

use http::Method;
use serde_json::{Map, Value, json};

use super::golden::{cases, compare};
use super::world::{World, master};
use crate::admin::Settings;
use crate::error::Compat;
use crate::store::SealKey;

/// Where we choose to differ.
fn settle_differences(name: &str, compat: Compat, ours: &Value, theirs: &mut Value) {
    match name {
        // A user who was just put into a team is in it; 1.106 tells what was before.
        "team/member_add" => theirs["updated_users"][0]["teams"] = ours["updated_users"][0]["teams"].clone(),
        // Every budget starts anew where the limiter says so; 1.80 counts from the moment for these.
        "budget/new" if compat == Compat::V1_80 => {
            theirs["budget_reset_at"] = ours["budget_reset_at"].clone();
        }
        "budget/info" if compat == Compat::V1_80 => {
            theirs[0]["budget_reset_at"] = ours[0]["budget_reset_at"].clone();
        }
        _ => {}
    }
}

async fn replay(release: &str, compat: Compat) {
    let settings = Settings { compat, seal: Some(SealKey::of_salt("salt")), ..Settings::default() };
    let world = World::with(settings).await;
    let mut names: Vec<(String, String)> = Vec::new();
    let mut played = 0;
    for case in cases(release) {
        let name = case["name"].as_str().unwrap();
        let mut request = case["request"].to_string();
        for (theirs, ours) in &names {
            request = request.replace(theirs.as_str(), ours);
        }
        let request: Value = serde_json::from_str(&request).unwrap();
        if name == "user/list" {
            // The recorder changed the user before, outside of the recording.
            let user = names.iter().rev().find(|(theirs, _)| theirs.parse::<uuid::Uuid>().is_ok()).unwrap().1.clone();
            world.post("/user/update", json!({"user_id": user, "max_budget": 7})).await.good();
        }
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let body = Some(request["body"].clone()).filter(|body| !body.is_null());
        let answer = world.ask(&master(), method, request["path"].as_str().unwrap(), body).await;
        let mut theirs = case["answer"].clone();
        match name {
            "model/new" => check_model(&answer.good(), &theirs, compat),
            _ if ["team", "budget", "customer"].contains(&name.split('/').next().unwrap()) => {
                assert_eq!(u64::from(answer.status), case["status"].as_u64().unwrap(), "{name}: {}", answer.body);
                settle_differences(name, compat, &answer.body, &mut theirs);
                compare(name, "", &answer.body, &theirs);
                played += 1;
                remember(&mut names, &answer.body, &theirs);
            }
            _ => remember(&mut names, &answer.body, &theirs),
        }
        world.pass(700);
    }
    assert_eq!(played, 6, "{release}");
}

fn remember(names: &mut Vec<(String, String)>, ours: &Value, theirs: &Value) {
    for member in ["key", "user_id", "team_id"] {
        if let (Some(theirs), Some(ours)) = (theirs[member].as_str(), ours[member].as_str()) {
            names.push((theirs.to_owned(), ours.to_owned()));
        }
    }
}

/// 1.106 refuses without a variable in its environment; we store the model, and answer as 1.80 does.
fn check_model(ours: &Value, theirs: &Value, compat: Compat) {
    let members = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap();
    let params: &Map<String, Value> = ours["litellm_params"].as_object().unwrap();
    for name in ["model", "api_key", "api_base"] {
        assert!(params[name].as_str().unwrap().starts_with("tgs1:"), "{name} is not sealed: {ours}");
    }
    if compat == Compat::V1_80 {
        assert_eq!(members(ours), members(theirs));
        assert_eq!(members(&ours["litellm_params"]), members(&theirs["litellm_params"]));
        assert_eq!(members(&ours["model_info"]), members(&theirs["model_info"]));
        assert_eq!((&ours["model_name"], &ours["model_info"]["db_model"]), (&json!("dbm"), &json!(false)));
    }
}

#[tokio::test]
async fn teams_budgets_and_customers_look_like_litellms() {
    replay("1.106.2", Compat::V1_106).await;
}

#[tokio::test]
async fn teams_budgets_and_customers_look_like_an_older_litellms() {
    replay("1.80.10", Compat::V1_80).await;
}
