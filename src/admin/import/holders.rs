//! Budgets, and who holds them: organizations, projects, customers, tags.

use serde_json::json;

use super::cells::{counter, id, members, set_times, text};
use super::related::Related;
use super::{Found, Row};
use crate::admin::budgets::limits::LIMITS;
use crate::admin::fields::{Field, Shape, field};
use crate::limiter;
use crate::store::{Kind, Object};

/// Who made it and changed it.
pub(super) const MADE_BY: &[Field] = &[field("created_by", Shape::Text), field("updated_by", Shape::Text)];

/// What may be said of any holder.
const OF_HOLDER: &[Field] = &[
    field("budget_id", Shape::Text),
    field("models", Shape::Texts),
    field("metadata", Shape::Object),
    field("blocked", Shape::Flag),
    field("object_permission_id", Shape::Text),
];

const OF_BUDGET: &[Field] = &[field("temp_budget_increase", Shape::Number)];
const OF_ORGANIZATION: &[Field] = &[field("organization_alias", Shape::Text)];
const OF_PROJECT: &[Field] = &[
    field("project_alias", Shape::Text),
    field("description", Shape::Text),
    field("team_id", Shape::Text),
    field("model_rpm_limit", Shape::Counts),
    field("model_tpm_limit", Shape::Counts),
];
const OF_CUSTOMER: &[Field] =
    &[field("alias", Shape::Text), field("allowed_model_region", Shape::Text), field("default_model", Shape::Text)];
const OF_TAG: &[Field] = &[field("description", Shape::Text)];

/// The moments of a row that has any.
const TIMES: &[&str] = &["created_at"];

/// A budget.
pub fn budget(row: &Row, _: &Related) -> Result<Vec<Found>, String> {
    let id = id(row, "budget_id")?;
    let mut doc = members(row, &[LIMITS, OF_BUDGET, MADE_BY])?;
    set_times(&mut doc, row, &["created_at", "budget_reset_at", "temp_budget_expiry"])?;
    doc.insert("budget_id".to_owned(), json!(id));
    Ok(vec![Found::uncounted(Object::new(Kind::Budget, id, doc))])
}

/// An organization.
pub fn organization(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let id = without_colon(row, "organization_id")?;
    let mut made = holder(row, related, Kind::Organization, limiter::Kind::Organization, id, OF_ORGANIZATION)?;
    made.object.doc.insert("organization_id".to_owned(), json!(id));
    made.object.alias = text(row, "organization_alias").map(str::to_owned);
    made.object.organization_id = Some(id.to_owned());
    Ok(vec![made])
}

/// A project.
pub fn project(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let id = id(row, "project_id")?;
    let mut made = holder(row, related, Kind::Project, limiter::Kind::Project, id, OF_PROJECT)?;
    made.object.doc.insert("project_id".to_owned(), json!(id));
    made.object.alias = text(row, "project_alias").map(str::to_owned);
    made.object.team_id = text(row, "team_id").map(str::to_owned);
    Ok(vec![made])
}

/// A customer.
pub fn customer(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let id = id(row, "user_id")?;
    let mut made = holder(row, related, Kind::Customer, limiter::Kind::Customer, id, OF_CUSTOMER)?;
    made.object.doc.insert("user_id".to_owned(), json!(id));
    made.object.alias = text(row, "alias").map(str::to_owned);
    Ok(vec![made])
}

/// A tag.
pub fn tag(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let name = id(row, "tag_name")?;
    let mut made = holder(row, related, Kind::Tag, limiter::Kind::Tag, name, OF_TAG)?;
    made.object.doc.insert("name".to_owned(), json!(name));
    Ok(vec![made])
}

fn holder(
    row: &Row,
    related: &Related,
    kind: Kind,
    scope: limiter::Kind,
    id: &str,
    own: &[Field],
) -> Result<Found, String> {
    let mut doc = members(row, &[own, OF_HOLDER, MADE_BY])?;
    set_times(&mut doc, row, TIMES)?;
    if let Some(permission) = related.permission(row) {
        doc.insert("object_permission".to_owned(), json!(permission));
    }
    Ok(Found::counted(Object::new(kind, id, doc), counter(scope, id, row, related.budget(row))))
}

/// An id that stands before a colon in the ids of members.
///
/// # Errors
/// It is not there, or has a colon itself.
pub(super) fn without_colon<'a>(row: &'a Row, name: &str) -> Result<&'a str, String> {
    id(row, name).and_then(|id| if id.contains(':') { Err(format!("has a ':' in {name}")) } else { Ok(id) })
}
