//! `POST` and `GET /v1/access_group`, `GET`, `PUT` and `DELETE /v1/access_group/{access_group_id}`; also under
//! `/v1/unified_access_group`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::assigned::{self, Holders};
use super::edit::OF_NAME;
use super::show::{is_taken, models_of};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{delete, put};
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::teams::bounds::texts;
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::{Change, Filter, Kind, Object};

const NEW: &[Field] = &[needed("access_group_name", Shape::Text)];
const UPDATE: &[Field] = &[field("access_group_name", Shape::Text)];
const OTHERS: &[Field] = &[
    field("description", Shape::Text),
    field("access_model_names", Shape::Texts),
    field("access_mcp_server_ids", Shape::Texts),
    field("access_agent_ids", Shape::Texts),
    field("assigned_team_ids", Shape::Texts),
    field("assigned_key_ids", Shape::Texts),
];

/// Lists, and where they stand in the document: that of models where `/access_group/*` has it too.
const LISTS: [(&str, &str); 3] = [
    ("access_model_names", "model_names"),
    ("access_mcp_server_ids", "access_mcp_server_ids"),
    ("access_agent_ids", "access_agent_ids"),
];

/// A new group, assigned to these keys and teams.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[NEW, OTHERS].concat())?;
    let id = Uuid::new_v4().to_string();
    let done = control.change(|| async {
        let mut doc = Map::new();
        doc.insert("created_by".to_owned(), json!(call.changed_by()));
        let group = drafted(control, &call, &fields, &Object::new(Kind::AccessGroup, id.as_str(), doc)).await?;
        let mut changes: Vec<Change> = put(&call, "created", None, group).into();
        changes.extend(reassigned(control, &call, &fields, &id, &Holders::default()).await?);
        Ok((changes, ()))
    });
    done.await?;
    Ok(Reply::made(shown(control, &find(control, &id).await?).await?))
}

/// A group with other models, another name or other holders; who is not in a list that is said has it no more.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[UPDATE, OTHERS].concat())?;
    let id = call.param("access_group_id").to_owned();
    let done = control.change(|| async {
        let before = find(control, &id).await?;
        let after = drafted(control, &call, &fields, &before).await?;
        let mut changes: Vec<Change> = put(&call, "updated", Some(&before), after).into();
        changes.extend(reassigned(control, &call, &fields, &id, &Holders::of(control, &id).await?).await?);
        Ok((changes, ()))
    });
    done.await?;
    Ok(Reply::json(shown(control, &find(control, &id).await?).await?))
}

/// A group that ends: nobody has it any more.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let id = call.param("access_group_id").to_owned();
    let done = control.change(|| async {
        let before = find(control, &id).await?;
        Ok((ended(control, &call, &before).await?, ()))
    });
    done.await?;
    Ok(Reply::nothing())
}

/// All groups, the newest first.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let mut groups = control.store.all(Kind::AccessGroup, &Filter::default()).await?;
    groups.sort_by_key(|group| std::cmp::Reverse(group.created_at));
    let holders = Holders::all(control).await?.by_group();
    let nobody = Holders::default();
    let holders = |group: &Object| holders.get(&group.id).unwrap_or(&nobody);
    let rows: Vec<Value> = groups.iter().map(|group| row(control, group, holders(group))).collect();
    Ok(Reply::json(rows))
}

/// One of them.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let group = find(control, call.param("access_group_id")).await?;
    Ok(Reply::json(shown(control, &group).await?))
}

/// What ends a group, and takes it from all who have it.
///
/// # Errors
/// The store's.
pub(super) async fn ended(control: &Control, call: &Call, group: &Object) -> Result<Vec<Change>, Error> {
    let Holders { keys, teams } = Holders::of(control, &group.id).await?;
    let mut changes: Vec<Change> = delete(call, group).into();
    for holders in [keys, teams] {
        changes.extend(assigned::changes(call, &group.id, &holders, &[]));
    }
    Ok(changes)
}

async fn find(control: &Control, id: &str) -> Result<Object, Error> {
    let missing = || refused(Management::DetailNoSuchObject, format!("Access group '{id}' not found"));
    control.store.get(Kind::AccessGroup, id).await?.ok_or_else(missing)
}

/// The group with what is said of it. `null` is an empty list, no description, and no other name.
async fn drafted(control: &Control, call: &Call, fields: &Fields, before: &Object) -> Result<Object, Error> {
    let mut group = before.clone();
    if let Some(name) = fields.text("access_group_name") {
        if name.is_empty() {
            return Err(refused(Management::DetailRefused, "access_group_name must not be empty".to_owned()));
        }
        if before.doc.contains_key(OF_NAME) && name != before.id {
            let text = format!("Access group '{}' has its name for an id: it cannot be renamed", before.id);
            return Err(refused(Management::DetailRefused, text));
        }
        if is_taken(control, name, Some(&before.id)).await? {
            return Err(refused(Management::DetailExists, format!("Access group '{name}' already exists")));
        }
        group.alias = Some(name.to_owned());
        group.doc.insert("access_group_name".to_owned(), json!(name));
    }
    if let Some(description) = fields.get("description") {
        group.doc.insert("description".to_owned(), description.clone());
    }
    for (said, stored) in LISTS {
        if fields.get(said).is_some() || !group.doc.contains_key(stored) {
            group.doc.insert(stored.to_owned(), json!(fields.texts(said)));
        }
    }
    group.doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    Ok(group)
}

/// What assigns the group as the request says.
async fn reassigned(
    control: &Control,
    call: &Call,
    fields: &Fields,
    id: &str,
    before: &Holders,
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    if fields.get("assigned_team_ids").is_some() {
        let wanted = assigned::teams(control, &fields.texts("assigned_team_ids")).await?;
        changes.extend(assigned::changes(call, id, &before.teams, &wanted));
    }
    if fields.get("assigned_key_ids").is_some() {
        let wanted = assigned::keys(control, &fields.texts("assigned_key_ids")).await?;
        changes.extend(assigned::changes(call, id, &before.keys, &wanted));
    }
    Ok(changes)
}

async fn shown(control: &Control, group: &Object) -> Result<Value, Error> {
    Ok(row(control, group, &Holders::of(control, &group.id).await?))
}

/// A group as LiteLLM shows it, with who has it.
fn row(control: &Control, group: &Object, holders: &Holders) -> Value {
    let known = control.shown(group);
    let said = |name: &str| known.get(name).cloned().unwrap_or_default();
    let ids = |objects: &[Object]| objects.iter().map(|object| object.id.clone()).collect::<Vec<_>>();
    let named =
        |objects: &[Object]| objects.iter().map(|it| json!({"id": it.id, "name": it.alias})).collect::<Vec<_>>();
    let [servers, agents] = ["access_mcp_server_ids", "access_agent_ids"].map(|name| texts(&known, name));
    let unnamed = |ids: &[String]| ids.iter().map(|id| json!({"id": id, "name": null})).collect::<Vec<_>>();
    json!({
        "access_group_id": group.id,
        "access_group_name": group.alias.as_ref().unwrap_or(&group.id),
        "description": said("description"),
        "access_model_names": models_of(group),
        "access_mcp_server_ids": servers,
        "access_agent_ids": agents,
        "assigned_team_ids": ids(&holders.teams),
        "assigned_key_ids": ids(&holders.keys),
        "access_mcp_servers": unnamed(&servers),
        "access_agents": unnamed(&agents),
        "assigned_teams": named(&holders.teams),
        "assigned_keys": named(&holders.keys),
        "created_at": said("created_at"),
        "created_by": said("created_by"),
        "updated_at": said("updated_at"),
        "updated_by": said("updated_by"),
    })
}

fn refused(kind: Management, text: String) -> Error {
    Error::new(ErrorKind::Management(kind), text)
}
