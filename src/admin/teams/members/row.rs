//! Members as LiteLLM shows them: their membership, and them as users.

use serde_json::{Map, Value, json};

use crate::admin::budgets::held;
use crate::admin::columns::Absent::NoMoney;
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::admin::users::row as user_row;
use crate::error::{Compat, Error};
use crate::store::Object;

/// `LiteLLM_TeamMembership`.
const MEMBERSHIP: &[Column] = &[
    column("user_id"),
    column("team_id"),
    column("budget_id"),
    column("spend").or(NoMoney),
    column("total_spend").or(NoMoney).new(),
    column("litellm_budget_table"),
    column("model_rpm_limit").ours(),
    column("model_tpm_limit").ours(),
];

/// Users as the answers about members show them.
pub async fn users(control: &Control, users: &[Object]) -> Result<Vec<Value>, Error> {
    let shown = user_row::shown(control, users).await?.into_iter().map(|known| {
        let mut user = user_row::listed(&known, 0, control.settings.compat);
        user.shift_remove("key_count");
        Value::Object(user)
    });
    Ok(shown.collect())
}

/// Memberships with their budgets and what was spent. 1.80 has them only of members who have a budget.
/// `default_budget`: the team's own for its members; where it is asked for, each says where its limits come from.
pub async fn memberships(
    control: &Control,
    members: &[Object],
    default_budget: Option<Option<&str>>,
) -> Result<Vec<Value>, Error> {
    let compat = control.settings.compat;
    let budgets = held::shown(control, members).await?;
    let mut rows = Vec::with_capacity(members.len());
    for (member, mut known) in members.iter().zip(control.shown_with_spend(members).await?) {
        let own = held::budget_id(member);
        if compat == Compat::V1_80 && own.is_none() {
            continue;
        }
        held::beside(&mut known, &budgets);
        known.insert("total_spend".to_owned(), known.get("spend").cloned().unwrap_or_else(|| json!(0.0)));
        let mut row = row(MEMBERSHIP, &known, compat, Clockface::Zulu);
        if let (Compat::V1_106, Some(default)) = (compat, default_budget) {
            row.insert("budget_source".to_owned(), json!(source(own, default)));
        }
        rows.push(Value::from(row));
    }
    Ok(rows)
}

fn source(own: Option<&str>, default: Option<&str>) -> &'static str {
    match (own, default) {
        (Some(_), _) => "member",
        (None, Some(_)) => "team",
        (None, None) => "none",
    }
}

/// A member's document.
pub fn document(team_id: &str, user_id: &str, budget_id: Option<&str>) -> Map<String, Value> {
    let doc = json!({"user_id": user_id, "team_id": team_id, "budget_id": budget_id});
    doc.as_object().cloned().unwrap_or_default()
}
