//! What a request says of a model, checked as if it stood in the file, and sealed.

use serde_json::{Map, Value, json};

use super::entries::{object, with_credential};
use super::secrets;
use crate::admin::control::Control;
use crate::admin::rights::detailed;
use crate::config::{ProcessEnv, Severity};
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::seal::is_sealed;
use crate::store::{Filter, Kind, Object, SealError, SealKey};

/// A model in plain text.
#[derive(Clone)]
pub struct Plain {
    pub id: String,
    /// The name of its group.
    pub model_name: String,
    pub params: Map<String, Value>,
    pub info: Map<String, Value>,
}

/// The key to seal with.
///
/// # Errors
/// 500: there is none, so no provider's key can be kept.
pub fn seal_key(control: &Control) -> Result<&SealKey, Error> {
    let missing = || Error::new(ErrorKind::Internal, "There is no key to encrypt with: set LITELLM_SALT_KEY.");
    control.settings.seal.as_ref().ok_or_else(missing)
}

/// A stored model in plain text.
///
/// # Errors
/// 500: it was sealed with another key.
pub fn opened(control: &Control, model: &Object) -> Result<Plain, Error> {
    let sealed = object(&model.doc, "litellm_params");
    let params = secrets::open(seal_key(control)?, &sealed, &secrets::place_of_model(&model.id));
    Ok(Plain {
        id: model.id.clone(),
        model_name: model.alias.clone().unwrap_or_default(),
        params: params.map_err(|error| unsealable(&error))?,
        info: object(&model.doc, "model_info"),
    })
}

/// What is told when something stored does not open.
pub fn unsealable(error: &SealError) -> Error {
    Error::new(ErrorKind::Internal, format!("What is stored cannot be decrypted: {error}."))
}

impl Plain {
    /// Refuses a model that could not be loaded.
    ///
    /// # Errors
    /// 400, with everything that is wrong and where.
    pub async fn check(&self, control: &Control) -> Result<(), Error> {
        let credentials = control.store.all(Kind::Credential, &Filter::default()).await?;
        let params =
            with_credential(self.params.clone(), &credentials, seal_key(control)?, &control.settings.model_rules);
        let params = params.map_err(|why| detailed(Management::DetailRefused, &why))?;
        let mut info = self.info.clone();
        info.insert("id".to_owned(), json!(self.id));
        let entry = json!({"model_name": self.model_name, "litellm_params": params, "model_info": info});
        match control.settings.model_rules.read(&entry, &ProcessEnv) {
            Ok(_) => Ok(()),
            Err(problems) => {
                let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
                let texts: Vec<String> =
                    errors.map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
                Err(detailed(Management::DetailRefused, &format!("Invalid model: {}", texts.join("; "))))
            }
        }
    }

    /// As it is stored: the document of its object, which is there already or new.
    ///
    /// # Errors
    /// 500: no key to seal with.
    pub fn sealed(&self, control: &Control, before: Option<&Object>, changed_by: &str) -> Result<Object, Error> {
        self.stored(seal_key(control)?, before, changed_by).map_err(|error| unsealable(&error))
    }

    /// The same with this key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn stored(&self, key: &SealKey, before: Option<&Object>, changed_by: &str) -> Result<Object, SealError> {
        let params = secrets::seal(key, &self.params, &secrets::place_of_model(&self.id))?;
        let mut doc = before.map(|before| before.doc.clone()).unwrap_or_default();
        doc.insert("model_id".to_owned(), json!(self.id));
        doc.insert("model_name".to_owned(), json!(self.model_name));
        doc.insert("litellm_params".to_owned(), Value::Object(params));
        doc.insert("model_info".to_owned(), Value::Object(self.info.clone()));
        doc.entry("created_by").or_insert_with(|| json!(changed_by));
        doc.insert("updated_by".to_owned(), json!(changed_by));
        let alias = Some(self.model_name.clone());
        let team_id = self.info.get("team_id").and_then(Value::as_str).map(str::to_owned);
        Ok(match before {
            Some(before) => Object { alias, team_id, doc, ..before.clone() },
            None => Object { alias, team_id, ..Object::new(Kind::Model, self.id.clone(), doc) },
        })
    }

    /// Takes over other parameters; `null` takes one out. A text that is sealed already is one that an answer had: it
    /// stands for what it was.
    ///
    /// # Errors
    /// 400: a sealed text that is not of this model.
    pub fn set_params(&mut self, control: &Control, said: &Map<String, Value>) -> Result<(), Error> {
        let place = secrets::place_of_model(&self.id);
        for (name, value) in said {
            match value {
                Value::Null => drop(self.params.shift_remove(name)),
                Value::String(text) if is_sealed(text) => {
                    let opened = seal_key(control)?.open(text, &format!("{place}/{name}"));
                    let opened = opened.map_err(|error| {
                        detailed(Management::DetailRefused, &format!("litellm_params.{name}: {error}"))
                    })?;
                    self.params.insert(name.clone(), json!(opened.expose()));
                }
                value => drop(self.params.insert(name.clone(), value.clone())),
            }
        }
        Ok(())
    }
}
