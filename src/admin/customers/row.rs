//! A customer as LiteLLM shows them.

use serde_json::Value;

use crate::admin::budgets::held;
use crate::admin::columns::Absent::{False, List, NoMoney};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::{Compat, Error};
use crate::store::{Kind, Object};

/// 1.106.
const ROW: &[Column] = &[
    column("user_id"),
    column("blocked").or(False),
    column("alias"),
    column("spend").or(NoMoney),
    column("allowed_model_region"),
    column("default_model"),
    column("model_rpm_limit").ours(),
    column("model_tpm_limit").ours(),
    column("models").or(List),
    column("budget_id"),
    column("litellm_budget_table"),
    column("object_permission_id"),
    column("object_permission"),
];

/// 1.80.
const OLD_ROW: &[Column] = &[
    column("user_id"),
    column("alias"),
    column("spend").or(NoMoney),
    column("allowed_model_region"),
    column("default_model"),
    column("model_rpm_limit").ours(),
    column("model_tpm_limit").ours(),
    column("budget_id"),
    column("litellm_budget_table"),
    column("blocked").or(False),
];

/// Their rows, with what they have spent and what they may.
pub async fn rows(control: &Control, customers: &[Object]) -> Result<Vec<Value>, Error> {
    let budgets = held::shown(control, customers).await?;
    let compat = control.settings.compat;
    let columns = if compat == Compat::V1_106 { ROW } else { OLD_ROW };
    let shown = control.shown_with_spend(customers).await?.into_iter().map(|mut known| {
        held::beside(&mut known, &budgets);
        Value::from(row(columns, &known, compat, Clockface::Zulu))
    });
    Ok(shown.collect())
}

/// The row of one, as it is stored now.
pub async fn of(control: &Control, id: &str) -> Result<Value, Error> {
    let found = control.store.get(Kind::Customer, id).await?;
    let rows = rows(control, found.as_slice()).await?;
    Ok(rows.into_iter().next().unwrap_or(Value::Null))
}
