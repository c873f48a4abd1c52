//! What Cohere says went wrong: `{"id":…,"message":…}` (<https://docs.cohere.com/reference/errors>).

use crate::error::{Error, Kind};
use crate::wire::openai::errors::read as read_any;

/// "Invalid token": Cohere's own status for words that it refuses.
const BLOCKED: u16 = 498;

/// The kind and the words of an error body.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    let message = read_any(body).message;
    let kind = match status {
        BLOCKED => Kind::ContentPolicy,
        400 | 413 | 422 if is_context_window(&message) => Kind::ContextWindow,
        status => Kind::of_upstream(status, &message),
    };
    (kind, message)
}

/// An error inside of a stream, which had begun with 200.
pub(super) fn in_stream(message: &str) -> Error {
    let kind = match message.to_ascii_lowercase() {
        _ if is_context_window(message) => Kind::ContextWindow,
        said if said.contains("rate limit") || said.contains("too many requests") => Kind::RateLimited,
        said if said.contains("timeout") || said.contains("timed out") => Kind::Timeout,
        said if said.contains("overloaded") => Kind::ProviderOverloaded,
        said if said.contains("unavailable") => Kind::ServiceUnavailable,
        _ => Kind::InternalServer,
    };
    Error::new(kind, message)
}

/// An answer that ended with `finish_reason: ERROR` or `TIMEOUT` is none.
pub(super) fn of_finish(reason: &str, message: Option<&str>) -> Option<Error> {
    let kind = match reason {
        "ERROR" => Kind::InternalServer,
        "TIMEOUT" => Kind::Timeout,
        _ => return None,
    };
    let mut error = message.map_or_else(|| Error::new(kind, format!("The generation ended with {reason}.")), in_stream);
    if error.kind == Kind::InternalServer {
        error.kind = kind;
    }
    Some(error)
}

fn is_context_window(message: &str) -> bool {
    ["too many tokens", "exceeds the maximum context", "context length"].iter().any(|wording| message.contains(wording))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cohere_s_words_have_kinds() {
        let check = |status, body: &str, kind, message: &str| {
            assert_eq!(read(status, body.as_bytes()), (kind, message.to_owned()), "{body}");
        };
        check(401, r#"{"id":"1","message":"invalid api token"}"#, Kind::Authentication, "invalid api token");
        check(404, r#"{"message":"model 'x' not found"}"#, Kind::NotFound, "model 'x' not found");
        let long = "too many tokens: size limit exceeded by 12 tokens.";
        check(400, &format!(r#"{{"message":"{long}"}}"#), Kind::ContextWindow, long);
        check(498, r#"{"message":"blocked"}"#, Kind::ContentPolicy, "blocked");
        check(429, r#"{"message":"trial key"}"#, Kind::RateLimited, "trial key");
        check(422, r#"{"message":"bad tools"}"#, Kind::Unprocessable, "bad tools");
        assert_eq!(in_stream("rate limit reached").kind, Kind::RateLimited);
        assert_eq!(of_finish("TIMEOUT", None).map(|error| error.kind), Some(Kind::Timeout));
        assert!(of_finish("COMPLETE", None).is_none());
    }
}
