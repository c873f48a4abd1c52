//! Google's errors: `{"error":{"code","message","status","details":[…]}}`, also as the only element of a list, as a stream
//! that is no SSE begins. <https://ai.google.dev/gemini-api/docs/troubleshooting>, <https://google.aip.dev/193>

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Kind};
use crate::wire::openai::errors as any_shape;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    code: Option<u16>,
    message: Option<String>,
    status: Option<String>,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Detail {
    reason: Option<String>,
    retry_delay: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    error: Said,
}

fn said(body: &[u8]) -> Option<Said> {
    let whole = || serde_json::from_slice::<Body>(body).ok();
    let listed = || serde_json::from_slice::<Vec<Body>>(body).ok()?.into_iter().next();
    whole().or_else(listed).map(|body| body.error)
}

/// What an error answer means, and the provider's words.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    let message = any_shape::read(body).message;
    let said = said(body).unwrap_or_default();
    (kind(status, &said, &message), message)
}

/// When the provider says to come again (`RetryInfo`).
pub fn retry_after(body: &[u8]) -> Option<Duration> {
    let delays = said(body)?.details.into_iter().filter_map(|detail| detail.retry_delay);
    let seconds = |delay: String| delay.strip_suffix('s')?.parse::<f64>().ok();
    delays.filter_map(seconds).find_map(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// An error that came as an event of a stream. `error`: the member's value.
pub fn in_stream(error: &str) -> Error {
    let body = format!("{{\"error\":{error}}}");
    let status = said(body.as_bytes()).and_then(|said| said.code.or_else(|| code_of(said.status.as_deref()?)));
    let (kind, message) = read(status.unwrap_or(500), body.as_bytes());
    Error::new(kind, message).retry_after(retry_after(body.as_bytes()))
}

fn kind(status: u16, said: &Said, message: &str) -> Kind {
    let has_reason = |word: &str| said.details.iter().any(|detail| detail.reason.as_deref() == Some(word));
    let says = |word: &str| message.contains(word);
    let status = match said.status.as_deref().and_then(code_of) {
        Some(code) if status < 400 => code,
        _ => status,
    };
    match status {
        400 if has_reason("API_KEY_INVALID") || says("API key not valid") || says("API key expired") => {
            Kind::Authentication
        }
        400 | 413 if is_context_window(message) => Kind::ContextWindow,
        400 if says("SAFETY") || says("PROHIBITED_CONTENT") || says("blocked by safety") => Kind::ContentPolicy,
        499 => Kind::ServiceUnavailable,
        status => Kind::of_upstream(status, message),
    }
}

/// `The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).`, and how other versions of
/// the API put it.
fn is_context_window(message: &str) -> bool {
    message.contains("exceeds the maximum number of tokens")
        || message.contains("exceeds the maximum number of input tokens")
        || (message.contains("token count") && message.contains("exceeds"))
}

/// HTTP's number for Google's word, <https://cloud.google.com/apis/design/errors#handling_errors>.
fn code_of(status: &str) -> Option<u16> {
    Some(match status {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "RESOURCE_EXHAUSTED" => 429,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => 500,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googles_words_have_kinds() {
        let check = |status, body: &str, kind, message: &str| {
            assert_eq!(read(status, body.as_bytes()), (kind, message.to_owned()), "{body}");
        };
        let key = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        check(400, key, Kind::Authentication, "API key not valid. Please pass a valid API key.");
        let tokens = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).";
        check(400, &format!(r#"{{"error":{{"code":400,"message":"{tokens}"}}}}"#), Kind::ContextWindow, tokens);
        let quota = r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]"#;
        check(429, quota, Kind::RateLimited, "quota");
        check(
            503,
            r#"{"error":{"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Kind::ServiceUnavailable,
            "The model is overloaded.",
        );
        check(
            404,
            r#"{"error":{"message":"models/x is not found","status":"NOT_FOUND"}}"#,
            Kind::NotFound,
            "models/x is not found",
        );
        check(403, r#"{"error":{"message":"no","status":"PERMISSION_DENIED"}}"#, Kind::PermissionDenied, "no");
        check(502, "<html><title>502</title></html>", Kind::InternalServer, "502");
    }

    #[test]
    fn an_error_in_a_stream_has_a_kind_and_a_pause() {
        let error = in_stream(
            r#"{"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"links":[]},{"retryDelay":"1.5s"}]}"#,
        );
        assert_eq!((error.kind, error.message.as_str()), (Kind::RateLimited, "m"));
        assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(in_stream(r#""odd""#).kind, Kind::InternalServer);
    }
}
