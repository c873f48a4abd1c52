//! What a request may say of a key.

use crate::admin::fields::{Field, Shape, field};
use crate::governance::rows::ON_EXCEEDED;

/// `key_type` and the routes that it stands for.
pub const KEY_TYPES: [(&str, &[&str]); 4] = [
    ("default", &[]),
    ("llm_api", &["llm_api_routes"]),
    ("management", &["management_routes"]),
    ("read_only", &["info_routes"]),
];

const KEY_TYPE_NAMES: &[&str] = &["default", "llm_api", "management", "read_only"];
const LIMIT_TYPES: &[&str] = &["guaranteed_throughput", "best_effort_throughput", "dynamic"];

/// Members that stand in the document as they were said.
pub const STORED: &[Field] = &[
    field("key_alias", Shape::Text),
    field("models", Shape::Texts),
    field("aliases", Shape::Object),
    field("config", Shape::Object),
    field("router_settings", Shape::Object),
    field("user_id", Shape::Text),
    field("team_id", Shape::Text),
    field("agent_id", Shape::Text),
    field("project_id", Shape::Text),
    field("organization_id", Shape::Text),
    field("budget_id", Shape::Text),
    field("permissions", Shape::Object),
    field("max_parallel_requests", Shape::Whole),
    field("blocked", Shape::Flag),
    field("tpm_limit", Shape::Whole),
    field("rpm_limit", Shape::Whole),
    field("tpd_limit", Shape::Whole),
    field("max_budget", Shape::Number),
    field("soft_budget", Shape::Number),
    field("budget_limits", Shape::List),
    field("budget_fallbacks", Shape::Object),
    field("allowed_cache_controls", Shape::Texts),
    field("allowed_routes", Shape::Texts),
    field("key_type", Shape::OneOf(KEY_TYPE_NAMES)),
    field("policies", Shape::Texts),
    field("access_group_ids", Shape::Texts),
    field("model_max_budget", Shape::Object),
    field("object_permission", Shape::Object),
    field("auto_rotate", Shape::Flag),
    field("rotation_interval", Shape::Text),
    field("end_user_budget_id", Shape::Text),
];

/// Members that stand in the document's `metadata`, where LiteLLM keeps them.
pub const IN_METADATA: &[Field] = &[
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("mcp_rpm_limit", Shape::Object),
    field("tag_rpm_limit", Shape::Counts),
    field("tag_tpm_limit", Shape::Counts),
    field("rpm_limit_type", Shape::OneOf(LIMIT_TYPES)),
    field("tpm_limit_type", Shape::OneOf(LIMIT_TYPES)),
    field("guardrails", Shape::Texts),
    field("prompts", Shape::Texts),
    field("tags", Shape::Texts),
    field("enforced_params", Shape::Texts),
    field("temp_budget_increase", Shape::Number),
    field("temp_budget_expiry", Shape::Text),
    field("allowed_passthrough_routes", Shape::Texts),
    field("denied_passthrough_routes", Shape::Texts),
    field("allowed_vector_store_indexes", Shape::List),
    field("disable_global_guardrails", Shape::Flag),
    field("enable_prompt_caching", Shape::Flag),
    field("throttle_on_budget_exceeded", Shape::Flag),
    field("default_estimated_output_tokens", Shape::Whole),
    field("default_estimated_output_tokens_per_model", Shape::Counts),
];

/// Members that are read on their own.
pub const OTHERS: &[Field] = &[
    field("key", Shape::Text),
    field("duration", Shape::Text),
    field("spend", Shape::Number),
    field("budget_duration", Shape::Text),
    field("metadata", Shape::Object),
];

/// Members that nobody but a proxy admin may say: they give what no limit of the giver's bounds, or take a guard away. They
/// may not stand in `metadata` either.
pub const ADMIN_ONLY: [&str; 21] = [
    "spend",
    "config",
    "router_settings",
    "agent_id",
    "project_id",
    "budget_id",
    "end_user_budget_id",
    "permissions",
    "budget_fallbacks",
    "policies",
    "access_group_ids",
    "object_permission",
    "blocked",
    "temp_budget_increase",
    "temp_budget_expiry",
    "allowed_passthrough_routes",
    "denied_passthrough_routes",
    "allowed_vector_store_indexes",
    "disable_global_guardrails",
    "throttle_on_budget_exceeded",
    ON_EXCEEDED,
];

/// Members that the owner of a key may say of it when somebody else made it. What bounds it may only become narrower.
pub const OWNER_MAY: [&str; 13] = [
    "key",
    "key_alias",
    "metadata",
    "tags",
    "models",
    "allowed_routes",
    "key_type",
    "max_budget",
    "budget_duration",
    "max_parallel_requests",
    "rpm_limit",
    "tpm_limit",
    "tpd_limit",
];

/// The routes of a `key_type`.
pub fn routes_of(key_type: &str) -> &'static [&'static str] {
    KEY_TYPES.iter().find(|(name, _)| *name == key_type).map_or(&[], |(_, routes)| routes)
}

/// All that may be said when a key is made or changed, and further members of one route.
pub fn all_with(further: &[Field]) -> Vec<Field> {
    [STORED, IN_METADATA, OTHERS, further].concat()
}
