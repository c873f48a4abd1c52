//! `POST /key/bulk_update`

use serde_json::{Value, json};

use super::fields::all_with;
use super::{info, update};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Fields, Place, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::refused;
use crate::error::Error;

const BODY: &[Field] = &[needed("keys", Shape::List)];

/// Keys in one call at most.
const MOST_KEYS: usize = 1_000;

/// Changes several keys, each on its own: where one fails the others are changed all the same.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(BODY)?;
    let entries = said.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    if entries.is_empty() {
        return Err(refused("No keys provided for update"));
    }
    if entries.len() > MOST_KEYS {
        return Err(refused(format!("Maximum {MOST_KEYS} keys can be updated at once. Found {} keys.", entries.len())));
    }
    let mut fields = all_with(&[]);
    fields.retain(|field| field.name != "key");
    fields.push(needed("key", Shape::Text));
    let (mut good, mut failed) = (Vec::new(), Vec::new());
    for entry in &entries {
        let map = entry.as_object().cloned().unwrap_or_default();
        let named = map.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let changed = match Fields::of_map(&map, &fields, Place::Body) {
            Ok(said) => one(control, &call, &named, &said).await,
            Err(error) => Err(error),
        };
        match changed {
            Ok(row) => good.push(json!({"key": named, "key_info": row})),
            Err(error) => failed.push(json!({"key": named, "key_info": null, "failed_reason": error.message})),
        }
    }
    Ok(Reply::json(json!({
        "total_requested": entries.len(),
        "successful_updates": good,
        "failed_updates": failed,
    })))
}

async fn one(control: &Control, call: &Call, named: &str, said: &Fields) -> Result<Value, Error> {
    let key = update::change(control, call, named, said).await?;
    Ok(Value::Object(info::of(control, &key).await?))
}
