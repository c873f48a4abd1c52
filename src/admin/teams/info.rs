//! `GET /team/info`

use serde_json::{Map, Value, json};

use super::standing::{self, Standing};
use super::{draft, members, row};
use crate::admin::budgets::row as budget_row;
use crate::admin::call::Call;
use crate::admin::columns::{Clockface, row as columns_row};
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::keys::row::ROW as KEY_ROW;
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, not_yours};
use crate::error::{Compat, Error};
use crate::store::{Filter, Kind, Object};

const QUERY: &[Field] = &[needed("team_id", Shape::Text)];

/// A team with its keys and members. Members who do not lead it see of its keys their own.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let team_id = query.text("team_id").unwrap_or_default();
    let found = control.store.get(Kind::Team, team_id).await?;
    let team =
        found.ok_or_else(|| not_found(format!("Team not found, passed team id: {team_id}.")).param("team_id"))?;
    let standing = standing::of(control, &call.requester, &team).await?;
    if standing == Standing::Stranger {
        let text = format!("key not allowed to access this team's info. Key team_id={:?}", call.requester.team_id);
        return Err(not_yours(text).param("None"));
    }
    let compat = control.settings.compat;
    let info = beyond_the_row(control, &team, standing).await?;
    let mut team_info = row::with_info(row::of(control, &team).await?, &info, compat);
    if compat == Compat::V1_106 {
        let kind = match standing {
            Standing::Owner => "unrestricted",
            Standing::TeamAdmin => "team_admin",
            _ => "none",
        };
        team_info.insert("caller_edit_access".to_owned(), json!({"kind": kind}));
    }
    let filter = Filter { team_id: Some(team_id), ..Filter::default() };
    let mut keys = control.store.all(Kind::Key, &filter).await?;
    let is_of_team = call.requester.team_id.as_deref() == Some(team_id);
    if standing == Standing::Member && !is_of_team {
        keys.retain(|key| call.requester.is_user(key.user_id.as_deref()));
    }
    let memberships = control.store.all(Kind::TeamMember, &filter).await?;
    let default = draft::member_budget_id(&team.doc);
    Ok(Reply::json(json!({
        "team_id": team_id,
        "team_info": team_info,
        "keys": key_rows(control, &keys).await?,
        "team_memberships": members::row::memberships(control, &memberships, Some(default)).await?,
    })))
}

/// What is said of a team beyond its row.
async fn beyond_the_row(control: &Control, team: &Object, standing: Standing) -> Result<Map<String, Value>, Error> {
    let mut info = Map::new();
    if let Some(id) = draft::member_budget_id(&team.doc)
        && let Some(budget) = control.store.get(Kind::Budget, id).await?
    {
        info.insert("team_member_budget_table".to_owned(), Value::Object(budget_row::held(control, &budget)));
    }
    if let Some(organization) = team.organization_id.as_deref().filter(|_| standing != Standing::Stranger)
        && let Some(organization) = control.store.get(Kind::Organization, organization).await?
    {
        let models = organization.doc.get("models").cloned().unwrap_or_else(|| json!([]));
        info.insert("organization_models".to_owned(), models);
    }
    Ok(info)
}

/// Keys without their digests.
pub(in crate::admin) async fn key_rows(control: &Control, keys: &[Object]) -> Result<Vec<Value>, Error> {
    let shown = control.shown_with_spend(keys).await?.into_iter();
    let compat = control.settings.compat;
    Ok(shown.map(|known| Value::from(columns_row(KEY_ROW, &known, compat, Clockface::Offset))).collect())
}
