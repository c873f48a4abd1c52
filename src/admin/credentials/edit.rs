//! `POST /credentials`, `PATCH /credentials/{credential_name}`, `DELETE /credentials/{credential_name}`

use serde_json::{Map, Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::{delete, put};
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::models::draft::{opened, seal_key, unsealable};
use crate::admin::models::entries::{CREDENTIAL, object};
use crate::admin::models::secrets;
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, refused};
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::{Change, Filter, Kind, Object};

const NEW: &[Field] = &[
    needed("credential_name", Shape::Text),
    field("credential_values", Shape::Object),
    field("credential_info", Shape::Object),
    field("model_id", Shape::Text),
];

const UPDATE: &[Field] = &[field("credential_values", Shape::Object), field("credential_info", Shape::Object)];

/// Parameters of a model that make a credential where one is made of a model.
const OF_MODEL: [&str; 3] = ["api_key", "api_base", "api_version"];

/// A new credential: of values, or of the ones that a stored model has.
pub async fn create(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(NEW)?;
    let name = fields.text("credential_name").unwrap_or_default();
    if name.is_empty() || name.contains('/') {
        return Err(refused("A credential_name is not empty and has no '/'.").param("credential_name"));
    }
    let done = control.change(|| async {
        if control.store.get(Kind::Credential, name).await?.is_some() {
            let text = format!("Credential {name} already exists");
            return Err(Error::new(ErrorKind::Management(Management::Exists), text).param("credential_name"));
        }
        let values = match (fields.object("credential_values"), fields.text("model_id")) {
            (Some(values), _) => values.clone(),
            (None, Some(model_id)) => of_model(control, model_id).await?,
            (None, None) => {
                return Err(refused("Either credential_values or model_id is required").param("credential_values"));
            }
        };
        let made = credential(control, name, &values, fields.object("credential_info"), None)?;
        Ok((put(&call, "created", None, made).into(), ()))
    });
    done.await?;
    Ok(done_well("created"))
}

/// A credential with other values: those that are said; `null` takes one out. Models that hold it use them at once.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(UPDATE)?;
    let name = call.param("credential_name").to_owned();
    let done = control.change(|| async {
        let before = find(control, &name).await?;
        control.check_is_stored(Kind::Credential, &name)?;
        let values = changed_values(control, &before, &fields)?;
        let mut info = object(&before.doc, "credential_info");
        info.extend(fields.object("credential_info").cloned().unwrap_or_default());
        let after = credential(control, &name, &values, Some(&info), Some(&before))?;
        Ok((put(&call, "updated", Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(done_well("updated"))
}

/// A credential that is forgotten. One that a model holds is not: its calls would fail.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let name = call.param("credential_name").to_owned();
    let done = control.change(|| async {
        let before = find(control, &name).await?;
        control.check_is_stored(Kind::Credential, &name)?;
        for model in control.store.all(Kind::Model, &Filter::default()).await? {
            if opened(control, &model).is_ok_and(|plain| plain.params.get(CREDENTIAL) == Some(&json!(name))) {
                let text = format!("Credential {name} is used by the model with id {}. Delete that first.", model.id);
                return Err(refused(text).param("credential_name"));
            }
        }
        let changes: Vec<Change> = delete(&call, &before).into();
        Ok((changes, ()))
    });
    done.await?;
    Ok(done_well("deleted"))
}

fn changed_values(control: &Control, before: &Object, fields: &Fields) -> Result<Map<String, Value>, Error> {
    let sealed = object(&before.doc, "credential_values");
    let opened = secrets::open(seal_key(control)?, &sealed, &secrets::place_of_credential(&before.id));
    let mut values = opened.map_err(|error| unsealable(&error))?;
    for (member, value) in fields.object("credential_values").unwrap_or(&Map::new()) {
        match value {
            Value::Null => drop(values.shift_remove(member)),
            value => drop(values.insert(member.clone(), value.clone())),
        }
    }
    Ok(values)
}

/// A credential as it is stored.
fn credential(
    control: &Control,
    name: &str,
    values: &Map<String, Value>,
    info: Option<&Map<String, Value>>,
    before: Option<&Object>,
) -> Result<Object, Error> {
    let sealed = secrets::seal(seal_key(control)?, values, &secrets::place_of_credential(name));
    let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
    doc.insert("credential_name".to_owned(), json!(name));
    doc.insert("credential_values".to_owned(), Value::Object(sealed.map_err(|error| unsealable(&error))?));
    doc.insert("credential_info".to_owned(), json!(info.cloned().unwrap_or_default()));
    Ok(match before {
        Some(before) => Object { doc, ..before.clone() },
        None => Object::new(Kind::Credential, name, doc),
    })
}

async fn of_model(control: &Control, model_id: &str) -> Result<Map<String, Value>, Error> {
    let model = crate::admin::models::update::find(control, model_id).await?;
    let params = opened(control, &model)?.params;
    Ok(params.into_iter().filter(|(name, _)| OF_MODEL.contains(&name.as_str())).collect())
}

/// The credential.
///
/// # Errors
/// 404.
pub(super) async fn find(control: &Control, name: &str) -> Result<Object, Error> {
    let found = control.store.get(Kind::Credential, name).await?;
    found
        .ok_or_else(|| not_found(format!("Credential not found. Got credential name: {name}")).param("credential_name"))
}

fn done_well(what: &str) -> Reply {
    Reply::json(json!({"success": true, "message": format!("Credential {what} successfully")}))
}
