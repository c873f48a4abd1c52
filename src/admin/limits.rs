//! Limits as requests state them, whoever is limited: what cannot be, and where they stand in a document.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::control::Control;
use super::fields::Fields;
use super::rights::refused;
use super::times;
use crate::auth::grants::{Budget, COUNTS, Duration, NAMED, Named, Rights};
use crate::error::Error;

/// Parameters that each request must have.
const ENFORCED: &str = "enforced_params";
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

/// What is wrong with limits of models and tags and with further windows; `None`: they have limits and durations that are
/// ones, and no two windows have the same.
pub fn fault_of_windows(said: &Map<String, Value>) -> Option<String> {
    for name in NAMED {
        let counts = said.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter);
        if let Some((of, count)) = counts.filter_map(|(of, count)| Some((of, count.as_i64()?))).find(|(_, it)| *it < 0)
        {
            return Some(format!("{name} cannot be negative. Received: {count} for {of}"));
        }
    }
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
    windows.filter_map(window).filter(|window| window.duration.is_some()).collect()
}

/// The budgets of single models in a document.
fn of_models(doc: &Map<String, Value>) -> BTreeMap<String, Budget> {
    let models = doc.get("model_max_budget").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    models.filter_map(|(model, budget)| Some((model.clone(), window(budget)?))).collect()
}

/// Money in a time, in either of LiteLLM's words; of both the data plane takes the same.
fn window(said: &Value) -> Option<Budget> {
    let said = |name: &str, other: &str| {
        said.get(name).filter(|value| !value.is_null()).or_else(|| said.get(other)).filter(|value| !value.is_null())
    };
    let max = said("max_budget", "budget_limit").and_then(amount)?;
    Some(Budget { max, duration: said("budget_duration", "time_period").and_then(duration) })
}

/// The numbers of models or tags that a document limits, itself or in its `metadata`. As for the data plane numbers of which
/// one cannot be read limit nothing.
fn named(doc: &Map<String, Value>, name: &str) -> Named {
    let read = |said: Option<&Value>| {
        let numbers = said.and_then(Value::as_object).into_iter().flat_map(Map::iter);
        numbers.map(|(of, count)| Some((of.clone(), count.as_u64()?))).collect::<Option<Named>>().unwrap_or_default()
    };
    let own = read(doc.get(name));
    if own.is_empty() { read(in_metadata(doc, name)) } else { own }
}

fn in_metadata<'a>(doc: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    doc.get("metadata")?.get(name)
}

/// Puts a member into a document's `metadata`, and nowhere else; `None` takes it out.
fn set_in_metadata(doc: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    doc.shift_remove(name);
    let metadata = doc.entry("metadata").or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if let Some(metadata) = metadata.as_object_mut() {
        match value {
            Some(value) => metadata.insert(name.to_owned(), value),
            None => metadata.shift_remove(name),
        };
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn enforced(doc: &Map<String, Value>) -> Vec<String> {
    let own = texts(doc.get(ENFORCED));
    if own.is_empty() { texts(in_metadata(doc, ENFORCED)) } else { own }
}

/// When a document ends; a moment that cannot be read is long ago.
fn expires(doc: &Map<String, Value>) -> Option<i64> {
    let end = doc.get("expires").and_then(Value::as_str)?;
    Some(times::moment(end.trim()).unwrap_or_default())
}

/// Dollars, as a number or as a text: an import stores either, and either limits.
pub fn amount(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|amount| amount.is_finite())
}

fn duration(value: &Value) -> Option<Duration> {
    let text = value.as_str()?;
    Some(Duration { text: text.to_owned(), seconds: times::length(text.trim())? })
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

/// What the document of a key, a user or a team allows, read as the data plane reads it.
pub fn rights(doc: &Map<String, Value>) -> Rights {
    let duration = doc.get("budget_duration").and_then(duration);
    Rights {
        models: texts(doc.get("models")),
        routes: texts(doc.get("allowed_routes")),
        budget: doc.get("max_budget").and_then(amount).map(|max| Budget { max, duration }),
        windows: windows(doc),
        of_models: of_models(doc),
        counts: COUNTS.map(|name| doc.get(name).and_then(Value::as_i64)),
        named: NAMED.map(|name| named(doc, name)),
        enforced: enforced(doc),
        expires: expires(doc),
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
    for (name, numbers) in NAMED.iter().zip(rights.named) {
        if numbers != named(doc, name) {
            set_in_metadata(doc, name, Some(json!(numbers)).filter(|_| !numbers.is_empty()));
        }
    }
    if rights.enforced != enforced(doc) {
        set_in_metadata(doc, ENFORCED, Some(json!(rights.enforced)).filter(|_| !rights.enforced.is_empty()));
    }
    set_budgets(control, doc, rights.budget, &rights.windows, &rights.of_models);
    if let Some(end) = rights.expires.filter(|end| expires(doc) != Some(*end)) {
        doc.insert("expires".to_owned(), json!(times::zulu(end)));
    }
}

fn set_budgets(
    control: &Control,
    doc: &mut Map<String, Value>,
    budget: Option<Budget>,
    of_windows: &[Budget],
    by_model: &BTreeMap<String, Budget>,
) {
    let text = |budget: &Budget| budget.duration.as_ref().map(|duration| duration.text.clone());
    if of_windows != windows(doc) {
        let shown = |window: &Budget| json!({"budget_duration": text(window), "max_budget": window.max});
        doc.insert("budget_limits".to_owned(), of_windows.iter().map(shown).collect());
    }
    if *by_model != of_models(doc) {
        let shown = |budget: &Budget| match text(budget) {
            Some(period) => json!({"budget_limit": budget.max, "time_period": period}),
            None => json!({"budget_limit": budget.max}),
        };
        let models = by_model.iter().map(|(model, budget)| (model.clone(), shown(budget)));
        doc.insert("model_max_budget".to_owned(), Value::Object(models.collect()));
    }
    if let Some(budget) = budget {
        doc.insert("max_budget".to_owned(), json!(budget.max));
        let duration = text(&budget);
        if duration.as_deref() != doc.get("budget_duration").and_then(Value::as_str) {
            set_budget_duration(control, doc, duration.as_deref());
        }
    }
}
