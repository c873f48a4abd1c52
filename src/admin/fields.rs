//! What a request says, read by a table of its members, as Pydantic reads it: lax where Pydantic is lax (`"10"` is a
//! number), all faults at once, each with its place, in FastAPI's 422.
//!
//! A member that is not in the table is ignored, as LiteLLM does. A member that is there and `null` is not the same as one
//! that is not there: an update clears the first and leaves the second.

mod pydantic;

use serde_json::{Map, Value, json};

pub use pydantic::Shape;

use crate::error::{Error, Kind, Management};

/// Members whose wrong value is not repeated to the client.
const HIDDEN: [&str; 6] = ["key", "new_key", "api_key", "password", "litellm_params", "credential_values"];

/// One member of a request.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub is_needed: bool,
}

/// A member that may be there.
pub const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_needed: false }
}

/// A member that must be there.
pub const fn needed(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_needed: true }
}

/// Where a member was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Body,
    Query,
}

/// The members of a request that are known, each in its shape or `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// FastAPI's 422: no JSON, no object, or what is wrong with its members.
    pub fn of_body(body: &[u8], fields: &[Field]) -> Result<Self, Error> {
        if body.is_empty() {
            return Err(invalid(vec![fault("missing", &[json!("body")], "Field required", Value::Null)]));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Self::of_map(&map, fields, Place::Body),
            Ok(other) => {
                let text = "Input should be a valid dictionary or object to extract fields from";
                Err(invalid(vec![fault("model_attributes_type", &[json!("body")], text, scalar(&other))]))
            }
            Err(error) => {
                let place = [json!("body"), json!(error.column())];
                let mut fault = fault("json_invalid", &place, "JSON decode error", json!({}));
                fault["ctx"] = json!({"error": "the body is no JSON"});
                Err(invalid(vec![fault]))
            }
        }
    }

    /// Reads a query: of a list all values count, else the last.
    ///
    /// # Errors
    /// FastAPI's 422.
    pub fn of_query(pairs: &[(String, String)], fields: &[Field]) -> Result<Self, Error> {
        let mut map = Map::new();
        for field in fields {
            let mut values = pairs.iter().filter(|(name, _)| name == field.name).map(|(_, value)| json!(value));
            let value = match field.shape {
                Shape::Texts => Some(values.collect::<Vec<_>>()).filter(|list| !list.is_empty()).map(Value::from),
                _ => values.next_back(),
            };
            map.extend(value.map(|value| (field.name.to_owned(), value)));
        }
        Self::of_map(&map, fields, Place::Query)
    }

    /// Reads members that are JSON already: of a body, or of an object within one.
    ///
    /// # Errors
    /// FastAPI's 422.
    pub fn of_map(map: &Map<String, Value>, fields: &[Field], place: Place) -> Result<Self, Error> {
        let root = match place {
            Place::Body => "body",
            Place::Query => "query",
        };
        let mut found = Map::new();
        let mut faults = Vec::new();
        for field in fields {
            let at = [json!(root), json!(field.name)];
            match map.get(field.name) {
                Some(Value::Null) if !field.is_needed => {
                    found.insert(field.name.to_owned(), Value::Null);
                }
                Some(value) => match field.shape.read(value) {
                    Ok(value) => {
                        found.insert(field.name.to_owned(), value);
                    }
                    Err((kind, text)) => {
                        let input = if HIDDEN.contains(&field.name) { Value::Null } else { scalar(value) };
                        faults.push(fault(kind, &at, &text, input));
                    }
                },
                None if field.is_needed => faults.push(fault("missing", &at, "Field required", Value::Null)),
                None => {}
            }
        }
        if faults.is_empty() { Ok(Self(found)) } else { Err(invalid(faults)) }
    }

    /// A member that is there; `null` is one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether it is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// A list of texts; an empty one if it is not there.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.get(name)?.as_object()
    }

    /// All of them.
    pub fn map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Says a member anew, or one more.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Says what the configuration says of one of these members, if it has its shape.
    pub fn fill(&mut self, fields: &[Field], name: &str, value: &Value) {
        let field = fields.iter().find(|field| field.name == name);
        if let Some(Ok(value)) = field.map(|field| field.shape.read(value)) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }
}

/// What is wrong, where; `input` is repeated to the client.
pub fn fault(kind: &str, place: &[Value], text: &str, input: Value) -> Value {
    json!({"type": kind, "loc": place, "msg": text, "input": input})
}

/// FastAPI's 422.
pub fn invalid(faults: Vec<Value>) -> Error {
    Error::new(Kind::Management(Management::Invalid), "").told(&Value::from(faults))
}

/// Values that are repeated: not whole objects, in which anything may stand.
fn scalar(value: &Value) -> Value {
    match value {
        Value::Object(_) => json!({}),
        Value::Array(_) => json!([]),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        needed("key", Shape::Text),
        field("max_budget", Shape::Number),
        field("tpm_limit", Shape::Whole),
        field("models", Shape::Texts),
        field("blocked", Shape::Flag),
    ];

    fn faults(error: &Error) -> Vec<(Value, Value)> {
        let list: Vec<Value> = serde_json::from_str(&error.message).unwrap();
        list.iter().map(|fault| (fault["type"].clone(), fault["loc"].clone())).collect()
    }

    #[test]
    fn a_body_is_read_leniently_and_unknown_members_are_ignored() {
        let body = br#"{"key":"k","max_budget":"10","tpm_limit":5.0,"models":null,"blocked":"yes","zzz":1}"#;
        let fields = Fields::of_body(body, FIELDS).unwrap();
        assert_eq!((fields.number("max_budget"), fields.whole("tpm_limit")), (Some(10.0), Some(5)));
        assert_eq!((fields.get("models"), fields.flag("blocked")), (Some(&Value::Null), Some(true)));
        assert_eq!((fields.get("zzz"), fields.has("models")), (None, false));
    }

    #[test]
    fn all_faults_are_told_with_their_place() {
        let error = Fields::of_body(br#"{"max_budget":"x","tpm_limit":1.5,"models":"gpt"}"#, FIELDS).unwrap_err();
        let told = [
            (json!("missing"), json!(["body", "key"])),
            (json!("float_parsing"), json!(["body", "max_budget"])),
            (json!("int_from_float"), json!(["body", "tpm_limit"])),
            (json!("list_type"), json!(["body", "models"])),
        ];
        assert_eq!(faults(&error), told);
        assert_eq!(faults(&Fields::of_body(b"", FIELDS).unwrap_err())[0].0, json!("missing"));
        assert_eq!(faults(&Fields::of_body(b"{", FIELDS).unwrap_err())[0].0, json!("json_invalid"));
        assert_eq!(faults(&Fields::of_body(b"[]", FIELDS).unwrap_err())[0].0, json!("model_attributes_type"));
    }

    #[test]
    fn a_wrong_secret_is_not_repeated() {
        let error = Fields::of_body(br#"{"key":["sk-canary"]}"#, FIELDS).unwrap_err();
        assert!(!error.to_detail_json().contains("canary"));
    }

    #[test]
    fn of_a_query_the_last_counts_and_lists_are_whole() {
        let pairs: Vec<(String, String)> = [("key", "a"), ("key", "b"), ("models", "x"), ("models", "y")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let fields = Fields::of_query(&pairs, FIELDS).unwrap();
        assert_eq!(fields.text("key"), Some("b"));
        assert_eq!(fields.texts("models"), ["x", "y"]);
    }
}
