//! Money of providers, deployments and tags: `provider_budget_config`, `max_budget` of an entry, `tag_budget_config`.

use std::collections::BTreeMap;

use crate::config::Budget;
use crate::config::raw::keys;
use crate::config::raw::section::{Section, kind, suggestion};
use crate::limiter::Window;
use crate::providers::infer::known;
use crate::providers::{Provider, names};

/// What stands behind each name. `whose` says whom a name means; `None`: nobody, and why is told.
fn by_name(
    section: Section<'_>,
    key: &str,
    mut whose: impl FnMut(Section<'_>, &str) -> Option<String>,
) -> BTreeMap<String, Budget> {
    let all = section.with(key, |named| {
        let read = |(name, value): (&String, &serde_json::Value)| {
            if !value.is_object() {
                named.error(name, format!("expected a budget_limit and a time_period, found {}", kind(value)));
            }
            let whose = whose(named, name);
            let budget = named.with(name, |entry| {
                entry.check_keys(&keys::NAMED_BUDGET);
                let max_budget = entry.number("budget_limit").or_else(|| entry.number("max_budget"));
                if max_budget.is_none() {
                    entry.error("budget_limit", "is missing");
                }
                let budget_duration = period(entry, "time_period").or_else(|| period(entry, "budget_duration"));
                Budget { max_budget, budget_duration }
            });
            whose.zip(budget)
        };
        named.map().iter().filter_map(read).collect()
    });
    all.unwrap_or_default()
}

/// `provider_budget_config`, by the names of the table: a provider may be called by another one.
pub(super) fn of_providers(router: Section<'_>, declared: &[&'static Provider]) -> BTreeMap<String, Budget> {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    by_name(router, "provider_budget_config", |named, name| {
        let Some(provider) = known(name, declared) else {
            named.warning(name, format!("no provider has this name{}", suggestion(name, names())));
            return Some(name.to_owned());
        };
        if let Some(other) = seen.insert(provider.name, name.to_owned()) {
            named.error(name, format!("is the same provider as {other:?}, which has a budget already"));
            return None;
        }
        Some(provider.name.to_owned())
    })
}

/// `tag_budget_config`.
pub(super) fn of_tags(litellm: Section<'_>) -> BTreeMap<String, Budget> {
    by_name(litellm, "tag_budget_config", |_, name| Some(name.to_owned()))
}

/// `max_budget` and `budget_duration` of an entry.
pub(super) fn of_deployment(params: Section<'_>) -> Budget {
    let budget = Budget { max_budget: params.number("max_budget"), budget_duration: period(params, "budget_duration") };
    if budget.max_budget.is_some() && budget.budget_duration.is_none() {
        params.warning(
            "max_budget",
            "has no budget_duration: it is never spent anew (LiteLLM does not look at such a one)",
        );
    }
    budget
}

/// A period as it was said, once it is known to be one.
fn period(entry: Section<'_>, key: &str) -> Option<String> {
    let text = entry.text(key)?;
    if Window::parse(&text).is_none() {
        entry.error(key, "is no period such as 30s, 12h, 1d, 30d, 1mo");
        return None;
    }
    Some(text)
}
