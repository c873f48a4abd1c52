//! `POST /project/new`, `/project/update`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{find, row};
use crate::admin::budgets::held;
use crate::admin::budgets::limits::{LIMITS, said};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::bounds;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::{Change, Kind, Object};

const NEW: &[Field] = &[needed("team_id", Shape::Text), field("project_id", Shape::Text)];
const UPDATE: &[Field] = &[field("team_id", Shape::Text), needed("project_id", Shape::Text)];

/// Members that stand in the document as they are said.
const OWN: &[Field] = &[
    field("project_alias", Shape::Text),
    field("description", Shape::Text),
    field("metadata", Shape::Object),
    field("models", Shape::Texts),
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
    field("blocked", Shape::Flag),
    field("budget_id", Shape::Text),
    field("object_permission", Shape::Object),
];

const TAGS: &[Field] = &[field("tags", Shape::Texts)];

/// What a project says for all that its team has: no more than the team has.
const ALL_OF_TEAM: &str = "all-team-models";

/// A new project of a team, by its admins.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[NEW, OWN, TAGS, LIMITS].concat())?;
    let id = fields.text("project_id").filter(|id| !id.is_empty());
    let id = id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let team_id = fields.text("team_id").unwrap_or_default();
    let made = control.change(|| async {
        let (team, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        if control.store.get(Kind::Project, &id).await?.is_some() {
            let text = format!("Project id = {id} already exists. Please use a different project id.");
            return Err(detailed(Management::DetailExists, &text));
        }
        Ok((changes(control, &call, &fields, None, &id, &team).await?, ()))
    });
    made.await?;
    Ok(Reply::json(row::stored(control, &id).await?))
}

/// A project with other models or limits. It stays in its team.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[UPDATE, OWN, TAGS, LIMITS].concat())?;
    let id = fields.text("project_id").unwrap_or_default();
    let made = control.change(|| async {
        let before = find(control, id).await?;
        let team_id = before.team_id.as_deref().unwrap_or_default();
        let (team, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        if fields.text("team_id").is_some_and(|said| said != team_id) {
            let text = "A project cannot be moved to another team: its keys belong to its team.";
            return Err(detailed(Management::DetailRefused, text));
        }
        Ok((changes(control, &call, &fields, Some(&before), id, &team).await?, ()))
    });
    made.await?;
    Ok(Reply::json(row::stored(control, id).await?))
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    before: Option<&Object>,
    id: &str,
    team: &Object,
) -> Result<Vec<Change>, Error> {
    let current = before.and_then(held::budget_id);
    let given = held::given(control, call, fields, (Kind::Project, id), current, true).await?;
    let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
    for member in OWN {
        if let Some(value) = fields.get(member.name) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    if let Some(tags) = fields.get("tags") {
        let mut metadata = doc.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        metadata.insert("tags".to_owned(), tags.clone());
        doc.insert("metadata".to_owned(), Value::Object(metadata));
    }
    check_within_team(&doc, fields, given.budget.as_ref(), team)?;
    doc.insert("project_id".to_owned(), json!(id));
    doc.insert("team_id".to_owned(), json!(team.id));
    doc.insert("budget_id".to_owned(), json!(given.budget_id));
    doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    if before.is_none() {
        doc.insert("created_by".to_owned(), json!(call.changed_by()));
    }
    let mut changes = given.changes;
    let action = if before.is_some() { "updated" } else { "created" };
    changes.extend(put(call, action, before, project(id, doc, before, team)));
    Ok(changes)
}

/// Refuses a project that is given more than its team has, by its own budget or by one that it names.
fn check_within_team(
    doc: &Map<String, Value>,
    fields: &Fields,
    budget: Option<&Object>,
    team: &Object,
) -> Result<(), Error> {
    let mut part = budget.map(|budget| budget.doc.clone()).unwrap_or_default();
    part.extend(said(fields));
    let models: Vec<String> = bounds::texts(doc, "models").into_iter().filter(|model| model != ALL_OF_TEAM).collect();
    part.insert("models".to_owned(), json!(models));
    bounds::check(&part, &team.doc, "Project", "team")
}

fn project(id: &str, doc: Map<String, Value>, before: Option<&Object>, team: &Object) -> Object {
    let alias = doc.get("project_alias").and_then(Value::as_str).map(str::to_owned);
    let organization_id = team.organization_id.clone();
    match before {
        Some(before) => Object { alias, organization_id, doc, ..before.clone() },
        None => {
            let team_id = Some(team.id.clone());
            Object { alias, team_id, organization_id, ..Object::new(Kind::Project, id, doc) }
        }
    }
}
