//! `POST /customer/new`, `/customer/update`, `/customer/delete`

use serde_json::{Map, Value, json};

use super::row;
use crate::admin::budgets::held;
use crate::admin::budgets::limits::LIMITS;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, refused};
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::{Filter, Kind, Object};

const FIELDS: &[Field] = &[
    needed("user_id", Shape::Text),
    field("alias", Shape::Text),
    field("blocked", Shape::Flag),
    field("budget_id", Shape::Text),
    field("allowed_model_region", Shape::OneOf(&["eu", "us"])),
    field("default_model", Shape::Text),
    field("models", Shape::Texts),
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("object_permission", Shape::Object),
];

const DELETE: &[Field] = &[needed("user_ids", Shape::Texts)];

/// A new customer. Their budget is made with them, unless one is named.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let id = fields.text("user_id").unwrap_or_default().to_owned();
    let made = control.change(|| async {
        if control.store.get(Kind::Customer, &id).await?.is_some() {
            let text = format!("Customer already exists, passed user_id={id}. Please pass a new user_id.");
            return Err(Error::new(ErrorKind::Management(Management::Exists), text).param("user_id"));
        }
        changes(control, &call, &fields, None, &id).await
    });
    made.await?;
    Ok(Reply::json(row::of(control, &id).await?))
}

/// A customer with other limits or another name.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let id = fields.text("user_id").unwrap_or_default().to_owned();
    let made = control.change(|| async {
        let found = control.store.get(Kind::Customer, &id).await?;
        let before = found.ok_or_else(|| nobody(&id, "user_id"))?;
        changes(control, &call, &fields, Some(&before), &id).await
    });
    made.await?;
    Ok(Reply::json(row::of(control, &id).await?))
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    before: Option<&Object>,
    id: &str,
) -> Result<(Vec<crate::store::Change>, ()), Error> {
    let current = before.and_then(held::budget_id);
    let given = held::given(control, call, fields, (Kind::Customer, id), current, false).await?;
    let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
    for member in FIELDS {
        if let Some(value) = fields.get(member.name) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    doc.insert("budget_id".to_owned(), json!(given.budget_id));
    let after = customer(id, doc, before);
    let action = if before.is_some() { "updated" } else { "created" };
    let mut changes = given.changes;
    changes.extend(put(call, action, before, after));
    Ok((changes, ()))
}

/// A customer as they are stored.
pub(super) fn customer(id: &str, doc: Map<String, Value>, before: Option<&Object>) -> Object {
    let alias = doc.get("alias").and_then(Value::as_str).map(str::to_owned);
    match before {
        Some(before) => Object { alias, doc, ..before.clone() },
        None => Object { alias, ..Object::new(Kind::Customer, id, doc) },
    }
}

/// Customers that are forgotten; a request that names them makes no new ones.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let ids = call.body(DELETE)?.texts("user_ids");
    if ids.is_empty() {
        return Err(refused("user_ids is required").param("user_ids"));
    }
    let gone = control.change(|| async {
        let found = control.store.all(Kind::Customer, &Filter { ids: Some(&ids), ..Filter::default() }).await?;
        let missing: Vec<&str> =
            ids.iter().filter(|id| !found.iter().any(|it| it.id == **id)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(nobody(&missing.join(", "), "user_ids"));
        }
        let mut changes = Vec::new();
        for customer in &found {
            changes.extend(held::gone(control, &call, customer).await?);
        }
        Ok((changes, found.len()))
    });
    let count = gone.await?;
    let text = format!("Successfully deleted customers with ids: {}", crate::admin::rights::python_list(&ids));
    Ok(Reply::json(json!({"deleted_customers": count, "message": text})))
}

/// There is no such customer; `param` is what named them.
pub(super) fn nobody(id: &str, param: &'static str) -> Error {
    not_found(format!("End User Id={id} does not exist in db")).param(param)
}
