//! The routes of the reports: each reads its request, decides whose calls the caller may see, and answers with the report.
//!
//! Who does not see everything sees their own, by a [`Sight`]: of their user, else of their key. In [`daily`] who leads a
//! team or an organization sees all of that.

pub mod activity;
pub mod costs;
pub mod daily;
pub mod global;
pub mod logs;
pub mod owners;
pub mod reset;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Reports;
use super::sight::Sight;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Fields, Shape, fault, invalid};
use crate::admin::reply::Reply;
use crate::error::Error;

/// The largest page, page size or limit that can be asked for.
const LARGEST_COUNT: i64 = u32::MAX as i64;

/// Where reports read.
fn reports<'a>(control: &'a Control, sight: &'a Sight) -> Reports<'a> {
    Reports { store: &control.store, compat: control.settings.compat, now_ms: control.now(), sight }
}

/// A query in the form that a report takes.
fn query<T: DeserializeOwned>(call: &Call, fields: &[Field]) -> Result<T, Error> {
    as_asked(&read(&call.query(fields)?, fields, "query")?)
}

/// Members whose texts say something; whole numbers count from 1.
fn read(said: &Fields, fields: &[Field], place: &str) -> Result<Fields, Error> {
    let mut kept = Fields::default();
    for field in fields {
        let Some(value) = said.get(field.name) else { continue };
        let is_count = field.shape == Shape::Whole && !value.is_null();
        if is_count && !value.as_i64().is_some_and(|count| (1..=LARGEST_COUNT).contains(&count)) {
            return Err(out_of_bounds(place, field.name, value, 1));
        }
        if value != "" {
            kept.set(field.name, value.clone());
        }
    }
    Ok(kept)
}

/// A count that is too small, or too large for anything.
fn out_of_bounds(place: &str, name: &str, value: &Value, least: i64) -> Error {
    let (kind, text) = match value.as_i64() {
        Some(count) if count >= least => ("less_than_equal", format!("less than or equal to {LARGEST_COUNT}")),
        _ => ("greater_than_equal", format!("greater than or equal to {least}")),
    };
    let text = format!("Input should be {text}");
    invalid(vec![fault(kind, &[json!(place), json!(name)], &text, value.clone())])
}

/// The form of a report; the members have its shapes.
fn as_asked<T: DeserializeOwned>(fields: &Fields) -> Result<T, Error> {
    serde_json::from_value(Value::Object(fields.map().clone())).map_err(|error| {
        let text = format!("Input should be valid: {error}");
        invalid(vec![fault("value_error", &[json!("query")], &text, Value::Null)])
    })
}

/// A report as the answer.
fn told(report: Result<Value, Error>) -> Result<Reply, Error> {
    report.map(Reply::json)
}
