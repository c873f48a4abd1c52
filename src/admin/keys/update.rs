//! `POST /key/update`

use serde_json::{Map, Value, json};

use super::access::{Asked, For, check_alias, check_may_change, check_may_say, check_owner_may_say};
use super::access::{find, granted, leads};
use super::bound::check_groups;
use super::fields::{IN_METADATA, all_with};
use super::generate::{found_by, inherit_organization, keep_organization};
use super::{draft, effective, info};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Fields, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::not_yours;
use crate::admin::{limits, times};
use crate::auth::grants::Rights;
use crate::error::Error;
use crate::governance::rows::ON_EXCEEDED;
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Change, Object};

/// Changes what is said of a key, and leaves the rest.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut fields = all_with(&[]);
    fields.retain(|field| field.name != "key");
    fields.push(needed("key", Shape::Text));
    let said = call.body(&fields)?;
    let named = said.text("key").unwrap_or_default();
    let key = change(control, &call, named, &said).await?;
    let mut reply = Map::new();
    reply.insert("key".to_owned(), json!(named));
    reply.insert("token".to_owned(), json!(key.id));
    reply.extend(info::of(control, &key).await?);
    Ok(Reply::json(reply))
}

/// Changes a key as it is said, if the caller may.
///
/// # Errors
/// There is no such key, it is not the caller's, or what is said cannot be.
pub async fn change(control: &Control, call: &Call, named: &str, said: &Fields) -> Result<Object, Error> {
    check_may_say(&call.requester, said)?;
    let key = control
        .change(|| async {
            let before = find(control, named).await?;
            check_may_change(control, call, &before, ("update", "/key/update")).await?;
            let mut after = changed(control, call, &before, said, "/key/update").await?;
            let changes: Vec<Change> = put(call, "updated", Some(&before), after.clone()).into();
            after.updated_at = control.now();
            Ok((changes, after))
        })
        .await?;
    if let Some(spend) = said.number("spend").and_then(Money::from_dollars_f64) {
        control.desk.set_spent(limiter::Kind::Key, &key.id, spend).await?;
    }
    Ok(key)
}

/// The key as it is when this was said of it. The caller may change it; here is asked what they may give.
///
/// # Errors
/// 400, 403.
pub async fn changed(
    control: &Control,
    call: &Call,
    before: &Object,
    said: &Fields,
    route: &'static str,
) -> Result<Object, Error> {
    let mut doc = before.doc.clone();
    draft::apply(control, &mut doc, said)?;
    doc.insert("updated_by".to_owned(), json!(call.changed_by()));
    doc.insert("settings_updated_at".to_owned(), json!(times::zulu(control.now())));
    check_alias(control, doc.get("key_alias").and_then(Value::as_str), &before.id).await?;
    if call.requester.is_admin() {
        draft::check_bounds(control, said)?;
    } else {
        draft::check_bounds(control, said)?;
        let rights = if is_given(control, call, before).await? {
            let is_elsewhere = doc.get("team_id").and_then(Value::as_str) != before.team_id.as_deref();
            check_owner_may_say(said, is_elsewhere)?;
            keep_limits(&mut doc, &before.doc);
            narrowed(control, before, Asked::of(&doc).rights).await?
        } else {
            own_rights(control, call, before, &doc, said, route).await?
        };
        limits::set_rights(control, &mut doc, rights);
    }
    let is_moved = doc.get("team_id").and_then(Value::as_str) != before.team_id.as_deref();
    if is_moved {
        if !said.has("organization_id") {
            doc.shift_remove("organization_id");
        }
        inherit_organization(control, &mut doc).await?;
    }
    if is_moved || before.organization_id.is_some() {
        keep_organization(call, &mut doc);
    }
    Ok(found_by(Object { doc, ..before.clone() }))
}

/// Whether somebody else made the key for the caller, who leads nobody: then they may only narrow it.
async fn is_given(control: &Control, call: &Call, before: &Object) -> Result<bool, Error> {
    let made_it = before.doc.get("created_by").and_then(Value::as_str) == call.requester.user_id.as_deref();
    Ok(!made_it && !leads(control, &call.requester, before).await?)
}

/// What is asked for a key that may only become narrower: also than the budget that it names, of which the key's own words
/// come first.
async fn narrowed(control: &Control, before: &Object, asked: Rights) -> Result<Rights, Error> {
    let old = limits::rights(&before.doc);
    check_groups(control, &asked.models, &old).await?;
    asked.clone().changed_within(&old, &effective::rights(control, before).await?)?;
    asked.within(&old)
}

/// New metadata do not take away what limits the key there.
fn keep_limits(doc: &mut Map<String, Value>, before: &Map<String, Value>) {
    let Some(old) = before.get("metadata").and_then(Value::as_object) else { return };
    let Some(new) = doc.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in IN_METADATA.iter().map(|field| field.name).chain([ON_EXCEEDED]) {
        if let Some(value) = old.get(name) {
            new.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// What a key may do after a change by who made it, or leads its team or organization.
async fn own_rights(
    control: &Control,
    call: &Call,
    before: &Object,
    doc: &Map<String, Value>,
    said: &Fields,
    route: &'static str,
) -> Result<Rights, Error> {
    let (old, asked) = (limits::rights(&before.doc), Asked::of(doc));
    let text = |name: &str| doc.get(name).and_then(Value::as_str);
    if text("user_id") != before.user_id.as_deref() && said.has("user_id") {
        let user = said.text("user_id").unwrap_or_default();
        return Err(not_yours(format!("User={user} is not allowed to update this key to belong to another user")));
    }
    let organization = text("organization_id").filter(|named| before.organization_id.as_deref() != Some(*named));
    let receiver = For {
        user_id: text("user_id"),
        team_id: text("team_id"),
        organization_id: organization,
        present_organization: before.organization_id.as_deref(),
        project_id: text("project_id"),
    };
    // A team's key stays in the team's organization, whatever it says itself.
    let leaves = before.organization_id.is_some()
        && receiver.team_id.is_none()
        && said.get("organization_id").is_some_and(Value::is_null);
    let is_elsewhere = receiver.team_id != before.team_id.as_deref() || organization.is_some() || leaves;
    let is_same = asked.rights == old && doc.get("aliases") == before.doc.get("aliases");
    if is_same && !is_elsewhere {
        return Ok(old);
    }
    // With a new team the key is a gift to that team, as a new one would be.
    let old = Some(old).filter(|_| !is_elsewhere);
    granted(control, call, receiver, Asked { old, ..asked }, route).await
}
