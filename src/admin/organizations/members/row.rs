//! A membership as LiteLLM shows it.

use serde_json::Value;

use crate::admin::budgets::held;
use crate::admin::columns::Absent::NoMoney;
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::Error;
use crate::store::Object;

const ROW: &[Column] = &[
    column("user_id"),
    column("organization_id"),
    column("user_role"),
    column("spend").or(NoMoney),
    column("budget_id"),
    column("created_at").time(),
    column("updated_at").time(),
    column("user"),
    column("litellm_budget_table"),
];

/// Memberships with their budgets.
pub async fn memberships(control: &Control, members: &[Object]) -> Result<Vec<Value>, Error> {
    let budgets = held::shown(control, members).await?;
    let compat = control.settings.compat;
    let shown = control.shown_with_spend(members).await?.into_iter().map(|mut known| {
        held::beside(&mut known, &budgets);
        Value::from(row(ROW, &known, compat, Clockface::Zulu))
    });
    Ok(shown.collect())
}
