//! `os.environ/NAME` and its cousins are replaced by what the environment says, everywhere in the tree.
//!
//! | written | meaning |
//! |---|---|
//! | `os.environ/NAME` as the whole text | LiteLLM's own form |
//! | `env/NAME` as the whole text | tutorials write it so |
//! | `${NAME}`, also inside a text | tutorials write it so |
//!
//! `environment_variables:` is seen by these look-ups as if it were exported; the process's environment is never
//! changed, because other threads may read it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::problems::Problems;
use crate::config::Env;

/// The environment with what the file adds to it.
pub(in crate::config) struct Overlay<'a> {
    exported: HashMap<String, String>,
    process: &'a dyn Env,
    /// `env:` of a Helm values file: what the container would be started with.
    container: HashMap<String, String>,
}

impl<'a> Overlay<'a> {
    /// Nothing added yet.
    pub fn new(process: &'a dyn Env) -> Self {
        Self { exported: HashMap::new(), process, container: HashMap::new() }
    }

    /// What the file adds, without the process's environment.
    pub fn added(&self) -> (HashMap<String, String>, HashMap<String, String>) {
        (self.exported.clone(), self.container.clone())
    }

    /// The same additions over an environment.
    pub fn with(
        process: &'a dyn Env,
        (exported, container): (HashMap<String, String>, HashMap<String, String>),
    ) -> Self {
        Self { exported, process, container }
    }

    /// Adds `env: [{name, value}]` and then `environment_variables: {name: value}`, whose values may be references.
    pub fn read(mut self, root: &Map<String, Value>, problems: &Problems) -> Self {
        for entry in root.get("env").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(Value::String(name)), Some(value)) = (entry.get("name"), entry.get("value").and_then(plain)) {
                self.container.insert(name.clone(), value);
            }
        }
        if let Some(Value::Object(variables)) = root.get("environment_variables") {
            for (name, value) in variables {
                let path = super::join("environment_variables", name);
                let mut value = value.clone();
                resolve(&mut value, &path, &self, problems);
                match plain(&value) {
                    Some(value) => drop(self.exported.insert(name.clone(), value)),
                    None if value.is_null() => {}
                    None => problems.error(&path, "expected text, a number or a boolean"),
                }
            }
        }
        self
    }
}

impl Env for Overlay<'_> {
    /// LiteLLM exports `environment_variables` over what is there; a container's `env` stands under it.
    fn get(&self, name: &str) -> Option<String> {
        let exported = self.exported.get(name).cloned();
        exported.or_else(|| self.process.get(name)).or_else(|| self.container.get(name).cloned())
    }
}

/// A scalar as an environment variable holds it.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Replaces the references in a tree. An unset variable leaves `null` and a warning; inside a longer text the
/// reference stays as it is.
pub(in crate::config) fn resolve(value: &mut Value, path: &str, env: &dyn Env, problems: &Problems) {
    match value {
        Value::String(text) => {
            if let Some(resolved) = resolve_text(text, path, env, problems) {
                *value = resolved;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                resolve(item, &format!("{path}[{index}]"), env, problems);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                resolve(item, &super::join(path, key), env, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn resolve_text(text: &str, path: &str, env: &dyn Env, problems: &Problems) -> Option<Value> {
    if let Some(name) = whole_reference(text) {
        let found = env.get(name);
        if found.is_none() {
            problems.warning(path, format!("the environment variable {name} is not set"));
        }
        return Some(found.map_or(Value::Null, Value::String));
    }
    text.contains("${").then(|| Value::String(interpolate(text, path, env, problems)))
}

/// The variable's name when the text is nothing but a reference.
fn whole_reference(text: &str) -> Option<&str> {
    ["os.environ/", "env/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .or_else(|| text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')))
        .filter(|name| is_variable_name(name))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn interpolate(text: &str, path: &str, env: &dyn Env, problems: &Problems) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        resolved.push_str(before);
        let name = behind.split_once('}').map(|(name, _)| name).filter(|name| is_variable_name(name));
        let value = name.and_then(|name| env.get(name));
        match (name, value) {
            (Some(name), Some(value)) => {
                resolved.push_str(&value);
                rest = behind.get(name.len() + 1..).unwrap_or_default();
            }
            (name, _) => {
                if let Some(name) = name {
                    problems.warning(path, format!("the environment variable {name} is not set"));
                }
                resolved.push_str("${");
                rest = behind;
            }
        }
    }
    resolved.push_str(rest);
    resolved
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn env() -> HashMap<String, String> {
        [("KEY", "sk-1"), ("HOST", "vllm")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn every_form_is_replaced() {
        for (written, expected, warnings) in [
            (json!("os.environ/KEY"), json!("sk-1"), 0),
            (json!("env/KEY"), json!("sk-1"), 0),
            (json!("${KEY}"), json!("sk-1"), 0),
            (json!("http://${HOST}:80/${KEY}"), json!("http://vllm:80/sk-1"), 0),
            (json!({"a": [{"b": "os.environ/KEY"}]}), json!({"a": [{"b": "sk-1"}]}), 0),
            (json!("os.environ/NONE"), json!(null), 1),
            (json!("env/NONE"), json!(null), 1),
            (json!("${NONE}"), json!(null), 1),
            (json!("http://${NONE}/"), json!("http://${NONE}/"), 1),
            (json!("env/not-a-name"), json!("env/not-a-name"), 0),
            (json!("see os.environ/KEY"), json!("see os.environ/KEY"), 0),
            (json!("a ${ b ${} ${"), json!("a ${ b ${} ${"), 0),
            (json!("${${KEY}}"), json!("${sk-1}"), 0),
        ] {
            let problems = Problems::default();
            let mut value = written.clone();
            resolve(&mut value, "x", &env(), &problems);
            assert_eq!((value, problems.into_list().len()), (expected, warnings), "{written}");
        }
    }

    #[test]
    fn the_files_own_variables_are_seen() {
        let root = json!({
            "env": [{"name": "HOST", "value": "from-container"}, {"name": "C", "value": "c"}],
            "environment_variables": {"KEY": "from-file", "N": 5, "COPY": "os.environ/HOST"},
        });
        let process = env();
        let problems = Problems::default();
        let overlay = Overlay::new(&process).read(root.as_object().unwrap(), &problems);
        for (name, expected) in [
            ("KEY", Some("from-file")),
            ("N", Some("5")),
            ("COPY", Some("vllm")),
            ("HOST", Some("vllm")),
            ("C", Some("c")),
        ] {
            assert_eq!(overlay.get(name).as_deref(), expected, "{name}");
        }
    }
}
