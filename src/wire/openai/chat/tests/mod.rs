//! The codec as a whole: recorded pairs, tables of what is decoded and encoded, and properties.

mod decoding;
mod encoding;
mod golden;
mod properties;
mod replies;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::error::Error;
use crate::wire::codec::{Ids, Profile, Stamp};
use crate::wire::model::{ChatRequest, Json};
use crate::wire::openai::request::Request;

fn decode(body: &str) -> Result<ChatRequest, Error> {
    decode_request(&Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

fn profile(provider: &'static str) -> Profile<'static> {
    Profile { provider, drop_params: false, modify_params: false, base_model: "m" }
}

fn encode(request: ChatRequest, provider: &'static str) -> Value {
    serde_json::from_slice(&encode_request(request, &profile(provider)).unwrap()).unwrap()
}

fn stamp() -> Stamp {
    Stamp { ids: Ids(1), created: 1, model: "claude".into(), ..Stamp::default() }
}

fn raw(text: &str) -> Json {
    Json::parse(text).unwrap()
}
