//! Who rules an organization: its members with the role `org_admin`, as LiteLLM decides it. The user's own role makes
//! nobody an admin of any.

use serde_json::Value;

use crate::admin::control::Control;
use crate::admin::requester::Requester;
use crate::admin::rights::not_yours;
use crate::auth::Role;
use crate::error::{Error, Kind as ErrorKind};
use crate::store::{Filter, Kind, Object};

/// Whether a caller may change an organization.
///
/// # Errors
/// The store's.
pub async fn administers(control: &Control, requester: &Requester, organization: Option<&str>) -> Result<bool, Error> {
    let (Some(organization), Some(user)) = (organization, requester.user_id.as_deref()) else { return Ok(false) };
    if !requester.changes() || !requester.acts_in(None, Some(organization)) {
        return Ok(false);
    }
    let membership = control.store.get(Kind::OrganizationMember, &format!("{organization}:{user}")).await?;
    Ok(membership.as_ref().is_some_and(is_admins))
}

/// Lets pass the admins of an organization.
///
/// # Errors
/// LiteLLM's 401 for somebody who is not in it, 403 for its other members; the store's.
pub async fn check_administers(control: &Control, requester: &Requester, organization: &str) -> Result<(), Error> {
    if administers(control, requester, Some(organization)).await? {
        return Ok(());
    }
    check_is_member(control, requester, organization).await?;
    let text = format!("Only proxy admins and admins of the organization {organization} can do this.");
    Err(not_yours(text))
}

/// Lets pass the members of an organization.
///
/// # Errors
/// LiteLLM's 401, and the store's.
pub async fn check_is_member(control: &Control, requester: &Requester, organization: &str) -> Result<(), Error> {
    if let Some(user) = requester.user_id.as_deref()
        && control.store.get(Kind::OrganizationMember, &format!("{organization}:{user}")).await?.is_some()
    {
        return Ok(());
    }
    let text = format!(
        "Authentication Error, You are not a member of the organization specified in the request body. Passed \
         organization_id: {organization}"
    );
    Err(Error::new(ErrorKind::RoleNeeded, text).param("organization_id"))
}

/// The organizations that a caller may change.
///
/// # Errors
/// The store's.
pub async fn administered(control: &Control, requester: &Requester) -> Result<Vec<String>, Error> {
    let mut led = match requester.user_id.as_deref() {
        Some(user) if requester.changes() => of_user(control, user).await?,
        _ => Vec::new(),
    };
    led.retain(|organization| requester.acts_in(None, Some(organization)));
    Ok(led)
}

/// The organizations that a user is an admin of.
///
/// # Errors
/// The store's.
pub async fn of_user(control: &Control, user: &str) -> Result<Vec<String>, Error> {
    let filter = Filter { user_id: Some(user), ..Filter::default() };
    let memberships = control.store.all(Kind::OrganizationMember, &filter).await?;
    Ok(memberships.into_iter().filter(is_admins).filter_map(|membership| membership.organization_id).collect())
}

fn is_admins(membership: &Object) -> bool {
    membership.doc.get("user_role").and_then(Value::as_str).and_then(Role::named) == Some(Role::OrgAdmin)
}
