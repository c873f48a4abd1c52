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
use crate::admin::teams::bounds::texts;
use crate::error::{Error, Management};
use crate::store::{Change, Filter, Kind, Object};

/// The entry of `models` that stands for all.
const ALL_MODELS: &str = "all-proxy-models";

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
        let within = name_within(control, team_id, &plain.model_name).await?;
        let public = std::mem::replace(&mut plain.model_name, within);
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

/// Another name within, so that it never joins the group of a name that others call; the team's deployments of one name
/// are one group.
async fn name_within(control: &Control, team_id: &str, public: &str) -> Result<String, Error> {
    let of_team = Filter { team_id: Some(team_id), ..Filter::default() };
    let stored = control.store.all(Kind::Model, &of_team).await?;
    let said = |model: &Object| model.doc.get("model_info")?.get("team_public_model_name")?.as_str().map(str::to_owned);
    let known = stored.into_iter().find(|model| said(model).as_deref() == Some(public)).and_then(|model| model.alias);
    Ok(known.unwrap_or_else(|| format!("model_name_{team_id}_{}", Uuid::new_v4())))
}

/// Names a model of its own among those that a team may call.
async fn of_team(control: &Control, call: &Call, team_id: &str, plain: &Plain) -> Result<Vec<Change>, Error> {
    let Some(before) = control.store.get(Kind::Team, team_id).await? else {
        let text = format!("Team not found, passed team_id={team_id}");
        return Err(detailed(Management::DetailRefused, &text));
    };
    let public = plain.info.get("team_public_model_name").and_then(Value::as_str).unwrap_or_default();
    let mut models = texts(&before.doc, "models");
    if models.iter().any(|model| model == public) {
        return Ok(Vec::new());
    }
    if models.is_empty() {
        // It may call all still.
        models.push(ALL_MODELS.to_owned());
    }
    models.push(public.to_owned());
    let mut after = before.clone();
    after.doc.insert("models".to_owned(), json!(models));
    Ok(put(call, "updated", Some(&before), after).into())
}
