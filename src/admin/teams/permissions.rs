//! `GET /team/permissions_list`, `POST /team/permissions_update`: what the members of a team may do with its keys.

use serde_json::{Value, json};

use super::bounds::texts;
use super::draft;
use super::row;
use super::standing::{self, Standing};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::Object;

/// Routes that the members of a team can be allowed to call for the team's keys.
pub const ALL: [&str; 13] = [
    "/key/generate",
    "/key/update",
    "/key/delete",
    "/key/regenerate",
    "/key/service-account/generate",
    "/key/{key}/regenerate",
    "/key/block",
    "/key/unblock",
    "/key/bulk_update",
    "/key/{key}/reset_spend",
    "/key/info",
    "/key/list",
    "/key/aliases",
];

/// What members may do where nothing is said.
const DEFAULT: [&str; 1] = ["/key/info"];

const QUERY: &[Field] = &[needed("team_id", Shape::Text)];
const BODY: &[Field] = &[needed("team_id", Shape::Text), needed("team_member_permissions", Shape::Texts)];

/// What the members may do, and what they could be allowed.
pub async fn list(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let team_id = query.text("team_id").unwrap_or_default();
    let (team, _) = standing::team(control, &call.requester, team_id, Standing::Viewer).await?;
    let said = texts(&team.doc, "team_member_permissions");
    let permissions = if said.is_empty() { DEFAULT.map(str::to_owned).to_vec() } else { said };
    Ok(Reply::json(json!({
        "team_id": team_id,
        "team_member_permissions": permissions,
        "all_available_permissions": ALL,
    })))
}

/// Other permissions.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(BODY)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let mut said = crate::admin::fields::Fields::default();
    said.set("team_member_permissions", fields.get("team_member_permissions").cloned().unwrap_or(Value::Null));
    let done = control.change(|| async {
        let (before, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        let mut doc = before.doc.clone();
        draft::apply(control, &mut doc, &said)?;
        let after = Object { doc, ..before.clone() };
        Ok((put(&call, "updated", Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(Reply::json(row::stored(control, team_id).await?))
}
