//! What a request says of a key, as its document.

use serde_json::{Map, Value, json};

use super::fields::{IN_METADATA, STORED, all_with, routes_of};
use super::rotation;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::rights::refused;
use crate::admin::{limits, times};
use crate::error::Error;
use crate::governance::rows::{INCREASE, INCREASE_UNTIL};

/// `duration` of a key that never expires.
const NEVER: &str = "-1";

/// Members that `default_key_generate_params` can say.
const DEFAULTS: [&str; 9] = [
    "max_budget",
    "user_id",
    "team_id",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "budget_duration",
    "duration",
    "models",
];

/// Says what the configuration says of new keys where the request says nothing.
pub fn fill_defaults(control: &Control, said: &mut Fields) {
    let fields = all_with(&[]);
    for (name, value) in &control.settings.default_key {
        let is_open = match name.as_str() {
            "models" => said.texts("models").is_empty(),
            "metadata" => said.object("metadata").is_none_or(Map::is_empty),
            name => DEFAULTS.contains(&name) && !said.has(name),
        };
        if is_open {
            said.fill(&fields, name, value);
        }
    }
    for (name, most) in &control.settings.upper_bounds {
        if !said.has(name) {
            said.fill(&fields, name, most);
        }
    }
}

/// Holds a request against `upperbound_key_generate_params`.
///
/// # Errors
/// 400 in LiteLLM's words.
pub fn check_bounds(control: &Control, said: &Fields) -> Result<(), Error> {
    for (name, most) in &control.settings.upper_bounds {
        let Some(value) = said.get(name).filter(|value| !value.is_null()) else { continue };
        let is_over = match (value, most) {
            (Value::String(value), _) if value == NEVER => true,
            (Value::String(value), Value::String(most)) => times::length(value) > times::length(most),
            _ => value.as_f64() > most.as_f64(),
        };
        if is_over {
            let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Err(refused(format!(
                "{name} is over max limit set in config - user_value={}; max_value={}",
                shown(value),
                shown(most)
            )));
        }
    }
    Ok(())
}

/// Puts what is said over a document; `null` takes it out.
///
/// # Errors
/// 400 where something cannot be.
pub fn apply(control: &Control, doc: &mut Map<String, Value>, said: &Fields) -> Result<(), Error> {
    limits::check(said)?;
    for field in STORED {
        set(doc, field.name, said.get(field.name));
    }
    if let Some(duration) = said.get("budget_duration") {
        limits::set_budget_duration(control, doc, duration.as_str());
    }
    if let Some(expires) = expiry(control, said)? {
        set(doc, "expires", Some(&expires));
    }
    rotation::apply(control, doc, said)?;
    if let Some(routes) = said.text("key_type").map(routes_of).filter(|routes| !routes.is_empty()) {
        doc.insert("allowed_routes".to_owned(), json!(routes));
    }
    if let Some(metadata) = said.get("metadata") {
        set(doc, "metadata", Some(metadata));
    }
    let mut metadata = doc.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in IN_METADATA {
        set(&mut metadata, field.name, said.get(field.name));
    }
    if let Some(end) = end_of_increase(control, said)? {
        set(&mut metadata, INCREASE_UNTIL, Some(&end));
    }
    doc.insert("metadata".to_owned(), Value::Object(metadata));
    Ok(())
}

/// When a budget's increase ends, as a moment: said as one, or as a time from now. One is not said without the other.
fn end_of_increase(control: &Control, said: &Fields) -> Result<Option<Value>, Error> {
    let is_said = |name| said.get(name).is_some_and(|value| !value.is_null());
    if is_said(INCREASE) != is_said(INCREASE_UNTIL) {
        return Err(refused(format!("{INCREASE} and {INCREASE_UNTIL} must be set together.")));
    }
    let Some(text) = said.text(INCREASE_UNTIL) else { return Ok(None) };
    let end = times::after(control.now(), text).map(times::zulu).or_else(|| times::moment(text).map(times::zulu));
    let wrong = || refused(format!("Invalid {INCREASE_UNTIL}: '{text}'. Use a moment, or a time such as '10d'."));
    end.map(|end| Some(json!(end))).ok_or_else(wrong)
}

fn set(doc: &mut Map<String, Value>, name: &str, said: Option<&Value>) {
    match said {
        Some(Value::Null) => {
            doc.shift_remove(name);
        }
        Some(value) => {
            doc.insert(name.to_owned(), value.clone());
        }
        None => {}
    }
}

/// When the key ends, if something is said of it.
fn expiry(control: &Control, said: &Fields) -> Result<Option<Value>, Error> {
    match said.text("duration") {
        None | Some("") => Ok(None),
        Some(NEVER) => Ok(Some(Value::Null)),
        // As in LiteLLM such a key has ended when it is made.
        Some("0s") => Ok(Some(json!(times::zulu(control.now())))),
        Some(duration) => match times::after(control.now(), duration) {
            Some(end) => Ok(Some(json!(times::zulu(end)))),
            None => Err(refused(format!(
                "Invalid duration: '{duration}'. Use a number and a unit: '30s', '30m', '30h', '30d', '1mo'."
            ))
            .param("duration")),
        },
    }
}
