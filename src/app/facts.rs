//! What routing must know of a deployment's model: the operator's own words before the price table's.

use serde_json::Value;

use crate::config::Deployment;
use crate::pricing::table::{Model, Table};
use crate::pricing::{Money, Prices, ServiceTier, prices::Unit};
use crate::router::needs::{Capabilities, Facts, ModelType};

/// Tokens that a tutorial's `metadata.cost` is for.
const TUTORIALS_TOKENS: f64 = 1_000.0;

/// Parameters that say where a deployment runs.
const REGIONS: [&str; 3] = ["region_name", "aws_region_name", "vertex_location"];

/// What is known of a deployment.
pub fn facts(deployment: &Deployment, table: &Table) -> Facts {
    let info = &deployment.model_info;
    let base = info.get("base_model").and_then(Value::as_str);
    let known = table.find(deployment.provider.name, base.unwrap_or(&deployment.upstream_model));
    let number = |name: &str| info.get(name).and_then(Value::as_f64);
    let cost = |name: &str, unit: Unit| {
        let stated = deployment.costs.get(name).copied();
        let of_tutorial = number("cost").map(|dollars| dollars / TUTORIALS_TOKENS);
        stated.or(of_tutorial).or_else(|| price(&known?.prices, unit))
    };
    let count = |name: &str| info.get(name).and_then(Value::as_u64);
    Facts {
        input_cost: cost("input_cost_per_token", Unit::Input),
        output_cost: cost("output_cost_per_token", Unit::Output),
        max_input_tokens: count("max_input_tokens").or_else(|| known?.max_input_tokens).or_else(|| count("max_tokens")),
        capabilities: capabilities(deployment, known),
        tags: deployment.tags.clone(),
        tag_regex: deployment.tag_regex.clone(),
        tag_filtering: info.get("enable_tag_filtering").and_then(Value::as_bool),
        fails_open: info.get("allow_fail_open").and_then(Value::as_bool) == Some(true),
        model_type: info.get("type").and_then(Value::as_str).and_then(ModelType::named),
        region: REGIONS.iter().find_map(|name| deployment.shown_params.get(*name)?.as_str()).map(str::to_owned),
    }
}

/// Dollars for a token of a short prompt.
fn price(prices: &Prices, unit: Unit) -> Option<f64> {
    prices.get(unit, 0, ServiceTier::Standard).map(Money::dollars)
}

/// The table's, unless the operator says otherwise: `supports_vision: false`, `capabilities: [vision]`.
fn capabilities(deployment: &Deployment, known: Option<&Model>) -> Capabilities {
    let named = |name: &str| Capabilities::named(name);
    let supports = known.map_or(&[][..], |model| &model.supports);
    let mut all = supports.iter().fold(Capabilities::NONE, |all, name| all.and(named(name)));
    for (name, value) in deployment.model_info.iter().filter(|(name, _)| name.starts_with("supports_")) {
        match value {
            Value::Bool(true) => all = all.and(named(name)),
            Value::Bool(false) => all = all.without(named(name)),
            _ => {}
        }
    }
    let listed = deployment.model_info.get("capabilities").and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    listed.fold(all, |all, name| all.and(named(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;
    use crate::config::ModelRules;

    fn of(params: Value, info: Value) -> Facts {
        let entry = json!({"model_name": "m", "litellm_params": params, "model_info": info});
        let (deployment, _) = ModelRules::default().read(&entry, &HashMap::<String, String>::new()).unwrap();
        facts(&deployment, &Table::builtin())
    }

    #[test]
    fn the_table_knows_what_nobody_says() {
        let facts = of(json!({"model": "openai/gpt-4o"}), json!({}));
        assert_eq!((facts.input_cost, facts.output_cost), (Some(2.5e-6), Some(1e-5)));
        assert_eq!(facts.max_input_tokens, Some(128_000));
        assert!(facts.capabilities.holds(Capabilities::VISION.and(Capabilities::TOOLS)));
        let unknown = of(json!({"model": "openai/nobody-knows"}), json!({}));
        assert_eq!((unknown.input_cost, unknown.max_input_tokens), (None, None));
        assert!(unknown.capabilities.is_empty());
    }

    #[test]
    fn the_operators_words_come_first() {
        let facts = of(
            json!({"model": "openai/gpt-4o", "input_cost_per_token": 1.0, "tags": ["paid"]}),
            json!({"max_input_tokens": 5, "supports_vision": false, "type": "cloud-fast"}),
        );
        assert_eq!((facts.input_cost, facts.output_cost, facts.max_input_tokens), (Some(1.0), Some(1e-5), Some(5)));
        assert!(!facts.capabilities.holds(Capabilities::VISION) && facts.capabilities.holds(Capabilities::TOOLS));
        assert_eq!((facts.tags, facts.model_type), (vec!["paid".to_owned()], Some(ModelType::CloudFast)));
        let tutorial = of(
            json!({"model": "openai/own", "metadata": {"cost": 0.03, "max_tokens": 8000, "capabilities": ["vision"]}}),
            json!({}),
        );
        assert_eq!((tutorial.input_cost, tutorial.max_input_tokens), (Some(0.03 / 1000.0), Some(8000)));
        assert_eq!(tutorial.capabilities, Capabilities::VISION);
        let at_place = of(json!({"model": "openai/own", "region_name": "eu"}), json!({}));
        assert_eq!((at_place.region.as_deref(), tutorial.region), (Some("eu"), None));
    }
}
