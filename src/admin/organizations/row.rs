//! An organization as LiteLLM shows it.

use serde_json::{Map, Value, json};

use super::members::row::memberships;
use crate::admin::budgets::held;
use crate::admin::columns::Absent::{List, NoMoney, Object as Dict};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::admin::teams::row as team_row;
use crate::error::Error;
use crate::store::{Filter, Kind, Object};

/// `LiteLLM_OrganizationTable`.
const ROW: &[Column] = &[
    column("organization_id"),
    column("organization_alias"),
    column("budget_id"),
    column("spend").or(NoMoney),
    column("metadata").or(Dict),
    column("models").or(List),
    column("model_spend").or(Dict),
    column("object_permission_id"),
    column("created_at").time(),
    column("created_by"),
    column("updated_at").time(),
    column("updated_by"),
    column("litellm_budget_table"),
    column("object_permission"),
];

/// Their rows with their budgets.
pub async fn rows(control: &Control, organizations: &[Object]) -> Result<Vec<Map<String, Value>>, Error> {
    let budgets = held::shown(control, organizations).await?;
    let compat = control.settings.compat;
    let shown = control.shown_with_spend(organizations).await?.into_iter().map(|mut known| {
        held::beside(&mut known, &budgets);
        row(ROW, &known, compat, Clockface::Zulu)
    });
    Ok(shown.collect())
}

/// Their rows with members and teams.
pub async fn with_members(control: &Control, organizations: &[Object]) -> Result<Vec<Value>, Error> {
    let mut all = Vec::with_capacity(organizations.len());
    for (organization, mut row) in organizations.iter().zip(rows(control, organizations).await?) {
        let filter = Filter { organization_id: Some(&organization.id), ..Filter::default() };
        let members = control.store.all(Kind::OrganizationMember, &filter).await?;
        let teams = control.store.all(Kind::Team, &filter).await?;
        row.insert("members".to_owned(), json!(memberships(control, &members).await?));
        row.insert("teams".to_owned(), json!(team_row::rows(control, &teams).await?));
        all.push(Value::Object(row));
    }
    Ok(all)
}

/// The row of one as it is stored now.
pub async fn stored(control: &Control, id: &str) -> Result<Map<String, Value>, Error> {
    let found = control.store.get(Kind::Organization, id).await?;
    Ok(rows(control, found.as_slice()).await?.into_iter().next().unwrap_or_default())
}
