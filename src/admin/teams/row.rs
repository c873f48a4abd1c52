//! A team as LiteLLM shows it.

use serde_json::{Map, Value, json};

use crate::admin::columns::Absent::{False, List, NoMoney, Object as Dict};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::{Compat, Error};
use crate::store::{Kind, Object};

/// `LiteLLM_TeamTable`.
const ROW: &[Column] = &[
    column("team_alias"),
    column("team_id"),
    column("organization_id"),
    column("admins").or(List),
    column("members").or(List),
    column("members_with_roles").or(List),
    column("team_member_permissions").or(List),
    column("metadata").or(Dict),
    column("tpm_limit"),
    column("rpm_limit"),
    column("tpd_limit").new(),
    column("max_budget"),
    column("soft_budget").new(),
    column("budget_duration"),
    column("budget_limits").new(),
    column("models").or(List),
    column("blocked").or(False),
    column("router_settings").or(Dict).new(),
    column("access_group_ids").or(List).new(),
    column("default_team_member_models").or(List).new(),
    column("spend").or(NoMoney),
    column("max_parallel_requests"),
    column("budget_reset_at").time(),
    column("model_id"),
    column("model_spend").or(Dict).new(),
    column("model_max_budget").or(Dict).new(),
    column("policies").or(List).new(),
    column("allow_team_guardrail_config").or(False).new(),
    column("litellm_model_table"),
    column("object_permission"),
    column("object_permission_id").new(),
    column("updated_at").time(),
    column("created_at").time(),
    column("object_permission_id").old(),
];

/// What `/team/info` says beyond it.
const INFO: &[Column] = &[
    column("team_member_budget_table"),
    column("access_group_models").new(),
    column("access_group_mcp_server_ids").new(),
    column("access_group_agent_ids").new(),
    column("access_group_details").new(),
    column("organization_models").new(),
    column("model_max_budget_usage").or(Dict).new(),
];

/// Their rows.
pub async fn rows(control: &Control, teams: &[Object]) -> Result<Vec<Map<String, Value>>, Error> {
    let shown = control.shown_with_spend(teams).await?.into_iter();
    let compat = control.settings.compat;
    Ok(shown.map(|known| row(ROW, &known, compat, Clockface::Zulu)).collect())
}

/// The row of one.
pub async fn of(control: &Control, team: &Object) -> Result<Map<String, Value>, Error> {
    Ok(rows(control, std::slice::from_ref(team)).await?.into_iter().next().unwrap_or_default())
}

/// The row of a team as it is stored now.
pub async fn stored(control: &Control, team_id: &str) -> Result<Map<String, Value>, Error> {
    let found = control.store.get(Kind::Team, team_id).await?;
    Ok(rows(control, found.as_slice()).await?.into_iter().next().unwrap_or_default())
}

/// The row as `/team/info` has it. `known` holds what is said beyond the row.
pub fn with_info(mut team: Map<String, Value>, known: &Map<String, Value>, compat: Compat) -> Map<String, Value> {
    team.extend(row(INFO, known, compat, Clockface::Zulu));
    if compat == Compat::V1_106 {
        let members = team.get_mut("members_with_roles").and_then(Value::as_array_mut);
        for member in members.into_iter().flatten().filter_map(Value::as_object_mut) {
            member.entry("user_alias").or_insert(json!(null));
        }
    }
    team
}
