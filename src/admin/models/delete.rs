//! `POST /model/delete`

use serde_json::json;

use super::update::find;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::delete;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};

const FIELDS: &[Field] = &[needed("id", Shape::Text)];

/// A stored model that takes no calls from now on.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let id = fields.text("id").unwrap_or_default();
    let done = control.change(|| async {
        let model = find(control, id).await.map_err(|error| match error.kind {
            // LiteLLM's status for a model that is not there, on this route only.
            crate::error::Kind::Management(Management::DetailNoSuchObject) => {
                detailed(Management::DetailRefused, &format!("Model with id={id} not found in db"))
            }
            _ => error,
        })?;
        Ok((delete(&call, &model).into(), ()))
    });
    done.await?;
    Ok(Reply::json(json!({"message": format!("Model: {id} deleted successfully")})))
}
