//! A deployment as people may see it: what was said of it, and what the price table knows of its model.

use serde_json::{Map, Value, json};

use crate::admin::desk::ModelView;
use crate::config::Deployment;
use crate::pricing::Prices;
use crate::pricing::table::{Model, Table};
use crate::providers::parameters;

/// Prices that stand in an object of their own.
const SEARCH: &str = "search_context_cost_per_query";

/// The view of a deployment. `is_stored`: it was added at run time.
pub fn view(deployment: &Deployment, table: &Table, is_stored: bool) -> ModelView {
    let provider = deployment.provider.name;
    let base = deployment.model_info.get("base_model").and_then(Value::as_str);
    let known = table.find_entry(provider, base.unwrap_or(&deployment.upstream_model));
    let mut info = Map::new();
    info.insert("id".to_owned(), json!(deployment.id));
    info.insert("db_model".to_owned(), json!(is_stored));
    if !is_stored {
        info.insert("direct_access".to_owned(), json!(true));
    }
    if let Some((name, model)) = known {
        info.insert("key".to_owned(), json!(name));
        info.extend(facts(model));
    }
    let stated = deployment.costs.iter().map(|(name, dollars)| (name.as_str(), *dollars));
    info.extend(prices(&Prices::stated(stated)));
    info.entry("litellm_provider").or_insert_with(|| json!(provider));
    info.insert("supported_openai_params".to_owned(), parameters::supported(deployment.provider).collect());
    // What the operator says of a model counts more than what the table says.
    let said = deployment.model_info.iter().filter(|(name, _)| !["id", "db_model"].contains(&name.as_str()));
    info.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    ModelView {
        id: deployment.id.clone(),
        model_name: deployment.model_name.clone(),
        provider: provider.to_owned(),
        litellm_params: deployment.shown_params.clone(),
        model_info: info,
        is_stored,
    }
}

/// What the table knows of a model, in the names of LiteLLM's price map.
pub(super) fn facts(model: &Model) -> Map<String, Value> {
    let mut facts = Map::new();
    facts.insert("max_tokens".to_owned(), json!(model.max_output_tokens));
    facts.insert("max_input_tokens".to_owned(), json!(model.max_input_tokens));
    facts.insert("max_output_tokens".to_owned(), json!(model.max_output_tokens));
    facts.insert("litellm_provider".to_owned(), json!(&*model.provider));
    facts.insert("mode".to_owned(), json!(&*model.mode));
    facts.extend(prices(&model.prices));
    facts.extend(model.supports.iter().map(|ability| ((**ability).to_owned(), json!(true))));
    facts
}

fn prices(prices: &Prices) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut searches = Map::new();
    for (name, dollars) in prices.named() {
        let place = if name.starts_with("search_context_size") { &mut searches } else { &mut shown };
        place.insert(name, json!(dollars));
    }
    if !searches.is_empty() {
        shown.insert(SEARCH.to_owned(), Value::Object(searches));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelRules;

    #[test]
    fn a_deployment_is_shown_with_what_is_known_and_without_secrets() {
        let entry = json!({
            "model_name": "m",
            "litellm_params": {
                "model": "openai/gpt-4o", "api_key": "sk-canary", "api_base": "http://127.0.0.1:9100/v1",
                "input_cost_per_token": 1e-6, "extra_headers": {"x": "canary"},
            },
            "model_info": {"id": "1", "team": "blue", "max_input_tokens": 5},
        });
        let env = std::collections::HashMap::<String, String>::new();
        let (deployment, _) = ModelRules::default().read(&entry, &env).unwrap();
        let view = view(&deployment, &Table::builtin(), false);
        assert!(!format!("{view:?}").contains("canary"));
        let info = |name: &str| view.model_info.get(name).cloned().unwrap_or_default();
        assert_eq!((info("id"), info("db_model"), info("key")), (json!("1"), json!(false), json!("gpt-4o")));
        assert_eq!((info("input_cost_per_token"), info("output_cost_per_token")), (json!(1e-6), json!(1e-5)));
        assert_eq!((info("max_input_tokens"), info("max_output_tokens")), (json!(5), json!(16384)));
        assert_eq!((info("supports_vision"), info("team"), info("mode")), (json!(true), json!("blue"), json!("chat")));
        assert_eq!(
            (view.provider.as_str(), &view.litellm_params["api_base"]),
            ("openai", &json!("http://127.0.0.1:9100/v1"))
        );
    }
}
