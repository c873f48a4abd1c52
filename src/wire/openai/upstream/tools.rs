//! Edits inside of `tools` and `tool_choice`, for providers that are stricter than OpenAI.

use serde_json::{Map, Value};

use super::Quirks;
use crate::wire::block;
use crate::wire::peek::{Member, Object, ValueKind, object_at, objects_at};
use crate::wire::splice::Splice;

/// What strict readers of schemas refuse.
const FOREIGN: [&str; 4] = ["strict", "additionalProperties", "$schema", "$id"];
/// Keywords whose value is a mapping from names to schemas.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose value is no schema, but may look like one.
const PLAIN: [&str; 5] = ["enum", "const", "default", "examples", "required"];

/// Edits the tools that the member `tools` holds.
pub(super) fn edit(object: &Object<'_>, tools: &Member, quirks: &Quirks, splice: &mut Splice) {
    let holds = |name: &str| block::holds(object.raw(tools), name);
    if tools.kind != ValueKind::Array {
        return;
    }
    if quirks.plain_schemas && FOREIGN.iter().any(|name| holds(name)) {
        clean(object, tools, splice);
    } else if quirks.tools_without_strict && holds("\"strict\"") {
        remove_strict(object, tools, splice);
    }
}

/// Gives `"required"` the name that the provider has for it.
pub(super) fn edit_choice(object: &Object<'_>, choice: &Member, quirks: &Quirks, splice: &mut Splice) {
    if let Some(theirs) = quirks.required_tool.filter(|_| object.raw(choice) == b"\"required\"") {
        splice.replace(choice.value.clone(), crate::wire::escape::quote(theirs));
    }
}

fn remove_strict(object: &Object<'_>, tools: &Member, splice: &mut Splice) {
    for tool in objects_at(object.body(), tools.value.start) {
        let Some(function) = tool.get("function").filter(|member| member.kind == ValueKind::Object) else { continue };
        let Some(function) = object_at(object.body(), function.value.start) else { continue };
        splice.remove_member(&function, "strict");
    }
}

fn clean(object: &Object<'_>, tools: &Member, splice: &mut Splice) {
    let Ok(mut said) = serde_json::from_slice::<Vec<Value>>(object.raw(tools)) else { return };
    for tool in &mut said {
        let Some(function) = tool.get_mut("function").and_then(Value::as_object_mut) else { continue };
        function.shift_remove("strict");
        if let Some(schema) = function.get_mut("parameters") {
            clean_schema(schema);
        }
    }
    splice.replace(tools.value.clone(), Value::Array(said).to_string());
}

/// Takes the foreign keywords out of a schema; properties of the same names stay. An `additionalProperties` that is a
/// schema itself says what it says and stays too.
fn clean_schema(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.retain(|name, value| !FOREIGN.contains(&name.as_str()) || value.is_object());
            keywords.iter_mut().for_each(|(name, value)| match value {
                Value::Object(schemas) if NAMED.contains(&name.as_str()) => clean_all(schemas),
                value if !PLAIN.contains(&name.as_str()) => clean_schema(value),
                _ => {}
            });
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(clean_schema),
        _ => {}
    }
}

fn clean_all(schemas: &mut Map<String, Value>) {
    schemas.iter_mut().for_each(|(_, schema)| clean_schema(schema));
}

#[cfg(test)]
mod tests {
    use super::super::tests::upstream;
    use super::*;

    fn check(quirks: Quirks, member: &str, expected: &str) {
        let body = |member: &str| format!(r#"{{"model":"up",{member}}}"#);
        assert_eq!(upstream(&body(member), |rules| rules.quirks = quirks), body(expected), "{quirks:?}");
    }

    #[test]
    fn schemas_lose_what_strict_readers_refuse() {
        let quirks = Quirks { plain_schemas: true, ..Quirks::default() };
        let of = |strict: &str, parameters: &str| {
            format!(r#""tools":[{{"type":"function","function":{{"name":"f"{strict},"parameters":{parameters}}}}}]"#)
        };
        for (schema, expected) in [
            (
                r#"{"$schema":"s","type":"object","properties":{"strict":{"type":"string"},"a":{"additionalProperties":false,"items":{"$id":"x","type":"number"}}},"additionalProperties":false,"required":["strict"]}"#,
                r#"{"type":"object","properties":{"strict":{"type":"string"},"a":{"items":{"type":"number"}}},"required":["strict"]}"#,
            ),
            (
                r#"{"anyOf":[{"additionalProperties":{"strict":true,"type":"string"}},{"const":{"$id":1}}]}"#,
                r#"{"anyOf":[{"additionalProperties":{"type":"string"}},{"const":{"$id":1}}]}"#,
            ),
            (r#"{"type": "object"}"#, r#"{"type":"object"}"#),
        ] {
            check(quirks, &of(r#","strict":true"#, schema), &of("", expected));
        }
        let untouched = of("", r#"{"type": "object"}"#);
        check(quirks, &untouched, &untouched);
    }

    #[test]
    fn required_has_another_name() {
        let quirks = Quirks { required_tool: Some("any"), ..Quirks::default() };
        check(quirks, r#""tool_choice":"required""#, r#""tool_choice":"any""#);
        check(quirks, r#""tool_choice":"auto""#, r#""tool_choice":"auto""#);
        check(Quirks::default(), r#""tool_choice":"required""#, r#""tool_choice":"required""#);
    }
}
