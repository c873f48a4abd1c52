//! `POST /model/update`, `PATCH /model/{model_id}/update`

use serde_json::{Map, Value};

use super::draft::opened;
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Kind, Object};

const FIELDS: &[Field] =
    &[field("model_name", Shape::Text), field("litellm_params", Shape::Object), field("model_info", Shape::Object)];

/// Members of `model_info` that stay as they were made.
const FIXED: [&str; 4] = ["id", "db_model", "team_id", "team_public_model_name"];

/// A stored model with other parameters; its id stands in `model_info`.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let id = fields.object("model_info").and_then(|info| info.get("id")).and_then(Value::as_str).unwrap_or_default();
    if id.is_empty() {
        return Err(detailed(Management::DetailRefused, "model_info.id is required"));
    }
    change(control, &call, &fields, id).await
}

/// The same with the id in the path.
pub async fn patch(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let id = call.param("model_id").to_owned();
    change(control, &call, &fields, &id).await
}

async fn change(control: &Control, call: &Call, fields: &Fields, id: &str) -> Result<Reply, Error> {
    let done = control.change(|| async {
        let before = find(control, id).await?;
        let mut plain = opened(control, &before)?;
        plain.set_params(control, fields.object("litellm_params").unwrap_or(&Map::new()))?;
        for (name, value) in fields.object("model_info").unwrap_or(&Map::new()) {
            match value {
                _ if FIXED.contains(&name.as_str()) => {}
                Value::Null => drop(plain.info.shift_remove(name)),
                value => drop(plain.info.insert(name.clone(), value.clone())),
            }
        }
        if let Some(name) = fields.text("model_name") {
            // A team's model keeps its name within; the one without is what its team calls it by.
            match plain.info.get_mut("team_public_model_name") {
                Some(public) => *public = Value::from(name),
                None => name.clone_into(&mut plain.model_name),
            }
        }
        plain.check(control).await?;
        let after = plain.sealed(control, Some(&before), call.changed_by())?;
        Ok((put(call, "updated", Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(Reply::json(row::stored(control, id).await?))
}

/// The stored model.
///
/// # Errors
/// 400: it stands in the file; 404: there is none.
pub async fn find(control: &Control, id: &str) -> Result<Object, Error> {
    if let Some(found) = control.store.get(Kind::Model, id).await? {
        return Ok(found);
    }
    if control.desk.models().iter().any(|model| model.id == id) {
        let text = "Can't edit model. Model in config. Store model in db via `/model/new`. to edit.";
        return Err(detailed(Management::DetailRefused, text));
    }
    Err(detailed(Management::DetailNoSuchObject, &format!("Model with id={id} not found in db")))
}
