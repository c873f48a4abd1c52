//! `POST /team/member_add`

use serde_json::{Value, json};

use super::join::{Joined, join, member_id};
use super::roster::{self, Wanted};
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::finding::by_ids;
use crate::admin::reply::Reply;
use crate::admin::requester::Requester;
use crate::admin::rights::refused;
use crate::admin::teams::row as team_row;
use crate::admin::teams::standing::{self, Standing};
use crate::error::Error;
use crate::store::{Change, Kind, Object};

const FIELDS: &[Field] =
    &[needed("team_id", Shape::Text), needed("member", Shape::Any), field("max_budget_in_team", Shape::Number)];

/// New members. Who is no user yet becomes one.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let said = fields.get("member").unwrap_or(&Value::Null);
    let wanted = roster::read(said)?;
    let max_budget = fields.number("max_budget_in_team");
    let joined = control.change(|| async {
        let team = team_to_join(control, &call.requester, team_id, &wanted).await?;
        let (changes, joined) = joining(control, &call, &team, &wanted, max_budget).await?;
        if joined.is_empty() {
            let names: Vec<&str> =
                wanted.iter().filter_map(|it| it.user_id.as_deref().or(it.user_email.as_deref())).collect();
            let text = format!("User with id {} already in team", names.join(", "));
            return Err(refused(text).param("user_id"));
        }
        Ok((changes, joined))
    });
    let joined = joined.await?;
    let mut answer = team_row::stored(control, team_id).await?;
    let (users, memberships) = shown(control, team_id, &joined).await?;
    answer.insert("updated_users".to_owned(), json!(users));
    answer.insert("updated_team_memberships".to_owned(), json!(memberships));
    Ok(Reply::json(answer))
}

/// The changes by which these people come into this team, and who they are.
pub(super) async fn joining(
    control: &Control,
    call: &Call,
    before: &Object,
    wanted: &[Wanted],
    max_budget: Option<f64>,
) -> Result<(Vec<Change>, Vec<String>), Error> {
    let mut after = before.clone();
    let Joined { mut changes, user_ids } = join(control, call, &mut after, wanted, max_budget).await?;
    if !user_ids.is_empty() {
        changes.extend(put(call, "updated", Some(before), after));
    }
    Ok((changes, user_ids))
}

/// The team, for its admins; and for a user who joins a team by themselves that the configuration opens to all.
async fn team_to_join(
    control: &Control,
    requester: &Requester,
    team_id: &str,
    wanted: &[Wanted],
) -> Result<Object, Error> {
    let joins_alone = |one: &Wanted| one.role == "user" && requester.is_user(one.user_id.as_deref());
    let is_open = requester.changes()
        && !requester.is_lent
        && super::super::list::open_teams(control).iter().any(|open| open == team_id);
    let least = if is_open && wanted.iter().all(joins_alone) { Standing::Stranger } else { Standing::TeamAdmin };
    Ok(standing::team(control, requester, team_id, least).await?.0)
}

/// Users and memberships, as the answer has them.
pub(super) async fn shown(
    control: &Control,
    team_id: &str,
    user_ids: &[String],
) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let users = by_ids(control, Kind::User, user_ids).await?;
    let ids: Vec<String> = user_ids.iter().map(|user_id| member_id(team_id, user_id)).collect();
    let members = by_ids(control, Kind::TeamMember, &ids).await?;
    Ok((row::users(control, &users).await?, row::memberships(control, &members, None).await?))
}
