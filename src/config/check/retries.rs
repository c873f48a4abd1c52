//! How often a failed call is sent again: LiteLLM's words, and those of tutorials.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Sections;
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::router::plan::PerErrorClass;

/// LiteLLM's default.
const NUM_RETRIES: u32 = 2;
/// Each pause is twice the one before.
const BACKOFF_FACTOR: f64 = 2.0;

/// All that concerns retries.
pub(super) struct Retries {
    pub num_retries: u32,
    pub retry_after: Duration,
    pub backoff_factor: f64,
    pub policy: PerErrorClass,
    pub group_policies: BTreeMap<String, PerErrorClass>,
}

/// What one `retry_policy` says.
#[derive(Default)]
struct Said {
    policy: PerErrorClass,
    num_retries: Option<u32>,
    backoff_factor: Option<f64>,
}

pub(super) fn read(sections: &Sections<'_>) -> Retries {
    let router = sections.router;
    let said = router.with("retry_policy", policy).unwrap_or_default();
    let mut group_policies = BTreeMap::new();
    router.with("model_group_retry_policy", |groups| {
        for group in groups.map().keys() {
            if let Some(said) = groups.with(group, policy) {
                let default = said.policy.default.or(said.num_retries);
                group_policies.insert(group.clone(), PerErrorClass { default, ..said.policy });
            }
        }
    });
    let config_delay = fallback_config(sections, &mut group_policies);
    let num_retries = router
        .small_count("num_retries")
        .or(said.num_retries)
        .or_else(|| sections.litellm.small_count("num_retries"))
        .unwrap_or(NUM_RETRIES);
    Retries {
        num_retries,
        retry_after: router.duration("retry_after").or(config_delay).unwrap_or_default(),
        backoff_factor: said.backoff_factor.unwrap_or(BACKOFF_FACTOR),
        policy: said.policy,
        group_policies,
    }
}

/// `BadRequestErrorRetries`, `BadRequestErrorAllowedFails` and so on: LiteLLM's error class and what is counted.
pub(super) fn per_class(section: &Section<'_>, counted: &str) -> PerErrorClass {
    let count = |class: &str| section.small_count(&format!("{class}{counted}"));
    PerErrorClass {
        bad_request: count("BadRequestError"),
        authentication: count("AuthenticationError"),
        timeout: count("TimeoutError"),
        rate_limit: count("RateLimitError"),
        content_policy: count("ContentPolicyViolationError"),
        internal_server: count("InternalServerError"),
        service_unavailable: count("ServiceUnavailableError"),
        not_found: count("NotFoundError"),
        default: count("Default"),
    }
}

fn policy(policy: Section<'_>) -> Said {
    policy.check_keys(&keys::RETRY_POLICY);
    let backoff_factor = policy.number("backoff_factor").filter(|factor| {
        let grows = *factor >= 1.0;
        if !grows {
            policy.error("backoff_factor", "must be 1 or more");
        }
        grows
    });
    Said {
        policy: per_class(&policy, "Retries"),
        num_retries: policy.small_count("num_retries").or_else(|| policy.small_count("max_retries")),
        backoff_factor,
    }
}

/// `fallback_config[i].{retry_attempts, retry_delay}`: the attempts are its group's, the longest delay is everybody's.
fn fallback_config(sections: &Sections<'_>, groups: &mut BTreeMap<String, PerErrorClass>) -> Option<Duration> {
    let mut delay = None;
    for section in [sections.router, sections.top] {
        section.each("fallback_config", |entry| -> Option<()> {
            delay = delay.max(entry.duration("retry_delay"));
            let attempts = entry.small_count("retry_attempts")?;
            groups.entry(entry.text("model_name")?).or_default().default.get_or_insert(attempts);
            None
        });
    }
    delay
}
