//! One mapping of the file, with its path: typed reading where every wrong type is a problem and never a stop.
//!
//! Messages name what was expected and what kind of thing is there, never the value: it could be a secret.

use std::time::Duration;

use serde_json::{Map, Value};

use super::keys::{Known, Unknown};
use super::problems::Problems;
use crate::config::parse_duration;
use crate::secret::Secret;

/// How alike an unknown key and a known one must be to be suggested (1 = equal).
const SUGGESTION_LIKENESS: f64 = 0.6;

/// A mapping and where it stands.
#[derive(Clone, Copy)]
pub(in crate::config) struct Section<'a> {
    path: &'a str,
    map: &'a Map<String, Value>,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// A mapping at a path.
    pub fn new(path: &'a str, map: &'a Map<String, Value>, problems: &'a Problems) -> Self {
        Self { path, map, problems }
    }

    /// Where problems go.
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// The path of a key in this section.
    pub fn path(&self, key: &str) -> String {
        super::join(self.path, key)
    }

    /// Everything in it.
    pub fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// A value that is there and not `null`.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Reports an error at a key.
    pub fn error(&self, key: &str, message: impl Into<String>) {
        self.problems.error(&self.path(key), message);
    }

    /// Reports a warning at a key.
    pub fn warning(&self, key: &str, message: impl Into<String>) {
        self.problems.warning(&self.path(key), message);
    }

    /// Reports a warning about the mapping as a whole.
    pub fn warning_here(&self, message: impl Into<String>) {
        self.problems.warning(self.path, message);
    }

    /// Another mapping that stands for this one, under the same path.
    pub fn over<'b>(&self, map: &'b Map<String, Value>) -> Section<'b>
    where
        'a: 'b,
    {
        Section { path: self.path, map, problems: self.problems }
    }

    /// Reports every key that is unknown, or known but without effect.
    pub fn check_keys(&self, known: &Known) {
        for (key, _) in self.map.iter().filter(|(_, value)| !value.is_null()) {
            if let Some((_, note)) = known.notes.iter().find(|(name, _)| name == key) {
                self.warning(key, *note);
            } else if known.is_later(key) {
                self.warning(key, "accepted, has no effect yet");
            } else if !known.is_live(key) {
                let suggestion = suggestion(key, known.names());
                match known.unknown {
                    Unknown::Error => self.error(key, format!("unknown key{suggestion}")),
                    Unknown::Warning => self.warning(key, format!("unknown key, ignored{suggestion}")),
                }
            }
        }
    }

    fn typed<T>(&self, key: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.error(key, format!("expected {expected}, found {}", kind(value)));
        }
        read
    }

    /// Text; a number or boolean is taken as its text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.typed(key, "text", text)
    }

    /// Text that is kept in its box; an empty one is none.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).filter(|secret| !secret.is_empty()).map(Secret::new)
    }

    /// A boolean, in YAML's old and new words.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.typed(key, "true or false", flag)
    }

    /// A whole number that is not negative.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.typed(key, "a whole number of 0 or more", whole)
    }

    /// The same for numbers of tries and failures.
    pub fn small_count(&self, key: &str) -> Option<u32> {
        self.typed(key, "a whole number of 0 or more", |value| u32::try_from(whole(value)?).ok())
    }

    /// A whole number, negative ones too.
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.typed(key, "a whole number", |value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()))
    }

    /// A number of 0 or more: money, a weight, a share.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.typed(key, "a number of 0 or more", |value| number(value).filter(|number| *number >= 0.0))
    }

    /// Seconds, or a text with a unit.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.typed(key, "seconds, or a duration such as 500ms, 5s, 2m", duration)
    }

    /// A duration that passes: above 0.
    pub fn wait(&self, key: &str) -> Option<Duration> {
        let wait = self.duration(key)?;
        if wait.is_zero() {
            self.error(key, "must be above 0");
        }
        Some(wait).filter(|wait| !wait.is_zero())
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Value::Array(items)) => {
                let read = items.iter().enumerate().filter_map(|(index, item)| {
                    let item_text = text(item);
                    if item_text.is_none() {
                        self.error(key, format!("expected text at [{index}], found {}", kind(item)));
                    }
                    item_text
                });
                read.collect()
            }
            Some(_) => self.typed(key, "a list of texts", text).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A mapping.
    pub fn mapping(&self, key: &str) -> Option<&'a Map<String, Value>> {
        self.typed(key, "a mapping", Value::as_object)
    }

    /// A list; empty when it is not there.
    pub fn list(&self, key: &str) -> &'a [Value] {
        self.typed(key, "a list", Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Reads a mapping as a section of its own.
    pub fn with<T>(&self, key: &str, read: impl FnOnce(Section<'_>) -> T) -> Option<T> {
        let path = self.path(key);
        self.mapping(key).map(|map| read(Section::new(&path, map, self.problems)))
    }

    /// Reads each mapping of a list as a section; what is no mapping is an error.
    pub fn each<T>(&self, key: &str, mut read: impl FnMut(Section<'_>) -> Option<T>) -> Vec<T> {
        let mut all = Vec::new();
        for (index, item) in self.list(key).iter().enumerate() {
            let path = format!("{}[{index}]", self.path(key));
            match item.as_object() {
                Some(map) => all.extend(read(Section::new(&path, map, self.problems))),
                None => self.problems.error(&path, format!("expected a mapping, found {}", kind(item))),
            }
        }
        all
    }
}

/// `; did you mean "…"?`, or nothing.
pub(in crate::config) fn suggestion<'n>(unknown: &str, names: impl Iterator<Item = &'n str>) -> String {
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_LIKENESS)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"))
}

/// What kind of thing a value is, in words.
pub(in crate::config) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// A scalar as text.
pub(in crate::config) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// YAML 1.1 has more words for a boolean than YAML 1.2, and a variable holds text anyway.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) => match word.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A finite number, or a text that is one.
pub(in crate::config) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// `1000`, `1000.0`, `1e3`, `"1000"`.
fn whole(value: &Value) -> Option<u64> {
    /// Above it an f64 no longer tells whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| {
        let number = number(value).filter(|number| (0.0..EXACT).contains(number) && number.fract() == 0.0)?;
        format!("{number:.0}").parse().ok()
    })
}

/// Seconds, or a text with a unit.
pub(in crate::config) fn duration(value: &Value) -> Option<Duration> {
    match value {
        Value::Number(seconds) => parse_duration(&seconds.to_string()),
        Value::String(text) => parse_duration(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_every_spelling() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!("5"), Some(5)),
            (json!(1e5), Some(100_000)),
            (json!(5.5), None),
            (json!(-5), None),
            (json!(1e300), None),
            (json!("inf"), None),
            (json!(true), None),
        ] {
            assert_eq!(whole(&value), expected, "{value}");
        }
    }

    #[test]
    fn flags_are_read_in_every_spelling() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("True"), Some(true)),
            (json!("off"), Some(false)),
            (json!("maybe"), None),
            (json!(1), None),
        ] {
            assert_eq!(flag(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_wrong_type_is_a_problem_without_the_value() {
        let problems = Problems::default();
        let map = json!({"rpm": "sk-canary", "tags": [1, {}]});
        let section = Section::new("a", map.as_object().unwrap(), &problems);
        assert_eq!(section.count("rpm"), None);
        assert_eq!(section.texts("tags"), ["1"]);
        let found: Vec<String> = problems.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "error: a.rpm: expected a whole number of 0 or more, found text",
                "error: a.tags: expected text at [1], found a mapping",
            ]
        );
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["routing_strategy", "num_retries"];
        assert_eq!(suggestion("routing_stategy", names.into_iter()), "; did you mean \"routing_strategy\"?");
        assert_eq!(suggestion("zzz", names.into_iter()), "");
    }
}
