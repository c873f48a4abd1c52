//! `POST /key/health`

use serde_json::{Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::Kind;

/// Whether the key that is used works, and whether callbacks of its own could be called.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let key = match &call.requester.key {
        Some(digest) => control.store.get(Kind::Key, digest).await?,
        None => None,
    };
    let metadata = key.as_ref().and_then(|key| key.doc.get("metadata"));
    let callbacks = metadata.and_then(|metadata| metadata.get("logging")).and_then(Value::as_array);
    let names: Vec<&str> = callbacks.into_iter().flatten().filter_map(|one| one["callback_name"].as_str()).collect();
    if names.is_empty() {
        return Ok(Reply::json(json!({"key": "healthy", "logging_callbacks": null})));
    }
    let details = "Callbacks of a single key are not supported.";
    let callbacks = json!({"callbacks": names, "status": "unhealthy", "details": details});
    Ok(Reply::json(json!({"key": "unhealthy", "logging_callbacks": callbacks})))
}
