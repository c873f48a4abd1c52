//! JSON Schema as structured outputs take it: limits of size and range are refused, so they become words of the
//! description, and every object says that it is closed
//! (<https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations>).

use serde_json::{Map, Value};

/// Keywords that are refused, and how they are said in words.
const LIMITS: [(&str, &str); 8] = [
    ("minItems", "minimum number of items"),
    ("maxItems", "maximum number of items"),
    ("minimum", "minimum value"),
    ("maximum", "maximum value"),
    ("exclusiveMinimum", "exclusive minimum value"),
    ("exclusiveMaximum", "exclusive maximum value"),
    ("minLength", "minimum length"),
    ("maxLength", "maximum length"),
];

/// Rewrites a schema. Its depth is that of JSON that was parsed, so it is limited.
pub fn for_structured_output(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    let limits: Vec<String> = LIMITS
        .into_iter()
        .filter_map(|(keyword, words)| Some(format!("{words}: {}", schema.remove(keyword)?)))
        .collect();
    if !limits.is_empty() {
        let note = format!("Note: {}.", limits.join(", "));
        let said = schema.get("description").and_then(Value::as_str).filter(|said| !said.is_empty());
        let description = said.map_or(note.clone(), |said| format!("{said} {note}"));
        schema.insert("description".to_owned(), description.into());
    }
    for (keyword, value) in &mut schema {
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.values_mut().for_each(rewrite);
            }
            ("anyOf" | "allOf" | "oneOf", Value::Array(schemas)) => schemas.iter_mut().for_each(rewrite),
            ("items", items) => rewrite(items),
            _ => {}
        }
    }
    close(&mut schema);
    schema.into()
}

fn rewrite(schema: &mut Value) {
    *schema = for_structured_output(schema.take());
}

fn close(schema: &mut Map<String, Value>) {
    if schema.get("type").is_some_and(|kind| kind == "object") {
        schema.entry("additionalProperties").or_insert(Value::Bool(false));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_become_words() {
        let schema = json!({"type": "object", "properties": {
            "minimum": {"type": "integer", "minimum": 1, "description": "d"},
            "list": {"type": "array", "items": {"anyOf": [{"type": "string", "maxLength": 3}]}},
            "open": {"type": "object", "additionalProperties": true}}});
        let expected = json!({"type": "object", "additionalProperties": false, "properties": {
            "minimum": {"type": "integer", "description": "d Note: minimum value: 1."},
            "list": {"type": "array", "items": {"anyOf": [
                {"type": "string", "description": "Note: maximum length: 3."}]}},
            "open": {"type": "object", "additionalProperties": true}}});
        assert_eq!(for_structured_output(schema), expected);
    }
}
