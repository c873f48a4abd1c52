//! How Pydantic reads a value, and what it says of one that it cannot read.

use serde_json::{Map, Value, json};

/// What a member must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Text,
    /// A number; stays a float (`10` becomes `10.0`).
    Number,
    /// A whole number.
    Whole,
    Flag,
    /// A list of texts.
    Texts,
    /// A list of anything.
    List,
    /// An object with anything in it.
    Object,
    /// An object of whole numbers.
    Counts,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    Any,
}

/// Pydantic's name of the fault, and its words.
type Fault = (&'static str, String);

impl Shape {
    /// The value in this shape.
    pub(super) fn read(self, value: &Value) -> Result<Value, Fault> {
        match self {
            Self::Any => Ok(value.clone()),
            Self::Text if value.as_str().is_some_and(has_nul) => Err(nul()),
            Self::Text if value.is_string() => Ok(value.clone()),
            Self::Text => Err(("string_type", "Input should be a valid string".to_owned())),
            Self::Number => number(value),
            Self::Whole => whole(value),
            Self::Flag => flag(value),
            Self::List if value.is_array() => Ok(value.clone()),
            Self::List => Err(("list_type", "Input should be a valid list".to_owned())),
            Self::Texts => texts(value),
            Self::Object if value.is_object() => Ok(value.clone()),
            Self::Object => Err(no_object()),
            Self::Counts => counts(value),
            Self::OneOf(known) if value.as_str().is_some_and(|text| known.contains(&text)) => Ok(value.clone()),
            Self::OneOf(known) => Err(("literal_error", format!("Input should be {}", alternatives(known)))),
        }
    }
}

/// PostgreSQL has no texts with a NUL: with such a name nothing is stored and nothing is found.
fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

fn nul() -> Fault {
    ("value_error", "Value error, a text must not have a NUL in it".to_owned())
}

fn number(value: &Value) -> Result<Value, Fault> {
    let read = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(is_one) => Some(f64::from(u8::from(*is_one))),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => {
                let text = "Input should be a valid number, unable to parse string as a number";
                return Err(("float_parsing", text.to_owned()));
            }
        },
        _ => None,
    };
    read.map(Value::from).ok_or_else(|| ("float_type", "Input should be a valid number".to_owned()))
}

fn whole(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Number(number) if number.is_i64() => Ok(value.clone()),
        Value::Number(number) => match number.as_f64().and_then(exact) {
            Some(whole) => Ok(json!(whole)),
            None if number.is_u64() => Err((
                "int_parsing_size",
                "Unable to parse input string as an integer, \
                 exceeded maximum size"
                    .to_owned(),
            )),
            None => {
                let text = "Input should be a valid integer, got a number with a fractional part";
                Err(("int_from_float", text.to_owned()))
            }
        },
        Value::Bool(is_one) => Ok(json!(i64::from(*is_one))),
        Value::String(text) => text.trim().parse::<i64>().map(Value::from).map_err(|_| {
            ("int_parsing", "Input should be a valid integer, unable to parse string as an integer".to_owned())
        }),
        _ => Err(("int_type", "Input should be a valid integer".to_owned())),
    }
}

/// The largest float up to which all whole numbers are exact.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

#[expect(clippy::cast_possible_truncation, reason = "whole, and within the bounds")]
fn exact(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= LARGEST_EXACT).then_some(number as i64)
}

fn flag(value: &Value) -> Result<Value, Fault> {
    let word = match value {
        Value::Bool(flag) => return Ok(json!(flag)),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.to_lowercase(),
        _ => return Err(("bool_type", "Input should be a valid boolean".to_owned())),
    };
    match word.as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(json!(true)),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(json!(false)),
        _ => Err(("bool_parsing", "Input should be a valid boolean, unable to interpret input".to_owned())),
    }
}

fn texts(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Array(list) if list.iter().filter_map(Value::as_str).any(has_nul) => Err(nul()),
        Value::Array(list) if list.iter().all(Value::is_string) => Ok(value.clone()),
        Value::Array(_) => Err(("string_type", "Input should be a valid string".to_owned())),
        _ => Err(("list_type", "Input should be a valid list".to_owned())),
    }
}

fn counts(value: &Value) -> Result<Value, Fault> {
    let map = value.as_object().ok_or_else(no_object)?;
    let read = map.iter().map(|(name, value)| Ok((name.clone(), whole(value)?)));
    read.collect::<Result<Map<_, _>, Fault>>().map(Value::from)
}

fn no_object() -> Fault {
    ("dict_type", "Input should be a valid dictionary".to_owned())
}

/// `'a', 'b' or 'c'`.
fn alternatives(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|text| format!("'{text}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_pydantic_does() {
        let check = |shape: Shape, value: Value, expected: Result<Value, &str>| {
            assert_eq!(shape.read(&value).map_err(|(kind, _)| kind), expected, "{shape:?} {value}");
        };
        check(Shape::Text, json!("a"), Ok(json!("a")));
        check(Shape::Text, json!(1), Err("string_type"));
        check(Shape::Number, json!(10), Ok(json!(10.0)));
        check(Shape::Number, json!("1e-7"), Ok(json!(1e-7)));
        check(Shape::Number, json!("NaN"), Err("float_parsing"));
        check(Shape::Number, json!([]), Err("float_type"));
        check(Shape::Whole, json!(7), Ok(json!(7)));
        check(Shape::Whole, json!("7"), Ok(json!(7)));
        check(Shape::Whole, json!(7.5), Err("int_from_float"));
        check(Shape::Whole, json!(u64::MAX), Err("int_parsing_size"));
        check(Shape::Flag, json!("off"), Ok(json!(false)));
        check(Shape::Flag, json!("perhaps"), Err("bool_parsing"));
        check(Shape::Texts, json!(["a"]), Ok(json!(["a"])));
        check(Shape::Texts, json!([1]), Err("string_type"));
        check(Shape::Counts, json!({"a": "3"}), Ok(json!({"a": 3})));
        check(Shape::Counts, json!({"a": {}}), Err("int_type"));
        check(Shape::OneOf(&["a", "b"]), json!("b"), Ok(json!("b")));
        check(Shape::OneOf(&["a", "b"]), json!("c"), Err("literal_error"));
        assert_eq!(alternatives(&["a", "b", "c"]), "'a', 'b' or 'c'");
    }
}
