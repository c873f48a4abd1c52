//! What was said, before anybody asks what it means: documents, their wrappings, references to the environment, and
//! the names that are known in each section.

pub(super) mod documents;
pub(super) mod keys;
pub(super) mod problems;
pub(super) mod references;
pub(super) mod section;
pub(super) mod yaml;

/// The path of a key in a mapping: `a.b`, or `a["b.c"]` where the key itself holds a dot.
fn join(path: &str, key: &str) -> String {
    match (path.is_empty(), key.contains('.') || key.is_empty()) {
        (_, true) => format!("{path}[{key:?}]"),
        (true, false) => key.to_owned(),
        (false, false) => format!("{path}.{key}"),
    }
}
