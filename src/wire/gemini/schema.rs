//! JSON Schema and Google's own kind of schema: <https://ai.google.dev/api/caching#Schema>.
//!
//! Google takes a part of OpenAPI's dialect and refuses a request that says more. What is left out, and in which way
//! the rest is said, is what LiteLLM does; besides, `oneOf`, `allOf` and `const` are said in words that Google has.

use serde_json::{Map, Value, json};

use crate::wire::model::Json;

/// Members that Google knows.
const KNOWN: [&str; 22] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "default",
    "items",
    "minItems",
    "maxItems",
    "enum",
    "properties",
    "propertyOrdering",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
];

/// Members that go with one type of several.
const OF_CONTAINERS: [&str; 7] =
    ["properties", "required", "items", "minItems", "maxItems", "minProperties", "maxProperties"];

/// Deeper schemas end in a plain object. Google itself refuses schemas of half this depth.
const MAX_DEPTH: usize = 48;

/// Schemas in one schema, at most: references to references may grow without end.
const MAX_SCHEMAS: usize = 20_000;

/// A tool's parameters for Google.
pub fn for_tool(schema: &Json) -> Value {
    Cleaner::of(schema).root()
}

/// An answer's schema for models that take no JSON Schema: with the order of the members, which Google would else sort.
pub fn for_answer(schema: &Json) -> Value {
    let mut schema = for_tool(schema);
    put_ordering(&mut schema);
    schema
}

fn put_ordering(schema: &mut Value) {
    let Some(it) = schema.as_object_mut() else { return };
    let names = it.get("properties").and_then(Value::as_object).map(|all| all.keys().cloned().collect::<Vec<_>>());
    if let Some(names) = names.filter(|_| !it.contains_key("propertyOrdering")) {
        it.insert("propertyOrdering".to_owned(), names.into());
    }
    if let Some(properties) = it.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(put_ordering);
    }
    if let Some(items) = it.get_mut("items") {
        put_ordering(items);
    }
}

struct Cleaner {
    schema: Value,
    definitions: Map<String, Value>,
    left: usize,
}

impl Cleaner {
    fn of(schema: &Json) -> Self {
        let mut schema = schema.value();
        let mut definitions = Map::new();
        if let Some(it) = schema.as_object_mut() {
            for name in ["definitions", "$defs"] {
                if let Some(Value::Object(found)) = it.shift_remove(name) {
                    definitions.extend(found);
                }
            }
        }
        Self { schema, definitions, left: MAX_SCHEMAS }
    }

    fn root(mut self) -> Value {
        let schema = std::mem::take(&mut self.schema);
        self.clean(schema, 0, &mut Vec::new())
    }

    /// `within`: the references that lead here; one that leads back ends in a plain object.
    fn clean(&mut self, schema: Value, depth: usize, within: &mut Vec<String>) -> Value {
        self.left = self.left.saturating_sub(1);
        let Value::Object(mut it) = schema else { return object() };
        if depth > MAX_DEPTH || self.left == 0 {
            return object();
        }
        if let Some(reference) = it.shift_remove("$ref") {
            let name = reference.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
            let Some(Value::Object(mut found)) =
                self.definitions.get(&name).filter(|_| !within.contains(&name)).cloned()
            else {
                return object();
            };
            found.extend(it);
            within.push(name);
            let cleaned = self.clean(Value::Object(found), depth, within);
            within.pop();
            return cleaned;
        }
        say_otherwise(&mut it);
        nulls_to_nullable(&mut it);
        split_types(&mut it);
        mend(&mut it);
        self.children(&mut it, depth, within);
        Value::Object(known(it))
    }

    fn children(&mut self, it: &mut Map<String, Value>, depth: usize, within: &mut Vec<String>) {
        if let Some(Value::Object(properties)) = it.get_mut("properties") {
            for schema in properties.values_mut() {
                *schema = self.clean(schema.take(), depth + 1, within);
            }
        }
        if let Some(items) = it.get_mut("items") {
            *items = self.clean(items.take(), depth + 1, within);
        }
        if let Some(Value::Array(members)) = it.get_mut("anyOf") {
            for schema in members {
                *schema = self.clean(schema.take(), depth + 1, within);
            }
        }
    }
}

fn object() -> Value {
    json!({"type": "object"})
}

/// `oneOf`, `allOf`, `const` and lists of item schemas in words that Google has.
fn say_otherwise(it: &mut Map<String, Value>) {
    if let Some(members) = it.shift_remove("oneOf").filter(|_| !it.contains_key("anyOf")) {
        it.insert("anyOf".to_owned(), members);
    }
    if let Some(Value::Array(members)) = it.shift_remove("allOf") {
        for member in members {
            let Value::Object(member) = member else { continue };
            for (name, value) in member {
                match (it.get_mut(&name), value) {
                    (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                    (Some(Value::Array(known)), Value::Array(more)) if name == "required" => known.extend(more),
                    (Some(_), _) => {}
                    (None, value) => drop(it.insert(name, value)),
                }
            }
        }
    }
    if let Some(only) = it.shift_remove("const").filter(|only| only.is_string() && !it.contains_key("enum")) {
        it.insert("enum".to_owned(), vec![only].into());
    }
    if let Some(Value::Array(all)) = it.get_mut("items") {
        let first = all.first_mut().map(Value::take).unwrap_or_default();
        it.insert("items".to_owned(), first);
    }
}

/// A choice between something and nothing is something that may be null.
fn nulls_to_nullable(it: &mut Map<String, Value>) {
    let Some(Value::Array(members)) = it.get_mut("anyOf") else { return };
    let before = members.len();
    members.retain(|member| member.get("type").and_then(Value::as_str) != Some("null"));
    let nullable = members.len() < before;
    if members.is_empty() {
        it.shift_remove("anyOf");
        return;
    }
    for member in members.iter_mut().filter_map(Value::as_object_mut) {
        if member.is_empty() {
            member.insert("type".to_owned(), "object".into());
        }
        if nullable {
            member.insert("nullable".to_owned(), true.into());
        }
    }
}

/// A list of types is a choice between them.
fn split_types(it: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = it.get_mut("type") else { return };
    let types: Vec<Value> = types.iter_mut().map(Value::take).filter(Value::is_string).collect();
    if let [only] = types.as_slice() {
        it.insert("type".to_owned(), only.clone());
        return;
    }
    let is_container = |kind: &Value| kind == "object" || kind == "array";
    let of_type = |kind: &Value| {
        let mut member = Map::new();
        member.insert("type".to_owned(), kind.clone());
        let own = it.iter().filter(|(name, _)| is_container(kind) && OF_CONTAINERS.contains(&name.as_str()));
        member.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        // The words of a choice go only where they may stand.
        let words = it.get("enum").filter(|_| kind == "string");
        member.extend(words.map(|words| ("enum".to_owned(), words.clone())));
        Value::Object(member)
    };
    let members: Vec<Value> = types.iter().map(of_type).collect();
    it.shift_remove("type");
    if types.iter().any(is_container) {
        OF_CONTAINERS.iter().for_each(|name| drop(it.shift_remove(*name)));
    }
    it.insert("anyOf".to_owned(), members.into());
}

/// What Google refuses though it is good JSON Schema: choices of other things than words, an empty word, lists of nobody
/// knows what, objects without members, schemas without a type.
fn mend(it: &mut Map<String, Value>) {
    if let Some(Value::Array(choices)) = it.get_mut("enum") {
        let all_words = choices.iter().all(Value::is_string);
        choices.iter_mut().filter(|choice| *choice == "").for_each(|choice| *choice = Value::Null);
        let kind = it.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase);
        match kind.as_deref() {
            Some("string") => {}
            None if all_words && !it.contains_key("anyOf") => drop(it.insert("type".to_owned(), "string".into())),
            _ => drop(it.shift_remove("enum")),
        }
    }
    let is_list = it.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("array"));
    let says_items = it.get("items").and_then(Value::as_object).is_some_and(|items| !items.is_empty());
    if is_list && !says_items {
        it.insert("items".to_owned(), object());
    }
    if it.get("required").is_some_and(Value::is_null) {
        it.shift_remove("required");
    }
    match it.get("properties").and_then(Value::as_object) {
        Some(properties) => {
            if properties.is_empty() {
                it.shift_remove("properties");
                it.shift_remove("required");
            }
            it.insert("type".to_owned(), "object".into());
        }
        None if !it.contains_key("type") && !it.contains_key("anyOf") => {
            it.insert("type".to_owned(), "object".into());
        }
        None => {}
    }
}

/// Only what Google knows. Beside a choice nothing may stand, so its words move into it.
fn known(mut it: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(mut members)) = it.shift_remove("anyOf") {
        for member in members.iter_mut().filter_map(Value::as_object_mut) {
            for name in ["title", "description"] {
                member.extend(it.get(name).map(|words| (name.to_owned(), words.clone())));
            }
        }
        let mut only = Map::new();
        only.insert("anyOf".to_owned(), members.into());
        return only;
    }
    it.retain(|name, value| match name.as_str() {
        "format" => value == "enum" || value == "date-time",
        name => KNOWN.contains(&name),
    });
    it
}

/// A schema of a client who speaks Gemini, for everybody else: JSON Schema says types in lower case.
pub fn from_google(schema: Json) -> Json {
    let mut value = schema.value();
    if lower_types(&mut value, 0) { Json::of(&value).unwrap_or(schema) } else { schema }
}

/// Whether anything had to change.
fn lower_types(schema: &mut Value, depth: usize) -> bool {
    let Some(it) = schema.as_object_mut().filter(|_| depth <= MAX_DEPTH) else { return false };
    let mut changed = false;
    for (name, value) in it.iter_mut() {
        match (name.as_str(), value) {
            ("type", Value::String(kind)) if kind.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                kind.make_ascii_lowercase();
                changed = true;
            }
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| changed |= lower_types(schema, depth + 1));
            }
            ("items" | "additionalProperties", schema) => changed |= lower_types(schema, depth + 1),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| changed |= lower_types(schema, depth + 1));
            }
            _ => {}
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expected: Value) {
        let json = Json::of(&schema).unwrap();
        assert_eq!(for_tool(&json), expected, "{schema}");
    }

    #[test]
    fn only_what_google_knows_is_left() {
        check(
            json!({"$schema": "x", "$id": "y", "type": "object", "additionalProperties": false, "properties": {
                "strict": {"type": "integer", "format": "int32", "exclusiveMinimum": 0},
                "when": {"type": "string", "format": "date-time", "title": "T"}, "any": true,
            }, "required": ["strict"]}),
            json!({"type": "object", "properties": {
                "strict": {"type": "integer"},
                "when": {"type": "string", "format": "date-time", "title": "T"}, "any": {"type": "object"},
            }, "required": ["strict"]}),
        );
        check(json!({}), json!({"type": "object"}));
        check(json!({"type": "object", "properties": {}, "required": []}), json!({"type": "object"}));
        check(json!({"type": "array"}), json!({"type": "array", "items": {"type": "object"}}));
        check(json!({"type": "integer", "enum": [1, 2]}), json!({"type": "integer"}));
        check(json!({"enum": ["a", ""]}), json!({"enum": ["a", null], "type": "string"}));
        check(json!({"const": "a"}), json!({"enum": ["a"], "type": "string"}));
    }

    #[test]
    fn choices_stand_alone() {
        check(
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null, "description": "d"}),
            json!({"anyOf": [{"type": "string", "nullable": true, "description": "d"}]}),
        );
        check(
            json!({"type": ["string", "null"], "description": "d"}),
            json!({"anyOf": [{"type": "string", "description": "d"}, {"type": "null", "description": "d"}]}),
        );
        check(
            json!({"type": ["array", "string"], "items": {"type": "integer"}}),
            json!({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string"}]}),
        );
        check(json!({"oneOf": [{"type": "string"}]}), json!({"anyOf": [{"type": "string"}]}));
        check(json!({"allOf": [{"type": "string"}, {"maxLength": 3}]}), json!({"type": "string", "maxLength": 3}));
    }

    #[test]
    fn references_end() {
        check(
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A", "description": "d"}},
                "$defs": {"A": {"type": "object", "properties": {"next": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/B"}}},
                    "B": {"type": "string"}}}),
            json!({"type": "object", "properties": {"a": {"type": "object", "description": "d",
                "properties": {"next": {"type": "object"}, "b": {"type": "string"}}}}}),
        );
        // Each level holds the next twice: two to the power of the depth.
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = format!("#/$defs/{}", level + 1);
            let schema = json!({"properties": {"a": {"$ref": next}, "b": {"$ref": next}}});
            definitions.insert(level.to_string(), schema);
        }
        let json = Json::of(&json!({"$ref": "#/$defs/0", "$defs": definitions})).unwrap();
        assert!(for_tool(&json).to_string().len() < 4_000_000);
    }

    #[test]
    fn an_answers_schema_is_ordered() {
        let json = Json::parse(r#"{"properties":{"b":{"type":"string"},"a":{"properties":{"c":{}}}}}"#).unwrap();
        let schema = for_answer(&json);
        assert_eq!(schema["propertyOrdering"], json!(["b", "a"]));
        assert_eq!(schema["properties"]["a"]["propertyOrdering"], json!(["c"]));
    }

    #[test]
    fn types_of_google_are_lowered() {
        let check = |schema: &str, expected: &str| {
            assert_eq!(from_google(Json::parse(schema).unwrap()).text(), expected);
        };
        check(r#"{"type": "object"}"#, r#"{"type": "object"}"#);
        check(
            r#"{"type":"OBJECT","properties":{"type":{"type":"ARRAY","items":{"type":"STRING"},"enum":["X"]}}}"#,
            r#"{"type":"object","properties":{"type":{"type":"array","items":{"type":"string"},"enum":["X"]}}}"#,
        );
    }
}
