//! Who rules an organization: its members with the role `org_admin`, as LiteLLM decides it. The user's own role makes
//! nobody an admin of any.

use serde_json::Value;

use crate::admin::control::Control;
use crate::admin::requester::Requester;
use crate::auth::Role;
use crate::error::Error;
use crate::store::{Filter, Kind, Object};

/// Whether a caller may change an organization.
///
/// # Errors
/// The store's.
pub async fn administers(control: &Control, requester: &Requester, organization: Option<&str>) -> Result<bool, Error> {
    let (Some(organization), Some(user)) = (organization, requester.user_id.as_deref()) else { return Ok(false) };
    if !requester.changes() {
        return Ok(false);
    }
    let membership = control.store.get(Kind::OrganizationMember, &format!("{organization}:{user}")).await?;
    Ok(membership.as_ref().is_some_and(is_admins))
}

/// The organizations that a caller may change.
///
/// # Errors
/// The store's.
pub async fn administered(control: &Control, requester: &Requester) -> Result<Vec<String>, Error> {
    match requester.user_id.as_deref() {
        Some(user) if requester.changes() => of_user(control, user).await,
        _ => Ok(Vec::new()),
    }
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
