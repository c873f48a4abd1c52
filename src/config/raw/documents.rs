//! Documents → one mapping. A file may be LiteLLM's `config.yaml`, or the Kubernetes ConfigMap that holds it: what
//! stands in `data` under a name that ends in `.yaml` or `.yml` is read as if it were a file.
//!
//! Several documents, ConfigMaps and included files are joined as LiteLLM joins includes: lists grow, everything else
//! is replaced by the later one.

use serde_json::{Map, Value};

use super::problems::Problems;
use super::yaml::{self, Documents};

/// Reads a text and unwraps what it holds. `place` stands before the paths of problems: empty for the main file.
pub(in crate::config) fn read(text: &str, place: &str, problems: &Problems) -> Map<String, Value> {
    let mut root = Map::new();
    for document in report(yaml::parse(text), place, problems) {
        match document {
            Value::Object(map) if map.contains_key("apiVersion") && map.contains_key("kind") => {
                kubernetes(&map, place, &mut root, problems);
            }
            Value::Object(map) => absorb(&mut root, map, place, problems),
            _ => problems.error(bare(place), "expected a mapping with model_list and its kin"),
        }
    }
    root
}

/// Reports what is wrong with a text as a whole; the documents that are left.
fn report(read: Documents, place: &str, problems: &Problems) -> Vec<Value> {
    for path in read.duplicates {
        problems.warning(&format!("{place}{path}"), "this key stands twice; the last one counts");
    }
    if let Some(error) = read.error {
        problems.error(bare(place), format!("not valid YAML: {}", error.message));
    }
    read.documents
}

/// A place that is the whole path of a problem, not the beginning of one.
fn bare(place: &str) -> &str {
    place.trim_end_matches(": ")
}

fn kubernetes(document: &Map<String, Value>, place: &str, root: &mut Map<String, Value>, problems: &Problems) {
    if document.get("kind").and_then(Value::as_str) != Some("ConfigMap") {
        problems.warning(bare(place), "a Kubernetes document other than a ConfigMap is not read");
        return;
    }
    for (name, text) in document.get("data").and_then(Value::as_object).into_iter().flatten() {
        let Some(text) = text.as_str().filter(|_| name.ends_with(".yaml") || name.ends_with(".yml")) else {
            problems.warning(&format!("{place}data.{name}"), "not a YAML file; not read");
            continue;
        };
        let place = format!("{place}data[{name:?}]: ");
        for document in report(yaml::parse(text), &place, problems) {
            match document {
                Value::Object(map) => absorb(root, map, &place, problems),
                _ => problems.error(bare(&place), "expected a mapping with model_list and its kin"),
            }
        }
    }
}

/// Joins a further mapping into the root.
pub(in crate::config) fn absorb(
    root: &mut Map<String, Value>,
    further: Map<String, Value>,
    place: &str,
    problems: &Problems,
) {
    for (key, value) in further {
        match (root.get_mut(&key), value) {
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (None | Some(Value::Null), value) => drop(root.insert(key, value)),
            (Some(before), value) => {
                problems.warning(&format!("{place}{key}"), "said in two documents; the later one counts");
                *before = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Severity;

    fn check(text: &str, expected: Value, expected_problems: &[(Severity, &str)]) {
        let problems = Problems::default();
        let root = Value::Object(read(text, "", &problems));
        assert_eq!(root, expected, "{text}");
        let found = problems.into_list();
        let found: Vec<_> = found.iter().map(|problem| (problem.severity, problem.path.as_str())).collect();
        assert_eq!(found, expected_problems, "{text}");
    }

    #[test]
    fn a_config_map_is_unwrapped_and_its_neighbours_are_skipped() {
        check(
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    a: [1]\n    b: 2\n  notes.txt: hello\n---\n\
             apiVersion: v1\nkind: Secret\ndata: {K: v}\n---\nc: 3\na: [2]\n",
            json!({"a": [1, 2], "b": 2, "c": 3}),
            &[(Severity::Warning, "data.notes.txt"), (Severity::Warning, "")],
        );
    }

    #[test]
    fn the_later_document_counts() {
        check("a: {x: 1}\n---\na: {y: 2}\n", json!({"a": {"y": 2}}), &[(Severity::Warning, "a")]);
    }

    #[test]
    fn what_is_no_mapping_is_an_error() {
        check("- a\n- b\n", json!({}), &[(Severity::Error, "")]);
        check(
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: '['\n",
            json!({}),
            &[(Severity::Error, "data[\"config.yaml\"]")],
        );
    }
}
