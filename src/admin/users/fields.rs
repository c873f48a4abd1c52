//! What a request may say of a user.

use crate::admin::fields::{Field, Shape, field};

/// LiteLLM's roles and their aliases.
const ROLES: &[&str] = &[
    "proxy_admin",
    "proxy_admin_viewer",
    "org_admin",
    "internal_user",
    "internal_user_viewer",
    "team",
    "customer",
    "admin",
    "internal",
    "external",
];

/// Members that stand in the document as they were said.
pub const STORED: &[Field] = &[
    field("user_email", Shape::Text),
    field("user_alias", Shape::Text),
    field("team_id", Shape::Text),
    field("user_role", Shape::OneOf(ROLES)),
    field("sso_user_id", Shape::Text),
    field("models", Shape::Texts),
    field("max_budget", Shape::Number),
    field("soft_budget", Shape::Number),
    field("tpm_limit", Shape::Whole),
    field("rpm_limit", Shape::Whole),
    field("max_parallel_requests", Shape::Whole),
    field("metadata", Shape::Object),
    field("allowed_cache_controls", Shape::Texts),
    field("policies", Shape::Texts),
    field("model_max_budget", Shape::Object),
    field("budget_limits", Shape::List),
    field("object_permission", Shape::Object),
    field("budget_id", Shape::Text),
];

/// Members that stand in the document's `metadata`, where LiteLLM keeps them.
pub const IN_METADATA: &[Field] = &[
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("guardrails", Shape::Texts),
    field("tags", Shape::Texts),
];

/// Members that are read on their own.
pub const OTHERS: &[Field] =
    &[field("user_id", Shape::Text), field("spend", Shape::Number), field("budget_duration", Shape::Text)];

/// Members that only a new user has, some of them for the key that is made with it.
pub const OF_NEW: &[Field] = &[
    field("auto_create_key", Shape::Flag),
    field("teams", Shape::List),
    field("organizations", Shape::Texts),
    field("organization_id", Shape::Text),
    field("key", Shape::Text),
    field("key_alias", Shape::Text),
    field("duration", Shape::Text),
    field("aliases", Shape::Object),
    field("config", Shape::Object),
    field("permissions", Shape::Object),
    field("blocked", Shape::Flag),
    field("allowed_routes", Shape::Texts),
];

/// What users may change of themselves.
pub const OWN: [&str; 3] = ["user_id", "user_email", "user_alias"];

/// All that may be said when a user is made or changed, and further members of one route.
pub fn all_with(further: &[Field]) -> Vec<Field> {
    [STORED, IN_METADATA, OTHERS, further].concat()
}
