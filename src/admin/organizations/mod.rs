//! `/organization/*`: teams and people under one budget. LiteLLM sells them; here they are free.

pub(super) mod admins;
pub(super) mod delete;
pub(super) mod edit;
pub(super) mod members;
pub(super) mod row;
pub(super) mod show;

use serde_json::{Map, Value};

use super::budgets::held;
use super::control::Control;
use super::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Kind, Object};

/// The organization.
///
/// # Errors
/// 404.
pub async fn find(control: &Control, id: &str) -> Result<Object, Error> {
    let found = control.store.get(Kind::Organization, id).await?;
    let text = format!("Organization not found for organization_id={id}");
    found.ok_or_else(|| detailed(Management::DetailNoSuchObject, &text))
}

/// What an organization may use: its models, and what its budget limits.
///
/// # Errors
/// 404.
pub async fn limits(control: &Control, id: &str) -> Result<Map<String, Value>, Error> {
    let organization = find(control, id).await?;
    let budget = match held::budget_id(&organization) {
        Some(budget) => control.store.get(Kind::Budget, budget).await?,
        None => None,
    };
    let mut limits = budget.map(|budget| budget.doc).unwrap_or_default();
    limits.extend(organization.doc.get("models").map(|models| ("models".to_owned(), models.clone())));
    Ok(limits)
}
