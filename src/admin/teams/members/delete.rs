//! `POST /team/member_delete`

use super::join::member_id;
use super::people::without_team;
use super::roster;
use super::update::in_team;
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{delete, put};
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::row as team_row;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::{Filter, Kind};

const FIELDS: &[Field] =
    &[needed("team_id", Shape::Text), field("user_id", Shape::Text), field("user_email", Shape::Text)];

/// A member who leaves: their membership goes, and with it their keys of this team, which would work on.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    if !fields.has("user_id") && !fields.has("user_email") {
        let text = "Either user_id or user_email needs to be passed in";
        return Err(detailed(Management::DetailRefused, text));
    }
    let done = control.change(|| async {
        let (team, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        let user_id = in_team(control, &team, &fields).await?;
        let mut after = team.clone();
        roster::remove(&mut after.doc, &user_id);
        let mut changes = without_team(control, &call, std::slice::from_ref(&user_id), team_id).await?;
        changes.extend(put(&call, "updated", Some(&team), after));
        if let Some(member) = control.store.get(Kind::TeamMember, &member_id(team_id, &user_id)).await? {
            changes.extend(held::gone(control, &call, &member).await?);
        }
        let filter = Filter { user_id: Some(&user_id), team_id: Some(team_id), ..Filter::default() };
        for key in control.store.all(Kind::Key, &filter).await? {
            changes.extend(delete(&call, &key));
        }
        Ok((changes, ()))
    });
    done.await?;
    Ok(Reply::json(team_row::stored(control, team_id).await?))
}
