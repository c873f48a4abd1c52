//! LiteLLM's recorded answers to `/model/info` and `/model_group/info`, as far as the recordings go: the same members of
//! the same types. Prices and abilities are those of each one's own table.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::world::World;
use crate::admin::{ModelView, model_view};
use crate::config::ModelRules;
use crate::error::Compat;
use crate::pricing::Table;

const MODELS: [(&str, &str); 9] = [
    ("gpt-4o", "openai/gpt-4o"),
    ("claude", "anthropic/claude-sonnet-4-20250514"),
    ("gemini", "gemini/gemini-2.5-flash"),
    ("bedrock-claude", "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ("cohere", "cohere_chat/command-r-plus-08-2024"),
    ("ollama", "ollama/llama3"),
    ("ollama-chat", "ollama_chat/llama3"),
    ("azure-gpt", "azure/gpt"),
    ("vllm-llama", "hosted_vllm/llama"),
];

/// The recorder's models.
pub fn views() -> Vec<ModelView> {
    let table = Table::builtin();
    let env = HashMap::<String, String>::new();
    let read = |(name, model): &(&str, &str)| {
        let params = json!({"model": model, "api_key": "sk-x", "api_base": "http://127.0.0.1:9100/v1"});
        let entry = json!({"model_name": name, "litellm_params": params});
        model_view(&ModelRules::default().read(&entry, &env).unwrap().0, &table, false)
    };
    MODELS.iter().map(read).collect()
}

fn recorded(release: &str) -> Value {
    let file = format!("{}/tests/fixtures/golden/management/models-{release}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

async fn world(compat: Compat) -> World {
    let world = World::of(compat).await;
    *world.desk.models.lock().unwrap() = views();
    world
}

fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    names
}

/// `null` stands for anything: what a table does not know.
fn check_types(place: &str, ours: &Value, theirs: &Value) {
    let sort = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "flag",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    assert_eq!(names(ours), names(theirs), "{place}");
    for (name, theirs) in theirs.as_object().unwrap() {
        let ours = &ours[name];
        let fits = ours.is_null() || theirs.is_null() || sort(ours) == sort(theirs);
        assert!(fits, "{place}.{name}: {ours} for {theirs}");
    }
}

#[tokio::test]
async fn groups_look_like_litellms() {
    for (release, compat) in [("1.106.2", Compat::V1_106), ("1.80.10", Compat::V1_80)] {
        let groups = world(compat).await.get("/model_group/info").await.good();
        let recorded = recorded(release);
        let recorded = recorded["model_group/info"].as_array().unwrap();
        assert!(recorded.len() >= 6, "{release}");
        for theirs in recorded {
            let name = &theirs["model_group"];
            let ours = groups["data"].as_array().unwrap().iter().find(|group| group["model_group"] == *name);
            let ours = ours.unwrap_or_else(|| panic!("no group {name}"));
            check_types(&format!("{release} {name}"), ours, theirs);
        }
        let gpt = &groups["data"][0];
        for member in [
            "model_group",
            "providers",
            "max_input_tokens",
            "max_output_tokens",
            "input_cost_per_token",
            "output_cost_per_token",
            "mode",
            "supports_vision",
            "supports_function_calling",
            "is_public_model_group",
        ] {
            assert_eq!(gpt[member], recorded[0][member], "{release} {member}");
        }
    }
}

#[tokio::test]
async fn models_look_like_an_older_litellms() {
    let models = world(Compat::V1_80).await.get("/model/info").await.good();
    let recorded = recorded("1.80.10");
    for (index, theirs) in recorded["model/info"].as_array().unwrap().iter().enumerate() {
        let ours = &models["data"][index];
        assert_eq!(names(ours), names(theirs));
        assert_eq!(ours["model_name"], theirs["model_name"]);
        assert_eq!(names(&ours["litellm_params"]), names(&theirs["litellm_params"]));
        check_types(&format!("model {index}"), &ours["model_info"], &theirs["model_info"]);
    }
    let (ours, theirs) = (&models["data"][0]["model_info"], &recorded["model/info"][0]["model_info"]);
    for member in [
        "db_model",
        "key",
        "max_tokens",
        "max_input_tokens",
        "max_output_tokens",
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "litellm_provider",
        "mode",
    ] {
        assert_eq!(ours[member], theirs[member], "{member}");
    }
}

#[tokio::test]
async fn models_look_like_litellms() {
    let models = world(Compat::V1_106).await.get("/v1/model/info").await.good();
    let recorded = recorded("1.106.2");
    let model = &models["data"][0];
    assert_eq!(names(&model["litellm_params"]), names(&recorded["model/info/litellm_params"]));
    for member in recorded["model/info/members"].as_array().unwrap() {
        assert!(model["model_info"].get(member.as_str().unwrap()).is_some(), "{member}");
    }
}
