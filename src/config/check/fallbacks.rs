//! Fallbacks in every spelling become one form: group → where to, in order.
//!
//! | written | by | meaning |
//! |---|---|---|
//! | `[{"a": ["b", "c"]}]` | LiteLLM | a → b, c |
//! | `[["a", "b"], …]` | tutorials | a → b |
//! | `["a", "b", "c"]` | tutorials | a chain: a → b, c and b → c |
//! | `fallback_config: [{model_name: a, fallback_to: [b]}]` | tutorials | a → b |

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Sections;
use super::groups::is_known;
use crate::config::raw::keys;
use crate::config::raw::section::{Section, kind};
use crate::config::{Deployment, RouterSettings, VirtualGroup};
use crate::router::fallback::{ByModel, Fallback, FallbackLists, MAX_FALLBACKS};

/// Members behind a member of a chain that it falls back to; no more hops are made anyway.
const CHAIN_LIMIT: usize = 5;

/// `router_settings` wins over `litellm_settings`, list by list.
pub(super) fn read(sections: &Sections<'_>) -> FallbackLists {
    let either = |key: &str| if sections.router.get(key).is_some() { sections.router } else { sections.litellm };
    let map = |key: &str| targets_by_group(either(key), key);
    let mut general = map("fallbacks");
    for section in [sections.router, sections.top] {
        section.each("fallback_config", |entry| -> Option<()> {
            entry.check_keys(&keys::FALLBACK_CONFIG);
            let targets = entry.texts("fallback_to").into_iter().map(plain);
            general.entry(entry.text("model_name")?).or_default().extend(targets);
            None
        });
    }
    let defaults = either("default_fallbacks");
    let max = either("max_fallbacks").small_count("max_fallbacks");
    FallbackLists {
        general,
        context_window: map("context_window_fallbacks"),
        content_policy: map("content_policy_fallbacks"),
        default: defaults
            .get("default_fallbacks")
            .map(|list| targets(defaults, "default_fallbacks", list))
            .unwrap_or_default(),
        max: max.unwrap_or(MAX_FALLBACKS),
        refusals_anywhere: false,
    }
}

fn targets_by_group(section: Section<'_>, key: &str) -> ByModel {
    let mut all = ByModel::new();
    match section.get(key) {
        Some(Value::Object(map)) => absorb(&mut all, section, key, map),
        Some(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_string) => {
            section.warning(key, "not LiteLLM's form; read as a chain: each falls back to those behind it");
            chain(&mut all, items);
        }
        Some(Value::Array(items)) => {
            if items.iter().any(Value::is_array) {
                section.warning(key, "lists in the list are not LiteLLM's form; read as {first: [the others]}");
            }
            for (index, item) in items.iter().enumerate() {
                match item {
                    Value::Object(map) => absorb(&mut all, section, key, map),
                    Value::Array(pair) => head_and_tail(&mut all, section, key, pair),
                    other => section.error(key, format!("expected a mapping at [{index}], found {}", kind(other))),
                }
            }
        }
        Some(other) => section.error(key, format!("expected a list of mappings, found {}", kind(other))),
        None => {}
    }
    all
}

fn absorb(all: &mut ByModel, section: Section<'_>, key: &str, map: &Map<String, Value>) {
    for (group, list) in map {
        all.entry(group.clone()).or_default().extend(targets(section, key, list));
    }
}

fn chain(all: &mut ByModel, items: &[Value]) {
    let mut rest: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    while rest.len() > 1 {
        let group = rest.remove(0).to_owned();
        all.entry(group).or_default().extend(rest.iter().take(CHAIN_LIMIT).copied().map(plain));
    }
}

fn head_and_tail(all: &mut ByModel, section: Section<'_>, key: &str, pair: &[Value]) {
    match pair.split_first() {
        Some((Value::String(group), tail)) if !tail.is_empty() => {
            let tail = tail.iter().filter_map(|item| target(section, key, item));
            all.entry(group.clone()).or_default().extend(tail);
        }
        _ => section.error(key, "a list in it must name a group and where it falls back to"),
    }
}

fn targets(section: Section<'_>, key: &str, list: &Value) -> Vec<Fallback> {
    match list {
        Value::Array(items) => items.iter().filter_map(|item| target(section, key, item)).collect(),
        single => target(section, key, single).into_iter().collect(),
    }
}

fn target(section: Section<'_>, key: &str, value: &Value) -> Option<Fallback> {
    match value {
        Value::String(model) => return Some(plain(model)),
        Value::Object(map) => {
            let mut params = map.clone();
            if let Some(Value::String(model)) = params.remove("model") {
                return Some(Fallback { model, params });
            }
            section.error(key, "a fallback that is a mapping must name its model");
        }
        other => section.error(key, format!("expected a model's name, found {}", kind(other))),
    }
    None
}

fn plain(model: impl Into<String>) -> Fallback {
    Fallback::to(model)
}

/// A fallback to a name that no group has is most likely a slip.
pub(super) fn warn_about_unknown_groups(
    sections: &Sections<'_>,
    router: &RouterSettings,
    virtual_groups: &[VirtualGroup],
    deployments: &[Deployment],
) {
    let FallbackLists { general, context_window, content_policy, default, .. } = &router.fallbacks;
    let targets = [general, context_window, content_policy].into_iter().flat_map(HashMap::values).flatten();
    let unknown = targets.chain(default).filter(|target| {
        !is_known(&target.model, deployments)
            && !router.aliases.contains_key(&target.model)
            && !virtual_groups.iter().any(|group| group.name == target.model)
    });
    let names: std::collections::BTreeSet<&str> = unknown.map(|target| target.model.as_str()).collect();
    for name in names {
        sections.router.warning("fallbacks", format!("{name:?} is no model of this file"));
    }
}
