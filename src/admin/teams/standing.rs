//! What somebody is to a team.

use serde_json::Value;

use super::members::roster;
use crate::admin::control::Control;
use crate::admin::organizations::admins::administers;
use crate::admin::requester::Requester;
use crate::admin::rights::{detailed, not_yours};
use crate::error::{Error, Management};
use crate::store::{Kind, Object};

/// From nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Neither a member nor anybody above.
    Stranger,
    /// Somebody who sees everything and changes nothing.
    Viewer,
    /// A member, or a key of the team.
    Member,
    /// A member with the role `admin`.
    TeamAdmin,
    /// An admin of the gateway, or of the team's organization.
    Owner,
}

/// What this caller is to this team.
///
/// # Errors
/// The store's.
pub async fn of(control: &Control, requester: &Requester, team: &Object) -> Result<Standing, Error> {
    if requester.is_admin() || administers(control, requester, team.organization_id.as_deref()).await? {
        return Ok(Standing::Owner);
    }
    let member = requester.user_id.as_deref().and_then(|user_id| roster::find(&team.doc, Some(user_id), None));
    let acts_in = requester.acts_in(Some(&team.id), team.organization_id.as_deref());
    let is_admin = member.is_some_and(|member| member.get("role").and_then(Value::as_str) == Some("admin"));
    Ok(match () {
        () if is_admin && requester.changes() && acts_in => Standing::TeamAdmin,
        () if member.is_some() || requester.team_id.as_deref() == Some(&team.id) => Standing::Member,
        () if requester.sees_all() => Standing::Viewer,
        () => Standing::Stranger,
    })
}

/// The team, for a caller who is at least this to it.
///
/// # Errors
/// 404 without it, 403 without the standing.
pub async fn team(
    control: &Control,
    requester: &Requester,
    team_id: &str,
    least: Standing,
) -> Result<(Object, Standing), Error> {
    let team = control.store.get(Kind::Team, team_id).await?.ok_or_else(|| no_team(team_id))?;
    let standing = of(control, requester, &team).await?;
    if standing < least {
        let text = format!(
            "Call not allowed. User not proxy admin OR team admin. user_id={}, team_id={team_id}",
            requester.user_id.as_deref().unwrap_or("None"),
        );
        return Err(not_yours(text));
    }
    Ok((team, standing))
}

/// There is no such team.
pub fn no_team(team_id: &str) -> Error {
    detailed(Management::DetailNoSuchObject, &format!("Team not found, passed team_id={team_id}"))
}
