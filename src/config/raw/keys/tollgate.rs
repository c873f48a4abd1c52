//! `tollgate`, our own section.

use super::{Known, Unknown};

/// Our own settings.
pub(in crate::config) const TOLLGATE: Known = Known {
    live: "\
        access_log data_dir h2c hedging keys_without_store litellm_compat log_format max_in_flight overload providers \
        rate_limits_without_redis rescue spend_journal_size_mb threads timeouts upstream_keepalive",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// An entry of `tollgate.providers`.
pub(in crate::config) const PROVIDER: Known = Known {
    live: "\
        auth_header auth_prefix base_url completions_api dialect key_env name paths renames responses_api",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `tollgate.overload`.
pub(in crate::config) const OVERLOAD: Known = Known {
    live: "\
        adaptive_concurrency queue_length queue_wait",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `tollgate.timeouts`.
pub(in crate::config) const TIMEOUTS: Known = Known {
    live: "\
        between_bytes client_body client_keepalive client_write connect first_byte total",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `tollgate.upstream_keepalive`.
pub(in crate::config) const UPSTREAM_KEEPALIVE: Known = Known {
    live: "\
        idle pool_size",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `tollgate.rescue`.
pub(in crate::config) const RESCUE: Known = Known {
    live: "\
        adaptive_first_token hold_bytes refusals_use_fallbacks stall streams",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};
