//! Tests that need more than one file of the dialect: recorded cases, the table of what maps to what, properties.

mod answers;
mod properties;
mod requests;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use super::request::decode_request;
use crate::error::Error;
use crate::wire::codec::{Ids, Origin, Profile, Stamp};
use crate::wire::model::ChatRequest;
use crate::wire::openai::request::Request;

fn decoded(body: &Value) -> Result<ChatRequest, Error> {
    decode_request(&Request::parse(Bytes::from(body.to_string())).unwrap())
}

const PROFILE: Profile<'static> =
    Profile { provider: "openai", drop_params: false, modify_params: false, base_model: "gpt-4o" };

fn stamp(body: &Value) -> Stamp {
    Stamp {
        ids: Ids(0x0123_4567_89ab_4cde_8f01_2345_6789_ab00),
        created: 1_795_213_124,
        model: body["model"].as_str().unwrap_or("claude").to_owned(),
        include_usage: true,
        body: body.to_string().into(),
        origin: Origin { provider: "anthropic", model_id: "dep".to_owned() },
    }
}

/// Without what stands for nothing: `null` and `{}` are as good as absent.
fn meant(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, meant(value)));
            let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(|object| object.is_empty());
            members.filter(|(_, value)| !empty(value)).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(list) => list.into_iter().map(meant).collect(),
        other => other,
    }
}
