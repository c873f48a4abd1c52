//! What goes wrong at Anthropic: `{"type":"error","error":{"type","message"}}`, as a body or as an event of a stream
//! (<https://platform.claude.com/docs/en/api/errors>).

use crate::error::{Error, Kind};
use crate::wire::openai::errors::{self, ProviderError};

/// Anthropic's types and the HTTP statuses that they come with: inside a stream the type is all there is.
const STATUSES: [(&str, u16); 10] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 403),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("timeout_error", 504),
    ("api_error", 500),
    ("overloaded_error", 529),
];

/// Reads a body or an event. `code` is the status that the type means, so that
/// [`ProviderError::kind`] knows what it is without one.
pub fn of_body(body: &[u8]) -> ProviderError {
    let mut error = errors::read(body);
    let kind = error.error_type.as_deref().unwrap_or_default();
    let status = STATUSES.iter().find(|(name, _)| *name == kind).map(|(_, status)| *status);
    let status = if is_unpaid(&error.message) { Some(403) } else { status };
    if error.code.is_none() {
        error.code = status.map(|status| status.to_string());
    }
    error
}

/// What a provider's answer with an error status means, and its own message.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    let error = of_body(body);
    let kind = match error.error_type.as_deref() {
        Some("overloaded_error") => Kind::ProviderOverloaded,
        _ if is_unpaid(&error.message) => Kind::PermissionDenied,
        _ => Kind::of_upstream(status, &String::from_utf8_lossy(body)),
    };
    (kind, error.message)
}

/// An error inside a stream, or in an answer with status 200.
pub fn in_answer(data: &[u8]) -> Error {
    let error = of_body(data);
    Error::new(error.kind(), error.message)
}

/// Comes as a 400, but it is the account that is at fault, and another deployment may have the means.
fn is_unpaid(message: &str) -> bool {
    message.contains("credit balance is too low")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: &str, message: &str) -> Vec<u8> {
        serde_json::json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn status_type_and_wording_decide() {
        let cases = [
            (529, "overloaded_error", "Overloaded", Kind::ProviderOverloaded),
            (500, "overloaded_error", "Overloaded", Kind::ProviderOverloaded),
            (400, "invalid_request_error", "prompt is too long: 2 > 1 maximum", Kind::ContextWindow),
            (400, "invalid_request_error", "Your credit balance is too low to access", Kind::PermissionDenied),
            (400, "invalid_request_error", "max_tokens: Field required", Kind::BadRequest),
            (401, "authentication_error", "invalid x-api-key", Kind::Authentication),
            (404, "not_found_error", "model: claude-9", Kind::NotFound),
            (429, "rate_limit_error", "slow down", Kind::RateLimited),
            (413, "request_too_large", "Request exceeds the maximum size", Kind::BadRequest),
            (500, "api_error", "Internal server error", Kind::InternalServer),
        ];
        for (status, kind, message, expected) in cases {
            assert_eq!(read(status, &body(kind, message)), (expected, message.to_owned()), "{status} {kind}");
            // Inside a stream the type alone tells the same.
            let streamed = in_answer(&body(kind, message));
            assert_eq!((streamed.kind, streamed.message), (expected, message.to_owned()), "{kind}");
        }
        assert_eq!(read(503, b"<html><title>busy</title></html>"), (Kind::ServiceUnavailable, "busy".to_owned()));
    }
}
