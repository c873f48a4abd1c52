//! `/user/daily/activity`, and the same of teams, organizations, customers and tags.

use super::{query, reports, told};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::organizations::admins;
use crate::admin::reply::Reply;
use crate::admin::rights::{detailed, not_yours};
use crate::admin::spend::daily::{self, DailyQuery, Entity};
use crate::admin::spend::listed;
use crate::admin::spend::sight::Sight;
use crate::admin::teams::list::of_user;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::Kind;
use crate::store::spend::query::Dimension;

const QUERY: &[Field] = &[
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
    field("user_id", Shape::Text),
    field("team_ids", Shape::Text),
    field("organization_ids", Shape::Text),
    field("end_user_ids", Shape::Text),
    field("tags", Shape::Text),
    field("model", Shape::Text),
    field("api_key", Shape::Text),
    field("page", Shape::Whole),
    field("page_size", Shape::Whole),
];

/// Of users: everybody's, or one's own.
pub async fn users(control: &Control, call: Call) -> Result<Reply, Error> {
    let (query, sight) = of_user_asked(&call)?;
    told(daily::activity(&reports(control, &sight), Entity::User, &query).await)
}

/// The same in one piece.
pub async fn users_at_once(control: &Control, call: Call) -> Result<Reply, Error> {
    let (query, sight) = of_user_asked(&call)?;
    told(daily::aggregated(&reports(control, &sight), Entity::User, &query).await)
}

fn of_user_asked(call: &Call) -> Result<(DailyQuery, Sight), Error> {
    let query: DailyQuery = query(call, QUERY)?;
    let requester = &call.requester;
    if !requester.sees_all() && query.user_id.is_some() && !requester.is_user(query.user_id.as_deref()) {
        return Err(detailed(Management::DetailNotYours, "Non-admin users can only view their own spend data."));
    }
    let sight = Sight::own(requester)?;
    Ok((query, sight))
}

/// Of teams: all of those that one leads, of others one's own part.
pub async fn teams(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: DailyQuery = query(&call, QUERY)?;
    let sight = sight_of_teams(control, &call, &listed(query.team_ids.as_deref())).await?;
    told(daily::activity(&reports(control, &sight), Entity::Team, &query).await)
}

/// `asked`: none means all of one's own.
async fn sight_of_teams(control: &Control, call: &Call, asked: &[String]) -> Result<Sight, Error> {
    let requester = &call.requester;
    if requester.sees_all() {
        return Ok(Sight::ALL);
    }
    let teams = match requester.user_id.as_deref() {
        _ if !asked.is_empty() => asked.to_vec(),
        Some(user) => of_user(control, user).await?.into_iter().collect(),
        None => Vec::new(),
    };
    let mut leads_all = true;
    for id in &teams {
        let team = control.store.get(Kind::Team, id).await?;
        let standing = match &team {
            Some(team) => standing::of(control, requester, team).await?,
            None => Standing::Stranger,
        };
        if standing < Standing::Member && !asked.is_empty() {
            return Err(not_yours(format!("User does not belong to Team={id}.")).param("team_ids"));
        }
        leads_all = leads_all && standing >= Standing::TeamAdmin;
    }
    match Sight::only(Dimension::Team, teams) {
        Some(of_teams) if leads_all => Ok(of_teams),
        _ => Sight::own(requester),
    }
}

/// Of organizations: all of those that one leads.
pub async fn organizations(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: DailyQuery = query(&call, QUERY)?;
    let sight = sight_of_organizations(control, &call, &listed(query.organization_ids.as_deref())).await?;
    told(daily::activity(&reports(control, &sight), Entity::Organization, &query).await)
}

async fn sight_of_organizations(control: &Control, call: &Call, asked: &[String]) -> Result<Sight, Error> {
    let requester = &call.requester;
    if requester.sees_all() {
        return Ok(Sight::ALL);
    }
    let mut led = admins::administered(control, requester).await?;
    if let Some(id) = asked.iter().find(|id| !led.contains(id)) {
        return Err(not_yours(format!("User is not an admin of Organization={id}.")).param("organization_ids"));
    }
    led.retain(|id| asked.is_empty() || asked.contains(id));
    Sight::only(Dimension::Organization, led)
        .ok_or_else(|| not_yours("User is not an admin of any organization.").param("organization_ids"))
}

/// Of end users.
pub async fn customers(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: DailyQuery = query(&call, QUERY)?;
    told(daily::activity(&reports(control, &Sight::ALL), Entity::Customer, &query).await)
}

/// Of tags.
pub async fn tags(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: DailyQuery = query(&call, QUERY)?;
    told(daily::activity(&reports(control, &Sight::ALL), Entity::Tag, &query).await)
}
