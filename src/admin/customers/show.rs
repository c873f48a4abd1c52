//! `GET /customer/info`, `GET /customer/list`

use serde_json::{Map, json};

use super::edit::{customer, nobody};
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::spend::query::{Dimension, UsageFilter};
use crate::store::{Filter, Kind};

const QUERY: &[Field] = &[needed("end_user_id", Shape::Text)];

/// One customer. Calls alone make one too, without settings, from the moment at which the daily sums have them.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let id = query.text("end_user_id").unwrap_or_default();
    if let Some(found) = control.store.get(Kind::Customer, id).await? {
        let rows = row::rows(control, &[found]).await?;
        return Ok(Reply::json(rows.into_iter().next().unwrap_or_default()));
    }
    let ids = [id.to_owned()];
    let ever = UsageFilter { from_day: 0, to_day: i64::MAX, only: vec![(Dimension::Customer, &ids)], given: None };
    let used = control.store.used(&ever).await?;
    // Of nobody there are calls too: those that name no end user.
    if id.is_empty() || used.requests == 0 {
        return Err(nobody(id, "end_user_id"));
    }
    let doc = Map::from_iter([("user_id".to_owned(), json!(id))]);
    let mut rows = row::rows(control, &[customer(id, doc, None)]).await?;
    let mut row = rows.pop().unwrap_or_default();
    if let Some(spend) = row.get_mut("spend") {
        *spend = json!(used.dollars());
    }
    Ok(Reply::json(row))
}

/// All customers.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let found = control.store.all(Kind::Customer, &Filter::default()).await?;
    Ok(Reply::json(row::rows(control, &found).await?))
}
