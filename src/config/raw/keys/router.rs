//! `router_settings`, and `router` of a tutorial.

use super::{Known, Unknown};

/// Arguments of LiteLLM's router.
pub(in crate::config) const ROUTER_SETTINGS: Known = Known {
    live: "\
        allowed_fails allowed_fails_policy content_policy_fallbacks context_window_fallbacks cooldown_time \
        default_fallbacks default_max_parallel_requests default_priority deployment_affinity_ttl_seconds \
        disable_cooldowns enable_health_check_routing enable_pre_call_checks enable_tag_filtering fallbacks max_fallbacks model_group_affinity_config model_group_alias \
        model_group_retry_policy num_retries optional_pre_call_checks provider_budget_config redis_db redis_host redis_password redis_port \
        redis_ssl redis_url redis_username retry_after retry_policy routing_strategy routing_strategy_args \
        stream_timeout tag_filtering_match_any tag_routing_prefix timeout",
    later: "\
        alerting_config assistants_config async_only_mode cache_kwargs cache_responses caching_groups client_ttl \
        debug_level default_litellm_params enable_weighted_failover fallback_on_unsupported_params guardrail_list \
        health_check_staleness_threshold ignore_invalid_deployments max_retries pass_through_all_models \
        polling_interval router_general_settings routing_groups search_tools set_verbose \
        weights",
    notes: &[
        ("load_balancing", "not a key of LiteLLM; read as groups whose members are groups"),
        ("fallback_config", "not a key of LiteLLM; read as fallbacks, num_retries and retry_after"),
    ],
    unknown: Unknown::Error,
};

/// One of `provider_budget_config` or `tag_budget_config`.
pub(in crate::config) const NAMED_BUDGET: Known = Known {
    live: "\
        budget_duration budget_limit max_budget time_period",
    later: "\
        budget_id max_parallel_requests rpm_limit soft_budget tpm_limit",
    notes: &[],
    unknown: Unknown::Warning,
};

/// `routing_strategy_args`.
pub(in crate::config) const ROUTING_STRATEGY_ARGS: Known = Known {
    live: "\
        confidence_threshold_high confidence_threshold_low confidence_threshold_medium lowest_latency_buffer ttl",
    later: "",
    notes: &[
        ("max_latency_list_size", "no effect: latencies are averaged over time here, a list is not kept"),
        ("rolling_window_size", "no effect: latencies are averaged over time here, a window is not kept"),
    ],
    unknown: Unknown::Warning,
};

/// `retry_policy`; LiteLLM ignores unknown keys here.
pub(in crate::config) const RETRY_POLICY: Known = Known {
    live: "\
        AuthenticationErrorRetries BadRequestErrorRetries ContentPolicyViolationErrorRetries DefaultRetries \
        InternalServerErrorRetries NotFoundErrorRetries RateLimitErrorRetries ServiceUnavailableErrorRetries \
        TimeoutErrorRetries",
    later: "",
    notes: &[
        ("max_retries", "not a key of LiteLLM here; read as num_retries"),
        ("num_retries", "not a key of LiteLLM here; read as router_settings.num_retries"),
        ("backoff_factor", "not a key of LiteLLM; read as how much each pause is longer than the one before"),
    ],
    unknown: Unknown::Warning,
};

/// `allowed_fails_policy`; LiteLLM ignores unknown keys here.
pub(in crate::config) const ALLOWED_FAILS_POLICY: Known = Known {
    live: "\
        AuthenticationErrorAllowedFails BadRequestErrorAllowedFails ContentPolicyViolationErrorAllowedFails \
        InternalServerErrorAllowedFails RateLimitErrorAllowedFails TimeoutErrorAllowedFails",
    later: "\
        BadGatewayErrorAllowedFails NotFoundErrorAllowedFails ServiceUnavailableErrorAllowedFails",
    notes: &[],
    unknown: Unknown::Warning,
};

/// `router`, of a tutorial.
pub(in crate::config) const ROUTER: Known = Known {
    live: "\
        context_threshold cost_threshold routing_strategy type weights",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `fallback_config[i]`, of a tutorial.
pub(in crate::config) const FALLBACK_CONFIG: Known = Known {
    live: "\
        fallback_to model_name retry_attempts retry_delay",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// `load_balancing[i]`, of a tutorial.
pub(in crate::config) const LOAD_BALANCING: Known = Known {
    live: "\
        model_name models weights",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};
