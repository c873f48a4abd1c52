//! `additionalModelRequestFields`: an object of what only the model itself knows.

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::wire::model::Json;

/// Members in their order; of one name there is one.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Json)>);

impl Fields {
    /// Sets a member. What cannot be written as JSON is left out.
    pub fn set(&mut self, name: &str, value: &impl Serialize) {
        let Some(value) = Json::of(value) else { return };
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets all members of an object.
    pub fn set_all(&mut self, object: &Json) {
        if let Value::Object(members) = object.value() {
            members.iter().for_each(|(name, value)| self.set(name, value));
        }
    }

    /// Adds to a member that is a list.
    pub fn add_to_list(&mut self, name: &str, values: &Json) {
        let known = self.0.iter().find(|(known, _)| known == name).map(|(_, list)| list.value());
        let mut list = known.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        for value in values.value().as_array().into_iter().flatten() {
            if !list.contains(value) {
                list.push(value.clone());
            }
        }
        self.set(name, &list);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
