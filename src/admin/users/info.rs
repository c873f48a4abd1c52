//! `GET /user/info`

use serde_json::{Map, Value, json};

use super::{PROXY_BUDGET_USER, draft, row};
use crate::admin::call::Call;
use crate::admin::columns::{Clockface, row as cells};
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::keys::row::ROW;
use crate::admin::reply::Reply;
use crate::admin::requester::Requester;
use crate::admin::rights::{not_found, not_yours};
use crate::admin::teams::bounds::texts;
use crate::admin::teams::list::of_user;
use crate::admin::teams::members::join::member_id;
use crate::admin::teams::{info as team_info, members, row as team_row};
use crate::error::Error;
use crate::store::{Filter, Kind, Object, Page};

const QUERY: &[Field] = &[field("user_id", Shape::Text)];

/// A user with their keys and teams; the caller if nobody is named, and everything if that is an admin.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let named = query.text("user_id").filter(|user| !user.is_empty());
    let Some(id) = named.or_else(|| call.requester.user_id.as_deref().filter(|_| !call.requester.sees_all())) else {
        return match call.requester.sees_all() {
            true => everything(control, &call.requester).await,
            false => Err(not_yours("No 'user_id' is associated with your API key.").param("user_id")),
        };
    };
    if !may_see(control, &call.requester, id).await? {
        let own = call.requester.user_id.as_deref().unwrap_or("None");
        let text = format!("key not allowed to access this user's info. user_id={id}, key's user_id={own}");
        return Err(not_yours(text));
    }
    let user = match control.store.get(Kind::User, id).await? {
        Some(user) => user,
        None if id == PROXY_BUDGET_USER => draft::object(id, Map::new()),
        // Keys may say that they are somebody's whom nobody has made known.
        None => return unknown(control, id).await,
    };
    let user = with_all_teams(control, user).await?;
    let info = row::info(control, &user).await?;
    let keys = keys(control, &Filter { user_id: Some(id), ..Filter::default() }).await?;
    let teams = teams(control, &user).await?;
    Ok(Reply::json(json!({"user_id": id, "user_info": info, "keys": keys, "teams": teams})))
}

/// A user with the teams of their memberships, which their document need not name: of a declared one the memberships that
/// were made at run time, of a stored one those that are declared.
async fn with_all_teams(control: &Control, mut user: Object) -> Result<Object, Error> {
    let mut teams = texts(&user.doc, "teams");
    let further = of_user(control, &user.id).await?.into_iter().filter(|team| !teams.contains(team));
    let further: Vec<String> = further.collect();
    if !further.is_empty() {
        teams.extend(further);
        user.doc.insert("teams".to_owned(), json!(teams));
    }
    Ok(user)
}

async fn unknown(control: &Control, id: &str) -> Result<Reply, Error> {
    let keys = keys(control, &Filter { user_id: Some(id), ..Filter::default() }).await?;
    if keys.is_empty() {
        return Err(not_found(format!("User {id} not found")).param("user_id"));
    }
    let info = json!({"spend": 0.0});
    Ok(Reply::json(json!({"user_id": id, "user_info": info, "keys": keys, "teams": []})))
}

/// All keys and all teams, as far as one answer goes.
async fn everything(control: &Control, requester: &Requester) -> Result<Reply, Error> {
    let keys = keys(control, &Filter::default()).await?;
    let teams = control.store.list(Kind::Team, &Filter::default(), Page::ALL).await?;
    let teams = control.shown_with_spend(&teams).await?;
    Ok(Reply::json(json!({"user_id": requester.user_id, "user_info": null, "keys": keys, "teams": teams})))
}

/// Whether somebody may see a user: themself, or a member of an organization that they lead.
async fn may_see(control: &Control, requester: &Requester, id: &str) -> Result<bool, Error> {
    if requester.sees_all() || requester.is_user(Some(id)) {
        return Ok(true);
    }
    Ok(super::list::led_by(control, requester).await?.iter().any(|user| user == id))
}

async fn keys(control: &Control, filter: &Filter<'_>) -> Result<Vec<Value>, Error> {
    let keys = control.store.list(Kind::Key, filter, Page::ALL).await?;
    let shown = control.shown_with_spend(&keys).await?;
    let mut rows = Vec::with_capacity(keys.len());
    let mut aliases: Vec<(String, String)> = Vec::new();
    for (key, shown) in keys.iter().zip(shown) {
        let mut told = Map::new();
        told.insert("token".to_owned(), json!(key.id));
        told.extend(cells(ROW, &shown, control.settings.compat, Clockface::Zulu));
        told.insert("team_alias".to_owned(), json!(team_alias(control, key, &mut aliases).await?));
        rows.push(Value::Object(told));
    }
    Ok(rows)
}

/// The text `None` where there is no team: LiteLLM's.
async fn team_alias(control: &Control, key: &Object, known: &mut Vec<(String, String)>) -> Result<String, Error> {
    let Some(team_id) = &key.team_id else { return Ok("None".to_owned()) };
    if let Some((_, alias)) = known.iter().find(|(known, _)| known == team_id) {
        return Ok(alias.clone());
    }
    let team = control.store.get(Kind::Team, team_id).await?;
    let alias = team.and_then(|team| team.alias).unwrap_or_else(|| "None".to_owned());
    known.push((team_id.clone(), alias.clone()));
    Ok(alias)
}

async fn teams(control: &Control, user: &Object) -> Result<Vec<Map<String, Value>>, Error> {
    let ids = texts(&user.doc, "teams");
    let filter = Filter { ids: Some(&ids), ..Filter::default() };
    let teams = control.store.list(Kind::Team, &filter, Page::ALL).await?;
    let mut rows = team_row::rows(control, &teams).await?;
    for (team, row) in teams.iter().zip(&mut rows) {
        let member = control.store.get(Kind::TeamMember, &member_id(&team.id, &user.id)).await?;
        let memberships = members::row::memberships(control, member.as_slice(), None).await?;
        let of_user = Filter { team_id: Some(&team.id), user_id: Some(&user.id), ..Filter::default() };
        let keys = control.store.list(Kind::Key, &of_user, Page::ALL).await?;
        row.insert("team_memberships".to_owned(), json!(memberships));
        row.insert("keys".to_owned(), json!(team_info::key_rows(control, &keys).await?));
    }
    Ok(rows)
}
