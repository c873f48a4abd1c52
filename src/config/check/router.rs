//! `router_settings` over what `litellm_settings` says of the same, over LiteLLM's defaults.

use std::time::Duration;

use super::{Sections, fallbacks, retries, strategy};
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{ConditionalRouting, RouterSettings};
use crate::router::plan::PerErrorClass;

/// How long a latency sample counts unless `ttl` says.
const LATENCY_TTL: Duration = Duration::from_secs(3600);

/// Everything but the aliases, which are read with the groups.
pub(super) fn read(sections: &Sections<'_>) -> RouterSettings {
    let router = sections.router;
    let arguments = router.with("routing_strategy_args", |arguments| {
        arguments.check_keys(&keys::ROUTING_STRATEGY_ARGS);
        (arguments.duration("ttl"), arguments.number("lowest_latency_buffer"))
    });
    let (ttl, buffer) = arguments.unwrap_or_default();
    sections.top.with("router", |router| router.check_keys(&keys::ROUTER));
    let retries = retries::read(sections);
    RouterSettings {
        strategy: strategy::read(sections),
        latency_ttl: ttl.unwrap_or(LATENCY_TTL),
        lowest_latency_buffer: buffer.unwrap_or(0.0),
        num_retries: retries.num_retries,
        timeout: router.duration("timeout"),
        stream_timeout: router.duration("stream_timeout"),
        retry_after: retries.retry_after,
        backoff_factor: retries.backoff_factor,
        retry_policy: retries.policy,
        model_group_retry_policy: retries.group_policies,
        allowed_fails: router.small_count("allowed_fails").or_else(|| sections.litellm.small_count("allowed_fails")),
        allowed_fails_policy: router.with("allowed_fails_policy", allowed_fails_policy),
        cooldown_time: router.duration("cooldown_time"),
        disable_cooldowns: router.flag("disable_cooldowns").unwrap_or(false),
        default_max_parallel_requests: router.count("default_max_parallel_requests"),
        fallbacks: fallbacks::read(sections),
        aliases: std::collections::BTreeMap::new(),
        conditional: conditional(sections),
    }
}

fn allowed_fails_policy(policy: Section<'_>) -> PerErrorClass {
    policy.check_keys(&keys::ALLOWED_FAILS_POLICY);
    retries::per_class(&policy, "AllowedFails")
}

fn conditional(sections: &Sections<'_>) -> ConditionalRouting {
    let at = |section: Section<'_>| ConditionalRouting {
        cost_threshold: section.number("cost_threshold"),
        context_threshold: section.count("context_threshold"),
    };
    let top = at(sections.top);
    let router = sections.top.with("router", at).unwrap_or_default();
    ConditionalRouting {
        cost_threshold: router.cost_threshold.or(top.cost_threshold),
        context_threshold: router.context_threshold.or(top.context_threshold),
    }
}
