//! `POST /key/delete`

use serde_json::{Value, json};

use super::access::check_may_change;
use super::minted::digest;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::delete;
use crate::admin::fields::{Field, Fields, Shape, fault, field, invalid};
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, refused};
use crate::error::Error;
use crate::store::{Filter, Kind, Object, Page};

const BODY: &[Field] = &[field("keys", Shape::Texts), field("key_aliases", Shape::Texts)];

/// Keys that are deleted at once at most.
const MOST_KEYS: usize = 1_000;

/// Deletes keys, by themselves, by their digests or by their aliases; all of them or none.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(BODY)?;
    let (named, are_aliases) = named(&said)?;
    control
        .change(|| async {
            let keys = found(control, &named, are_aliases).await?;
            if keys.is_empty() {
                return Err(not_found("No keys found").param("keys"));
            }
            let mut changes = Vec::with_capacity(keys.len() * 2);
            for key in &keys {
                check_may_change(control, &call, key, ("delete", "/key/delete")).await?;
                changes.extend(delete(&call, key));
            }
            Ok((changes, ()))
        })
        .await?;
    Ok(Reply::json(json!({"deleted_keys": named})))
}

fn named(said: &Fields) -> Result<(Vec<String>, bool), Error> {
    let (keys, aliases) = (said.texts("keys"), said.texts("key_aliases"));
    if keys.len().max(aliases.len()) > MOST_KEYS {
        return Err(refused(format!("Maximum {MOST_KEYS} keys can be deleted at once.")));
    }
    match (keys.is_empty(), aliases.is_empty()) {
        (false, _) => Ok((keys, false)),
        (true, false) => Ok((aliases, true)),
        (true, true) => {
            let text = "Value error, At least one of 'keys' or 'key_aliases' must be provided.";
            Err(invalid(vec![fault("value_error", &[json!("body")], text, Value::Null)]))
        }
    }
}

async fn found(control: &Control, named: &[String], are_aliases: bool) -> Result<Vec<Object>, Error> {
    if !are_aliases {
        let digests: Vec<String> = named.iter().map(|named| digest(named)).collect();
        let filter = Filter { ids: Some(&digests), ..Filter::default() };
        return Ok(control.store.list(Kind::Key, &filter, Page::ALL).await?);
    }
    let mut keys = Vec::with_capacity(named.len());
    for alias in named {
        let filter = Filter { alias: Some(alias), ..Filter::default() };
        keys.extend(control.store.list(Kind::Key, &filter, Page::number(1, 1)).await?);
    }
    Ok(keys)
}
