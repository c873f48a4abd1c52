//! `POST /tag/new`, `/tag/update`, `/tag/delete`

use serde_json::{Value, json};

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
use crate::store::{Change, Kind, Object};

const FIELDS: &[Field] = &[
    needed("name", Shape::Text),
    field("description", Shape::Text),
    field("models", Shape::Texts),
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("budget_id", Shape::Text),
];

const DELETE: &[Field] = &[needed("name", Shape::Text)];

/// The longest name: it is a metric's label and a key of counters.
const LONGEST_NAME: usize = 256;

/// A new tag.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let name = fields.text("name").unwrap_or_default();
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(refused(format!("A tag's name has 1 to {LONGEST_NAME} bytes.")).param("name"));
    }
    let made = control.change(|| async {
        if control.store.get(Kind::Tag, name).await?.is_some() {
            let text = format!("Tag {name} already exists");
            return Err(Error::new(ErrorKind::Management(Management::Exists), text).param("name"));
        }
        Ok((changes(control, &call, &fields, None, name).await?, ()))
    });
    made.await?;
    told(control, name, "created").await
}

/// A tag with other models or limits.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, LIMITS].concat())?;
    let name = fields.text("name").unwrap_or_default();
    let made = control.change(|| async {
        let before = control.store.get(Kind::Tag, name).await?.ok_or_else(|| no_tag(name))?;
        Ok((changes(control, &call, &fields, Some(&before), name).await?, ()))
    });
    made.await?;
    told(control, name, "updated").await
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    before: Option<&Object>,
    name: &str,
) -> Result<Vec<Change>, Error> {
    let current = before.and_then(held::budget_id);
    let given = held::given(control, call, fields, (Kind::Tag, name), current, false).await?;
    let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
    for member in FIELDS {
        if let Some(value) = fields.get(member.name) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    doc.insert("budget_id".to_owned(), json!(given.budget_id));
    if before.is_none() {
        doc.insert("created_by".to_owned(), json!(call.changed_by()));
    }
    let after = match before {
        Some(before) => Object { doc, ..before.clone() },
        None => Object::new(Kind::Tag, name, doc),
    };
    let action = if before.is_some() { "updated" } else { "created" };
    let mut changes = given.changes;
    changes.extend(put(call, action, before, after));
    Ok(changes)
}

/// A tag without limits of its own from now on. What was spent under it stays in the logs.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(DELETE)?;
    let name = fields.text("name").unwrap_or_default();
    let gone = control.change(|| async {
        let tag = control.store.get(Kind::Tag, name).await?.ok_or_else(|| no_tag(name))?;
        Ok((held::gone(control, &call, &tag).await?, ()))
    });
    gone.await?;
    Ok(Reply::json(json!({"message": format!("Tag {name} deleted successfully")})))
}

fn no_tag(name: &str) -> Error {
    not_found(format!("Tag {name} not found")).param("name")
}

async fn told(control: &Control, name: &str, what: &str) -> Result<Reply, Error> {
    let stored = control.store.get(Kind::Tag, name).await?;
    let tag = row::rows(control, stored.as_slice()).await?.into_iter().next().unwrap_or(Value::Null);
    Ok(Reply::json(json!({"message": format!("Tag {name} {what} successfully"), "tag": tag})))
}
