//! `POST /model/block`, `POST /model/unblock`

use serde_json::json;

use super::draft::opened;
use super::update::find;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;

/// The member of `model_info` that says it.
pub const BLOCKED: &str = "blocked";

const FIELDS: &[Field] = &[needed("model_id", Shape::Text)];

/// A stored model takes no calls until it is unblocked.
pub async fn block(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, &call, true).await
}

/// It takes calls again.
pub async fn unblock(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, &call, false).await
}

async fn set(control: &Control, call: &Call, blocked: bool) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let id = fields.text("model_id").unwrap_or_default();
    let done = control.change(|| async {
        let before = find(control, id).await?;
        let mut plain = opened(control, &before)?;
        plain.info.insert(BLOCKED.to_owned(), json!(blocked));
        let after = plain.sealed(control, Some(&before), call.changed_by())?;
        let action = if blocked { "blocked" } else { "unblocked" };
        Ok((put(call, action, Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(Reply::json(json!({"model_id": id, "blocked": blocked})))
}
