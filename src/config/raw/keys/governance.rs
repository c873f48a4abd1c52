//! Keys, users and teams that a file declares; none of these lists is LiteLLM's.

use super::{Known, Unknown};

/// `key_settings[i]`.
pub(in crate::config) const KEY: Known = Known {
    live: "\
        api_key budget budget_duration budget_limits duration expires key key_alias max_budget max_parallel_requests \
        metadata models rate_limit rpm_limit team_id tpd_limit tpm_limit user_id",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `key_settings[i].rate_limit`.
pub(in crate::config) const KEY_RATE_LIMIT: Known = Known {
    live: "\
        requests_per_minute tokens_per_minute",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `key_settings[i].budget`.
pub(in crate::config) const KEY_BUDGET: Known = Known {
    live: "\
        daily_limit monthly_limit weekly_limit",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `users[i]`.
pub(in crate::config) const USER: Known = Known {
    live: "\
        aliases budget_duration budget_limits duration max_budget max_parallel_requests metadata models rpm_limit \
        spend_limit teams tpd_limit tpm_limit user_alias user_email user_id user_role",
    later: "\
        config",
    notes: &[],
    unknown: Unknown::Error,
};

/// `teams[i]` and `team_settings[i]`.
pub(in crate::config) const TEAM: Known = Known {
    live: "\
        admins budget_duration budget_limits duration max_budget max_parallel_requests members members_with_roles \
        metadata models rpm_limit spend_limit team_alias team_id team_member_budget team_member_budget_duration \
        team_member_rpm_limit team_member_tpm_limit tpd_limit tpm_limit",
    later: "\
        callback_vars failure_callback langfuse_host langfuse_public_key langfuse_secret langfuse_secret_key \
        success_callback",
    notes: &[],
    unknown: Unknown::Error,
};

/// `teams[i].members[i]`, where it is no user's id.
pub(in crate::config) const MEMBER: Known = Known {
    live: "\
        max_budget_in_team role user_id",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.default_key_generate_params`.
pub(in crate::config) const DEFAULT_KEY: Known = Known {
    live: "\
        budget_duration duration max_budget max_parallel_requests metadata models rpm_limit team_id tpm_limit user_id",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.upperbound_key_generate_params`.
pub(in crate::config) const UPPER_BOUNDS: Known = Known {
    live: "\
        budget_duration duration max_budget max_parallel_requests rpm_limit tpm_limit",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.default_internal_user_params`.
pub(in crate::config) const DEFAULT_USER: Known = Known {
    live: "\
        available_teams budget_duration max_budget max_parallel_requests models rpm_limit teams tpm_limit user_role",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.default_team_params`.
pub(in crate::config) const DEFAULT_TEAM: Known = Known {
    live: "\
        budget_duration max_budget models rpm_limit team_member_permissions tpm_limit",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.key_generation_settings`.
pub(in crate::config) const KEY_GENERATION: Known = Known {
    live: "\
        personal_key_generation team_key_generation",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.key_generation_settings.team_key_generation`.
pub(in crate::config) const TEAM_KEY_GENERATION: Known = Known {
    live: "\
        allowed_team_member_roles required_params",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `litellm_settings.key_generation_settings.personal_key_generation`.
pub(in crate::config) const PERSONAL_KEY_GENERATION: Known = Known {
    live: "\
        allowed_user_roles required_params",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};
