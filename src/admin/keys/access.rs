//! Whose keys somebody may see and change, and what they may give by them.

use serde_json::{Map, Value};

use super::bound::{check_groups, of_key};
use super::fields::{ADMIN_ONLY, IN_METADATA, OWNER_MAY};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::limits;
use crate::admin::organizations::admins;
use crate::admin::requester::Requester;
use crate::admin::rights::{not_found, not_yours, refused};
use crate::auth::grants::{Giver, Receiver, Rights};
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::{Filter, Kind, Object};

/// What the members of every team may do with its keys.
const MEMBERS_MAY: [&str; 1] = ["/key/info"];

/// The key that was named, by itself or by its digest.
///
/// # Errors
/// 404.
pub async fn find(control: &Control, named: &str) -> Result<Object, Error> {
    let found = control.store.get(Kind::Key, &super::minted::digest(named)).await?;
    // A key in plain text is not repeated.
    found.ok_or_else(|| not_found("Key not found in database").param("key"))
}

/// Whether somebody may see a key: their own, and those of their user and their team.
pub fn may_see(requester: &Requester, key: &Object) -> bool {
    let is_own = requester.key.as_deref() == Some(&key.id);
    let is_of_team = requester.team_id.is_some() && requester.team_id == key.team_id;
    requester.sees_all() || is_own || requester.is_user(key.user_id.as_deref()) || is_of_team
}

/// How somebody stands to a team and an organization.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub leads_team: bool,
    pub works_in_team: bool,
    pub leads_organization: bool,
    pub team: Option<Object>,
}

/// How the caller stands to this team, or else to this organization, when it comes to calling `route`.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn standing(
    control: &Control,
    requester: &Requester,
    team_id: Option<&str>,
    organization_id: Option<&str>,
    route: &str,
) -> Result<Standing, Error> {
    let Some(user) = requester.user_id.as_deref() else { return Ok(Standing::default()) };
    let mut standing = Standing::default();
    if let Some(team_id) = team_id {
        standing.team = control.store.get(Kind::Team, team_id).await?;
    }
    let acts_in = |team: &&Object| requester.acts_in(Some(&team.id), team.organization_id.as_deref());
    if let Some(team) = standing.team.as_ref().filter(acts_in) {
        let role = member_role(&team.doc, user);
        standing.leads_team = role == Some("admin");
        standing.works_in_team = role.is_some() && permits(&team.doc, route);
    }
    // The team's own organization, not the one that the request names with it.
    let organization = match &standing.team {
        Some(team) => team.organization_id.as_deref(),
        None => organization_id,
    };
    standing.leads_organization = admins::administers(control, requester, organization).await?;
    Ok(standing)
}

/// A user's role in a team: `admin` or `user`.
pub fn member_role<'a>(team: &'a Map<String, Value>, user_id: &str) -> Option<&'a str> {
    let members = team.get("members_with_roles")?.as_array()?;
    let member = members.iter().find(|member| member["user_id"] == *user_id)?;
    Some(member["role"].as_str().unwrap_or("user"))
}

/// Whether a team lets its members call such a route for the team's keys.
fn permits(team: &Map<String, Value>, route: &str) -> bool {
    permissions(team).any(|permitted| permitted == route)
}

fn permissions(team: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let said = team.get("team_member_permissions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    MEMBERS_MAY.into_iter().chain(said.iter().filter_map(Value::as_str).filter(|said| !MEMBERS_MAY.contains(said)))
}

/// Whether somebody may see a key because they are in its team.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn is_of_own_team(control: &Control, requester: &Requester, key: &Object) -> Result<bool, Error> {
    let standing = standing(control, requester, key.team_id.as_deref(), None, MEMBERS_MAY[0]).await?;
    Ok(standing.works_in_team)
}

/// Lets pass who may change a key by this route: its owner, an admin of its team or organization, a member of its team if
/// the team permits it, a proxy admin.
///
/// # Errors
/// 401 for a team's key, else 403; `what` is what they wanted to do.
pub async fn check_may_change(
    control: &Control,
    call: &Call,
    key: &Object,
    (what, route): (&str, &'static str),
) -> Result<(), Error> {
    let requester = &call.requester;
    let (team, organization) = (key.team_id.as_deref(), key.organization_id.as_deref());
    let is_own = requester.is_user(key.user_id.as_deref()) && requester.acts_in(team, organization);
    if requester.is_admin() || (requester.changes() && is_own) {
        return Ok(());
    }
    let standing = standing(control, requester, team, organization, route).await?;
    if requester.changes() && (standing.leads_team || standing.leads_organization || standing.works_in_team) {
        return Ok(());
    }
    match &standing.team {
        Some(team) if requester.changes() => Err(not_for_members(requester, team, route)),
        _ => Err(not_yours(format!("You are not authorized to {what} this key"))),
    }
}

/// What LiteLLM tells somebody who may not do this with a team's keys.
fn not_for_members(requester: &Requester, team: &Object, route: &'static str) -> Error {
    let user = requester.user_id.as_deref().unwrap_or("None");
    let text = match member_role(&team.doc, user) {
        Some(_) => {
            let permitted = permissions(&team.doc).collect::<Vec<_>>().join("', '");
            format!(
                "Team member does not have permissions for endpoint: {route}. You only have access to the following \
                 endpoints: ['{permitted}'] for team {}.",
                team.id
            )
        }
        None => format!(
            "User {user} does not belong to team {}. Team-scoped key management endpoints can only be used for keys in \
             your own team.",
            team.id
        ),
    };
    Error::new(ErrorKind::Management(Management::NotForMembers), text).param(route)
}

/// Whether somebody is an admin of the key's team or organization, or a proxy admin.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn leads(control: &Control, requester: &Requester, key: &Object) -> Result<bool, Error> {
    if requester.is_admin() {
        return Ok(true);
    }
    let (team, organization) = (key.team_id.as_deref(), key.organization_id.as_deref());
    let standing = standing(control, requester, team, organization, "").await?;
    Ok(requester.changes() && (standing.leads_team || standing.leads_organization))
}

/// Whom a key is for.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    pub user_id: Option<&'a str>,
    pub team_id: Option<&'a str>,
    /// That it is to be in from now on.
    pub organization_id: Option<&'a str>,
    /// That it is in already.
    pub present_organization: Option<&'a str>,
    /// That it is in: only proxy admins put one there.
    pub project_id: Option<&'a str>,
}

impl<'a> For<'a> {
    fn organization(&self) -> Option<&'a str> {
        self.organization_id.or(self.present_organization)
    }
}

/// What is asked for a key.
#[derive(Clone, Debug)]
pub struct Asked {
    pub rights: Rights,
    /// What the key may do already, which nobody gives it anew.
    pub old: Option<Rights>,
    /// Models that its aliases stand for.
    pub targets: Vec<String>,
}

impl Asked {
    /// What a document asks for.
    pub fn of(doc: &Map<String, Value>) -> Self {
        let aliases = doc.get("aliases").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let targets = aliases.map(|target| target.as_str().unwrap_or_default().to_owned()).collect();
        Self { rights: limits::rights(doc), old: None, targets }
    }

    /// The rights as far as they are within the bound.
    fn within(&self, rights: Rights, bound: &Rights) -> Result<Rights, Error> {
        self.targets_within(bound)?;
        match &self.old {
            Some(old) => rights.changed_within(old, bound),
            None => rights.within(bound),
        }
    }

    fn targets_within(&self, bound: &Rights) -> Result<(), Error> {
        // Nobody's rights are asked for by no alias.
        if self.targets.is_empty() {
            return Ok(());
        }
        let targets = Rights { models: self.targets.clone(), ..Rights::default() };
        targets.within(bound).map(|_| ())
    }
}

/// What the caller may give of what is asked for, to this receiver: the same, and what they have where nothing is asked.
/// A proxy admin gives everything.
///
/// # Errors
/// 403 if it is more than they have, or the receiver is out of reach.
pub async fn granted(
    control: &Control,
    call: &Call,
    receiver: For<'_>,
    asked: Asked,
    route: &'static str,
) -> Result<Rights, Error> {
    let requester = &call.requester;
    if requester.is_admin() {
        return Ok(asked.rights);
    }
    let (team, organization) = (receiver.team_id, receiver.organization());
    let standing = standing(control, requester, team, organization, route).await?;
    check_acts_there(requester, &standing, team, organization)?;
    if team.is_some() && standing.team.is_none() {
        let text = format!("Unable to find team object in database. Team ID: {}", team.unwrap_or_default());
        return Err(refused(text).param("team_id"));
    }
    let is_member =
        |team: &Object| requester.user_id.as_deref().is_some_and(|user| member_role(&team.doc, user).is_some());
    if let Some(team) = standing.team.as_ref().filter(|team| is_member(team))
        && requester.changes()
        && !(standing.leads_team || standing.leads_organization || standing.works_in_team)
    {
        return Err(not_for_members(requester, team, route));
    }
    let giver = Giver {
        role: requester.role,
        user_id: requester.user_id.as_deref(),
        leads_team: standing.leads_team,
        works_in_team: standing.works_in_team,
        leads_organization: standing.leads_organization,
    };
    let is_known_there = is_known(control, &standing, receiver).await?;
    giver.may_give_to(&Receiver {
        user_id: receiver.user_id,
        is_known_there,
        team_id: receiver.team_id,
        organization_id: receiver.organization_id,
        role: None,
    })?;
    let mut own = of_key(control, requester, &receiver).await?;
    // Who leads gives keys that outlive the one by which they are given, but not to themselves.
    if (standing.leads_team || standing.leads_organization) && !requester.is_user(receiver.user_id) {
        own.expires = None;
    }
    let granted = asked.within(asked.rights.clone(), &own)?;
    if asked.old.as_ref().is_none_or(|old| old.models != asked.rights.models) {
        check_groups(control, &asked.rights.models, &own).await?;
    }
    // Team and user are asked again at every call of the key: here only that nobody is promised what he does not get.
    let bound = match (&standing.team, requester.user_id.as_deref()) {
        (Some(team), _) => Some(limits::rights(&team.doc)),
        (None, Some(user)) if receiver.user_id == Some(user) => {
            control.store.get(Kind::User, user).await?.map(|user| limits::rights(&user.doc))
        }
        _ => None,
    };
    if let Some(bound) = bound {
        asked.within(granted.clone(), &bound)?;
    }
    Ok(granted)
}

/// Refuses a receiver to whom the caller's user gives nothing by this key. A key in no team that is made by one of an
/// organization stays there (`keep_organization`).
fn check_acts_there(
    requester: &Requester,
    standing: &Standing,
    team: Option<&str>,
    organization: Option<&str>,
) -> Result<(), Error> {
    let kept = match &standing.team {
        Some(team) => team.organization_id.as_deref(),
        None => organization.or(requester.organization_id.as_deref().filter(|_| team.is_none())),
    };
    if requester.acts_in(team, kept) {
        return Ok(());
    }
    Err(not_yours("The key that you use was made for you: it makes no keys outside of its team or organization"))
}

async fn is_known(control: &Control, standing: &Standing, receiver: For<'_>) -> Result<bool, Error> {
    let Some(user) = receiver.user_id else { return Ok(false) };
    if let Some(team) = &standing.team {
        return Ok(member_role(&team.doc, user).is_some());
    }
    let Some(organization) = receiver.organization() else { return Ok(false) };
    let id = format!("{organization}:{user}");
    Ok(control.store.get(Kind::OrganizationMember, &id).await?.is_some())
}

/// Refuses what only a proxy admin may say of a key.
///
/// # Errors
/// 403.
pub fn check_may_say(requester: &Requester, said: &Fields) -> Result<(), Error> {
    if requester.is_admin() {
        return Ok(());
    }
    let hidden = said.object("metadata").into_iter().flat_map(Map::keys).map(String::as_str);
    let of_admins = said.map().keys().map(String::as_str).chain(hidden).find(|name| ADMIN_ONLY.contains(name));
    match of_admins {
        Some(name) => Err(not_yours(format!("Only proxy admin can set '{name}' on a key"))),
        None => Ok(()),
    }
}

/// The same of a key that somebody else made for its owner: that one may only narrow it, and leave it where it is.
///
/// # Errors
/// 403.
pub fn check_owner_may_say(said: &Fields, is_elsewhere: bool) -> Result<(), Error> {
    let hidden = said.object("metadata").into_iter().flat_map(Map::keys).map(String::as_str);
    let is_limit = |name: &&str| IN_METADATA.iter().any(|field| field.name == *name) && *name != "tags";
    let may = |name: &str| OWNER_MAY.contains(&name) || name == "team_id" && !is_elsewhere;
    let beyond = said.map().keys().map(String::as_str).find(|name| !may(name));
    match beyond.or_else(|| hidden.into_iter().find(is_limit)) {
        Some(name) => Err(not_yours(format!("Only proxy admin or team admin can change '{name}' of this key"))),
        None => Ok(()),
    }
}

/// Refuses an alias that another key has.
///
/// # Errors
/// 400 in LiteLLM's words.
pub async fn check_alias(control: &Control, alias: Option<&str>, own_digest: &str) -> Result<(), Error> {
    let Some(alias) = alias else { return Ok(()) };
    let filter = Filter { alias: Some(alias), ..Filter::default() };
    let others = control.store.list(Kind::Key, &filter, crate::store::Page::number(1, 1)).await?;
    if others.iter().any(|key| key.id != own_digest) {
        let text = format!("Key with alias '{alias}' already exists. Unique key aliases across all keys are required.");
        return Err(refused(text).param("key_alias"));
    }
    Ok(())
}
