//! Budgets in the hands of others: an object names one by `budget_id`.
//!
//! A holder either names a budget that others may hold too, or has one of its own, which was made with it, is changed
//! with it, and goes with it. Who holds a shared budget and is given other limits gets one of its own: the others keep
//! theirs.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{limits, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{audit, delete, overlay, put};
use crate::admin::fields::Fields;
use crate::admin::finding::by_ids;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Change, Kind, Object};

/// What a request makes of a holder's budget.
#[derive(Debug, Default)]
pub struct Given {
    /// The budget that it holds from now on.
    pub budget_id: Option<String>,
    /// That budget, if there is one.
    pub budget: Option<Object>,
    /// What is to be stored besides the holder.
    pub changes: Vec<Change>,
}

/// Whose own budget it is: the budget's alias.
fn mark(holder: Kind, id: &str) -> String {
    format!("{}:{id}", holder.as_str())
}

/// Finds out what a request gives to this holder, which has the budget `current`. `needs_one`: there is none without a
/// budget, even if it limits nothing.
///
/// # Errors
/// 400: limits that cannot be, a budget that is not there.
pub async fn given(
    control: &Control,
    call: &Call,
    fields: &Fields,
    holder: (Kind, &str),
    current: Option<&str>,
    needs_one: bool,
) -> Result<Given, Error> {
    let said = limits::said(fields);
    limits::check_windows(&said)?;
    if let Some(named) = fields.text("budget_id") {
        let found = control.store.get(Kind::Budget, named).await?;
        let text = format!("Budget not found, passed budget_id={named}");
        let budget = found.ok_or_else(|| detailed(Management::DetailRefused, &text))?;
        if said.values().any(|value| !value.is_null()) {
            return Err(detailed(Management::DetailRefused, "Set either 'max_budget' or 'budget_id', not both."));
        }
        let mut changes = Vec::new();
        if current != Some(named) {
            changes = released(control, call, holder, current).await?;
        }
        return Ok(Given { budget_id: Some(named.to_owned()), budget: Some(budget), changes });
    }
    let before = match current {
        Some(id) => control.store.get(Kind::Budget, id).await?,
        None => None,
    };
    let says_something = match &before {
        Some(_) => !said.is_empty(),
        None => needs_one || said.values().any(|value| !value.is_null()),
    };
    if !says_something {
        return Ok(Given { budget_id: current.map(str::to_owned), budget: before, changes: Vec::new() });
    }
    let own = before.filter(|budget| budget.alias.as_deref() == Some(&mark(holder.0, holder.1)));
    // What limits the holder now stays, where nothing else is said.
    let mut doc = match (&own, current) {
        (Some(own), _) => own.doc.clone(),
        (None, Some(shared)) => control.store.get(Kind::Budget, shared).await?.map(|it| it.doc).unwrap_or_default(),
        (None, None) => Map::new(),
    };
    overlay(&mut doc, &said);
    limits::settle(&mut doc, control.now(), &control.settings.zone)?;
    let id = own.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |own| own.id.clone());
    doc.insert("budget_id".to_owned(), json!(id));
    doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    let after = match &own {
        Some(own) => Object { doc, ..own.clone() },
        None => {
            doc.insert("created_by".to_owned(), json!(call.changed_by()));
            Object { alias: Some(mark(holder.0, holder.1)), ..Object::new(Kind::Budget, id.clone(), doc) }
        }
    };
    let action = if own.is_some() { "updated" } else { "created" };
    let changes = put(call, action, own.as_ref(), after.clone()).into();
    Ok(Given { budget_id: Some(id), budget: Some(after), changes })
}

/// What goes when a holder goes, or lets go of its budget: its own one, not a shared one.
///
/// # Errors
/// The store's.
pub async fn released(
    control: &Control,
    call: &Call,
    holder: (Kind, &str),
    current: Option<&str>,
) -> Result<Vec<Change>, Error> {
    let Some(current) = current else { return Ok(Vec::new()) };
    let budget = control.store.get(Kind::Budget, current).await?;
    let own = budget.filter(|budget| budget.alias.as_deref() == Some(&mark(holder.0, holder.1)));
    Ok(own.map_or_else(Vec::new, |own| delete(call, &own).into()))
}

/// The budgets that these objects hold, as they are shown, by `budget_id`.
///
/// # Errors
/// The store's.
pub async fn shown(control: &Control, holders: &[Object]) -> Result<HashMap<String, Value>, Error> {
    let mut ids: Vec<String> = holders.iter().filter_map(|holder| budget_id(holder).map(str::to_owned)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut shown = HashMap::with_capacity(ids.len());
    for budget in by_ids(control, Kind::Budget, &ids).await? {
        let row = Value::from(row::held(control, &budget));
        shown.insert(budget.id, row);
    }
    Ok(shown)
}

/// The budget that an object names.
pub fn budget_id(holder: &Object) -> Option<&str> {
    holder.doc.get("budget_id").and_then(Value::as_str)
}

/// Puts the shown budget beside its holder.
pub fn beside(row: &mut Map<String, Value>, budgets: &HashMap<String, Value>) {
    let budget = row.get("budget_id").and_then(Value::as_str).and_then(|id| budgets.get(id)).cloned();
    row.insert("litellm_budget_table".to_owned(), budget.unwrap_or(Value::Null));
}

/// The end of an object and of its own budget.
///
/// # Errors
/// The store's.
pub async fn gone(control: &Control, call: &Call, holder: &Object) -> Result<Vec<Change>, Error> {
    let mut changes = released(control, call, (holder.kind, &holder.id), budget_id(holder)).await?;
    changes.push(Change::Delete(holder.kind, holder.id.clone()));
    changes.push(audit(call, "deleted", Some(holder), None));
    Ok(changes)
}
