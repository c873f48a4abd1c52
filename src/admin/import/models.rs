//! Models and credentials that were added at run time, in the form of `/model/new` and `/credentials`.

use serde_json::{Value, json};

use super::cells::{id, members, set_times, text};
use super::holders::MADE_BY;
use super::related::Related;
use super::vault::Vault;
use super::{Found, Row};
use crate::admin::fields::{Field, Shape, field};
use crate::admin::models::block::BLOCKED;
use crate::admin::models::draft::Plain;
use crate::admin::models::entries::{CREDENTIAL, object};
use crate::admin::models::secrets;
use crate::config::{ProcessEnv, Severity};
use crate::store::{Kind, Object};

const OF_MODEL: &[Field] = &[field("litellm_params", Shape::Object), field("model_info", Shape::Object)];
const OF_CREDENTIAL: &[Field] = &[field("credential_values", Shape::Object), field("credential_info", Shape::Object)];

/// What cannot be opened at all.
const NO_VAULT: &str = "is encrypted";

/// A model.
pub fn model(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let vault = related.vault.ok_or(NO_VAULT)?;
    let said = members(row, &[OF_MODEL])?;
    let mut info = object(&said, "model_info");
    info.shift_remove("id");
    info.shift_remove("db_model");
    if row.get(BLOCKED).and_then(Value::as_bool) == Some(true) {
        info.insert(BLOCKED.to_owned(), json!(true));
    }
    let plain = Plain {
        id: id(row, "model_id")?.to_owned(),
        model_name: id(row, "model_name")?.to_owned(),
        params: vault.open(&object(&said, "litellm_params"))?,
        info,
    };
    check(&plain, vault)?;
    let Some(key) = &vault.seal else {
        return Ok(vec![Found::uncounted(Object::new(Kind::Model, plain.id, said))]);
    };
    let made_by = text(row, "created_by").unwrap_or_default();
    let mut model = plain.stored(key, None, made_by).map_err(|error| error.to_string())?;
    set_times(&mut model.doc, row, &["created_at"])?;
    Ok(vec![Found::uncounted(model)])
}

/// Refuses what `/model/new` would. What only the credential says that it names is not known here.
fn check(plain: &Plain, vault: &Vault) -> Result<(), String> {
    if plain.params.contains_key(CREDENTIAL) {
        return Ok(());
    }
    let entry = json!({"model_name": plain.model_name, "litellm_params": plain.params, "model_info": plain.info});
    let Err(problems) = vault.rules.read(&entry, &ProcessEnv) else { return Ok(()) };
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let texts: Vec<String> = errors.map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    Err(format!("cannot be loaded: {}", texts.join("; ")))
}

/// A credential.
pub fn credential(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let vault = related.vault.ok_or(NO_VAULT)?;
    let name = id(row, "credential_name")?;
    if name.contains('/') {
        return Err("has a '/' in its name".to_owned());
    }
    let mut doc = members(row, &[OF_CREDENTIAL, MADE_BY])?;
    let values = vault.open(&object(&doc, "credential_values"))?;
    if let Some(key) = &vault.seal {
        let sealed = secrets::seal(key, &values, &secrets::place_of_credential(name));
        doc.insert("credential_values".to_owned(), Value::Object(sealed.map_err(|error| error.to_string())?));
    }
    doc.insert("credential_name".to_owned(), json!(name));
    doc.insert("credential_info".to_owned(), Value::Object(object(&doc, "credential_info")));
    set_times(&mut doc, row, &["created_at"])?;
    Ok(vec![Found::uncounted(Object::new(Kind::Credential, name, doc))])
}
