//! Users as members are named: by id or by address. Whom nobody knows yet is made known.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::roster::Wanted;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::Fields;
use crate::admin::finding::by_ids;
use crate::admin::requester::MASTER_USER;
use crate::admin::rights::detailed;
use crate::admin::users::draft;
use crate::auth::Role;
use crate::error::{Error, Management};
use crate::store::{Change, Filter, Kind, Object, Page};

/// A user, and what they were before; `None`: they are new.
pub struct Person {
    pub before: Option<Object>,
    pub now: Object,
}

/// The users whom a member's id or address names, new ones made.
///
/// # Errors
/// 400: several users have the address.
pub async fn find_or_make(control: &Control, wanted: &Wanted) -> Result<Person, Error> {
    if let Some(id) = &wanted.user_id
        && let Some(found) = control.store.get(Kind::User, id).await?
    {
        return Ok(Person { before: Some(found.clone()), now: found });
    }
    if let (None, Some(email)) = (&wanted.user_id, &wanted.user_email) {
        let filter = Filter { alias: Some(email), ..Filter::default() };
        let mut found = control.store.list(Kind::User, &filter, Page::number(1, 2)).await?;
        if found.len() > 1 {
            let text = "Multiple users with this email found in db. Please use 'user_id' instead.";
            return Err(detailed(Management::DetailRefused, text));
        }
        if let Some(found) = found.pop() {
            return Ok(Person { before: Some(found.clone()), now: found });
        }
    }
    Ok(Person { before: None, now: make(control, wanted)? })
}

fn make(control: &Control, wanted: &Wanted) -> Result<Object, Error> {
    let id = wanted.user_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut said = Fields::default();
    if let Some(email) = &wanted.user_email {
        said.set("user_email", email.as_str());
    }
    draft::fill_defaults(control, &mut said);
    if !said.has("user_role") {
        said.set("user_role", Role::InternalUser.as_str());
    }
    let mut doc = Map::new();
    draft::apply(control, &mut doc, &said)?;
    Ok(draft::object(&id, doc))
}

/// The change of a user who is in this team from now on. The holder of the master key is no user of the store, and whom the
/// configuration declares is changed nowhere else: their memberships tell.
pub fn with_team(control: &Control, call: &Call, person: &Person, team_id: &str) -> Vec<Change> {
    let mut after = person.now.clone();
    if after.id == MASTER_USER || control.store.declares(Kind::User, &after.id) {
        return Vec::new();
    }
    let list = after.doc.entry("teams").or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    match list {
        Value::Array(teams) if !teams.iter().any(|team| team == team_id) => teams.push(json!(team_id)),
        _ if person.before.is_some() => return Vec::new(),
        _ => {}
    }
    let action = if person.before.is_some() { "updated" } else { "created" };
    put(call, action, person.before.as_ref(), after).into()
}

/// The changes of users who are in this team no more.
///
/// # Errors
/// The store's.
pub async fn without_team(
    control: &Control,
    call: &Call,
    user_ids: &[String],
    team_id: &str,
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for before in by_ids(control, Kind::User, user_ids).await? {
        let mut after = before.clone();
        if let Some(Value::Array(teams)) = after.doc.get_mut("teams") {
            teams.retain(|team| team != team_id);
        }
        if after.doc != before.doc {
            changes.extend(put(call, "updated", Some(&before), after));
        }
    }
    Ok(changes)
}
