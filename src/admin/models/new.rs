//! `POST /model/new`. Needs no `STORE_MODEL_IN_DB`: who calls it wants the model stored.

use serde_json::{Value, json};
use uuid::Uuid;

use super::draft::Plain;
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::bounds::{covers, texts};
use crate::error::{Error, Management};
use crate::store::{Change, Kind};

const FIELDS: &[Field] =
    &[needed("model_name", Shape::Text), needed("litellm_params", Shape::Object), field("model_info", Shape::Object)];

/// A deployment more, which takes calls at once. One with `model_info.team_id` is its team's alone.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let mut info = fields.object("model_info").cloned().unwrap_or_default();
    let id = match info.shift_remove("id") {
        Some(Value::String(id)) if !id.is_empty() => id,
        _ => Uuid::new_v4().to_string(),
    };
    info.shift_remove("db_model");
    let mut plain = Plain {
        id: id.clone(),
        model_name: fields.text("model_name").unwrap_or_default().to_owned(),
        params: fields.object("litellm_params").cloned().unwrap_or_default(),
        info,
    };
    plain.check(control).await?;
    let team_id = plain.info.get("team_id").and_then(Value::as_str).map(str::to_owned);
    if let Some(team_id) = &team_id {
        // Another name within, so that it never joins the group of a name that others call.
        let public = std::mem::replace(&mut plain.model_name, format!("model_name_{team_id}_{}", Uuid::new_v4()));
        plain.info.insert("team_public_model_name".to_owned(), json!(public));
    }
    let made = control.change(|| async {
        let is_in_file = control.desk.models().iter().any(|model| model.id == id);
        if is_in_file || control.store.get(Kind::Model, &id).await?.is_some() {
            let text = format!("Model with id={id} already exists. Please use a different id.");
            return Err(detailed(Management::DetailExists, &text));
        }
        let mut changes: Vec<Change> = match &team_id {
            Some(team_id) => of_team(control, &call, team_id, &plain).await?,
            None => Vec::new(),
        };
        changes.extend(put(&call, "created", None, plain.sealed(control, None, call.changed_by())?));
        Ok((changes, ()))
    });
    made.await?;
    Ok(Reply::json(row::stored(control, &id).await?))
}

/// Lets a team call a model of its own, if it may not call all.
async fn of_team(control: &Control, call: &Call, team_id: &str, plain: &Plain) -> Result<Vec<Change>, Error> {
    let Some(before) = control.store.get(Kind::Team, team_id).await? else {
        let text = format!("Team not found, passed team_id={team_id}");
        return Err(detailed(Management::DetailRefused, &text));
    };
    let public = plain.info.get("team_public_model_name").and_then(Value::as_str).unwrap_or_default();
    let mut models = texts(&before.doc, "models");
    if covers(&models, public) {
        return Ok(Vec::new());
    }
    models.push(public.to_owned());
    let mut after = before.clone();
    after.doc.insert("models".to_owned(), json!(models));
    Ok(put(call, "updated", Some(&before), after).into())
}
