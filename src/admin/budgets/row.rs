//! A budget as LiteLLM shows it: its row, and what stands beside those who hold it.

use serde_json::{Map, Value};

use crate::admin::columns::Absent::List;
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::Compat;
use crate::store::Object;

/// `LiteLLM_BudgetTable`.
const ROW: &[Column] = &[
    column("budget_id"),
    column("max_budget"),
    column("soft_budget"),
    column("max_parallel_requests"),
    column("tpm_limit"),
    column("rpm_limit"),
    column("tpd_limit").new(),
    column("model_max_budget"),
    column("budget_limits").ours(),
    column("budget_duration"),
    column("budget_reset_at").time(),
    column("allowed_models").or(List).new(),
    column("temp_budget_increase").new(),
    column("temp_budget_expiry").time().new(),
    column("created_at").time(),
    column("created_by"),
    column("updated_at").time(),
    column("updated_by"),
    column("organization"),
    column("projects").new(),
    column("keys"),
    column("end_users"),
    column("tags"),
    column("model_access_groups").new(),
    column("team_membership"),
    column("organization_membership"),
];

/// `litellm_budget_table` of a holder, in 1.106. Before, it was the whole row.
const HELD: &[Column] = &[
    column("budget_id"),
    column("soft_budget"),
    column("max_budget"),
    column("max_parallel_requests"),
    column("tpm_limit"),
    column("rpm_limit"),
    column("tpd_limit"),
    column("model_max_budget"),
    column("budget_limits").ours(),
    column("budget_duration"),
    column("allowed_models").or(List),
    column("temp_budget_increase"),
    column("temp_budget_expiry").time(),
    column("budget_reset_at").time(),
    column("created_at").time(),
];

/// The row of a budget.
pub fn whole(control: &Control, budget: &Object) -> Map<String, Value> {
    shown(control, budget, ROW)
}

/// What stands beside a holder.
pub fn held(control: &Control, budget: &Object) -> Map<String, Value> {
    let columns = if control.settings.compat == Compat::V1_106 { HELD } else { ROW };
    shown(control, budget, columns)
}

fn shown(control: &Control, budget: &Object, columns: &[Column]) -> Map<String, Value> {
    row(columns, &control.shown(budget), control.settings.compat, Clockface::Zulu)
}
