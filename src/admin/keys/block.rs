//! `POST /key/block`, `POST /key/unblock`

use serde_json::json;

use super::access::{find, leads};
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::not_yours;
use crate::admin::times;
use crate::error::Error;
use crate::store::{Change, Object};

const BODY: &[Field] = &[needed("key", Shape::Text)];

/// The key is refused from now on.
pub async fn block(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, &call, true).await
}

/// The key works again.
pub async fn unblock(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, &call, false).await
}

async fn set(control: &Control, call: &Call, blocked: bool) -> Result<Reply, Error> {
    let said = call.body(BODY)?;
    let named = said.text("key").unwrap_or_default();
    let action = if blocked { "blocked" } else { "unblocked" };
    let key = control
        .change(|| async {
            let before = find(control, named).await?;
            // Not its owner: who is blocked does not unblock himself.
            if !leads(control, &call.requester, &before).await? {
                return Err(not_yours("Only proxy admins, team admins, or org admins can block or unblock keys"));
            }
            let mut after = Object { doc: before.doc.clone(), ..before.clone() };
            after.doc.insert("blocked".to_owned(), json!(blocked));
            after.doc.insert("updated_by".to_owned(), json!(call.changed_by()));
            after.doc.insert("settings_updated_at".to_owned(), json!(times::zulu(control.now())));
            let changes: Vec<Change> = put(call, action, Some(&before), after.clone()).into();
            after.updated_at = control.now();
            Ok((changes, after))
        })
        .await?;
    let shown = control.shown_with_spend(std::slice::from_ref(&key)).await?;
    let shown = shown.into_iter().next().unwrap_or_default();
    Ok(Reply::json(row::model(&key, shown, control.settings.compat, false)))
}
