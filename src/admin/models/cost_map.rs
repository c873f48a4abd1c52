//! `POST /reload/model_cost_map`, `GET /model/cost_map/source`, `GET /get/litellm_model_cost_map`: the price table.

use serde_json::{Map, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::reply::Reply;
use crate::admin::times;
use crate::error::{Error, Kind};
use crate::pricing::Book;
use crate::store::{self, Object};

/// The setting that says when the table was read anew: other nodes read theirs when it changes.
pub const RELOADED: &str = "model_cost_map_reload_config";

/// Its member with the time of that.
pub const LAST_RUN: &str = "last_run";

/// Reads the table anew, on all nodes.
///
/// # Errors
/// Prices are as before where the table cannot be read. The store's: then this node has read it, and the others have not.
pub async fn reload(control: &Control, call: Call) -> Result<Reply, Error> {
    let timestamp = times::zulu(control.now());
    let models = control.desk.reload_prices(&timestamp).await;
    let models = models.map_err(|why| Error::new(Kind::Internal, format!("Failed to reload model cost map: {why}")))?;
    let told = control.change(|| async {
        let before = control.store.get(store::Kind::Setting, RELOADED).await?;
        let mut after = before.clone().unwrap_or_else(|| Object::new(store::Kind::Setting, RELOADED, Map::new()));
        after.doc.insert(LAST_RUN.to_owned(), json!(timestamp));
        let action = if before.is_some() { "updated" } else { "created" };
        Ok((put(&call, action, before.as_ref(), after).into(), ()))
    });
    told.await?;
    Ok(Reply::json(json!({
        "message": format!("Price data reloaded successfully! {models} models updated."),
        "status": "success",
        "models_count": models,
        "timestamp": timestamp,
    })))
}

/// Which table is in force on this node.
pub fn source(control: &Control) -> Result<Reply, Error> {
    let source = control.desk.price_source();
    Ok(Reply::json(json!({
        "source": source.name,
        "url": source.place,
        "is_env_forced": source.is_forced,
        "fallback_reason": source.failure,
        "model_count": control.settings.prices.models(),
    })))
}

/// The table for anybody: an operator's own may hold prices that nobody else is to know.
pub fn open_text(control: &Control) -> Result<Reply, Error> {
    let prices = &control.settings.prices;
    Ok(Reply::written(if prices.is_operators() { Book::default().text() } else { prices.text() }))
}

/// The table itself.
pub fn text(control: &Control) -> Result<Reply, Error> {
    Ok(Reply::written(control.settings.prices.text()))
}
