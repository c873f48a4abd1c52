//! `POST /user/new`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{OF_NEW, all_with};
use super::{belonging, draft, making, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::Fields;
use crate::admin::keys::access::{check_alias, check_may_say};
use crate::admin::keys::minted::Minted;
use crate::admin::keys::{self, row as key_row};
use crate::admin::reply::Reply;
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Change, Filter, Kind, Object, Page};

/// What is the user's alone, and not their first key's.
const OF_USER: [&str; 8] =
    ["max_budget", "soft_budget", "budget_duration", "budget_limits", "key", "spend", "budget_id", "model_max_budget"];

/// Makes a user, and a key for them unless that is not wanted.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut said = call.body_if_any(&all_with(OF_NEW))?;
    check_may_say(&call.requester, &said)?;
    draft::fill_defaults(control, &mut said);
    if !call.requester.is_admin() {
        keys::draft::fill_defaults(control, &mut said);
    }
    let id = said.text("user_id").filter(|id| !id.is_empty()).map(str::to_owned);
    let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
    let minted = match said.text("key") {
        Some(chosen) => Minted::chosen(chosen)?,
        None => Minted::random()?,
    };
    let has_key = said.flag("auto_create_key") != Some(false);
    let (user, key) = control
        .change(|| async {
            check_is_new(control, &id, &said).await?;
            let teams = teams(control, &said).await?;
            let organizations = organizations(control, &said).await?;
            making::check(control, &call.requester, &said, &teams, &organizations).await?;
            let user = made(control, &id, &said, &teams)?;
            let mut changes: Vec<Change> = put(&call, "created", None, user.clone()).into();
            changes.extend(belonging::join(control, &call, &user, &teams, &organizations).await?);
            let key = key_of(control, &user, &said, &minted)?;
            let mut key = making::limited(control, &call, &said, key).await?;
            if has_key {
                check_alias(control, key.alias.as_deref(), &key.id).await?;
                changes.extend(put(&call, "created", None, key.clone()));
            }
            (key.created_at, key.updated_at) = (control.now(), control.now());
            Ok((changes, (user, key)))
        })
        .await?;
    let spend = said.number("spend").and_then(Money::from_dollars_f64).unwrap_or_default();
    if spend > Money::ZERO {
        control.desk.set_spent(limiter::Kind::User, &id, spend).await?;
    }
    let plain = if has_key { Some(minted.plain.expose()) } else { None };
    Ok(Reply::json(told(control, &user, &key, plain, spend)))
}

/// Refuses an id or an address that somebody has.
async fn check_is_new(control: &Control, id: &str, said: &Fields) -> Result<(), Error> {
    let exists = |text: String, param| Error::new(ErrorKind::Management(Management::Exists), text).param(param);
    if control.store.get(Kind::User, id).await?.is_some() {
        return Err(exists(format!("User with id {id} already exists"), "user_id"));
    }
    let Some(email) = said.text("user_email") else { return Ok(()) };
    let filter = Filter { alias: Some(email), ..Filter::default() };
    if control.store.list(Kind::User, &filter, Page::number(1, 1)).await?.is_empty() {
        return Ok(());
    }
    Err(exists(format!("User with email {email} already exists"), "user_email"))
}

/// The teams that the user is to be in: those that are listed, and the one of the first key. If that one is not there,
/// nothing is wrong, as with LiteLLM.
async fn teams(control: &Control, said: &Fields) -> Result<Vec<String>, Error> {
    let mut teams = belonging::teams(said)?;
    if let Some(team) = said.text("team_id").filter(|team| !teams.iter().any(|listed| listed == team))
        && control.store.get(Kind::Team, team).await?.is_some()
    {
        teams.push(team.to_owned());
    }
    Ok(teams)
}

/// The organizations that the user is to be in, by the same rule.
async fn organizations(control: &Control, said: &Fields) -> Result<Vec<String>, Error> {
    let mut organizations = said.texts("organizations");
    if let Some(id) = said.text("organization_id").filter(|id| !organizations.iter().any(|listed| listed == id))
        && control.store.get(Kind::Organization, id).await?.is_some()
    {
        organizations.push(id.to_owned());
    }
    Ok(organizations)
}

fn made(control: &Control, id: &str, said: &Fields, teams: &[String]) -> Result<Object, Error> {
    let mut doc = Map::new();
    draft::apply(control, &mut doc, said)?;
    if !teams.is_empty() {
        doc.insert("teams".to_owned(), json!(teams));
    }
    Ok(draft::object(id, doc))
}

/// The user's first key: their models and limits, not their budget, which all their keys share.
fn key_of(control: &Control, user: &Object, said: &Fields, minted: &Minted) -> Result<Object, Error> {
    let mut of_key = said.clone();
    for name in OF_USER {
        of_key.take(name);
    }
    of_key.set("user_id", user.id.clone());
    let mut doc = Map::new();
    doc.insert("key_name".to_owned(), json!(minted.name));
    keys::draft::apply(control, &mut doc, &of_key)?;
    Ok(keys::generate::object(minted.digest.clone(), doc))
}

/// What a new key is answered with, with the user's budget in place of the key's, and the user.
fn told(control: &Control, user: &Object, key: &Object, plain: Option<&str>, spend: Money) -> Map<String, Value> {
    let mut shown = control.shown(key);
    for name in ["max_budget", "budget_duration", "budget_limits", "model_max_budget"] {
        if let Some(value) = user.doc.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    shown.insert("spend".to_owned(), json!(spend.dollars()));
    let mut told = key_row::generated(key, plain.unwrap_or_default(), shown, control.settings.compat);
    // LiteLLM does not tell the digest here.
    for name in ["token", "token_id"] {
        told.insert(name.to_owned(), Value::Null);
    }
    if plain.is_none() {
        for name in ["key", "key_name", "created_at", "updated_at"] {
            told.insert(name.to_owned(), if name == "key" { json!("") } else { Value::Null });
        }
    }
    for name in row::OF_NEW {
        told.insert(name.to_owned(), user.doc.get(name).cloned().unwrap_or_default());
    }
    told
}
