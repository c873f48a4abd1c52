//! A user as LiteLLM shows them.

use serde_json::{Map, Value, json};

use crate::admin::columns::Absent::{List, NoMoney, Object as Dict};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::{Compat, Error};
use crate::limiter;
use crate::store::Object;

use super::PROXY_BUDGET_USER;

/// `user_info` of `/user/info`.
const INFO: &[Column] = &[
    column("verified_subjects").new(),
    column("user_id"),
    column("user_alias"),
    column("team_id"),
    column("sso_user_id"),
    column("organization_id"),
    column("object_permission_id"),
    column("password").old(),
    column("password_reset_required").new(),
    column("last_breach_check_at").new(),
    column("teams").or(List),
    column("user_role"),
    column("max_budget"),
    column("spend").or(NoMoney),
    column("user_email"),
    column("models").or(List),
    column("metadata").or(Dict),
    column("max_parallel_requests"),
    column("tpm_limit"),
    column("rpm_limit"),
    column("budget_duration"),
    column("budget_reset_at"),
    column("allowed_cache_controls").or(List),
    column("policies").or(List).new(),
    column("model_spend").or(Dict),
    column("model_max_budget").or(Dict),
    column("budget_limits").ours(),
    column("created_at"),
    column("updated_at"),
    column("litellm_organization_table"),
    column("organization_memberships").or(List),
    column("invitations_created"),
    column("invitations_updated"),
    column("invitations_user"),
    column("object_permission"),
    column("model_max_budget_usage").or(Dict).new(),
];

/// One of `/user/list`.
const LISTED: &[Column] = &[
    column("user_id"),
    column("user_alias"),
    column("team_id"),
    column("sso_user_id"),
    column("organization_id"),
    column("object_permission_id"),
    column("password_reset_required"),
    column("last_breach_check_at"),
    column("teams").or(List),
    column("user_role"),
    column("max_budget"),
    column("spend").or(NoMoney),
    column("user_email"),
    column("models").or(List),
    column("metadata").or(Dict),
    column("max_parallel_requests"),
    column("tpm_limit"),
    column("rpm_limit"),
    column("budget_duration"),
    column("budget_reset_at"),
    column("allowed_cache_controls").or(List),
    column("policies").or(List),
    column("model_spend").or(Dict),
    column("model_max_budget").or(Dict),
    column("budget_limits").ours(),
    column("created_at"),
    column("updated_at"),
    column("organization_memberships"),
    column("object_permission"),
];

/// The same in 1.80.
const LISTED_OLD: &[Column] = &[
    column("user_id"),
    column("max_budget"),
    column("spend").or(NoMoney),
    column("model_max_budget").or(Dict),
    column("budget_limits").ours(),
    column("model_spend").or(Dict),
    column("user_email"),
    column("user_alias"),
    column("models").or(List),
    column("tpm_limit"),
    column("rpm_limit"),
    column("user_role"),
    column("organization_memberships"),
    column("teams").or(List),
    column("sso_user_id"),
    column("budget_duration"),
    column("budget_reset_at"),
    column("metadata").or(Dict),
    column("created_at"),
    column("updated_at"),
    column("object_permission"),
];

/// What `/user/new` says of the user beside their key.
pub const OF_NEW: [&str; 4] = ["user_email", "user_role", "teams", "user_alias"];

/// A user with all that is known of them.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn info(control: &Control, user: &Object) -> Result<Map<String, Value>, Error> {
    let shown = shown(control, std::slice::from_ref(user)).await?.into_iter().next().unwrap_or_default();
    Ok(whole(&shown, control.settings.compat))
}

/// All columns of a user.
pub fn whole(shown: &Map<String, Value>, compat: Compat) -> Map<String, Value> {
    row(INFO, shown, compat, Clockface::Zulu)
}

/// A user as one of many, with the number of their keys.
pub fn listed(shown: &Map<String, Value>, keys: u64, compat: Compat) -> Map<String, Value> {
    let columns = if compat == Compat::V1_80 { LISTED_OLD } else { LISTED };
    let mut listed = row(columns, shown, compat, Clockface::Zulu);
    listed.insert("key_count".to_owned(), json!(keys));
    listed
}

/// Documents of users with times and spend.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn shown(control: &Control, users: &[Object]) -> Result<Vec<Map<String, Value>>, Error> {
    let mut shown = control.shown_with_spend(users).await?;
    for (user, row) in users.iter().zip(&mut shown) {
        if user.id == PROXY_BUDGET_USER {
            let spent = control.spent(limiter::Kind::Global, &[""]).await?.into_iter().next().unwrap_or_default();
            row.insert("spend".to_owned(), json!(spent.dollars()));
        }
    }
    Ok(shown)
}
