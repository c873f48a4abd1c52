//! Limits as requests state them, whoever is limited: what cannot be, and where they stand in a document.

use serde_json::{Map, Value, json};

use super::control::Control;
use super::fields::Fields;
use super::rights::refused;
use super::times;
use crate::auth::grants::{Budget, COUNTS, Duration, Rights};
use crate::error::Error;

/// Members that are money.
const MONEY: [&str; 3] = ["max_budget", "soft_budget", "spend"];

/// Refuses negative limits and budgets, and durations that are none.
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
    Ok(())
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
    let duration = doc.get("budget_duration").and_then(Value::as_str);
    let duration = duration.and_then(|text| Some(Duration { text: text.to_owned(), seconds: times::length(text)? }));
    Rights {
        models: texts("models"),
        routes: texts("allowed_routes"),
        budget: doc.get("max_budget").and_then(Value::as_f64).map(|max| Budget { max, duration }),
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
    if let Some(budget) = rights.budget {
        doc.insert("max_budget".to_owned(), json!(budget.max));
        let duration = budget.duration.map(|duration| duration.text);
        if duration.as_deref() != doc.get("budget_duration").and_then(Value::as_str) {
            set_budget_duration(control, doc, duration.as_deref());
        }
    }
}
