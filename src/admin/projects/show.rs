//! `GET /project/info`, `GET /project/list`

use serde_json::json;

use super::{find, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::teams::standing::{self, Standing};
use crate::error::Error;
use crate::store::{Filter, Kind};

const QUERY: &[Field] = &[needed("project_id", Shape::Text)];

/// One project, for the members of its team.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let found = find(control, query.text("project_id").unwrap_or_default()).await?;
    let team_id = found.team_id.as_deref().unwrap_or_default();
    standing::team(control, &call.requester, team_id, Standing::Viewer).await?;
    Ok(Reply::json(row::stored(control, &found.id).await?))
}

/// All projects, or those of the teams that the caller is in.
pub async fn list(control: &Control, call: Call) -> Result<Reply, Error> {
    let requester = &call.requester;
    if requester.sees_all() {
        let found = control.store.all(Kind::Project, &Filter::default()).await?;
        return Ok(Reply::json(json!(row::rows(control, &found).await?)));
    }
    let mut teams: Vec<String> = requester.team_id.iter().cloned().collect();
    if let Some(user_id) = requester.user_id.as_deref() {
        let filter = Filter { user_id: Some(user_id), ..Filter::default() };
        let members = control.store.all(Kind::TeamMember, &filter).await?;
        teams.extend(members.into_iter().filter_map(|member| member.team_id));
    }
    teams.sort_unstable();
    teams.dedup();
    let mut found = Vec::new();
    for team_id in &teams {
        let filter = Filter { team_id: Some(team_id), ..Filter::default() };
        found.extend(control.store.all(Kind::Project, &filter).await?);
    }
    Ok(Reply::json(json!(row::rows(control, &found).await?)))
}
