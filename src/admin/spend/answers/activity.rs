//! `/global/activity` and below.

use super::{query, reports, told};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::reply::Reply;
use crate::admin::spend::activity::{self, ActivityQuery};
use crate::admin::spend::sight::Sight;
use crate::error::Error;

const QUERY: &[Field] =
    &[field("start_date", Shape::Text), field("end_date", Shape::Text), field("model_group", Shape::Text)];

/// Requests and tokens.
pub async fn all(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ActivityQuery = query(&call, QUERY)?;
    told(activity::all(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// The same by model.
pub async fn per_model(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ActivityQuery = query(&call, QUERY)?;
    told(activity::per_model(&reports(control, &Sight::own(&call.requester)?), &query).await)
}

/// What came from caches.
pub async fn cache_hits(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ActivityQuery = query(&call, QUERY)?;
    told(activity::cache_hits(&reports(control, &Sight::ALL), &query).await)
}

/// Answers that said to wait.
pub async fn exceptions(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ActivityQuery = query(&call, QUERY)?;
    told(activity::exceptions(&reports(control, &Sight::ALL), &query).await)
}

/// The same by deployment.
pub async fn exceptions_per_deployment(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: ActivityQuery = query(&call, QUERY)?;
    told(activity::exceptions_per_deployment(&reports(control, &Sight::ALL), &query).await)
}
