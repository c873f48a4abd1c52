//! People who become members.

use serde_json::json;

use super::people::{find_or_make, with_team};
use super::roster::{self, Wanted};
use super::row::document;
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::Fields;
use crate::admin::rights::detailed;
use crate::error::{Compat, Error, Management};
use crate::store::{Change, Kind, Object};

/// Members of one team at most: its document has a line for each.
pub const MOST_MEMBERS: usize = 50_000;

/// What is to be stored besides the team, and who has come in.
#[derive(Debug, Default)]
pub struct Joined {
    pub changes: Vec<Change>,
    pub user_ids: Vec<String>,
}

/// Puts people into a team's document; who is in it already stays as they are. `max_budget`: each one's, in this team.
///
/// # Errors
/// 400: several users have an address, a budget that cannot be, too many members.
pub async fn join(
    control: &Control,
    call: &Call,
    team: &mut Object,
    wanted: &[Wanted],
    max_budget: Option<f64>,
) -> Result<Joined, Error> {
    let mut joined = Joined::default();
    for wanted in wanted {
        if roster::find(&team.doc, wanted.user_id.as_deref(), wanted.user_email.as_deref()).is_some() {
            continue;
        }
        let person = find_or_make(control, wanted).await?;
        let user_id = person.now.id.clone();
        if roster::find(&team.doc, Some(&user_id), None).is_some() {
            continue;
        }
        let known_email = person.now.doc.get("user_email").and_then(serde_json::Value::as_str);
        // 1.80 remembers the address only where the request says it.
        let known_email = known_email.filter(|_| control.settings.compat == Compat::V1_106);
        roster::add(&mut team.doc, &user_id, wanted.user_email.as_deref().or(known_email), &wanted.role);
        joined.changes.extend(with_team(control, call, &person, &team.id));
        joined.changes.extend(membership(control, call, team, &user_id, max_budget).await?);
        joined.user_ids.push(user_id);
    }
    if roster::all(&team.doc).count() > MOST_MEMBERS {
        let text = format!("A team has at most {MOST_MEMBERS} members.");
        return Err(detailed(Management::DetailRefused, &text));
    }
    Ok(joined)
}

async fn membership(
    control: &Control,
    call: &Call,
    team: &Object,
    user_id: &str,
    max_budget: Option<f64>,
) -> Result<Vec<Change>, Error> {
    let team_id = team.id.as_str();
    let id = member_id(team_id, user_id);
    // One that outlived its team must not lend its budget to a new one.
    let stale = control.store.get(Kind::TeamMember, &id).await?;
    let mut said = Fields::default();
    if let Some(max_budget) = max_budget {
        said.set("max_budget", json!(max_budget));
    }
    let given = held::given(control, call, &said, (Kind::TeamMember, &id), None, false).await?;
    let member = Object {
        team_id: Some(team_id.to_owned()),
        user_id: Some(user_id.to_owned()),
        version: stale.as_ref().map_or(0, |stale| stale.version),
        ..Object::new(Kind::TeamMember, id, document(team_id, user_id, given.budget_id.as_deref()))
    };
    let mut changes = given.changes;
    changes.extend(put(call, "created", None, member));
    Ok(changes)
}

/// The id of a member's object.
pub fn member_id(team_id: &str, user_id: &str) -> String {
    format!("{team_id}:{user_id}")
}
