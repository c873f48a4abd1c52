//! `router_settings` over what `litellm_settings` says of the same, over LiteLLM's defaults.

use std::time::Duration;

use super::{Sections, affinity, budgets, fallbacks, retries, strategy};
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{ConditionalRouting, RouterSettings};
use crate::providers::Provider;
use crate::router::needs::Thresholds;
use crate::router::plan::PerErrorClass;

/// How long a latency sample counts unless `ttl` says.
const LATENCY_TTL: Duration = Duration::from_secs(3600);
/// How long a session stays with its deployment unless `deployment_affinity_ttl_seconds` says.
const AFFINITY_TTL: Duration = Duration::from_secs(3600);

/// Everything but the aliases, which are read with the groups.
pub(super) fn read(sections: &Sections<'_>, declared: &[&'static Provider]) -> RouterSettings {
    let router = sections.router;
    let arguments = router.with("routing_strategy_args", |arguments| {
        arguments.check_keys(&keys::ROUTING_STRATEGY_ARGS);
        (arguments.duration("ttl"), arguments.number("lowest_latency_buffer"), confidence(arguments))
    });
    let (ttl, buffer, confidence) = arguments.unwrap_or_default();
    sections.top.with("router", |router| router.check_keys(&keys::ROUTER));
    let retries = retries::read(sections);
    let tag_match_any = router.flag("tag_filtering_match_any").unwrap_or(true);
    RouterSettings {
        strategy: strategy::read(sections),
        latency_ttl: ttl.unwrap_or(LATENCY_TTL),
        lowest_latency_buffer: buffer.unwrap_or(0.0),
        confidence,
        pre_call_checks: router.flag("enable_pre_call_checks").unwrap_or(false),
        tag_filtering: router.flag("enable_tag_filtering").unwrap_or(false).then_some(tag_match_any),
        tag_match_any,
        tag_routing_prefix: router.text("tag_routing_prefix").unwrap_or_default(),
        provider_budgets: budgets::of_providers(router, declared),
        affinity: affinity::read(router),
        group_affinity: affinity::of_groups(router),
        affinity_ttl: router.wait("deployment_affinity_ttl_seconds").unwrap_or(AFFINITY_TTL),
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
        default_priority: router.integer("default_priority").unwrap_or_default(),
        fallbacks: fallbacks::read(sections),
        aliases: std::collections::BTreeMap::new(),
        conditional: conditional(sections),
    }
}

/// Rising, and between 0 and 1, as LiteLLM has them.
fn confidence(arguments: Section<'_>) -> Thresholds {
    let usual = Thresholds::default();
    let read = |key: &str, usual: f64| arguments.number(key).unwrap_or(usual);
    let said = Thresholds {
        low: read("confidence_threshold_low", usual.low),
        medium: read("confidence_threshold_medium", usual.medium),
        high: read("confidence_threshold_high", usual.high),
    };
    if 0.0 < said.low && said.low < said.medium && said.medium < said.high && said.high < 1.0 {
        return said;
    }
    arguments.error("confidence_threshold_low", "the thresholds must rise between 0 and 1: low, medium, high");
    usual
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
