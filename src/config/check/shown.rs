//! What of a deployment's parameters people may see. Everything else could be a secret, or hold one.

use serde_json::{Map, Value};

use crate::config::raw::keys;
use crate::config::raw::section::{duration, number};
use crate::providers::Endpoint;

/// Known parameters that may hold a secret all the same, and those that are shown in another form.
const HIDDEN: [&str; 8] =
    ["api_key", "api_base", "base_url", "headers", "extra_headers", "extra_body", "metadata", "model_config"];

/// Parameters that are kept in boxes with credentials, and only say where a call goes.
const PLACES: [&str; 7] = [
    "aws_region_name",
    "region_name",
    "watsonx_region_name",
    "vertex_project",
    "vertex_ai_project",
    "vertex_location",
    "vertex_ai_location",
];

/// Parameters that are text. Any other one is shown only where it reads as what it should be: text in the wrong place
/// could be a secret that slipped.
const TEXTS: [&str; 10] = [
    "model",
    "base_model",
    "api_version",
    "responses_api_version",
    "custom_llm_provider",
    "organization",
    "tags",
    "tag_regex",
    "additional_drop_params",
    "litellm_credential_name",
];

/// Parameters that are known to be no secret; the address without its query, which may hold a key.
pub(super) fn params(said: &Map<String, Value>, endpoint: Option<&Endpoint>) -> Map<String, Value> {
    let mut shown = Map::new();
    if ["api_base", "base_url"].iter().any(|name| said.get(*name).is_some_and(|base| !base.is_null())) {
        shown.extend(endpoint.map(|endpoint| ("api_base".to_owned(), Value::from(endpoint.url()))));
    }
    let visible = said.iter().filter(|(name, value)| is_shown(name) && fits(name, value));
    shown.extend(visible.map(|(name, value)| (name.clone(), value.clone())));
    shown
}

fn is_shown(name: &str) -> bool {
    let is_known = keys::LITELLM_PARAMS.contains(name) || keys::is_openai_parameter(name);
    let is_harmless = is_known && !HIDDEN.contains(&name) && !keys::is_credential(name);
    PLACES.contains(&name) || keys::is_cost(name) || is_harmless
}

fn fits(name: &str, value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(_) => {
            let is_text = TEXTS.contains(&name) || PLACES.contains(&name) || keys::is_openai_parameter(name);
            is_text || number(value).is_some() || duration(value).is_some()
        }
        Value::Array(list) => list.iter().all(|item| !item.is_array() && fits(name, item)),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_known_to_be_no_secret_is_shown() {
        let said = json!({
            "model": "azure/gpt-4o", "api_key": "canary", "api_base": "https://host/v1?key=canary", "rpm": 3,
            "temperature": 0.5, "tags": ["a"], "input_cost_per_token": 1e-6, "headers": {"x": "canary"},
            "extra_headers": {"x": "canary"}, "extra_body": {"x": "canary"}, "metadata": {"x": "canary"},
            "aws_secret_access_key": "canary", "client_secret": "canary", "my_token": "canary", "unknown": "canary",
            "vertex_credentials": "canary", "aws_region_name": "eu-west-1", "stop": [{"x": "canary"}],
            "tpm": "canary", "order": ["canary"], "timeout": "30s",
        });
        let endpoint = Endpoint::parse("https://host/v1?key=canary").unwrap();
        let shown = Value::Object(params(said.as_object().unwrap(), Some(&endpoint)));
        let expected = json!({
            "api_base": "https://host/v1", "model": "azure/gpt-4o", "rpm": 3, "temperature": 0.5, "tags": ["a"],
            "input_cost_per_token": 1e-6, "aws_region_name": "eu-west-1", "timeout": "30s",
        });
        assert_eq!(shown, expected);
    }
}
