//! `POST /budget/info`, `GET /budget/list`

use serde_json::Value;

use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Filter, Kind, Object};

const FIELDS: &[Field] = &[needed("budgets", Shape::Texts)];

/// The budgets that were named; those that are not there are left out.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let ids = call.body(FIELDS)?.texts("budgets");
    if ids.is_empty() {
        let text = "Specify list of budget id's to query. Passed in=[]";
        return Err(detailed(Management::DetailRefused, text));
    }
    let found = control.store.all(Kind::Budget, &Filter { ids: Some(&ids), ..Filter::default() }).await?;
    Ok(Reply::json(rows(control, &found)))
}

/// All budgets.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let found = control.store.all(Kind::Budget, &Filter::default()).await?;
    Ok(Reply::json(rows(control, &found)))
}

fn rows(control: &Control, budgets: &[Object]) -> Vec<Value> {
    budgets.iter().map(|budget| Value::from(row::whole(control, budget))).collect()
}
