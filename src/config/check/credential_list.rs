//! `credential_list`: connections with a name, which entries of `model_list` hold by `litellm_credential_name`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Sections;
use crate::config::Credential;
use crate::config::raw::keys;
use crate::config::raw::section::Section;

/// The parameter by which an entry names a credential.
const NAMED_BY: &str = "litellm_credential_name";

/// The list at the top level, and LiteLLM's global of the same name.
pub(super) fn read(sections: &Sections<'_>) -> Vec<Credential> {
    let mut all: Vec<Credential> = Vec::new();
    for place in [sections.top, sections.litellm] {
        for (entry_index, credential) in place.each("credential_list", one).into_iter().enumerate() {
            if all.iter().any(|known| known.name == credential.name) {
                place
                    .warning("credential_list", format!("[{entry_index}] has a name that was taken; the first counts"));
            } else {
                all.push(credential);
            }
        }
    }
    all
}

fn one(entry: Section<'_>) -> Option<Credential> {
    entry.check_keys(&keys::CREDENTIAL);
    let name = entry.text("credential_name").filter(|name| !name.is_empty());
    if name.is_none() {
        entry.error("credential_name", "is missing");
    }
    let mapping = |key: &str| entry.mapping(key).cloned().unwrap_or_default();
    Some(Credential { name: name?, values: mapping("credential_values"), info: mapping("credential_info") })
}

/// What a deployment says, with the values of the credential that it names; its own words stay. A name that is not in the
/// list is told by `complain`.
pub(super) fn filled<'a>(
    said: &'a Map<String, Value>,
    listed: &[Credential],
    complain: impl FnOnce(&str, String),
) -> Cow<'a, Map<String, Value>> {
    let Some(name) = said.get(NAMED_BY).and_then(Value::as_str) else { return Cow::Borrowed(said) };
    let Some(credential) = listed.iter().find(|credential| credential.name == name) else {
        complain(NAMED_BY, format!("the credential {name:?}, which it names, is not in credential_list"));
        return Cow::Borrowed(said);
    };
    let mut filled = said.clone();
    for (member, value) in &credential.values {
        if filled.get(member).is_none_or(Value::is_null) {
            filled.insert(member.clone(), value.clone());
        }
    }
    Cow::Owned(filled)
}
