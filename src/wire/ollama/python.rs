//! JSON in two spellings of Python's, because LiteLLM's prompts are written with them: `json.dumps` (a blank after each
//! colon and comma) and `repr` of the dictionary (single quotes, `True`, `None`).

use serde_json::Value;

/// Which spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// JSON.
    Dumps,
    /// Python's own.
    Repr,
}

/// Writes a value. Nesting is limited by the parser that made it.
pub(super) fn write(value: &Value, spelling: Spelling, out: &mut String) {
    let word = |json: &'static str, python: &'static str| if spelling == Spelling::Repr { python } else { json };
    match value {
        Value::Null => out.push_str(word("null", "None")),
        Value::Bool(true) => out.push_str(word("true", "True")),
        Value::Bool(false) => out.push_str(word("false", "False")),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(text, spelling, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write(item, spelling, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_text(name, spelling, out);
                out.push_str(": ");
                write(member, spelling, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, spelling: Spelling, out: &mut String) {
    if spelling == Spelling::Dumps {
        out.push_str(&Value::from(text).to_string());
        return;
    }
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if character.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelt_as_python_spells() {
        let check = |json: &str, dumps: &str, repr: &str| {
            let value: Value = serde_json::from_str(json).unwrap();
            for (spelling, expected) in [(Spelling::Dumps, dumps), (Spelling::Repr, repr)] {
                let mut out = String::new();
                write(&value, spelling, &mut out);
                assert_eq!(out, expected, "{json}");
            }
        };
        check(
            r#"{"b":[1,2.5,true],"a":null,"c":{}}"#,
            r#"{"b": [1, 2.5, true], "a": null, "c": {}}"#,
            "{'b': [1, 2.5, True], 'a': None, 'c': {}}",
        );
        check(r#""it's""#, r#""it's""#, r#""it's""#);
        check(r#""a\"b'c\\é\n\u0007""#, r#""a\"b'c\\é\n\u0007""#, r#"'a"b\'c\\é\n\x07'"#);
    }
}
