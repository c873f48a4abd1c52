//! What else changes when a user comes or goes: teams, memberships, keys.

use serde_json::{Map, Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{delete, put};
use crate::admin::fields::{Fields, fault, invalid};
use crate::admin::rights::not_found;
use crate::error::Error;
use crate::store::{Change, Filter, Kind, Object};

const MEMBERS: &str = "members_with_roles";

/// The ids of the teams that a new user is to be in: `["id"]` or `[{"team_id": "id"}]`.
///
/// # Errors
/// 422.
pub fn teams(said: &Fields) -> Result<Vec<String>, Error> {
    let list = said.get("teams").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let id = |team: &Value| team.as_str().or_else(|| team.get("team_id")?.as_str()).map(str::to_owned);
    list.iter().map(id).collect::<Option<Vec<String>>>().ok_or_else(|| {
        let place = [json!("body"), json!("teams")];
        invalid(vec![fault("string_type", &place, "Input should be a valid string", Value::Null)])
    })
}

/// Puts a user into teams and organizations.
///
/// # Errors
/// 404 if one is not there.
pub async fn join(
    control: &Control,
    call: &Call,
    user: &Object,
    teams: &[String],
    organizations: &[String],
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for team_id in teams {
        let before = control.store.get(Kind::Team, team_id).await?;
        let before = before.ok_or_else(|| not_found(format!("Team not found, team_id={team_id}")).param("teams"))?;
        let mut after = before.clone();
        let member = json!({"user_id": user.id, "user_email": user.alias, "role": "user"});
        match after.doc.entry(MEMBERS).or_insert_with(|| json!([])) {
            Value::Array(members) if members.iter().any(|known| known["user_id"] == *user.id) => {}
            Value::Array(members) => members.push(member),
            other => *other = json!([member]),
        }
        changes.extend(put(call, "updated", Some(&before), after));
        let membership = membership(Kind::TeamMember, "team_id", team_id, &user.id);
        let membership = Object { team_id: Some(team_id.clone()), ..membership };
        changes.extend(put(call, "created", None, membership));
    }
    for organization in organizations {
        if control.store.get(Kind::Organization, organization).await?.is_none() {
            let text = format!("Organization not found, organization_id={organization}");
            return Err(not_found(text).param("organizations"));
        }
        let mut membership = membership(Kind::OrganizationMember, "organization_id", organization, &user.id);
        let role = user.doc.get("user_role").cloned().unwrap_or_else(|| json!("internal_user"));
        membership.doc.insert("user_role".to_owned(), role);
        let membership = Object { organization_id: Some(organization.clone()), ..membership };
        changes.extend(put(call, "created", None, membership));
    }
    Ok(changes)
}

fn membership(kind: Kind, member: &str, of: &str, user_id: &str) -> Object {
    let mut doc = Map::new();
    doc.insert("user_id".to_owned(), json!(user_id));
    doc.insert(member.to_owned(), json!(of));
    Object { user_id: Some(user_id.to_owned()), ..Object::new(kind, format!("{of}:{user_id}"), doc) }
}

/// All that goes with a user: their keys, their memberships, their places in teams.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn leave(control: &Control, call: &Call, user: &Object) -> Result<Vec<Change>, Error> {
    let of_user = Filter { user_id: Some(&user.id), ..Filter::default() };
    let mut changes = Vec::new();
    for kind in [Kind::Key, Kind::TeamMember, Kind::OrganizationMember] {
        for object in control.store.all(kind, &of_user).await? {
            changes.extend(delete(call, &object));
        }
    }
    Ok(changes)
}

/// Takes users out of the lists of the teams that they say they are in.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn leave_teams(control: &Control, call: &Call, users: &[Object]) -> Result<Vec<Change>, Error> {
    let lists = users.iter().filter_map(|user| user.doc.get("teams")?.as_array()).flatten();
    let mut ids: Vec<String> = lists.filter_map(|team| team.as_str().map(str::to_owned)).collect();
    ids.sort_unstable();
    ids.dedup();
    let filter = Filter { ids: Some(&ids), ..Filter::default() };
    let mut changes = Vec::new();
    for before in control.store.all(Kind::Team, &filter).await? {
        let mut after = before.clone();
        if let Some(Value::Array(members)) = after.doc.get_mut(MEMBERS) {
            members.retain(|member| !users.iter().any(|user| member["user_id"] == *user.id));
        }
        if after.doc != before.doc {
            changes.extend(put(call, "updated", Some(&before), after));
        }
    }
    Ok(changes)
}
