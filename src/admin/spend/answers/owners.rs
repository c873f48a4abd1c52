//! `/spend/keys`, `/spend/users`, `/spend/tags`: who spent how much, the most first.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::{query, reports, told};
use crate::admin::call::Call;
use crate::admin::columns::{Clockface, row};
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::keys::row::ROW;
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::spend::sight::Sight;
use crate::admin::spend::tags::{TagsQuery, tags as tags_told};
use crate::admin::users;
use crate::error::{Error, Management};
use crate::limiter;
use crate::store::{Filter, Kind, Object};

const USERS: &[Field] = &[field("user_id", Shape::Text)];
const TAGS: &[Field] = &[field("start_date", Shape::Text), field("end_date", Shape::Text)];

/// All keys, those of one's user, or one's own key.
pub async fn keys(control: &Control, call: Call) -> Result<Reply, Error> {
    let requester = &call.requester;
    let own_key: Vec<String> = requester.key.iter().cloned().collect();
    let user_id = requester.user_id.as_deref().filter(|user| !user.is_empty());
    let filter = match user_id {
        _ if requester.sees_all() => Filter::default(),
        Some(user) => Filter { user_id: Some(user), ..Filter::default() },
        None => Filter { ids: Some(&own_key), ..Filter::default() },
    };
    let keys = control.store.all(Kind::Key, &filter).await?;
    let (shown, order) = by_spend(control, limiter::Kind::Key, &keys).await?;
    let told = order.into_iter().filter_map(|at| {
        let mut told = Map::new();
        told.insert("token".to_owned(), json!(keys.get(at)?.id));
        told.extend(row(ROW, shown.get(at)?, control.settings.compat, Clockface::Offset));
        Some(Value::Object(told))
    });
    Ok(Reply::json(told.collect::<Vec<_>>()))
}

/// All users, or oneself.
pub async fn users(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.query(USERS)?;
    let asked = said.text("user_id").filter(|user| !user.is_empty());
    let requester = &call.requester;
    if !requester.sees_all() && asked.is_some() && !requester.is_user(asked) {
        return Err(detailed(Management::DetailNotYours, "Non-admin users can only view their own spend data."));
    }
    let own = if requester.sees_all() { asked } else { Some(requester.user_id.as_deref().unwrap_or_default()) };
    let ids: Option<Vec<String>> = own.map(|user| vec![user.to_owned()]);
    let filter = Filter { ids: ids.as_deref(), ..Filter::default() };
    let found = control.store.all(Kind::User, &filter).await?;
    let (shown, order) = by_spend(control, limiter::Kind::User, &found).await?;
    let told = order.into_iter().filter_map(|at| Some(users::row::whole(shown.get(at)?, control.settings.compat)));
    Ok(Reply::json(told.map(Value::Object).collect::<Vec<_>>()))
}

/// The rows of objects, and in which order they come: the most spent first.
async fn by_spend(
    control: &Control,
    scope: limiter::Kind,
    objects: &[Object],
) -> Result<(Vec<Map<String, Value>>, Vec<usize>), Error> {
    let shown = control.shown_with_spend(objects).await?;
    let ids: Vec<&str> = objects.iter().map(|object| object.id.as_str()).collect();
    let spent = control.spent(scope, &ids).await?;
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|at| Reverse(spent.get(*at).copied()));
    Ok((shown, order))
}

/// By tag.
pub async fn tags(control: &Control, call: Call) -> Result<Reply, Error> {
    let query: TagsQuery = query(&call, TAGS)?;
    told(tags_told(&reports(control, &Sight::own(&call.requester)?), &query).await)
}
