//! `optional_pre_call_checks` and `model_group_affinity_config`: what is remembered of a request, so that the next one of
//! its kind goes to the same deployment.

use std::collections::BTreeMap;

use crate::config::Affinity;
use crate::config::raw::section::{Section, suggestion};

const CHECKS: [&str; 3] = ["prompt_caching", "session_affinity", "deployment_affinity"];
/// Done in any case: a stored conversation is continued where it is stored, and who has no money left is not asked.
const ALWAYS: [&str; 2] = ["responses_api_deployment_check", "router_budget_limiting"];
/// LiteLLM's others.
const LATER: [&str; 3] = ["enforce_model_rate_limits", "encrypted_content_affinity", "forward_client_headers"];

/// For all groups.
pub(super) fn read(router: Section<'_>) -> Affinity {
    checks(router, "optional_pre_call_checks")
}

/// For single groups, in place of the general ones.
pub(super) fn of_groups(router: Section<'_>) -> BTreeMap<String, Affinity> {
    let read = |groups: Section<'_>| groups.map().keys().map(|group| (group.clone(), checks(groups, group))).collect();
    router.with("model_group_affinity_config", read).unwrap_or_default()
}

fn checks(section: Section<'_>, key: &str) -> Affinity {
    let names = section.texts(key);
    for name in names.iter().map(String::as_str).filter(|name| !CHECKS.contains(name) && !ALWAYS.contains(name)) {
        if LATER.contains(&name) {
            section.warning(key, format!("{name}: accepted, has no effect yet"));
        } else {
            let known = CHECKS.into_iter().chain(ALWAYS).chain(LATER);
            section.warning(key, format!("unknown check, ignored{}", suggestion(name, known)));
        }
    }
    let [prompt, session, by_key] = CHECKS.map(|check| names.iter().any(|name| name == check));
    Affinity { session, prompt, key: by_key }
}
