//! The router's settings as people see them: LiteLLM's names, with what holds where the file says nothing.

use serde_json::{Map, Value, json};

use super::compose::strategy;
use crate::config::{Config, Strategy};
use crate::router::DEFAULT_COOLDOWN;
use crate::router::fallback::{ByModel, Fallback};
use crate::router::plan::PerErrorClass;

/// `router_settings` as they hold.
pub fn router_settings(config: &Config) -> Map<String, Value> {
    let router = &config.router;
    let lists = &router.fallbacks;
    let values = json!({
        "routing_strategy": match router.strategy {
            Strategy::ProviderBudget => "provider-budget-routing",
            other => strategy(other).name(),
        },
        "routing_strategy_args": {
            "ttl": router.latency_ttl.as_secs_f64(), "lowest_latency_buffer": router.lowest_latency_buffer,
        },
        "provider_budget_config": router.provider_budgets.iter().map(|(provider, budget)| {
            let shown = json!({"budget_limit": budget.max_budget, "time_period": budget.budget_duration});
            (provider.clone(), shown)
        }).collect::<Map<_, _>>(),
        "enable_tag_filtering": router.tag_filtering.is_some(),
        "tag_filtering_match_any": router.tag_match_any,
        "tag_routing_prefix": router.tag_routing_prefix,
        "num_retries": router.num_retries,
        "retry_after": router.retry_after.as_secs_f64(),
        "retry_policy": per_class(&router.retry_policy, "Retries"),
        "model_group_retry_policy": router.model_group_retry_policy.iter()
            .map(|(group, policy)| (group.clone(), per_class(policy, "Retries"))).collect::<Map<_, _>>(),
        "timeout": router.timeout.map(|wait| wait.as_secs_f64()),
        "stream_timeout": router.stream_timeout.map(|wait| wait.as_secs_f64()),
        "allowed_fails": router.allowed_fails,
        "allowed_fails_policy": router.allowed_fails_policy.map(|policy| per_class(&policy, "AllowedFails")),
        "cooldown_time": router.cooldown_time.unwrap_or(DEFAULT_COOLDOWN).as_secs_f64(),
        "disable_cooldowns": router.disable_cooldowns,
        "fallbacks": by_model(&lists.general),
        "context_window_fallbacks": by_model(&lists.context_window),
        "content_policy_fallbacks": by_model(&lists.content_policy),
        "default_fallbacks": lists.default.iter().map(fallback).collect::<Vec<_>>(),
        "max_fallbacks": lists.max,
        "model_group_alias": router.aliases.iter()
            .map(|(alias, to)| (alias.clone(), json!({"model": to.model, "hidden": to.hidden}))).collect::<Map<_, _>>(),
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// LiteLLM's list of one-key maps, in the order of the names.
fn by_model(lists: &ByModel) -> Vec<Value> {
    let mut names: Vec<&String> = lists.keys().collect();
    names.sort();
    let one = |name: &String| {
        let list: Vec<Value> = lists.get(name).into_iter().flatten().map(fallback).collect();
        json!({ name: list })
    };
    names.into_iter().map(one).collect()
}

fn fallback(fallback: &Fallback) -> Value {
    if fallback.params.is_empty() {
        return fallback.model.as_str().into();
    }
    let mut shown = Map::from_iter([("model".to_owned(), Value::from(fallback.model.as_str()))]);
    shown.extend(fallback.params.clone());
    shown.into()
}

fn per_class(policy: &PerErrorClass, counted: &str) -> Value {
    let classes = [
        ("BadRequestError", policy.bad_request),
        ("AuthenticationError", policy.authentication),
        ("TimeoutError", policy.timeout),
        ("RateLimitError", policy.rate_limit),
        ("ContentPolicyViolationError", policy.content_policy),
        ("InternalServerError", policy.internal_server),
        ("ServiceUnavailableError", policy.service_unavailable),
        ("NotFoundError", policy.not_found),
        ("Default", policy.default),
    ];
    let said = classes.into_iter().filter_map(|(class, count)| Some((format!("{class}{counted}"), count?.into())));
    Value::Object(said.collect())
}
