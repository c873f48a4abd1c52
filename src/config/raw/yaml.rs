//! Text → documents. YAML becomes JSON values here, once: everything behind this file works on one kind of tree, and a
//! deployment's parameters are JSON on their way upstream anyway.
//!
//! What LiteLLM's parser (PyYAML) accepts is accepted: several documents, anchors, `<<` merges, keys that are numbers, a
//! key that stands twice (the last one counts; it is reported).

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A document that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) struct SyntaxError {
    /// What the parser says, with line and column.
    pub message: String,
}

/// The documents of a text.
#[derive(Debug, Default, PartialEq)]
pub(in crate::config) struct Documents {
    /// Those before the first that could not be read; empty ones are left out.
    pub documents: Vec<Value>,
    /// Paths of keys that stand twice.
    pub duplicates: Vec<String>,
    /// Why reading stopped.
    pub error: Option<SyntaxError>,
}

/// Reads a text.
pub(in crate::config) fn parse(text: &str) -> Documents {
    let duplicates = RefCell::default();
    let mut documents = Vec::new();
    let mut error = None;
    for document in serde_yaml::Deserializer::from_str(text) {
        let tree = Tree { path: String::new(), duplicates: &duplicates };
        match tree.deserialize(document) {
            Ok(Value::Null) => {}
            Ok(value) => documents.push(value),
            Err(found) => {
                error = Some(SyntaxError { message: located(&found) });
                break;
            }
        }
    }
    Documents { documents, duplicates: duplicates.into_inner(), error }
}

/// The parser names the line in most of its messages, not in all.
fn located(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    match error.location() {
        Some(at) if !message.contains(" line ") => format!("{message} at line {} column {}", at.line(), at.column()),
        _ => message,
    }
}

/// Builds a value and notes its path on the way.
struct Tree<'a> {
    path: String,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain YAML without tags of its own")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// JSON has no `.inf` and `.nan`; they stay text, and are then not taken for a number.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    /// A document without content.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, items.len());
            match access.next_element_seed(Tree { path, duplicates: self.duplicates })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut merges = Vec::new();
        while let Some(Key(key)) = access.next_key()? {
            let path = super::join(&self.path, &key);
            let value = access.next_value_seed(Tree { path: path.clone(), duplicates: self.duplicates })?;
            if key == "<<" {
                merges.push(value);
            } else if map.insert(key, value).is_some() {
                self.duplicates.borrow_mut().push(path);
            }
        }
        merges.into_iter().for_each(|merge| apply_merge(&mut map, merge));
        Ok(Value::Object(map))
    }
}

/// `<<: *anchor` or `<<: [*one, *two]`: what the map says itself wins, then the earlier anchor.
fn apply_merge(map: &mut Map<String, Value>, merge: Value) {
    match merge {
        Value::Object(merged) => {
            for (key, value) in merged {
                map.entry(key).or_insert(value);
            }
        }
        Value::Array(merges) => merges.into_iter().for_each(|merge| apply_merge(map, merge)),
        _ => {}
    }
}

/// A key as text: `400:` and `true:` are keys too.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Key(text)),
            Value::Null => Ok(Key("null".to_owned())),
            other @ (Value::Bool(_) | Value::Number(_)) => Ok(Key(other.to_string())),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("a key must be text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_pyyaml_reads_is_read() {
        for (text, expected) in [
            ("a: 1\n---\nb: 2\n---\n", vec![json!({"a": 1}), json!({"b": 2})]),
            ("# nothing\n", vec![]),
            ("api_version: 2024-10-21", vec![json!({"api_version": "2024-10-21"})]),
            ("400: x\ntrue: y", vec![json!({"400": "x", "true": "y"})]),
            (
                "base: &b {x: 1, y: 2}\nmine:\n  <<: *b\n  y: 3",
                vec![json!({"base":{"x":1,"y":2},"mine":{"y":3,"x":1}})],
            ),
            ("n: .inf", vec![json!({"n": "inf"})]),
        ] {
            let read = parse(text);
            assert_eq!((read.documents, read.error), (expected, None), "{text}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_reported_and_the_last_counts() {
        let read = parse("a:\n  - b: 1\n    b: 2\n");
        assert_eq!(read.duplicates, ["a[0].b"]);
        assert_eq!(read.documents, [json!({"a": [{"b": 2}]})]);
    }

    #[test]
    fn a_syntax_error_names_line_and_column() {
        for text in ["a: 1\nb: [1, 2\nc: 3\n", "a: 1\n b: 2\n", "a: *nobody", "x: !Custom {a: 1}"] {
            let message = parse(text).error.map(|error| error.message).unwrap_or_default();
            assert!(message.contains("line ") && message.contains("column "), "{text}: {message}");
        }
    }

    #[test]
    fn aliases_that_multiply_and_deep_nesting_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
        }
        for text in [bomb, "[".repeat(10_000), "a: ".to_owned() + &"[".repeat(5_000) + &"]".repeat(5_000)] {
            assert!(parse(&text).error.is_some());
        }
    }

    #[test]
    fn what_stands_before_the_error_is_kept() {
        assert_eq!(parse("a: 1\n---\nb: [").documents, [json!({"a": 1})]);
    }
}
