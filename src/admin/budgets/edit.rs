//! `POST /budget/new`, `/budget/update`, `/budget/delete`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::limits::{self, LIMITS};
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{delete, overlay, put};
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Kind, Object};

const FIELDS: &[Field] = &[field("budget_id", Shape::Text)];
const DELETE: &[Field] = &[needed("id", Shape::Text)];

/// A new budget that others may hold.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let id = fields.text("budget_id").filter(|id| !id.is_empty());
    let id = id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let made = control.change(|| async {
        if control.store.get(Kind::Budget, &id).await?.is_some() {
            let text = format!("Budget already exists, passed budget_id={id}. Please use a different budget id.");
            return Err(detailed(Management::DetailExists, &text));
        }
        let mut doc = Map::new();
        doc.insert("budget_id".to_owned(), json!(id));
        doc.insert("created_by".to_owned(), json!(call.changed_by()));
        let made = Object::new(Kind::Budget, id.clone(), changed(control, &call, doc, &fields)?);
        Ok((put(&call, "created", None, made.clone()).into(), made))
    });
    shown(control, made.await?).await
}

/// Other limits for all who hold it.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let Some(id) = fields.text("budget_id") else {
        return Err(detailed(Management::DetailRefused, "budget_id is required"));
    };
    let made = control.change(|| async {
        let before = found(control, id).await?;
        let doc = changed(control, &call, before.doc.clone(), &fields)?;
        let after = Object { doc, ..before.clone() };
        Ok((put(&call, "updated", Some(&before), after.clone()).into(), after))
    });
    shown(control, made.await?).await
}

/// Who holds it has no limits by it any more.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(DELETE)?;
    let id = fields.text("id").unwrap_or_default();
    let gone = control.change(|| async {
        let budget = found(control, id).await?;
        Ok((delete(&call, &budget).into(), budget))
    });
    Ok(Reply::json(row::whole(control, &gone.await?)))
}

fn changed(
    control: &Control,
    call: &Call,
    mut doc: Map<String, Value>,
    fields: &Fields,
) -> Result<Map<String, Value>, Error> {
    let said = limits::said(fields);
    limits::check_windows(&said)?;
    overlay(&mut doc, &said);
    doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    limits::settle(&mut doc, control.now(), &control.settings.zone)?;
    Ok(doc)
}

async fn found(control: &Control, id: &str) -> Result<Object, Error> {
    let found = control.store.get(Kind::Budget, id).await?;
    found.ok_or_else(|| detailed(Management::DetailNoSuchObject, &format!("Budget not found, passed budget_id={id}")))
}

/// As it is stored now, with its times.
async fn shown(control: &Control, budget: Object) -> Result<Reply, Error> {
    let stored = control.store.get(Kind::Budget, &budget.id).await?;
    Ok(Reply::json(row::whole(control, &stored.unwrap_or(budget))))
}
