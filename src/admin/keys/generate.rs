//! `POST /key/generate`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{Asked, For, check_alias, check_may_say, granted, standing};
use super::bound::{check_is_no_more, used};
use super::fields::all_with;
use super::minted::Minted;
use super::{draft, lent, row, rules};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::Fields;
use crate::admin::limits;
use crate::admin::reply::Reply;
use crate::admin::rights::refused;
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::governance::rows::{END_USER_BUDGET_ID, Row};
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Change, Counter, KEY_TOTAL, Kind, Object};

/// Makes a key; its plain text is in this answer only.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body_if_any(&all_with(&[]))?;
    rules::check(control, &call, &said).await?;
    let made = make(control, &call, said).await?;
    Ok(Reply::json(made))
}

/// Makes the key that is asked for, and answers what `/key/generate` does.
///
/// # Errors
/// What is asked for cannot be, or is not the caller's to give.
pub async fn make(control: &Control, call: &Call, mut said: Fields) -> Result<Map<String, Value>, Error> {
    check_may_say(&call.requester, &said)?;
    draft::fill_defaults(control, &mut said);
    draft::check_bounds(control, &said)?;
    if !call.requester.is_admin() && said.text("user_id").is_none() && said.text("team_id").is_none() {
        said.set("user_id", call.requester.user_id.clone());
    }
    let minted = match said.text("key") {
        Some(chosen) => Minted::chosen(chosen)?,
        None => Minted::random()?,
    };
    let key = control.change(|| decide(control, call, &said, &minted)).await?;
    let shown = control.shown_with_spend(std::slice::from_ref(&key)).await?;
    let shown = shown.into_iter().next().unwrap_or_default();
    Ok(row::generated(&key, minted.plain.expose(), shown, control.settings.compat))
}

async fn decide(
    control: &Control,
    call: &Call,
    said: &Fields,
    minted: &Minted,
) -> Result<(Vec<Change>, Object), Error> {
    check_alias(control, said.text("key_alias"), &minted.digest).await?;
    check_is_new(control, minted, "key").await?;
    let mut doc = drafted(control, call, said, minted)?;
    let own = own_by_default(control, call, said).await?;
    if let Some(own) = &own {
        doc.insert("user_id".to_owned(), json!(own));
    }
    let receiver = For {
        user_id: own.as_deref().or(said.text("user_id")),
        team_id: said.text("team_id"),
        organization_id: said.text("organization_id"),
        present_organization: None,
        project_id: None,
    };
    let rights = granted(control, call, receiver, Asked::of(&doc), "/key/generate").await?;
    check_is_no_more(control, &call.requester, receiver.user_id).await?;
    limits::set_rights(control, &mut doc, rights);
    inherit_organization(control, &mut doc).await?;
    keep_organization(call, &mut doc);
    keep_end_user_budget(control, call, &mut doc).await?;
    lent::mark(&call.requester, &mut doc);
    let mut changes = Vec::new();
    if let Some(budget) = soft_budget(call, &mut doc) {
        changes.push(Change::Put(budget));
    }
    let spend = said.number("spend").and_then(Money::from_dollars_f64);
    changes.extend(spend.into_iter().flat_map(|spend| spent(minted, spend)));
    let mut key = object(minted.digest.clone(), doc);
    changes.extend(put(call, "created", None, key.clone()));
    (key.created_at, key.updated_at) = (control.now(), control.now());
    Ok((changes, key))
}

/// A team's key that somebody makes who does not lead the team, and for whom nobody is named, is their own.
async fn own_by_default(control: &Control, call: &Call, said: &Fields) -> Result<Option<String>, Error> {
    let Some(team) = said.text("team_id").filter(|_| said.text("user_id").is_none()) else { return Ok(None) };
    if call.requester.is_admin() {
        return Ok(None);
    }
    let standing = standing(control, &call.requester, Some(team), None, "/key/generate").await?;
    let leads = standing.leads_team || standing.leads_organization;
    Ok(call.requester.user_id.clone().filter(|_| !leads && standing.works_in_team))
}

/// Refuses a plain text that some key has; `param` is the parameter that says it.
///
/// # Errors
/// There is such a key.
pub async fn check_is_new(control: &Control, minted: &Minted, param: &'static str) -> Result<(), Error> {
    if control.store.get(Kind::Key, &minted.digest).await?.is_some() {
        return Err(Error::new(ErrorKind::Management(Management::Exists), "Key already exists.").param(param));
    }
    Ok(())
}

/// What the key has spent before it is used, if anything: of its budget, whose window begins with its first call, and at all.
fn spent(minted: &Minted, spend: Money) -> Vec<Change> {
    let counter = |scope: &str| {
        Change::Spent(Counter {
            scope: scope.to_owned(),
            id: minted.digest.clone(),
            budget: String::new(),
            spent: spend.pico(),
            resets_at: 0,
        })
    };
    let scopes = [limiter::Kind::Key.as_str(), KEY_TOTAL];
    if spend > Money::ZERO { scopes.map(counter).into() } else { Vec::new() }
}

fn drafted(control: &Control, call: &Call, said: &Fields, minted: &Minted) -> Result<Map<String, Value>, Error> {
    let mut doc = Map::new();
    doc.insert("key_name".to_owned(), json!(minted.name));
    doc.insert("key_type".to_owned(), json!("default"));
    draft::apply(control, &mut doc, said)?;
    for name in ["created_by", "updated_by"] {
        doc.insert(name.to_owned(), json!(call.changed_by()));
    }
    Ok(doc)
}

/// A team's key belongs to the team's organization.
///
/// # Errors
/// 400 if the key is said to belong to another.
pub async fn inherit_organization(control: &Control, doc: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(team_id) = doc.get("team_id").and_then(Value::as_str) else { return Ok(()) };
    let Some(team) = control.store.get(Kind::Team, team_id).await? else { return Ok(()) };
    let Some(organization) = team.organization_id else { return Ok(()) };
    match doc.get("organization_id").and_then(Value::as_str) {
        Some(said) if said != organization => Err(refused(format!(
            "Team={team_id} belongs to the organization={organization}, not to organization_id={said}"
        ))),
        _ => {
            doc.insert("organization_id".to_owned(), json!(organization));
            Ok(())
        }
    }
}

/// Who makes a key for themselves by one that is in an organization gets another one there: its limits hold for both.
/// Proxy admins say where a key is.
pub fn keep_organization(call: &Call, doc: &mut Map<String, Value>) {
    let own = call.requester.organization_id.as_ref().filter(|_| !call.requester.is_admin());
    let is_said = ["team_id", "organization_id"].into_iter().any(|name| doc.contains_key(name));
    if let Some(own) = own.filter(|_| !is_said) {
        doc.insert("organization_id".to_owned(), json!(own));
    }
}

/// Who makes a key by one whose end users are limited makes one whose end users are, too. Only proxy admins say how.
///
/// # Errors
/// 403, and the store's.
pub async fn keep_end_user_budget(control: &Control, call: &Call, doc: &mut Map<String, Value>) -> Result<(), Error> {
    if call.requester.is_admin() || doc.contains_key(END_USER_BUDGET_ID) {
        return Ok(());
    }
    let own = used(control, &call.requester).await?;
    if let Some(budget) = own.as_ref().and_then(Row::of).and_then(|own| own.end_user_budget_id) {
        doc.insert(END_USER_BUDGET_ID.to_owned(), json!(budget));
    }
    Ok(())
}

/// LiteLLM keeps a soft budget in a budget of its own; the key shows it. Beside a budget that is named the key's own word
/// is enough.
fn soft_budget(call: &Call, doc: &mut Map<String, Value>) -> Option<Object> {
    if doc.contains_key("budget_id") {
        return None;
    }
    let soft = doc.get("soft_budget")?.clone();
    let id = Uuid::new_v4().to_string();
    let mut budget = Map::new();
    budget.insert("budget_id".to_owned(), json!(id));
    budget.insert("soft_budget".to_owned(), soft);
    for name in ["created_by", "updated_by"] {
        budget.insert(name.to_owned(), json!(call.changed_by()));
    }
    doc.insert("budget_id".to_owned(), json!(id));
    doc.insert("litellm_budget_table".to_owned(), Value::Object(budget.clone()));
    Some(Object::new(Kind::Budget, id, budget))
}

/// A key's object, with what it is found by.
pub fn object(digest: String, doc: Map<String, Value>) -> Object {
    found_by(Object::new(Kind::Key, digest, doc))
}

/// Sets what a key is found by from what its document says.
pub fn found_by(key: Object) -> Object {
    let text = |name: &str| key.doc.get(name).and_then(Value::as_str).map(str::to_owned);
    Object {
        alias: text("key_alias"),
        user_id: text("user_id"),
        team_id: text("team_id"),
        organization_id: text("organization_id"),
        ..key
    }
}
