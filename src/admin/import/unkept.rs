//! What a row says that comes to nothing here: columns without a place in the object that the row becomes, and settings that
//! are stored and shown while nothing follows from them. Pure.

use serde_json::Value;

use super::Row;
use crate::store::{Kind, Object};

/// Columns that are read in another way than into a document, or that the store says itself.
const READ_ELSEWHERE: [&str; 12] = [
    "spend",
    "total_spend",
    "token",
    "active_token_id",
    "revoke_at",
    "id",
    "credential_id",
    "model_id",
    "tag_name",
    "created_at",
    "created_by",
    "updated_by",
];

/// Columns that say something, and are not in the object.
pub fn columns<'a>(row: &'a Row, object: &'a Object) -> impl Iterator<Item = &'a str> {
    let is_read = |name: &str| READ_ELSEWHERE.contains(&name) || name == "updated_at" || object.doc.contains_key(name);
    row.iter().filter(move |(name, value)| !is_read(name) && says_something(value)).map(|(name, _)| name.as_str())
}

/// Settings of the object that change nothing: the model of a customer for all that is outside of their region, where they
/// have no region.
pub fn settings(object: &Object) -> impl Iterator<Item = &'static str> {
    let is_said = |name: &str| object.doc.get(name).is_some_and(says_something);
    let is_idle = object.kind == Kind::Customer && is_said("default_model") && !is_said("allowed_model_region");
    is_idle.then_some("default_model").into_iter()
}

/// LiteLLM has stored JSON as a text of JSON too.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => !matches!(text.as_str(), "" | "{}" | "[]" | "null"),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn what_says_something_and_has_no_place_is_told() {
        let row = json!({"budget_id": "b", "tpd_limit": 5, "allowed_models": ["gpt"], "spend": 1, "updated_at": "now",
            "of_tomorrow": 0, "empty": {}, "null": null, "no": false, "text": "{}", "yes": true});
        let row = row.as_object().unwrap();
        let doc = json!({"budget_id": "b", "tpd_limit": 5, "allowed_models": ["gpt"]}).as_object().unwrap().clone();
        let budget = Object::new(Kind::Budget, "b", doc.clone());
        let mut told: Vec<&str> = columns(row, &budget).collect();
        told.sort_unstable();
        assert_eq!(told, ["of_tomorrow", "yes"]);
        assert_eq!(settings(&budget).count(), 0, "these limit");
        let doc = json!({"default_model": "gpt", "allowed_model_region": ""}).as_object().unwrap().clone();
        assert_eq!(settings(&Object::new(Kind::Customer, "c", doc.clone())).collect::<Vec<_>>(), ["default_model"]);
        assert_eq!(settings(&Object::new(Kind::Tag, "b", doc.clone())).count(), 0);
        let doc = Map::from_iter(doc.into_iter().chain([("allowed_model_region".to_owned(), json!("eu"))]));
        assert_eq!(settings(&Object::new(Kind::Customer, "c", doc)).count(), 0, "it is read there");
    }
}
