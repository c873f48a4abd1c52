//! Keys, users and teams that a file declares; none of these lists is LiteLLM's.

use super::{Known, Unknown};

/// `key_settings[i]`.
pub(in crate::config) const KEY: Known = Known {
    live: "\
        api_key budget budget_duration key key_alias max_budget models rate_limit rpm_limit tpm_limit",
    later: "\
        duration expires max_parallel_requests metadata team_id user_id",
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
        aliases budget_duration duration max_budget models spend_limit user_email user_id",
    later: "\
        config max_parallel_requests metadata rpm_limit teams tpm_limit user_alias user_role",
    notes: &[],
    unknown: Unknown::Error,
};

/// `teams[i]` and `team_settings[i]`.
pub(in crate::config) const TEAM: Known = Known {
    live: "\
        budget_duration duration max_budget members models spend_limit team_alias team_id",
    later: "\
        callback_vars failure_callback langfuse_host langfuse_public_key langfuse_secret langfuse_secret_key \
        max_parallel_requests members_with_roles metadata rpm_limit success_callback tpm_limit",
    notes: &[],
    unknown: Unknown::Error,
};
