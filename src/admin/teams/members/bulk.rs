//! `POST /team/bulk_member_add`

use serde_json::{Value, json};

use super::add::{joining, shown};
use super::roster::{self, Wanted};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::{detailed, not_yours};
use crate::admin::teams::row as team_row;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::{Filter, Kind};

const FIELDS: &[Field] = &[
    needed("team_id", Shape::Text),
    field("members", Shape::List),
    field("all_users", Shape::Flag),
    field("max_budget_in_team", Shape::Number),
];

/// Members in one call at most, as LiteLLM has it.
const MOST: usize = 1_000;

/// Many members at once; each one's luck is told.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let all_users = fields.flag("all_users") == Some(true);
    let wanted = if all_users {
        if !call.requester.is_admin() {
            return Err(not_yours("Only proxy admins can add all users to a team."));
        }
        everybody(control).await?
    } else {
        roster::read(fields.get("members").unwrap_or(&Value::Null))?
    };
    if wanted.is_empty() || (wanted.len() > MOST && !all_users) {
        let text = format!("At least 1 and at most {MOST} members can be added at once. Found {}.", wanted.len());
        return Err(detailed(Management::DetailRefused, &text));
    }
    let max_budget = fields.number("max_budget_in_team");
    let joined = control.change(|| async {
        let (team, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        joining(control, &call, &team, &wanted, max_budget).await
    });
    let joined = joined.await?;
    let (users, memberships) = shown(control, team_id, &joined).await?;
    let of = |rows: &[Value], user_id: &str| rows.iter().find(|row| row["user_id"] == *user_id).cloned();
    let results: Vec<Value> = joined
        .iter()
        .map(|user_id| {
            let user = of(&users, user_id);
            let email = user.as_ref().and_then(|user| user.get("user_email")).cloned();
            json!({
                "user_id": user_id, "user_email": email, "success": true, "error": null,
                "updated_user": user, "updated_team_membership": of(&memberships, user_id),
            })
        })
        .collect();
    Ok(Reply::json(json!({
        "team_id": team_id,
        "results": results,
        "total_requested": wanted.len(),
        "successful_updates": joined.len(),
        "failed_updates": wanted.len() - joined.len(),
        "updated_team": team_row::stored(control, team_id).await?,
    })))
}

async fn everybody(control: &Control) -> Result<Vec<Wanted>, Error> {
    let users = control.store.all(Kind::User, &Filter::default()).await?.into_iter();
    let member = |user_id| Wanted { user_id: Some(user_id), user_email: None, role: "user".to_owned() };
    Ok(users.map(|user| member(user.id)).collect())
}
