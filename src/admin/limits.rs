//! Limits as requests state them, whoever is limited: what cannot be, and where they stand in a document.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::control::Control;
use super::fields::Fields;
use super::rights::refused;
use super::times;
use crate::auth::grants::{Budget, COUNTS, Duration, Rights};
use crate::error::Error;

/// Members that are money.
const MONEY: [&str; 3] = ["max_budget", "soft_budget", "spend"];

/// Refuses negative limits and budgets, and durations that are none, also of windows and of models.
///
/// # Errors
/// 400, with the member that is wrong.
pub fn check(fields: &Fields) -> Result<(), Error> {
    for name in MONEY {
        if let Some(amount) = fields.number(name).filter(|amount| *amount < 0.0) {
            return Err(refused(format!("{name} cannot be negative. Received: {amount:?}")));
        }
    }
    for name in COUNTS {
        if let Some(count) = fields.whole(name).filter(|count| *count < 0) {
            return Err(refused(format!("{name} cannot be negative. Received: {count}")));
        }
    }
    if let Some(duration) = fields.text("budget_duration").filter(|text| times::length(text).is_none()) {
        return Err(refused(format!(
            "Invalid budget_duration: '{duration}'. Use a number and a unit: '30s', '30m', '30h', '30d', '1mo'."
        )));
    }
    fault_of_windows(fields.map()).map_or(Ok(()), |fault| Err(refused(fault)))
}

/// What is wrong with budgets of models and with further windows; `None`: they have limits and durations that are ones, and
/// no two windows have the same.
pub fn fault_of_windows(said: &Map<String, Value>) -> Option<String> {
    let is_amount = |said: Option<&Value>| said.and_then(amount).is_some_and(|amount| amount >= 0.0);
    let of_models = said.get("model_max_budget").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    for (model, budget) in of_models {
        let limit = budget.get("budget_limit").or_else(|| budget.get("max_budget"));
        let period = budget.get("time_period").or_else(|| budget.get("budget_duration"));
        if !is_amount(limit) || !is_duration(period) {
            return Some(format!(
                "Invalid model_max_budget: {model}. Example of valid model_max_budget: \
                 https://docs.litellm.ai/docs/proxy/users"
            ));
        }
    }
    let windows = said.get("budget_limits").and_then(Value::as_array).into_iter().flatten();
    let is_wrong = |window: &Value| {
        let period = window.get("budget_duration");
        !is_amount(window.get("max_budget")) || period.is_none_or(Value::is_null) || !is_duration(period)
    };
    if windows.clone().any(is_wrong) {
        return Some("Invalid budget_limits: each needs a max_budget and a budget_duration".to_owned());
    }
    let mut durations = HashSet::new();
    let again =
        windows.filter_map(|window| window.get("budget_duration")?.as_str()).find(|text| !durations.insert(*text));
    again.map(|again| format!("Invalid budget_limits: there are two with the budget_duration '{again}'"))
}

/// The further windows of a document, those that can be read.
pub fn windows(doc: &Map<String, Value>) -> Vec<Budget> {
    let windows = doc.get("budget_limits").and_then(Value::as_array).into_iter().flatten();
    let read = windows.filter_map(|window| {
        let max = window.get("max_budget").and_then(amount)?;
        Some(Budget { max, duration: Some(duration(window.get("budget_duration")?)?) })
    });
    read.collect()
}

/// Dollars, as a number or as a text.
fn amount(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|amount| amount.is_finite())
}

fn duration(value: &Value) -> Option<Duration> {
    let text = value.as_str()?;
    Some(Duration { text: text.to_owned(), seconds: times::length(text)? })
}

fn is_duration(value: Option<&Value>) -> bool {
    value.filter(|value| !value.is_null()).is_none_or(|value| duration(value).is_some())
}

/// Puts a `budget_duration` into a document, with the end of its window; `null` takes it out.
pub fn set_budget_duration(control: &Control, doc: &mut Map<String, Value>, duration: Option<&str>) {
    match duration {
        Some(duration) => {
            doc.insert("budget_duration".to_owned(), json!(duration));
            doc.insert("budget_reset_at".to_owned(), json!(control.resets_at(duration)));
        }
        None => {
            doc.shift_remove("budget_duration");
            doc.shift_remove("budget_reset_at");
        }
    }
}

/// What the document of a key, a user or a team allows.
pub fn rights(doc: &Map<String, Value>) -> Rights {
    let texts = |name: &str| {
        let list = doc.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let duration = doc.get("budget_duration").and_then(duration);
    Rights {
        models: texts("models"),
        routes: texts("allowed_routes"),
        budget: doc.get("max_budget").and_then(Value::as_f64).map(|max| Budget { max, duration }),
        windows: windows(doc),
        counts: COUNTS.map(|name| doc.get(name).and_then(Value::as_i64)),
    }
}

/// Puts rights into a document.
pub fn set_rights(control: &Control, doc: &mut Map<String, Value>, rights: Rights) {
    doc.insert("models".to_owned(), json!(rights.models));
    doc.insert("allowed_routes".to_owned(), json!(rights.routes));
    for (name, count) in COUNTS.iter().zip(rights.counts) {
        match count {
            Some(count) => doc.insert((*name).to_owned(), json!(count)),
            None => doc.shift_remove(*name),
        };
    }
    if rights.windows != windows(doc) {
        let shown = |window: &Budget| json!({"budget_duration": window.duration.as_ref().map(|duration| &duration.text), "max_budget": window.max});
        doc.insert("budget_limits".to_owned(), rights.windows.iter().map(shown).collect());
    }
    if let Some(budget) = rights.budget {
        doc.insert("max_budget".to_owned(), json!(budget.max));
        let duration = budget.duration.map(|duration| duration.text);
        if duration.as_deref() != doc.get("budget_duration").and_then(Value::as_str) {
            set_budget_duration(control, doc, duration.as_deref());
        }
    }
}
