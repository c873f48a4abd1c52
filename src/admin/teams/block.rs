//! `POST /team/block`, `/team/unblock`

use serde_json::json;

use super::row;
use super::standing::{self, Standing};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;

const FIELDS: &[Field] = &[needed("team_id", Shape::Text)];

/// All keys of the team are refused.
pub async fn block(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, true).await
}

/// They are let through again.
pub async fn unblock(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, false).await
}

async fn set(control: &Control, call: Call, blocked: bool) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let action = if blocked { "blocked" } else { "updated" };
    let done = control.change(|| async {
        let (before, _) = standing::team(control, &call.requester, team_id, Standing::Owner).await?;
        let mut after = before.clone();
        after.doc.insert("blocked".to_owned(), json!(blocked));
        Ok((put(&call, action, Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(Reply::json(row::stored(control, team_id).await?))
}
