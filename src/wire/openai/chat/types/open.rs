//! Objects that may hold more than we know: the known members typed, the others kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::model::Json;

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
pub struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// An object with optional members that are known, and others that are kept in `extra` (never null).
macro_rules! open_object {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $field:ident as $key:literal: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$member_doc])* pub $field: Option<$type>,)*
            /// All other members, in their order.
            pub extra: Vec<(String, Json)>,
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;
                impl<'de> Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut it = $name::default();
                        while let Some(Name(name)) = map.next_key()? {
                            match &*name {
                                $($key => it.$field = map.next_value()?,)*
                                _ => {
                                    let value: Option<Json> = map.next_value()?;
                                    it.extra.extend(value.map(|value| (name.into_owned(), value)));
                                }
                            }
                        }
                        Ok(it)
                    }
                }
                deserializer.deserialize_map(Members)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($key, value)?;
                })*
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}

pub(super) use open_object;

/// All members of an object, unread.
#[derive(Clone, Debug, Default)]
pub struct Members(pub Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key()? {
                    let value: Option<Json> = map.next_value()?;
                    members.extend(value.map(|value| (name, value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Members {
    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes a member out that is a text.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).and_then(|value| serde_json::from_str(value.text()).ok())
    }
}
