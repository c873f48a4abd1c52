//! What a budget limits: the members, their bounds, when the money starts anew.

use serde_json::{Map, Value, json};

use crate::admin::fields::{Field, Fields, Shape, field};
use crate::admin::limits::{amount, fault_of_windows};
use crate::admin::rights::detailed;
use crate::admin::times;
use crate::error::{Error, Management};
use crate::limiter::{Window, Zone};

/// The members of a request that say limits.
pub const LIMITS: &[Field] = &[
    field("max_budget", Shape::Number),
    field("soft_budget", Shape::Number),
    field("max_parallel_requests", Shape::Whole),
    field("tpm_limit", Shape::Whole),
    field("rpm_limit", Shape::Whole),
    field("tpd_limit", Shape::Whole),
    field("model_max_budget", Shape::Object),
    field("budget_limits", Shape::List),
    field("budget_duration", Shape::Text),
    field("allowed_models", Shape::Texts),
];

/// Members that must not be below zero.
const AMOUNTS: [&str; 6] =
    ["max_budget", "soft_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit"];

/// What a request says of limits; `null` takes a limit away.
pub fn said(fields: &Fields) -> Map<String, Value> {
    let said = LIMITS.iter().filter_map(|limit| Some((limit.name.to_owned(), fields.get(limit.name)?.clone())));
    said.collect()
}

/// Refuses windows, and budgets of models, that are none, in what a request says.
///
/// # Errors
/// 400.
pub fn check_windows(said: &Map<String, Value>) -> Result<(), Error> {
    let fault = fault_of_windows(said);
    fault.map_or(Ok(()), |fault| Err(detailed(Management::DetailRefused, &fault)))
}

/// Refuses limits that cannot be, in a document that is to be stored, and notes when the money starts anew.
///
/// # Errors
/// 400 in LiteLLM's words.
pub fn settle(doc: &mut Map<String, Value>, now: i64, zone: &Zone) -> Result<(), Error> {
    let refuse = |text: String| Err(detailed(Management::DetailRefused, &text));
    for name in AMOUNTS {
        if let Some(amount) = number(doc, name).filter(|amount| *amount < 0.0) {
            return refuse(format!("{name} cannot be negative. Received: {amount}"));
        }
    }
    if let (Some(soft), Some(max)) = (number(doc, "soft_budget"), number(doc, "max_budget"))
        && soft >= max
    {
        return refuse(format!("soft_budget ({soft}) must be strictly lower than max_budget ({max})"));
    }
    match doc.get("budget_duration").and_then(Value::as_str) {
        Some(duration) if Window::parse(duration).is_none() => {
            refuse(format!("Invalid budget_duration: {duration}. Use for example '30s', '30m', '30h', '30d', '1mo'."))
        }
        Some(_) => {
            renew(doc, now, zone);
            Ok(())
        }
        None => {
            doc.insert("budget_reset_at".to_owned(), Value::Null);
            Ok(())
        }
    }
}

/// Puts the end of the window that `now` is in.
fn renew(row: &mut Map<String, Value>, now: i64, zone: &Zone) {
    let window = row.get("budget_duration").and_then(Value::as_str).and_then(Window::parse);
    if let Some(window) = window {
        let ends = window.next_reset(now.div_euclid(1_000), zone);
        row.insert("budget_reset_at".to_owned(), json!(times::zulu(ends.saturating_mul(1_000))));
    }
}

/// A number of a document.
pub fn number(doc: &Map<String, Value>, name: &str) -> Option<f64> {
    amount(doc.get(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::world::START;

    fn settled(doc: Value) -> Result<Value, String> {
        let mut doc = doc.as_object().unwrap().clone();
        let done = settle(&mut doc, START, &Zone::UTC).map_err(|error| error.message);
        done.map(|()| doc.get("budget_reset_at").cloned().unwrap())
    }

    #[test]
    fn limits_that_cannot_be_are_refused() {
        for (doc, word) in [
            (json!({"max_budget": -1.0}), "max_budget cannot be negative"),
            (json!({"rpm_limit": -1}), "rpm_limit cannot be negative"),
            (json!({"max_budget": 5.0, "soft_budget": 5.0}), "strictly lower"),
            (json!({"budget_duration": "7 days"}), "Invalid budget_duration"),
            (json!({"budget_duration": ""}), "Invalid budget_duration"),
        ] {
            let refused = settled(doc.clone()).unwrap_err();
            assert!(refused.contains(word), "{doc}: {refused}");
        }
        assert_eq!(settled(json!({"max_budget": 0.0, "rpm_limit": 0})), Ok(Value::Null));
        assert_eq!(settled(json!({"max_budget": 5.0, "soft_budget": 4.5})), Ok(Value::Null));
    }

    #[test]
    fn the_money_starts_anew_where_the_limiter_says_so() {
        assert_eq!(settled(json!({"budget_duration": "7d"})), Ok(json!("2026-11-23T00:00:00Z")));
        assert_eq!(settled(json!({"budget_duration": "30d"})), Ok(json!("2026-12-01T00:00:00Z")));
        let mut row = json!({"budget_duration": "1d", "budget_reset_at": "2020-01-01T00:00:00Z"});
        renew(row.as_object_mut().unwrap(), START, &Zone::named("Europe/Berlin").unwrap());
        assert_eq!(row["budget_reset_at"], json!("2026-11-20T23:00:00Z"));
    }
}
