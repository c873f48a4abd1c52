//! `GET /router/settings`: what the router goes by, in LiteLLM's words. It is the configuration's to change.

use serde_json::{Value, json};

use super::control::Control;
use super::reply::Reply;

/// The settings: as a map, and as the list of fields that LiteLLM's console shows.
pub fn settings(control: &Control) -> Reply {
    let values = &control.settings.router_settings;
    let field = |(name, value): (&String, &Value)| {
        let kind = match value {
            Value::Bool(_) => "Boolean",
            Value::Number(number) if number.is_f64() => "Float",
            Value::Number(_) => "Integer",
            Value::Array(_) => "List",
            Value::Object(_) => "Dictionary",
            Value::String(_) | Value::Null => "String",
        };
        json!({"field_name": name, "field_type": kind, "field_value": value})
    };
    let fields: Vec<Value> = values.iter().map(field).collect();
    Reply::json(json!({"fields": fields, "current_values": values}))
}
