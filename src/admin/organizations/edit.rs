//! `POST /organization/new`, `PATCH /organization/update`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{find, row};
use crate::admin::budgets::held;
use crate::admin::budgets::limits::LIMITS;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Change, Kind, Object};

const NEW: &[Field] = &[needed("organization_alias", Shape::Text), field("organization_id", Shape::Text)];
const UPDATE: &[Field] = &[field("organization_alias", Shape::Text), needed("organization_id", Shape::Text)];

/// Members that stand in the document as they are said.
const OWN: &[Field] = &[
    field("metadata", Shape::Object),
    field("models", Shape::Texts),
    field("budget_id", Shape::Text),
    field("object_permission", Shape::Object),
];

/// Members that LiteLLM keeps in `metadata`.
const IN_METADATA: &[Field] = &[
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("tags", Shape::Texts),
    field("guardrails", Shape::Texts),
];

/// A new organization. It always has a budget, even one that limits nothing.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[NEW, OWN, IN_METADATA, LIMITS].concat())?;
    let id = match fields.text("organization_id").filter(|id| !id.is_empty()) {
        Some(id) if id.contains(':') => {
            return Err(detailed(Management::DetailRefused, "An organization_id has no ':'."));
        }
        Some(id) => id.to_owned(),
        None => Uuid::new_v4().to_string(),
    };
    let made = control.change(|| async {
        if control.store.get(Kind::Organization, &id).await?.is_some() {
            let text = format!("Organization id = {id} already exists. Please use a different organization id.");
            return Err(detailed(Management::DetailExists, &text));
        }
        Ok((changes(control, &call, &fields, None, &id).await?, ()))
    });
    made.await?;
    Ok(Reply::json(row::stored(control, &id).await?))
}

/// An organization with other models or limits.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[UPDATE, OWN, IN_METADATA, LIMITS].concat())?;
    let id = fields.text("organization_id").unwrap_or_default();
    let made = control.change(|| async {
        let before = find(control, id).await?;
        Ok((changes(control, &call, &fields, Some(&before), id).await?, ()))
    });
    made.await?;
    let found = find(control, id).await?;
    let shown = row::with_members(control, &[found]).await?;
    Ok(Reply::json(shown.into_iter().next().unwrap_or_default()))
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    before: Option<&Object>,
    id: &str,
) -> Result<Vec<Change>, Error> {
    let current = before.and_then(held::budget_id);
    let given = held::given(control, call, fields, (Kind::Organization, id), current, true).await?;
    let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
    for member in OWN.iter().chain(NEW) {
        if let Some(value) = fields.get(member.name) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    let mut metadata = doc.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for member in IN_METADATA {
        if let Some(value) = fields.get(member.name) {
            metadata.insert(member.name.to_owned(), value.clone());
        }
    }
    doc.insert("metadata".to_owned(), Value::Object(metadata));
    doc.insert("organization_id".to_owned(), json!(id));
    doc.insert("budget_id".to_owned(), json!(given.budget_id));
    doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    if before.is_none() {
        doc.insert("created_by".to_owned(), json!(call.changed_by()));
    }
    let mut changes = given.changes;
    let action = if before.is_some() { "updated" } else { "created" };
    changes.extend(put(call, action, before, organization(id, doc, before)));
    Ok(changes)
}

fn organization(id: &str, doc: Map<String, Value>, before: Option<&Object>) -> Object {
    let alias = doc.get("organization_alias").and_then(Value::as_str).map(str::to_owned);
    match before {
        Some(before) => Object { alias, doc, ..before.clone() },
        None => {
            let organization_id = Some(id.to_owned());
            Object { alias, organization_id, ..Object::new(Kind::Organization, id, doc) }
        }
    }
}
