//! `GET /credentials`, `GET /credentials/by_name/{credential_name}`

use serde_json::{Map, Value, json};

use super::edit::find;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::models::entries::object;
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::governance::declared::MASK;
use crate::store::{Filter, Kind, Object};

/// All credentials, by name.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let found = control.store.all(Kind::Credential, &Filter::default()).await?;
    let shown: Vec<Value> = found.iter().map(shown).collect();
    Ok(Reply::json(json!({"success": true, "credentials": shown})))
}

/// One of them.
pub async fn by_name(control: &Control, call: Call) -> Result<Reply, Error> {
    let found = find(control, call.param("credential_name")).await?;
    Ok(Reply::json(shown(&found)))
}

fn shown(credential: &Object) -> Value {
    let values = object(&credential.doc, "credential_values");
    let masked: Map<String, Value> = values.into_iter().map(|(name, _)| (name, json!(MASK))).collect();
    json!({
        "credential_name": credential.id,
        "credential_values": masked,
        "credential_info": object(&credential.doc, "credential_info"),
    })
}
