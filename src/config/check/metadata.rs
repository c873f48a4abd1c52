//! `metadata` of declared keys, users and teams: kept as it stands, but what the gateway reads of it must be readable.

use serde_json::{Map, Value, json};

use crate::config::raw::section::Section;

/// Lists of texts; a text alone is a list of one.
const LISTS: [&str; 2] = ["tags", "enforced_params"];
/// Whole numbers by names.
const COUNTS: [&str; 4] = ["model_rpm_limit", "model_tpm_limit", "tag_rpm_limit", "tag_tpm_limit"];
/// What becomes of a call that is over the budget: a word, or a model.
const ON_EXCEEDED: &str = "on_budget_exceeded";

/// What is said, with what the gateway reads in the form that it reads.
pub(super) fn metadata(entry: Section<'_>) -> Map<String, Value> {
    let read = entry.with("metadata", |said| {
        let mut metadata = said.map().clone();
        for list in LISTS.into_iter().filter(|list| said.get(list).is_some()) {
            metadata.insert(list.to_owned(), json!(said.texts(list)));
        }
        for name in COUNTS {
            if let Some(counts) = said.with(name, counts) {
                metadata.insert(name.to_owned(), Value::Object(counts));
            }
        }
        if let Some(word) = said.text(ON_EXCEEDED) {
            metadata.insert(ON_EXCEEDED.to_owned(), json!(word));
        }
        metadata
    });
    read.unwrap_or_default()
}

fn counts(section: Section<'_>) -> Map<String, Value> {
    let counts = section.map().keys().filter_map(|name| Some((name.clone(), json!(section.count(name)?))));
    counts.collect()
}

/// Adds what was not said before.
pub(super) fn merge(known: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        known.entry(name).or_insert(value);
    }
}
