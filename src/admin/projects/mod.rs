//! `/project/*`: a part of a team, with models and a budget of its own within the team's.

pub(super) mod delete;
pub(super) mod edit;
pub(super) mod row;
pub(super) mod show;

use super::control::Control;
use super::rights::not_found;
use crate::error::Error;
use crate::store::{Kind, Object};

/// The project.
///
/// # Errors
/// 404.
pub async fn find(control: &Control, id: &str) -> Result<Object, Error> {
    let found = control.store.get(Kind::Project, id).await?;
    found.ok_or_else(|| not_found(format!("Project not found, project_id={id}")).param("project_id"))
}
