//! One call as LiteLLM shows it.

use serde_json::{Map, Value, json};

use super::dates::{with_micros, with_zone};
use super::names::{Known, alias};
use super::{dollars, object};
use crate::error::Compat;
use crate::store::journal::Adjustment;
use crate::store::spend::Call;

/// Which of LiteLLM's two lists shows it: their members differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `/spend/logs`.
    Whole,
    /// `/spend/logs/v2` and `/spend/logs/ui`.
    Paged,
}

/// What the newer release shows in place of a name that nobody serves; the name itself is the model group's.
const UNKNOWN_MODEL: &str = "unknown-model";

/// Members of `metadata` that say nothing here, of the newer release; the older one has the first three of them.
const NULLS: [&str; 32] = [
    "batch_models",
    "cold_storage_object_key",
    "vector_store_request_metadata",
    "user_agent",
    "max_retries",
    "actor_agent_id",
    "azure_spillover",
    "router_metadata",
    "target_agent_id",
    "billing_agent_id",
    "eval_information",
    "routing_decision",
    "attempted_retries",
    "autorouter_savings",
    "attempted_fallbacks",
    "compression_savings",
    "spend_logs_metadata",
    "agent_execution_mode",
    "internal_call_origin",
    "original_model_group",
    "proxy_server_request",
    "batch_failed_requests",
    "verified_human_user_id",
    "used_client_oauth_token",
    "user_api_key_project_id",
    "litellm_overhead_time_ms",
    "batch_successful_requests",
    "user_api_key_project_alias",
    "autorouter_savings_estimate",
    "litellm_gateway_injected_cache",
    "autorouter_baseline_observation",
    "error_information",
];
/// The same of both releases.
const NULLS_OF_BOTH: [&str; 3] = ["applied_guardrails", "guardrail_information", "mcp_tool_call_metadata"];

/// The row of a call. `keys` and `teams` are what is known of its key and team.
pub fn row(call: &Call, keys: &Known, teams: &Known, compat: Compat, list: List) -> Value {
    let is_old = compat == Compat::V1_80;
    let is_paged = list == List::Paged;
    let time = |ms: i64| if is_paged && !is_old { with_zone(ms) } else { with_micros(ms) };
    // Of a call without an answer LiteLLM says that its completion began when it ended.
    let began = if call.rest.completion_start == 0 { call.ended_at } else { call.rest.completion_start };
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    put("request_id", request_id(call).into());
    put("call_type", (*call.call_type).into());
    put("api_key", (*call.api_key).into());
    put("spend", dollars(call.cost).into());
    put("total_tokens", call.total_tokens.into());
    put("prompt_tokens", call.prompt_tokens.into());
    put("completion_tokens", call.completion_tokens.into());
    put("startTime", time(call.started_at).into());
    put("endTime", time(call.ended_at).into());
    if !is_old {
        put("request_duration_ms", call.duration_ms().into());
    }
    put("completionStartTime", time(began).into());
    put("model", if !is_old && is_unknown(call) { UNKNOWN_MODEL } else { &*call.model }.into());
    put("model_id", (*call.model_id).into());
    put("model_group", (*call.model_group).into());
    put("custom_llm_provider", (*call.provider).into());
    put("api_base", (*call.rest.api_base).into());
    put("user", (*call.user_id).into());
    put("metadata", metadata(call, keys, teams, is_old));
    put("cache_hit", cache_hit(call).into());
    put("cache_key", if call.rest.cache_hit { "" } else { "Cache OFF" }.into());
    put("request_tags", json!(call.rest.tags));
    put("team_id", (*call.team_id).into());
    put("organization_id", (*call.organization_id).into());
    put("end_user", (*call.end_user).into());
    put("requester_ip_address", given(&call.rest.requester_ip));
    put("session_id", if call.session_id.is_empty() { &*call.call_id } else { &*call.session_id }.into());
    put("status", if call.is_failure() { "failure" } else { "success" }.into());
    put("mcp_namespaced_tool_name", Value::Null);
    put("agent_id", Value::Null);
    row.extend(of_list(call, is_old, is_paged));
    Value::Object(row)
}

/// What not every list of every release has.
fn of_list(call: &Call, is_old: bool, is_paged: bool) -> Map<String, Value> {
    let mut members = Map::new();
    if is_old || !is_paged {
        for name in ["messages", "response", "proxy_server_request"] {
            members.insert(name.to_owned(), json!({}));
        }
    }
    if !is_old {
        members.insert("litellm_call_id".to_owned(), (*call.call_id).into());
    }
    if !is_old && !is_paged {
        members.insert("billing_agent_id".to_owned(), Value::Null);
        for name in ["created_at", "updated_at"] {
            members.insert(name.to_owned(), with_micros(call.ended_at).into());
        }
    }
    members
}

/// The answer's own id; of a call without an answer the gateway's.
fn request_id(call: &Call) -> &str {
    if call.request_id.is_empty() { &call.call_id } else { &call.request_id }
}

fn metadata(call: &Call, keys: &Known, teams: &Known, is_old: bool) -> Value {
    let nulls = NULLS.iter().take(if is_old { 3 } else { NULLS.len() }).chain(&NULLS_OF_BOTH);
    let mut metadata: Map<String, Value> = nulls.map(|name| ((*name).to_owned(), Value::Null)).collect();
    let known = [
        ("usage_object", usage_object(call)),
        ("user_api_key", (*call.api_key).into()),
        ("user_api_key_alias", json!(alias(keys, &call.api_key))),
        ("user_api_key_org_id", given(&call.organization_id)),
        ("user_api_key_team_id", given(&call.team_id)),
        ("user_api_key_team_alias", json!(alias(teams, &call.team_id))),
        ("user_api_key_user_id", given(&call.user_id)),
        ("model_map_information", json!({"model_map_key": call.model, "model_map_value": null})),
        ("additional_usage_values", additional(call)),
    ];
    metadata.extend(known.map(|(name, value)| (name.to_owned(), value)));
    if !is_old {
        let newer = [
            ("status", Value::Null),
            ("litellm_call_id", (*call.call_id).into()),
            ("cost_breakdown", cost_breakdown(call)),
            ("litellm_roi_estimator", false.into()),
            ("requester_ip_address", given(&call.rest.requester_ip)),
        ];
        metadata.extend(newer.map(|(name, value)| (name.to_owned(), value)));
    }
    if let Some(said) = spend_logs_metadata(call) {
        metadata.insert("spend_logs_metadata".to_owned(), said);
    }
    if call.is_failure() {
        metadata.insert("status".to_owned(), "failure".into());
        metadata.insert("error_information".to_owned(), error_information(call));
    }
    Value::Object(metadata)
}

/// What the client has said of it, if it has.
fn spend_logs_metadata(call: &Call) -> Option<Value> {
    let said = &call.rest.spend_logs_metadata;
    if said.is_empty() { None } else { serde_json::from_str(said).ok() }
}

fn usage_object(call: &Call) -> Value {
    let detail = |name: &str, tokens: i64| if tokens == 0 { Value::Null } else { object([(name, tokens.into())]) };
    object([
        ("total_tokens", call.total_tokens.into()),
        ("prompt_tokens", call.prompt_tokens.into()),
        ("completion_tokens", call.completion_tokens.into()),
        ("prompt_tokens_details", detail("cached_tokens", call.rest.cache_read_tokens)),
        ("completion_tokens_details", detail("reasoning_tokens", call.rest.reasoning_tokens)),
    ])
}

fn additional(call: &Call) -> Value {
    let values = [
        ("cache_read_input_tokens", call.rest.cache_read_tokens),
        ("cache_creation_input_tokens", call.rest.cache_write_tokens),
    ];
    let told = values.into_iter().filter(|(_, tokens)| *tokens > 0);
    Value::Object(told.map(|(name, tokens)| (name.to_owned(), tokens.into())).collect())
}

fn cost_breakdown(call: &Call) -> Value {
    let Adjustment { discount, margin, fixed, discount_rate, margin_rate } = call.rest.adjustment;
    let original = call.cost.saturating_sub(margin).saturating_add(discount);
    json!({
        "input_cost": dollars(original.saturating_sub(call.rest.output_cost)),
        "total_cost": dollars(call.cost),
        "output_cost": dollars(call.rest.output_cost),
        "service_tier": null,
        "original_cost": dollars(original),
        "data_residency": null,
        "margin_percent": dollars(margin_rate),
        "discount_amount": dollars(discount),
        "tool_usage_cost": 0.0,
        "vertex_location": null,
        "discount_percent": dollars(discount_rate),
        "margin_fixed_amount": dollars(fixed),
        "margin_total_amount": dollars(margin),
    })
}

fn error_information(call: &Call) -> Value {
    object([
        ("error_code", call.status.to_string().into()),
        ("error_class", (*call.rest.error_class).into()),
        ("llm_provider", (*call.provider).into()),
        ("error_message", error_message(call).into()),
        ("traceback", "".into()),
    ])
}

/// What is kept of a failure, as a sentence: a provider's own words are not kept.
fn error_message(call: &Call) -> String {
    let class = if call.rest.error_class.is_empty() { "Error" } else { &*call.rest.error_class };
    let model = if call.model_group.is_empty() { &*call.model } else { &*call.model_group };
    format!("{class}: model={model} was answered with status {}", call.status)
}

/// LiteLLM's words: it looked into no cache where the call failed.
fn cache_hit(call: &Call) -> &'static str {
    match (call.rest.cache_hit, call.is_failure()) {
        (true, _) => "True",
        (false, true) => "False",
        (false, false) => "None",
    }
}

/// Whether no deployment was found for the model.
fn is_unknown(call: &Call) -> bool {
    call.is_failure() && call.model_id.is_empty() && call.provider.is_empty()
}

fn given(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}
