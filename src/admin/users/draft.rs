//! What a request says of a user, as its document.

use serde_json::{Map, Value, json};

use super::fields::{IN_METADATA, OF_NEW, STORED, all_with};
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::limits;
use crate::auth::Role;
use crate::error::Error;
use crate::store::{Kind, Object};

/// Says what the configuration says of new users where the request says nothing. Admins are not meant by it.
pub fn fill_defaults(control: &Control, said: &mut Fields) {
    let role = said.text("user_role").and_then(Role::named);
    if matches!(role, Some(Role::ProxyAdmin | Role::ProxyAdminViewer)) {
        return;
    }
    let fields = all_with(OF_NEW);
    for (name, value) in &control.settings.default_user {
        if !said.has(name) {
            said.fill(&fields, name, value);
        }
    }
}

/// Puts what is said over a document; `null` takes it out.
///
/// # Errors
/// 400 where something cannot be.
pub fn apply(control: &Control, doc: &mut Map<String, Value>, said: &Fields) -> Result<(), Error> {
    limits::check(said)?;
    for field in STORED {
        set(doc, field.name, said.get(field.name));
    }
    if let Some(role) = said.text("user_role").and_then(Role::named) {
        doc.insert("user_role".to_owned(), json!(role.as_str()));
    }
    if let Some(duration) = said.get("budget_duration") {
        limits::set_budget_duration(control, doc, duration.as_str());
    }
    let mut metadata = doc.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in IN_METADATA {
        set(&mut metadata, field.name, said.get(field.name));
    }
    doc.insert("metadata".to_owned(), Value::Object(metadata));
    Ok(())
}

fn set(doc: &mut Map<String, Value>, name: &str, said: Option<&Value>) {
    match said {
        Some(Value::Null) => {
            doc.shift_remove(name);
        }
        Some(value) => {
            doc.insert(name.to_owned(), value.clone());
        }
        None => {}
    }
}

/// A user's object, with what it is found by.
pub fn object(user_id: &str, mut doc: Map<String, Value>) -> Object {
    doc.insert("user_id".to_owned(), json!(user_id));
    found_by(Object { user_id: Some(user_id.to_owned()), ..Object::new(Kind::User, user_id, doc) })
}

/// Sets what a user is found by from what its document says.
pub fn found_by(user: Object) -> Object {
    let alias = user.doc.get("user_email").and_then(Value::as_str).map(str::to_owned);
    Object { alias, ..user }
}
