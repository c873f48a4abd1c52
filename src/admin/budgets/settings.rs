//! `GET /budget/settings`: which members a budget has, for forms.

use serde_json::{Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::Kind;

const QUERY: &[Field] = &[needed("budget_id", Shape::Text)];

/// Name, type, meaning.
const MEMBERS: [(&str, &str, &str); 4] = [
    ("max_parallel_requests", "Integer", "Requests at once."),
    ("tpm_limit", "Integer", "Tokens a minute."),
    ("rpm_limit", "Integer", "Requests a minute."),
    ("budget_duration", "String", "After which the budget starts anew, for example 30d."),
];

const MONEY: [(&str, &str, &str); 2] = [
    ("max_budget", "Float", "US dollars; at them, requests fail."),
    ("soft_budget", "Float", "US dollars; at them, somebody is told."),
];

/// Each member with its value in this budget.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let budget = control.store.get(Kind::Budget, query.text("budget_id").unwrap_or_default()).await?;
    let doc = budget.map(|budget| budget.doc);
    let value = |name: &str| doc.as_ref().and_then(|doc| doc.get(name)).cloned().unwrap_or(Value::Null);
    let members = MEMBERS.iter().chain(&MONEY).map(|(name, kind, meaning)| {
        json!({
            "field_name": name,
            "field_type": kind,
            "field_description": meaning,
            "field_value": value(name),
            "stored_in_db": doc.is_some(),
            "field_default_value": null,
        })
    });
    Ok(Reply::json(members.collect::<Vec<_>>()))
}
