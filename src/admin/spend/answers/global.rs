//! `/global/spend` and below.

use super::{query, read, reports, told};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::reply::Reply;
use crate::admin::spend::global::{self, EndUsersQuery, GlobalQuery};
use crate::admin::spend::report::{self, ReportQuery};
use crate::admin::spend::sight::Sight;
use crate::error::Error;

const QUERY: &[Field] = &[
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
    field("api_key", Shape::Text),
    field("tags", Shape::Text),
    field("limit", Shape::Whole),
];

const END_USERS: &[Field] =
    &[field("api_key", Shape::Text), field("startTime", Shape::Text), field("endTime", Shape::Text)];

const REPORT: &[Field] = &[
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
    field("group_by", Shape::Text),
    field("api_key", Shape::Text),
    field("internal_user_id", Shape::Text),
    field("team_id", Shape::Text),
    field("customer_id", Shape::Text),
];

/// All that was spent.
pub async fn total(control: &Control, _call: Call) -> Result<Reply, Error> {
    let max_budget = control.settings.max_budget.unwrap_or_default();
    told(global::total(&reports(control, &Sight::ALL), max_budget).await)
}

/// By day.
pub async fn per_day(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: GlobalQuery = query(&call, QUERY)?;
    told(global::per_day(&reports(control, &Sight::ALL), &query).await)
}

/// By key.
pub async fn keys(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: GlobalQuery = query(&call, QUERY)?;
    told(global::keys(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// By model.
pub async fn models(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: GlobalQuery = query(&call, QUERY)?;
    told(global::models(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// By provider.
pub async fn providers(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: GlobalQuery = query(&call, QUERY)?;
    told(global::providers(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// By tag.
pub async fn tags(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: GlobalQuery = query(&call, QUERY)?;
    told(global::tags(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// By end user.
pub async fn end_users(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: EndUsersQuery = super::as_asked(&read(&call.body_if_any(END_USERS)?, END_USERS, "body")?)?;
    told(global::end_users(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// By team.
pub async fn teams(control: &Control, _call: Call) -> Result<Reply, Error> {
    told(global::teams(&reports(control, &Sight::ALL)).await)
}

/// Every tag that was ever used.
pub async fn tag_names(control: &Control, _call: Call) -> Result<Reply, Error> {
    told(global::tag_names(&reports(control, &Sight::ALL)).await)
}

/// Every end user that ever called.
pub async fn end_user_names(control: &Control, _call: Call) -> Result<Reply, Error> {
    told(global::end_user_names(&reports(control, &Sight::ALL)).await)
}

/// By team, customer or key, in detail.
pub async fn report(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ReportQuery = query(&call, REPORT)?;
    told(report::report(&reports(control, &Sight::ALL), &query).await)
}
