//! A key as LiteLLM shows it.

use serde_json::{Map, Value, json};

use crate::admin::columns::Absent::{False, List, NoMoney, Object as Dict, Zero};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::error::Compat;
use crate::store::Object;

/// `LiteLLM_VerificationToken` as a dictionary, without `token`: `/key/info`, `/key/update`.
pub const ROW: &[Column] = &[
    column("key_name"),
    column("key_alias"),
    column("soft_budget_cooldown").or(False),
    column("spend").or(NoMoney),
    column("total_spend").or(NoMoney).new(),
    column("expires").time(),
    column("models").or(List),
    column("aliases").or(Dict),
    column("config").or(Dict),
    column("router_settings").or(Dict).new(),
    column("user_id"),
    column("team_id"),
    column("agent_id").new(),
    column("project_id").new(),
    column("permissions").or(Dict),
    column("max_parallel_requests"),
    column("metadata").or(Dict),
    column("blocked"),
    column("tpm_limit"),
    column("rpm_limit"),
    column("tpd_limit").new(),
    column("max_budget"),
    column("budget_duration"),
    column("budget_reset_at").time(),
    column("allowed_cache_controls").or(List),
    column("allowed_routes").or(List),
    column("key_type").new(),
    column("policies").or(List).new(),
    column("access_group_ids").or(List).new(),
    column("model_spend").or(Dict),
    column("model_max_budget").or(Dict),
    column("budget_fallbacks").or(Dict).new(),
    column("budget_id"),
    column("organization_id"),
    column("object_permission_id"),
    column("created_at").time(),
    column("created_by"),
    column("updated_at").time(),
    column("updated_by"),
    column("settings_updated_at").time().new(),
    column("last_active").time().new(),
    column("rotation_count").or(Zero),
    column("auto_rotate").or(False),
    column("rotation_interval"),
    column("last_rotation_at").time(),
    column("key_rotation_at").time(),
    column("budget_limits").new(),
    column("litellm_budget_table"),
    column("litellm_organization_table"),
    column("litellm_project_table").new(),
    column("object_permission"),
    column("jwt_key_mappings").new(),
];

/// The same as a Pydantic model: `/key/block`, and the first part of `/key/list`.
pub const MODEL: &[Column] = &[
    column("token"),
    column("key_name"),
    column("key_alias"),
    column("spend").or(NoMoney),
    column("total_spend").or(NoMoney).new(),
    column("max_budget"),
    column("expires"),
    column("models").or(List),
    column("aliases").or(Dict),
    column("config").or(Dict),
    column("user_id"),
    column("team_id"),
    column("agent_id").new(),
    column("project_id").new(),
    column("max_parallel_requests"),
    column("metadata").or(Dict),
    column("tpm_limit"),
    column("rpm_limit"),
    column("tpd_limit").new(),
    column("budget_duration"),
    column("budget_reset_at"),
    column("allowed_cache_controls").or(List),
    column("allowed_routes").or(List),
    column("key_type").new(),
    column("permissions").or(Dict),
    column("model_spend").or(Dict),
    column("model_max_budget").or(Dict),
    column("budget_fallbacks").or(Dict).new(),
    column("soft_budget_cooldown").or(False),
    column("blocked"),
    column("litellm_budget_table"),
    column("budget_id").new(),
    column("org_id"),
    column("created_at"),
    column("created_by"),
    column("updated_at"),
    column("updated_by"),
    column("settings_updated_at").new(),
    column("last_active").new(),
    column("object_permission_id"),
    column("object_permission"),
    column("access_group_ids").or(List).new(),
    column("rotation_count").or(Zero),
    column("auto_rotate").or(False),
    column("rotation_interval"),
    column("last_rotation_at"),
    column("key_rotation_at"),
    column("router_settings").or(Dict).new(),
    column("budget_limits").new(),
];

/// What `/key/list` says beyond [`MODEL`]: LiteLLM's view of a caller, mostly empty there.
pub const AS_CALLER: &[Column] = &[
    column("team_spend"),
    column("team_alias"),
    column("team_tpm_limit"),
    column("team_rpm_limit"),
    column("team_tpd_limit").new(),
    column("team_max_budget"),
    column("team_soft_budget").new(),
    column("team_model_max_budget").new(),
    column("team_models").or(List),
    column("team_blocked").or(False),
    column("soft_budget"),
    column("team_model_aliases"),
    column("team_member"),
    column("team_metadata"),
    column("team_object_permission_id"),
    column("team_member_spend"),
    column("team_member_tpm_limit"),
    column("team_member_rpm_limit"),
    column("end_user_id"),
    column("end_user_tpm_limit"),
    column("end_user_rpm_limit"),
    column("end_user_tpd_limit").new(),
    column("end_user_max_budget"),
    column("end_user_model_max_budget").new(),
    column("organization_alias").new(),
    column("organization_max_budget"),
    column("organization_tpm_limit"),
    column("organization_rpm_limit"),
    column("organization_metadata"),
    column("project_alias").new(),
    column("project_metadata").new(),
    column("last_refreshed_at"),
    column("api_key"),
    column("user_role"),
    column("allowed_model_region"),
    column("parent_otel_span"),
    column("rpm_limit_per_model"),
    column("tpm_limit_per_model"),
    column("user_tpm_limit"),
    column("user_rpm_limit"),
    column("user_email"),
    column("user_spend").new(),
    column("user_max_budget").new(),
    column("user_model_max_budget").new(),
    column("request_route"),
    column("is_session_token").or(False).new(),
    column("user").new(),
    column("created_by_user").new(),
    column("end_user_object_permission").new(),
    column("team_object_permission").new(),
    column("jwt_claims").new(),
];

/// What a new key is answered with.
pub const GENERATED: &[Column] = &[
    column("key_alias"),
    column("duration"),
    column("models").or(List),
    column("spend").or(NoMoney),
    column("max_budget"),
    column("user_id"),
    column("team_id"),
    column("agent_id").new(),
    column("max_parallel_requests"),
    column("metadata").or(Dict),
    column("tpm_limit"),
    column("rpm_limit"),
    column("budget_duration"),
    column("budget_limits").new(),
    column("allowed_cache_controls").or(List),
    column("config").or(Dict),
    column("permissions").or(Dict),
    column("model_max_budget").or(Dict),
    column("budget_fallbacks").or(Dict).new(),
    column("model_rpm_limit"),
    column("model_tpm_limit"),
    column("mcp_rpm_limit").new(),
    column("tag_rpm_limit").new(),
    column("guardrails"),
    column("policies").new(),
    column("prompts"),
    column("blocked"),
    column("aliases").or(Dict),
    column("object_permission"),
    column("key"),
    column("tpd_limit").new(),
    column("default_estimated_output_tokens").new(),
    column("default_estimated_output_tokens_per_model").new(),
    column("budget_id"),
    column("end_user_budget_id").new(),
    column("tags"),
    column("disable_global_guardrails").new(),
    column("enable_prompt_caching").new(),
    column("throttle_on_budget_exceeded").new(),
    column("enforced_params"),
    column("allowed_routes").or(List),
    column("allowed_passthrough_routes"),
    column("denied_passthrough_routes").new(),
    column("allowed_vector_store_indexes"),
    column("rpm_limit_type"),
    column("tpm_limit_type"),
    column("router_settings").new(),
    column("access_group_ids").or(List).new(),
    column("key_name"),
    column("key_type").new(),
    column("expires"),
    column("token_id"),
    column("organization_id"),
    column("project_id").new(),
    column("litellm_budget_table"),
    column("token"),
    column("created_by"),
    column("updated_by"),
    column("created_at"),
    column("updated_at"),
];

/// The members of `router_settings` in the answer to a new key, all of them `null` but for one.
const ROUTER_SETTINGS: [&str; 19] = [
    "routing_strategy_args",
    "routing_strategy",
    "routing_groups",
    "retry_policy",
    "model_group_retry_policy",
    "model_group_affinity_config",
    "allowed_fails",
    "cooldown_time",
    "num_retries",
    "timeout",
    "max_retries",
    "retry_after",
    "fallbacks",
    "context_window_fallbacks",
    "model_group_alias",
    "enable_tag_filtering",
    "weights",
    "tag_routing_prefix",
    "optional_pre_call_checks",
];

/// One key as `/key/list` and `/key/block` show it. `shown` is the document with spend and times.
pub fn model(key: &Object, mut shown: Map<String, Value>, compat: Compat, as_caller: bool) -> Map<String, Value> {
    shown.insert("token".to_owned(), json!(key.id));
    if let Some(organization) = shown.get("organization_id").cloned() {
        shown.insert("org_id".to_owned(), organization);
    }
    let mut model = row(MODEL, &shown, compat, Clockface::Zulu);
    if as_caller {
        model.extend(row(AS_CALLER, &shown, compat, Clockface::Zulu));
    }
    model
}

/// The answer to a new key: what is known of it, what LiteLLM keeps in `metadata` beside it too, the plain key.
pub fn generated(key: &Object, plain: &str, mut shown: Map<String, Value>, compat: Compat) -> Map<String, Value> {
    let metadata = shown.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in super::fields::IN_METADATA {
        if let Some(value) = metadata.get(field.name) {
            shown.entry(field.name).or_insert_with(|| value.clone());
        }
    }
    let settings = shown.get("router_settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let settings = ROUTER_SETTINGS.map(|name| {
        let absent = if name == "model_group_alias" { json!({}) } else { Value::Null };
        (name.to_owned(), settings.get(name).cloned().unwrap_or(absent))
    });
    shown.insert("router_settings".to_owned(), Value::Object(settings.into_iter().collect()));
    for (name, value) in [("key", plain), ("token", &key.id), ("token_id", &key.id)] {
        shown.insert(name.to_owned(), json!(value));
    }
    row(GENERATED, &shown, compat, Clockface::Zulu)
}
