//! `GET /key/info`, `POST /v2/key/info`

use serde_json::{Map, Value, json};

use super::access::{find, is_of_own_team, may_see};
use super::minted::digest;
use super::row::ROW;
use crate::admin::call::Call;
use crate::admin::columns::{Clockface, row};
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::{not_yours, refused};
use crate::admin::times;
use crate::error::{Compat, Error};
use crate::store::{Filter, Kind, Object, Page};

const QUERY: &[Field] = &[field("key", Shape::Text)];
const BODY: &[Field] = &[needed("keys", Shape::Texts)];

/// Keys in one question at most.
const MOST_KEYS: usize = 1_000;

/// One key, by itself or by its digest; the caller's own if none is named.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let named = query.text("key").or(call.requester.key.as_deref()).unwrap_or_default();
    let key = find(control, named).await?;
    if !may_see(&call.requester, &key) && !is_of_own_team(control, &call.requester, &key).await? {
        let role = call.requester.role_name();
        return Err(not_yours(format!("You are not allowed to access this key's info. Your role={role}")));
    }
    let mut info = of(control, &key).await?;
    if control.settings.compat == Compat::V1_106 {
        info.insert("status".to_owned(), json!(status(&key, control.now())));
    }
    Ok(Reply::json(json!({"key": named, "info": info})))
}

/// Several keys at once; those that the caller may not see are left out.
pub async fn several(control: &Control, call: Call) -> Result<Reply, Error> {
    let named = call.body(BODY)?.texts("keys");
    if named.len() > MOST_KEYS {
        return Err(refused(format!("Maximum {MOST_KEYS} keys can be asked for at once. Found {} keys.", named.len())));
    }
    let digests: Vec<String> = named.iter().map(|named| digest(named)).collect();
    let filter = Filter { ids: Some(&digests), ..Filter::default() };
    let mut keys = control.store.list(Kind::Key, &filter, Page::ALL).await?;
    keys.retain(|key| may_see(&call.requester, key));
    let compat = control.settings.compat;
    let shown = control.shown_with_spend(&keys).await?;
    let rows = keys.iter().zip(shown).map(|(key, mut shown)| {
        shown.insert("token".to_owned(), json!(key.id));
        super::row::model(key, shown, compat, false)
    });
    Ok(Reply::json(json!({"key": named, "info": rows.collect::<Vec<_>>()})))
}

/// The row of a key.
pub(super) async fn of(control: &Control, key: &Object) -> Result<Map<String, Value>, Error> {
    let shown = control.shown_with_spend(std::slice::from_ref(key)).await?;
    let mut shown = shown.into_iter().next().unwrap_or_default();
    if let Some(budget) = shown.get("budget_id").and_then(Value::as_str)
        && let Some(budget) = control.store.get(Kind::Budget, budget).await?
    {
        shown.insert("litellm_budget_table".to_owned(), Value::Object(control.shown(&budget)));
    }
    Ok(row(ROW, &shown, control.settings.compat, Clockface::Offset))
}

fn status(key: &Object, now: i64) -> &'static str {
    let expires = key.doc.get("expires").and_then(Value::as_str).and_then(times::milliseconds);
    match expires {
        _ if key.doc.get("blocked") == Some(&Value::Bool(true)) => "blocked",
        Some(expires) if expires <= now => "expired",
        _ => "active",
    }
}
