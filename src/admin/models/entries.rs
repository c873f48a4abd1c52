//! Stored models as entries of `model_list`, in plain text: for the configuration's rules, and for nobody else.

use serde_json::{Map, Value, json};

use super::secrets;
use crate::config::ModelRules;
use crate::store::{Object, SealError, SealKey};

/// The parameter by which a model names a credential.
pub const CREDENTIAL: &str = "litellm_credential_name";

/// Why a stored model cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The model's id.
    pub id: String,
    pub model_name: String,
    /// For the log; tells no secret.
    pub why: String,
}

/// All stored models that can be read, and those that cannot.
pub fn stored_entries(
    models: &[Object],
    credentials: &[Object],
    key: Option<&SealKey>,
    rules: &ModelRules,
) -> (Vec<Value>, Vec<Unusable>) {
    let mut entries = Vec::with_capacity(models.len());
    let mut unusable = Vec::new();
    for model in models {
        match entry(model, credentials, key, rules) {
            Ok(entry) => entries.push(entry),
            Err(why) => {
                let model_name = model.alias.clone().unwrap_or_default();
                unusable.push(Unusable { id: model.id.clone(), model_name, why });
            }
        }
    }
    (entries, unusable)
}

fn entry(model: &Object, credentials: &[Object], key: Option<&SealKey>, rules: &ModelRules) -> Result<Value, String> {
    let key = key.ok_or_else(|| "there is no key to open its parameters with: set LITELLM_SALT_KEY".to_owned())?;
    let sealed = object(&model.doc, "litellm_params");
    let params = secrets::open(key, &sealed, &secrets::place_of_model(&model.id));
    let params = params.map_err(|error| format!("its parameters: {error}"))?;
    let params = with_credential(params, credentials, key, rules)?;
    let mut info = object(&model.doc, "model_info");
    info.insert("id".to_owned(), json!(model.id));
    info.insert("db_model".to_owned(), json!(true));
    Ok(json!({"model_name": model.alias, "litellm_params": params, "model_info": info}))
}

/// The parameters with those of the stored credential that they name; what they say themselves stays. One that the file
/// declares is put in by its rules.
///
/// # Errors
/// Why not, for people: there is no such credential, or it does not open.
pub fn with_credential(
    mut params: Map<String, Value>,
    credentials: &[Object],
    key: &SealKey,
    rules: &ModelRules,
) -> Result<Map<String, Value>, String> {
    let Some(Value::String(name)) = params.shift_remove(CREDENTIAL) else { return Ok(params) };
    if rules.credentials().iter().any(|declared| declared.name == name) {
        params.insert(CREDENTIAL.to_owned(), json!(name));
        return Ok(params);
    }
    let found = credentials.iter().find(|credential| credential.id == name);
    let found = found.ok_or_else(|| format!("the credential {name:?}, which it names, is not there"))?;
    let sealed = object(&found.doc, "credential_values");
    let opened = secrets::open(key, &sealed, &secrets::place_of_credential(&name));
    for (member, value) in opened.map_err(|error: SealError| format!("the credential {name:?}: {error}"))? {
        if params.get(&member).is_none_or(Value::is_null) {
            params.insert(member, value);
        }
    }
    Ok(params)
}

/// A member that is an object; an empty one if it is none.
pub fn object(doc: &Map<String, Value>, name: &str) -> Map<String, Value> {
    doc.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kind;

    fn stored(key: &SealKey, id: &str, params: Value) -> Object {
        let params = secrets::seal(key, params.as_object().unwrap(), &secrets::place_of_model(id)).unwrap();
        let doc = json!({"litellm_params": params, "model_info": {"mode": "chat"}});
        Object { alias: Some("m".to_owned()), ..Object::new(Kind::Model, id, doc.as_object().unwrap().clone()) }
    }

    fn credential(key: &SealKey, name: &str, values: Value) -> Object {
        let values = secrets::seal(key, values.as_object().unwrap(), &secrets::place_of_credential(name)).unwrap();
        Object::new(Kind::Credential, name, json!({"credential_values": values}).as_object().unwrap().clone())
    }

    #[test]
    fn a_stored_model_becomes_an_entry_with_its_credential() {
        let key = SealKey::of_salt("salt");
        let params = json!({"model": "openai/gpt-4o", "api_base": "http://own", CREDENTIAL: "c"});
        let models = [stored(&key, "1", params)];
        let credentials = [credential(&key, "c", json!({"api_key": "sk-c", "api_base": "http://of-c"}))];
        let (entries, unusable) = stored_entries(&models, &credentials, Some(&key), &ModelRules::default());
        let expected = json!({
            "model_name": "m",
            "litellm_params": {"model": "openai/gpt-4o", "api_base": "http://own", "api_key": "sk-c"},
            "model_info": {"mode": "chat", "id": "1", "db_model": true},
        });
        assert_eq!((entries, unusable), (vec![expected], Vec::new()));
    }

    #[test]
    fn what_does_not_open_is_told_and_not_used() {
        let (key, other) = (SealKey::of_salt("salt"), SealKey::of_salt("other"));
        let mut forged = stored(&key, "2", json!({"model": "openai/canary"}));
        forged.id = "3".to_owned();
        let models = [
            stored(&key, "1", json!({"model": "openai/gpt-4o"})),
            forged,
            stored(&other, "4", json!({"model": "openai/canary"})),
            stored(&key, "5", json!({"model": "openai/canary", CREDENTIAL: "none"})),
        ];
        let (entries, unusable) = stored_entries(&models, &[], Some(&key), &ModelRules::default());
        assert_eq!(entries.len(), 1);
        let why: Vec<(&str, &str)> = unusable.iter().map(|it| (it.id.as_str(), it.why.as_str())).collect();
        assert!(why.iter().all(|(_, why)| !why.contains("canary")), "{why:?}");
        assert_eq!(why.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["3", "4", "5"]);
        assert!(why[1].1.contains("LITELLM_SALT_KEY") && why[2].1.contains("\"none\""), "{why:?}");
        assert_eq!(stored_entries(&models, &[], None, &ModelRules::default()).0, Vec::<Value>::new());
    }
}
