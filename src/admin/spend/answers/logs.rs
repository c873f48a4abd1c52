//! `/spend/logs`, `/spend/logs/v2`, `/spend/logs/ui`, `/spend/logs/session/ui`

use super::{query, reports, told};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::spend::logs::{LogsQuery, PagedQuery, SessionQuery, logs, of_session, paged};
use crate::admin::spend::sight::Sight;
use crate::admin::teams::standing::{self, Standing};
use crate::error::Error;
use crate::store::Kind;
use crate::store::spend::query::Dimension;

const LOGS: &[Field] = &[
    field("request_id", Shape::Text),
    field("api_key", Shape::Text),
    field("user_id", Shape::Text),
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
    field("summarize", Shape::Flag),
];

const PAGED: &[Field] = &[
    field("request_id", Shape::Text),
    field("api_key", Shape::Text),
    field("user_id", Shape::Text),
    field("team_id", Shape::Text),
    field("end_user", Shape::Text),
    field("session_id", Shape::Text),
    field("model", Shape::Text),
    field("model_id", Shape::Text),
    field("status_filter", Shape::Text),
    field("min_spend", Shape::Number),
    field("max_spend", Shape::Number),
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
    field("page", Shape::Whole),
    field("page_size", Shape::Whole),
    field("sort_by", Shape::Text),
    field("sort_order", Shape::OneOf(&["asc", "desc"])),
];

const SESSION: &[Field] =
    &[needed("session_id", Shape::Text), field("page", Shape::Whole), field("page_size", Shape::Whole)];

/// Calls of one's own, or what they did cost a day.
pub async fn whole(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: LogsQuery = query(&call, LOGS)?;
    let sight = Sight::own(&call.requester)?;
    told(logs(&reports(control, &sight), &query).await)
}

/// Calls of one's own, or of a team that one leads, page by page.
pub async fn pages(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: PagedQuery = query(&call, PAGED)?;
    let sight = match query.team_id.as_deref() {
        Some(team) if leads(control, &call, team).await? => Sight::only(Dimension::Team, vec![team.to_owned()]),
        _ => None,
    };
    let sight = match sight {
        Some(of_team) => of_team,
        None => Sight::own(&call.requester)?,
    };
    told(paged(&reports(control, &sight), &query).await)
}

/// Those of one's own calls that belong together.
pub async fn session(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: SessionQuery = query(&call, SESSION)?;
    told(of_session(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

async fn leads(control: &Control, call: &Call, team: &str) -> Result<bool, Error> {
    let Some(team) = control.store.get(Kind::Team, team).await? else { return Ok(false) };
    Ok(standing::of(control, &call.requester, &team).await? >= Standing::TeamAdmin)
}
