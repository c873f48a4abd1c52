//! The members of a row, each in its shape. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Row;
use crate::admin::fields::{Field, Fields, Place, Shape};
use crate::admin::times::zulu;
use crate::limiter::{Kind, Window};
use crate::pricing::Money;
use crate::store::{Counter, KEY_TOTAL};

/// Members of keys and teams that hold budgets of models or of further windows.
const BUDGETS_WITHIN: [&str; 2] = ["model_max_budget", "budget_limits"];

/// The members of these names that the row says something of.
///
/// # Errors
/// Which of them cannot be read, for people.
pub fn members(row: &Row, fields: &[&[Field]]) -> Result<Map<String, Value>, String> {
    let mut doc = Map::new();
    let mut faults = Vec::new();
    for field in fields.iter().copied().flatten() {
        let field = Field { shape: shape(field.shape), is_needed: false, ..*field };
        let Some(value) = row.get(field.name).and_then(|value| cell(field, value)) else { continue };
        let one = Map::from_iter([(field.name.to_owned(), value)]);
        match Fields::of_map(&one, &[field], Place::Body) {
            Ok(read) => doc.extend(read.map().clone()),
            Err(_) => faults.push(field.name),
        }
    }
    for name in BUDGETS_WITHIN {
        if let Some(value) = doc.get_mut(name) {
            settle_budgets(value);
        }
    }
    if faults.is_empty() { Ok(doc) } else { Err(format!("cannot be read: {}", faults.join(", "))) }
}

/// Texts that LiteLLM has let pass are not lost for not being known here.
fn shape(shape: Shape) -> Shape {
    if matches!(shape, Shape::OneOf(_)) { Shape::Text } else { shape }
}

/// What a cell says, if anything. LiteLLM has stored JSON as a text of JSON too, `{}` as an empty list, and `""` for nobody.
fn cell(field: Field, value: &Value) -> Option<Value> {
    let is_list = matches!(field.shape, Shape::List | Shape::Texts);
    let is_object = matches!(field.shape, Shape::Object | Shape::Counts);
    let value = match value {
        Value::String(text) if is_list || is_object => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        Value::String(text) if text.is_empty() => Value::Null,
        value => value.clone(),
    };
    match &value {
        Value::Null => None,
        Value::Object(map) if is_list && map.is_empty() => None,
        Value::Array(list) if is_object && list.is_empty() => None,
        _ => Some(value),
    }
}

/// Budgets within a document as the data plane reads them: amounts are numbers, what is not said is not there.
fn settle_budgets(value: &mut Value) {
    let entries: Vec<&mut Value> = match value {
        Value::Object(models) => models.values_mut().collect(),
        Value::Array(windows) => windows.iter_mut().collect(),
        _ => Vec::new(),
    };
    for entry in entries {
        if let Some(amount) = amount(entry) {
            *entry = json!({"max_budget": amount});
        }
        let Value::Object(budget) = entry else { continue };
        budget.retain(|_, value| !value.is_null());
        for name in ["max_budget", "budget_limit"] {
            if let Some(amount) = budget.get(name).and_then(amount) {
                budget.insert(name.to_owned(), json!(amount));
            }
        }
    }
}

/// Dollars, as a number or as a text.
fn amount(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|amount| amount.is_finite())
}

/// A text that is not empty.
pub fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The text that a row cannot be without.
///
/// # Errors
/// It is not there.
pub fn id<'a>(row: &'a Row, name: &str) -> Result<&'a str, String> {
    text(row, name).ok_or_else(|| format!("has no {name}"))
}

/// Puts moments into a document. A column of Prisma's has no zone and means UTC.
///
/// # Errors
/// One is no moment.
pub fn set_times(doc: &mut Map<String, Value>, row: &Row, names: &[&str]) -> Result<(), String> {
    for name in names {
        if text(row, name).is_some() {
            let time = time(row, name).ok_or_else(|| format!("cannot be read: {name}"))?;
            doc.insert((*name).to_owned(), json!(zulu(time)));
        }
    }
    Ok(())
}

/// A moment in milliseconds since 1970.
fn time(row: &Row, name: &str) -> Option<i64> {
    let said = text(row, name)?;
    let moment = said.parse::<Timestamp>().or_else(|_| format!("{said}Z").parse());
    moment.ok().map(Timestamp::as_millisecond)
}

/// What was spent, until the end of the window that its own budget has, else the one that it holds. Where that end is not
/// known it is the one that the gateway finds for the window of its first call.
pub fn counter(scope: Kind, id: &str, row: &Row, budget: Option<&Row>) -> Option<Counter> {
    let spent = money(row, "spend")?;
    let timed = [Some(row), budget].into_iter().flatten().find(|row| text(row, "budget_duration").is_some());
    let timed = timed.filter(|row| text(row, "budget_duration").and_then(Window::parse).is_some());
    let ends = timed.and_then(|row| time(row, "budget_reset_at"));
    Some(Counter {
        scope: scope.as_str().to_owned(),
        id: id.to_owned(),
        budget: String::new(),
        spent: spent.pico(),
        resets_at: ends.map_or(0, |ends| ends.div_euclid(1_000).max(0)),
    })
}

/// What a key has spent over all windows: what the row says of it, in releases that count it, and never less than of this
/// window.
pub fn total(id: &str, row: &Row) -> Option<Counter> {
    let spent = money(row, "total_spend").max(money(row, "spend"))?;
    Some(Counter {
        scope: KEY_TOTAL.to_owned(),
        id: id.to_owned(),
        budget: String::new(),
        spent: spent.pico(),
        resets_at: 0,
    })
}

/// More than nothing.
fn money(row: &Row, name: &str) -> Option<Money> {
    Money::from_dollars_f64(row.get(name)?.as_f64()?).filter(|money| *money > Money::ZERO)
}
