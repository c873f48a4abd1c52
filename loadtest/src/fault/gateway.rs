//! The gateway's configuration: as little as a user needs.

use serde_json::{Map, Value, json};

use super::scale::Scale;
use crate::proof::node::MASTER;

/// One `model_list` entry. `more` goes into `litellm_params`.
pub fn deployment(name: &str, model: &str, api_base: &str, more: &Value) -> Value {
    let mut params = json!({"model": model, "api_base": api_base, "api_key": "sk-upstream"});
    if let (Some(params), Some(more)) = (params.as_object_mut(), more.as_object()) {
        params.extend(more.clone());
    }
    json!({"model_name": name, "litellm_params": params})
}

/// All else is the gateway's default.
pub fn config(models: &[Value], router_settings: &Value) -> Value {
    json!({"model_list": models, "router_settings": router_settings, "general_settings": {"master_key": MASTER}})
}

/// `fallbacks`, from a list of pairs.
pub fn fallbacks(pairs: impl IntoIterator<Item = (String, String)>) -> Value {
    let entry = |(from, to): (String, String)| Value::Object(Map::from_iter([(from, json!([to]))]));
    json!({"fallbacks": pairs.into_iter().map(entry).collect::<Vec<_>>()})
}

/// Where the whole is made quicker, the defaults that it waits for are too; otherwise nothing is set.
pub fn quicken(config: &mut Value, scale: Scale) {
    if scale.is_whole() {
        return;
    }
    config["router_settings"]["stream_timeout"] = json!(scale.setting(10.0));
    config["router_settings"]["cooldown_time"] = json!(scale.setting(5.0));
    config["tollgate"] = json!({"timeouts": {"between_bytes": scale.setting(20.0)}});
}
