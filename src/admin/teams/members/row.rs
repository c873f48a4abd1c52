//! Members as LiteLLM shows them: their membership, and them as users.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::admin::budgets::{held, row as budget_row};
use crate::admin::columns::Absent::NoMoney;
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::admin::finding::by_ids;
use crate::admin::teams::draft;
use crate::admin::users::row as user_row;
use crate::error::{Compat, Error};
use crate::store::{Kind, Object};

/// What the team says of a member, as far as no budget of their own does.
const FOLLOWED: [&str; 9] = [
    "max_budget",
    "soft_budget",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "tpd_limit",
    "model_max_budget",
    "budget_limits",
    "allowed_models",
];
/// Likewise, and said together with an amount: the duration and when it ends.
const PERIOD: [&str; 2] = ["budget_duration", "budget_reset_at"];

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
    let usual = usual(control, members).await?;
    let mut rows = Vec::with_capacity(members.len());
    for (member, mut known) in members.iter().zip(control.shown_with_spend(members).await?) {
        let own = held::budget_id(member);
        if compat == Compat::V1_80 && own.is_none() {
            continue;
        }
        held::beside(&mut known, &budgets);
        if let (Some(Value::Object(own)), Some(usual)) =
            (known.get_mut("litellm_budget_table"), member.team_id.as_ref().and_then(|team| usual.get(team)))
        {
            follow(own, usual);
        }
        known.insert("total_spend".to_owned(), known.get("spend").cloned().unwrap_or_else(|| json!(0.0)));
        let mut row = row(MEMBERSHIP, &known, compat, Clockface::Zulu);
        if let (Compat::V1_106, Some(default)) = (compat, default_budget) {
            row.insert("budget_source".to_owned(), json!(source(own, default)));
        }
        rows.push(Value::from(row));
    }
    Ok(rows)
}

/// The budgets that teams have for their members, by team, where a member has one of their own.
async fn usual(control: &Control, members: &[Object]) -> Result<HashMap<String, Map<String, Value>>, Error> {
    let holders = members.iter().filter(|member| held::budget_id(member).is_some());
    let mut ids: Vec<String> = holders.filter_map(|member| member.team_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut usual = HashMap::new();
    for team in by_ids(control, Kind::Team, &ids).await? {
        let Some(id) = draft::member_budget_id(&team.doc) else { continue };
        if let Some(budget) = control.store.get(Kind::Budget, id).await? {
            usual.insert(team.id.clone(), budget_row::held(control, &budget));
        }
    }
    Ok(usual)
}

/// Puts what the team says where a member's own budget says nothing. An amount of one's own is for ever, unless a duration
/// is said with it.
pub fn follow(own: &mut Map<String, Value>, usual: &Map<String, Value>) {
    let says = |budget: &Map<String, Value>, name: &str| match budget.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    };
    let has_period = says(own, "budget_duration") || says(own, "max_budget");
    for name in FOLLOWED.into_iter().chain(PERIOD.into_iter().filter(|_| !has_period)) {
        if !says(own, name)
            && let Some(value) = usual.get(name)
        {
            own.insert(name.to_owned(), value.clone());
        }
    }
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
