//! Errors inside of an answer: `response.error` and the `error` event
//! (<https://platform.openai.com/docs/api-reference/responses-streaming/error>).

use serde_json::{Value, json};

use super::types::Response;
use crate::error::{Compat, Error, Kind};
use crate::wire::openai::errors::{self, ProviderError};

/// Codes of `response.error` that say what is wrong with the request.
const OF_THE_CALLER: [&str; 5] = ["invalid_", "unsupported_", "image_", "empty_image", "failed_to_download_image"];

/// The error that an event or an answer reports: in `response.error`, in `error`, or in the event itself.
pub fn reported(data: &[u8], response: Option<&Response>) -> ProviderError {
    match response.map(|response| response.error.as_ref().filter(|error| error.is_object())) {
        Some(Some(error)) => errors::read(error.text().as_bytes()),
        Some(None) => {
            ProviderError { message: "The provider reported an error.".to_owned(), ..ProviderError::default() }
        }
        None => errors::read(data),
    }
}

/// The error for our caller.
pub fn of(reported: ProviderError) -> Error {
    Error::new(kind(&reported), reported.message)
}

fn kind(reported: &ProviderError) -> Kind {
    let code = reported.code.as_deref().unwrap_or_default();
    if OF_THE_CALLER.iter().any(|prefix| code.starts_with(prefix)) && code != "invalid_api_key" {
        return Kind::of_upstream(400, &[code, " ", &reported.message].concat());
    }
    reported.kind()
}

/// OpenAI's `code` for an error: clients match on it (Codex on the full context window).
pub fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::RateLimited | Kind::AllInCooldown => "rate_limit_exceeded",
        Kind::ContextWindow => "context_length_exceeded",
        Kind::ContentPolicy => "content_policy_violation",
        Kind::BadRequest
        | Kind::Unprocessable
        | Kind::InvalidParameter
        | Kind::MissingParameter
        | Kind::UnsupportedParams => "invalid_prompt",
        _ => "server_error",
    }
}

/// The `error` event, in both of its spellings: as documented, and as the API sends it (`error` is what the SDKs raise
/// on).
pub fn event(error: &Error, compat: Compat) -> Value {
    let code = code(error.kind);
    let kind = error.kind.row(compat).error_type.unwrap_or(code);
    json!({
        "type": "error",
        "code": code,
        "message": error.message,
        "param": error.param,
        "error": {"type": kind, "code": code, "message": error.message, "param": error.param},
    })
}
