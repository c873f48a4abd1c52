//! What somebody who is no proxy admin may make of a new user: the admin of an organization a member of it, whose key may
//! do no more than their own.

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::keys::access::{Asked, For, granted};
use crate::admin::keys::generate::keep_end_user_budget;
use crate::admin::keys::{draft, lent, rules};
use crate::admin::limits;
use crate::admin::organizations::admins::check_administers;
use crate::admin::organizations::members::add::ROLES;
use crate::admin::requester::{MASTER_USER, Requester};
use crate::admin::rights::{not_yours, refused};
use crate::admin::teams::standing::{self, Standing};
use crate::error::Error;
use crate::store::Object;

/// Lets pass proxy admins, and admins of all the organizations that the user is to be in; at least one must be named.
///
/// # Errors
/// 400 if none is named, 401 in LiteLLM's words about one that the caller is not in, else 403.
pub async fn check(
    control: &Control,
    requester: &Requester,
    said: &Fields,
    teams: &[String],
    organizations: &[String],
) -> Result<(), Error> {
    if requester.is_admin() {
        return Ok(());
    }
    if said.text("user_id") == Some(MASTER_USER) {
        return Err(not_yours(format!("User={MASTER_USER} is who holds the master key: only proxy admins make them")));
    }
    let Some(own) = said.text("organization_id") else {
        return Err(refused("Please specify 'organization_id' in request body").param("organization_id"));
    };
    for organization in organizations.iter().map(String::as_str).chain([own]) {
        check_administers(control, requester, organization).await?;
    }
    for team in teams {
        standing::team(control, requester, team, Standing::TeamAdmin).await?;
    }
    if let Some(role) = said.text("user_role").filter(|role| !ROLES.contains(role)) {
        return Err(not_yours(format!(
            "Only proxy admins can create users with this role. Attempted to create user with role: {role}. Your role: {}",
            requester.role_name(),
        )));
    }
    Ok(())
}

/// The user's first key with what the caller may give, by the rules for keys that are made at `/key/generate`.
///
/// # Errors
/// 403 if more is asked for.
pub async fn limited(control: &Control, call: &Call, said: &Fields, mut key: Object) -> Result<Object, Error> {
    if call.requester.is_admin() || said.flag("auto_create_key") == Some(false) {
        return Ok(key);
    }
    rules::check(control, call, said).await?;
    draft::check_bounds(control, said)?;
    // Nobody yet: who is to have it is made with it.
    let receiver = For {
        user_id: None,
        team_id: said.text("team_id"),
        organization_id: said.text("organization_id"),
        present_organization: None,
        project_id: None,
    };
    let rights = granted(control, call, receiver, Asked::of(&key.doc), "/key/generate").await?;
    limits::set_rights(control, &mut key.doc, rights);
    keep_end_user_budget(control, call, &mut key.doc).await?;
    lent::mark(&call.requester, &mut key.doc);
    Ok(key)
}
