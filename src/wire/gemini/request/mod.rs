//! Requests: read from clients ([`decode`]), written for providers ([`encode`]).

mod config;
mod contents;
mod decode;
mod encode;
mod settings;
mod tools;
mod turns;

#[cfg(test)]
mod tests;

pub use decode::{decode_request, is_control};
pub use encode::encode_request;

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Kind};
use crate::wire::model::Json;

/// All members of an object by their camel-case names, nulls left out.
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
                while let Some(name) = map.next_key::<String>()? {
                    let value: Option<Json> = map.next_value()?;
                    members.extend(value.map(|value| (camel(&name).into_owned(), value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Members {
    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }
}

/// `max_output_tokens` is `maxOutputTokens`; a leading underscore stays.
pub fn camel(name: &str) -> Cow<'_, str> {
    if !name.get(1..).is_some_and(|rest| rest.contains('_')) {
        return name.into();
    }
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' if !camel.is_empty() => upper = true,
            c if std::mem::take(&mut upper) => camel.extend(c.to_uppercase()),
            c => camel.push(c),
        }
    }
    camel.into()
}

/// Reads a member's value.
pub fn read<T: serde::de::DeserializeOwned>(json: &str, param: &'static str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| wrong(param, &error))
}

/// A client's mistake in this parameter.
pub fn wrong(param: &'static str, what: &dyn fmt::Display) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{param}': {what}")).param(param)
}
