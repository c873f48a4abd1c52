//! What a request may say of a team.

use crate::admin::fields::{Field, Shape, field};

/// Members that stand in the team's document as they are said.
pub const OWN: &[Field] = &[
    field("team_alias", Shape::Text),
    field("organization_id", Shape::Text),
    field("team_member_permissions", Shape::Texts),
    field("metadata", Shape::Object),
    field("tpm_limit", Shape::Whole),
    field("rpm_limit", Shape::Whole),
    field("tpd_limit", Shape::Whole),
    field("max_budget", Shape::Number),
    field("soft_budget", Shape::Number),
    field("budget_duration", Shape::Text),
    field("budget_limits", Shape::List),
    field("models", Shape::Texts),
    field("blocked", Shape::Flag),
    field("router_settings", Shape::Object),
    field("access_group_ids", Shape::Texts),
    field("default_team_member_models", Shape::Texts),
    field("max_parallel_requests", Shape::Whole),
    field("model_max_budget", Shape::Object),
    field("policies", Shape::Texts),
    field("allow_team_guardrail_config", Shape::Flag),
    field("object_permission", Shape::Object),
];

/// Members that LiteLLM keeps in the team's `metadata`.
pub const IN_METADATA: &[Field] = &[
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("rpm_limit_type", Shape::Text),
    field("tpm_limit_type", Shape::Text),
    field("tags", Shape::Texts),
    field("guardrails", Shape::Texts),
    field("prompts", Shape::Texts),
    field("enforced_params", Shape::Texts),
    field("allowed_passthrough_routes", Shape::Texts),
    field("team_member_key_duration", Shape::Text),
];

/// What each member has who has no limits of their own: a budget of the team's.
pub const MEMBER_BUDGET: &[Field] = &[
    field("team_member_budget", Shape::Number),
    field("team_member_budget_duration", Shape::Text),
    field("team_member_rpm_limit", Shape::Whole),
    field("team_member_tpm_limit", Shape::Whole),
];

/// The same, as a budget names them.
pub const MEMBER_BUDGET_NAMES: [(&str, &str); 4] = [
    ("team_member_budget", "max_budget"),
    ("team_member_budget_duration", "budget_duration"),
    ("team_member_rpm_limit", "rpm_limit"),
    ("team_member_tpm_limit", "tpm_limit"),
];

/// Other members.
pub const FURTHER: &[Field] = &[field("model_aliases", Shape::Object)];

/// What the admins of a team may change as they like. Of the rest they may lower limits and narrow `models`.
pub const BY_TEAM_ADMIN: [&str; 12] = [
    "team_id",
    "team_alias",
    "metadata",
    "team_member_permissions",
    "default_team_member_models",
    "model_aliases",
    "tags",
    "team_member_key_duration",
    "team_member_budget",
    "team_member_budget_duration",
    "team_member_rpm_limit",
    "team_member_tpm_limit",
];

/// Members of `metadata` that limit the team, so that its admins do not change them.
pub const RESERVED_METADATA: [&str; 10] = [
    "model_rpm_limit",
    "model_tpm_limit",
    "rpm_limit_type",
    "tpm_limit_type",
    "guardrails",
    "prompts",
    "enforced_params",
    "allowed_passthrough_routes",
    "disable_global_guardrails",
    ON_EXCEEDED,
];

/// Members that nobody but a proxy admin changes of a team, nor the admins of its organization: who was given a budget that
/// blocks does not make it one that warns, and what the team's calls go on to is asked of no list of models. Keys have the
/// same among those of [`ADMIN_ONLY`](crate::admin::keys::fields::ADMIN_ONLY).
pub const ADMIN_ONLY: [&str; 1] = ["router_settings"];
/// The same of its `metadata`.
pub const ADMIN_ONLY_METADATA: [&str; 3] = ["allowed_passthrough_routes", "disable_global_guardrails", ON_EXCEEDED];

pub use crate::governance::rows::{MEMBER_BUDGET_ID, ON_EXCEEDED};
