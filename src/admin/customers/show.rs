//! `GET /customer/info`, `GET /customer/list`

use super::edit::nobody;
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::store::{Filter, Kind};

const QUERY: &[Field] = &[needed("end_user_id", Shape::Text)];

/// One customer.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let id = query.text("end_user_id").unwrap_or_default();
    let found = control.store.get(Kind::Customer, id).await?.ok_or_else(|| nobody(id))?;
    let rows = row::rows(control, &[found]).await?;
    Ok(Reply::json(rows.into_iter().next().unwrap_or_default()))
}

/// All customers.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let found = control.store.all(Kind::Customer, &Filter::default()).await?;
    Ok(Reply::json(row::rows(control, &found).await?))
}
