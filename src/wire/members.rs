//! A JSON object that is written member by member, for requests whose members are not all known when this is compiled:
//! what a provider takes besides is copied from the client as it came.

use serde::Serialize;

/// The object so far. A name that comes twice counts the first time.
#[derive(Clone, Debug, Default)]
pub struct Members {
    text: String,
    names: Vec<String>,
}

impl Members {
    /// A member whose value is JSON text already.
    pub fn raw(&mut self, name: &str, json: &str) {
        if self.names.iter().any(|known| known == name) {
            return;
        }
        self.text.push(if self.names.is_empty() { '{' } else { ',' });
        self.text.push_str(&serde_json::Value::from(name).to_string());
        self.text.push(':');
        self.text.push_str(json);
        self.names.push(name.to_owned());
    }

    /// A member.
    pub fn put(&mut self, name: &str, value: &impl Serialize) {
        // It fails for maps whose keys are no strings only, which no type here has.
        if let Ok(json) = serde_json::to_string(value) {
            self.raw(name, &json);
        }
    }

    /// A member if there is a value.
    pub fn put_some(&mut self, name: &str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A member if the list is not empty.
    pub fn put_list(&mut self, name: &str, list: &[impl Serialize]) {
        if !list.is_empty() {
            self.put(name, &list);
        }
    }

    /// The whole object.
    pub fn finish(mut self) -> String {
        self.text.push_str(if self.names.is_empty() { "{}" } else { "}" });
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_order() {
        assert_eq!(Members::default().finish(), "{}");
        let mut members = Members::default();
        members.put("a\"", &1);
        members.put_some("b", None::<&u64>);
        members.put_some("c", Some(&"d"));
        members.put_list("e", &[0; 0]);
        members.raw("f", "{\"x\": 1.0}");
        members.put("c", &"again");
        assert_eq!(members.finish(), r#"{"a\"":1,"c":"d","f":{"x": 1.0}}"#);
    }
}
