//! `POST /key/regenerate`, `POST /key/{key}/regenerate`
//!
//! The key becomes a new one: same rights, same spend (`carry`), another plain text. With a `grace_period` the old one works beside
//! it until then: its object stays, with that end, without its alias, and with `rotated_to`, under which the data plane
//! counts what it spends.

use serde_json::{Map, Value, json};

use super::access::{check_may_change, check_may_say, find};
use super::bound::check_covers;
use super::carry::carried;
use super::fields::all_with;
use super::generate::{check_is_new, object};
use super::minted::Minted;
use super::{lent, rotation, row, update};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::audit;
use crate::admin::fields::{Field, Fields, Shape, field};
use crate::admin::reply::Reply;
use crate::admin::rights::refused;
use crate::admin::times;
use crate::error::Error;
use crate::store::{Change, Kind, Object};

const FURTHER: &[Field] =
    &[field("new_key", Shape::Text), field("new_master_key", Shape::Text), field("grace_period", Shape::Text)];

/// Where an old key that still works says which one it became.
pub const ROTATED_TO: &str = "rotated_to";

/// The key that the body names.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(&all_with(FURTHER))?;
    let named = said.text("key").ok_or_else(|| refused("No key passed in."))?.to_owned();
    regenerate(control, &call, &named, said).await
}

/// The key that the path names, unless the body names one.
pub async fn named_in_path(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body_if_any(&all_with(FURTHER))?;
    let named = said.text("key").unwrap_or(call.param("key")).to_owned();
    regenerate(control, &call, &named, said).await
}

async fn regenerate(control: &Control, call: &Call, named: &str, mut said: Fields) -> Result<Reply, Error> {
    if said.has("new_master_key") {
        return Err(refused("The master key stands in the configuration and is changed there."));
    }
    check_may_say(&call.requester, &said)?;
    let minted = match said.take("new_key").as_ref().and_then(Value::as_str) {
        Some(chosen) => Minted::chosen(chosen)?,
        None => Minted::random()?,
    };
    let until = grace(control, said.text("grace_period"))?;
    for name in ["key", "grace_period"] {
        said.take(name);
    }
    let key = replace(control, call, named, (&said, &minted, until.as_deref())).await?;
    let shown = control.shown_with_spend(std::slice::from_ref(&key)).await?;
    let shown = shown.into_iter().next().unwrap_or_default();
    Ok(Reply::json(row::generated(&key, minted.plain.expose(), shown, control.settings.compat)))
}

/// Puts a key into the place of the one that is named: what is said of it, its plain text, and until when the old one
/// works beside it.
///
/// # Errors
/// There is no such key, it has been replaced already, or it is not the caller's to replace.
pub async fn replace(
    control: &Control,
    call: &Call,
    named: &str,
    (said, minted, until): (&Fields, &Minted, Option<&str>),
) -> Result<Object, Error> {
    control
        .change(|| async {
            let before = find(control, named).await?;
            check_may_change(control, call, &before, ("regenerate", "/key/regenerate")).await?;
            check_covers(control, &call.requester, &before).await?;
            if before.id == minted.digest || before.doc.contains_key(ROTATED_TO) {
                return Err(refused("This key has been regenerated already.").param("key"));
            }
            let mut after = update::changed(control, call, &before, said, "/key/regenerate").await?;
            if !call.requester.is_job() {
                lent::mark(&call.requester, &mut after.doc);
            }
            check_is_new(control, minted, "new_key").await?;
            let new = successor(control, &before, after.doc, minted);
            let mut changes = retired(&before, &new, until);
            changes.push(audit(call, "rotated", Some(&before), Some(&new)));
            changes.push(Change::Put(new.clone()));
            changes.extend(carried(control, &before.id, &new.id).await?);
            Ok((changes, Object { created_at: control.now(), updated_at: control.now(), ..new }))
        })
        .await
}

/// When the old key ends, if it is to work for a while.
///
/// # Errors
/// 400 if this is no time.
pub fn grace(control: &Control, period: Option<&str>) -> Result<Option<String>, Error> {
    let Some(period) = period.filter(|period| !period.is_empty()) else { return Ok(None) };
    match times::after(control.now(), period) {
        Some(end) => Ok(Some(times::zulu(end))),
        None => Err(refused(format!("Invalid grace_period: '{period}'. Expected format like '24h', '2d'."))
            .param("grace_period")),
    }
}

fn successor(control: &Control, before: &Object, mut doc: Map<String, Value>, minted: &Minted) -> Object {
    let count = doc.get("rotation_count").and_then(Value::as_i64).unwrap_or_default();
    doc.insert("key_name".to_owned(), json!(minted.name));
    doc.insert("rotation_count".to_owned(), json!(count + 1));
    doc.insert("last_rotation_at".to_owned(), json!(times::zulu(control.now())));
    doc.entry("created_at").or_insert_with(|| json!(times::zulu(before.created_at)));
    rotation::set_next(control, &mut doc);
    object(minted.digest.clone(), doc)
}

/// The old key: gone, or with an end and nothing that the new one needs for itself.
fn retired(before: &Object, new: &Object, until: Option<&str>) -> Vec<Change> {
    let Some(until) = until else {
        // Written once more, so that only one of two who replace it at the same time does.
        return vec![Change::Put(before.clone()), Change::Delete(Kind::Key, before.id.clone())];
    };
    let mut doc = before.doc.clone();
    let own_end = doc.get("expires").and_then(Value::as_str).and_then(times::milliseconds);
    if own_end.is_none_or(|end| times::milliseconds(until).is_some_and(|until| until < end)) {
        doc.insert("expires".to_owned(), json!(until));
    }
    for name in ["key_alias", "auto_rotate", "key_rotation_at"] {
        doc.shift_remove(name);
    }
    doc.insert(ROTATED_TO.to_owned(), json!(new.id));
    vec![Change::Put(Object { doc, alias: None, ..before.clone() })]
}
