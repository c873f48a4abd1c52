//! What Replicate says went wrong: `{"title":…,"detail":…,"status":…}` as a body, a text in a prediction that failed
//! (<https://replicate.com/docs/reference/http>, "Errors").

use crate::error::{Error, Kind};
use crate::wire::openai::errors::read as read_any;

/// The kind and the words of an error body.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    let message = read_any(body).message;
    (Kind::of_upstream(status, &message), message)
}

/// A prediction that failed, by its own words.
pub(super) fn failed(words: Option<String>) -> Error {
    let Some(words) = words else { return Error::new(Kind::InternalServer, "The prediction failed.") };
    let says = |wordings: &[&str]| {
        let words = words.to_ascii_lowercase();
        wordings.iter().any(|wording| words.contains(wording))
    };
    let kind = match () {
        () if says(&["context length", "context window", "prompt is too long", "exceeds the maximum"]) => {
            Kind::ContextWindow
        }
        () if says(&["flagged as sensitive", "nsfw", "content policy", "safety"]) => Kind::ContentPolicy,
        () if says(&["rate limit", "too many requests", "throttled"]) => Kind::RateLimited,
        () if says(&["timed out", "timeout"]) => Kind::Timeout,
        () => Kind::InternalServer,
    };
    Error::new(kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicates_words_have_kinds() {
        let check = |status, body: &str, kind, message: &str| {
            assert_eq!(read(status, body.as_bytes()), (kind, message.to_owned()), "{body}");
        };
        let invalid = r#"{"title":"Input validation failed","detail":"- input: prompt is required","status":422}"#;
        check(422, invalid, Kind::Unprocessable, "- input: prompt is required");
        check(401, r#"{"title":"Unauthenticated","detail":"No token."}"#, Kind::Authentication, "No token.");
        check(429, r#"{"detail":"Request was throttled."}"#, Kind::RateLimited, "Request was throttled.");
        assert_eq!(failed(Some("NSFW content detected".into())).kind, Kind::ContentPolicy);
        assert_eq!(failed(Some("CUDA out of memory".into())).kind, Kind::InternalServer);
        assert_eq!(failed(None).message, "The prediction failed.");
    }
}
