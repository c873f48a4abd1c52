//! JSON that is carried and not read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One JSON value as the text it came in: white space, number spelling and member order are kept, so that nothing is
/// lost in what nobody here needs to understand.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// A text that is one JSON value. `None`: it is not.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The text of a value.
    pub fn of(value: &impl Serialize) -> Option<Self> {
        serde_json::value::to_raw_value(value).ok().map(Self)
    }

    /// `{}`
    pub fn empty_object() -> Self {
        Self(serde_json::from_str("{}").unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The value, where somebody has to understand it after all.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Equal when the texts are: `1.0` is not `1`.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Only with `serde_json`, and not inside of `flatten` or untagged enums: both would lose the text.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept() {
        let json = Json::parse(r#"{"x": 1.0,  "big": 123456789012345678901234567890}"#).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), json.text());
        assert!(json.is_object() && Json::parse("{").is_none());
    }
}
