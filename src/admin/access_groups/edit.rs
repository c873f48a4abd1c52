//! `POST /access_group/new`, `PUT /access_group/{access_group}/update`, `DELETE /access_group/{access_group}/delete`

use serde_json::{Map, json};

use super::{show, unified};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::models::visible::public_name;
use crate::admin::reply::Reply;
use crate::admin::rights::{detailed, python_list};
use crate::error::{Error, Management};
use crate::store::{Kind, Object};

const NEW: &[Field] = &[needed("access_group", Shape::Text), needed("model_names", Shape::Texts)];
const UPDATE: &[Field] = &[needed("model_names", Shape::Texts)];

/// What says of a group that its name is its id, by which `models` name it.
pub(super) const OF_NAME: &str = "access_group";

/// A new group of models.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(NEW)?;
    let name = fields.text("access_group").unwrap_or_default();
    if name.is_empty() || name.contains(['/', '*']) {
        return Err(detailed(Management::DetailRefused, "access_group must not be empty, nor have '/' or '*'."));
    }
    let models = fields.texts("model_names");
    check_models(control, &models)?;
    let done = control.change(|| async {
        if show::is_taken(control, name, None).await? {
            let text = format!("Access group '{name}' already exists.");
            return Err(detailed(Management::DetailExists, &text));
        }
        let made = Object::new(Kind::AccessGroup, name, document(name, &models));
        let made = Object { alias: Some(name.to_owned()), ..made };
        Ok((put(&call, "created", None, made).into(), ()))
    });
    done.await?;
    Ok(told(control, name, &models))
}

/// A group with other models.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let models = call.body(UPDATE)?.texts("model_names");
    check_models(control, &models)?;
    let name = call.param("access_group").to_owned();
    let done = control.change(|| async {
        let before = find(control, &name).await?;
        let mut after = before.clone();
        after.doc.insert("model_names".to_owned(), json!(models));
        Ok((put(&call, "updated", Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(told(control, &name, &models))
}

/// A group that ends: who has its name in `models` may call its models no more, and nobody has its id.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let name = call.param("access_group").to_owned();
    let done = control.change(|| async {
        let before = find(control, &name).await?;
        let models = show::models_of(&before);
        Ok((unified::ended(control, &call, &before).await?, models))
    });
    let models = done.await?;
    Ok(Reply::json(json!({
        "access_group": name,
        "models_updated": show::deployments(control, &models),
        "message": format!("Access group '{name}' deleted successfully"),
    })))
}

fn document(name: &str, models: &[String]) -> Map<String, serde_json::Value> {
    let doc = json!({OF_NAME: name, "model_names": models});
    doc.as_object().cloned().unwrap_or_default()
}

fn told(control: &Control, name: &str, models: &[String]) -> Reply {
    let updated = show::deployments(control, models);
    Reply::json(json!({"access_group": name, "model_names": models, "models_updated": updated}))
}

fn check_models(control: &Control, models: &[String]) -> Result<(), Error> {
    let known = control.desk.models();
    let unknown = models.iter().filter(|name| !known.iter().any(|view| public_name(view) == name.as_str()));
    let unknown: Vec<String> = unknown.cloned().collect();
    if models.is_empty() {
        return Err(detailed(Management::DetailRefused, "model_names must not be empty"));
    }
    if !unknown.is_empty() {
        let text = format!("Model(s) not found: {}", python_list(&unknown));
        return Err(detailed(Management::DetailRefused, &text));
    }
    Ok(())
}

async fn find(control: &Control, name: &str) -> Result<Object, Error> {
    if let Some(found) = show::stored(control, name).await? {
        return Ok(found);
    }
    if show::of_file(control).iter().any(|(known, _)| known == name) {
        let text = format!("Access group '{name}' is made by the configuration file. Change it there.");
        return Err(detailed(Management::DetailRefused, &text));
    }
    Err(detailed(Management::DetailNoSuchObject, &format!("Access group '{name}' not found.")))
}
