//! Answers, and errors as answers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::error::{Compat, Envelope, Error};

/// A good answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    status: StatusCode,
    body: Bytes,
}

impl Reply {
    /// JSON, with status 200.
    pub fn json(value: impl Into<Value>) -> Self {
        Self::written(Bytes::from(value.into().to_string()))
    }

    /// JSON of something that was made, with status 201.
    pub fn made(value: impl Into<Value>) -> Self {
        Self { status: StatusCode::CREATED, ..Self::json(value) }
    }

    /// Nothing, with status 204.
    pub fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: Bytes::new() }
    }

    /// JSON that is written already, with status 200.
    pub fn written(body: Bytes) -> Self {
        Self { status: StatusCode::OK, body }
    }

    /// As it goes out.
    pub(super) fn into_response(self) -> Response<Bytes> {
        response(self.status, self.body)
    }
}

/// An error in LiteLLM's words.
pub(super) fn refusal(error: &Error, compat: Compat) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status(compat)).unwrap_or_default();
    let mut response = response(status, Bytes::from(Envelope::OpenAi.body(error, compat)));
    if let Some(pause) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
    }
    response
}

fn response(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
