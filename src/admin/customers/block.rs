//! `POST /customer/block`, `/customer/unblock`

use serde_json::json;

use super::{edit, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::{Filter, Kind};

const FIELDS: &[Field] = &[needed("user_ids", Shape::Texts)];

/// Requests that name them are refused. Who is not known yet is made known for it.
pub async fn block(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, true).await
}

/// Requests that name them are let through again.
pub async fn unblock(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, false).await
}

async fn set(control: &Control, call: Call, blocked: bool) -> Result<Reply, Error> {
    let ids = call.body(FIELDS)?.texts("user_ids");
    let action = if blocked { "blocked" } else { "updated" };
    let made = control.change(|| async {
        let mut changes = Vec::new();
        for id in &ids {
            let before = control.store.get(Kind::Customer, id).await?;
            if before.is_none() && !blocked {
                return Err(edit::nobody(id, "user_ids"));
            }
            let mut doc = before.as_ref().map(|before| before.doc.clone()).unwrap_or_default();
            doc.insert("user_id".to_owned(), json!(id));
            doc.insert("blocked".to_owned(), json!(blocked));
            changes.extend(put(&call, action, before.as_ref(), edit::customer(id, doc, before.as_ref())));
        }
        Ok((changes, ()))
    });
    made.await?;
    let found = control.store.all(Kind::Customer, &Filter { ids: Some(&ids), ..Filter::default() }).await?;
    Ok(Reply::json(json!({"blocked_users": row::rows(control, &found).await?})))
}
