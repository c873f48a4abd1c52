//! A project as LiteLLM shows it.

use serde_json::{Map, Value};

use crate::admin::budgets::held;
use crate::admin::columns::Absent::{False, List, NoMoney, Object as Dict};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::Error;
use crate::store::{Kind, Object};

/// `LiteLLM_ProjectTable`.
const ROW: &[Column] = &[
    column("project_id"),
    column("project_alias"),
    column("description"),
    column("team_id"),
    column("budget_id"),
    column("metadata").or(Dict),
    column("models").or(List),
    column("spend").or(NoMoney),
    column("model_spend").or(Dict),
    column("model_rpm_limit").or(Dict),
    column("model_tpm_limit").or(Dict),
    column("blocked").or(False),
    column("object_permission_id"),
    column("created_at").time(),
    column("created_by"),
    column("updated_at").time(),
    column("updated_by"),
    column("litellm_budget_table"),
    column("object_permission"),
];

/// Their rows with their budgets.
pub async fn rows(control: &Control, projects: &[Object]) -> Result<Vec<Map<String, Value>>, Error> {
    let budgets = held::shown(control, projects).await?;
    let compat = control.settings.compat;
    let shown = control.shown_with_spend(projects).await?.into_iter().map(|mut known| {
        held::beside(&mut known, &budgets);
        row(ROW, &known, compat, Clockface::Zulu)
    });
    Ok(shown.collect())
}

/// The row of one as it is stored now.
pub async fn stored(control: &Control, id: &str) -> Result<Map<String, Value>, Error> {
    let found = control.store.get(Kind::Project, id).await?;
    Ok(rows(control, found.as_slice()).await?.into_iter().next().unwrap_or_default())
}
