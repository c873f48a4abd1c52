//! `POST /tag/info`, `GET /tag/list`

use serde_json::{Map, Value};

use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::not_found;
use crate::error::Error;
use crate::store::{Filter, Kind};

const FIELDS: &[Field] = &[needed("names", Shape::Texts)];

/// The tags that were named, by name.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let names = call.body(FIELDS)?.texts("names");
    let found = control.store.all(Kind::Tag, &Filter { ids: Some(&names), ..Filter::default() }).await?;
    let missing: Vec<String> = names.into_iter().filter(|name| !found.iter().any(|tag| tag.id == *name)).collect();
    if !missing.is_empty() {
        let names = crate::admin::rights::python_list(&missing);
        return Err(not_found(format!("Tags not found: {names}")).param("names"));
    }
    let rows = row::rows(control, &found).await?;
    let by_name: Map<String, Value> = found.into_iter().map(|tag| tag.id).zip(rows).collect();
    Ok(Reply::json(by_name))
}

/// All tags.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let found = control.store.all(Kind::Tag, &Filter::default()).await?;
    Ok(Reply::json(row::rows(control, &found).await?))
}
