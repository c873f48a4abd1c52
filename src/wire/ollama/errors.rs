//! What Ollama says went wrong: `{"error":"…"}`, as a body or as a line of a stream
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md>).

use crate::error::{Error, Kind};
use crate::wire::openai::errors::read as read_any;

/// The kind and the words of an error body.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    let message = read_any(body).message;
    let kind = match status {
        400 | 413 | 500 if is_context_window(&message) => Kind::ContextWindow,
        status => Kind::of_upstream(status, &message),
    };
    (kind, message)
}

/// An error in place of an answer, or inside of a stream, that began with 200.
pub(super) fn in_answer(body: &[u8]) -> Error {
    let (_, message) = read(500, body);
    let kind = match message.as_str() {
        said if is_context_window(said) => Kind::ContextWindow,
        said if said.contains("not found") => Kind::NotFound,
        said if said.contains("does not support") || said.contains("invalid") => Kind::BadRequest,
        said if said.contains("too many requests") || said.contains("usage limit") => Kind::RateLimited,
        said if said.contains("busy") || said.contains("maximum pending requests") => Kind::ServiceUnavailable,
        said if said.contains("unauthorized") => Kind::Authentication,
        said if said.contains("timeout") || said.contains("timed out") => Kind::Timeout,
        _ => Kind::InternalServer,
    };
    Error::new(kind, message)
}

fn is_context_window(message: &str) -> bool {
    ["context length", "context window", "exceeds the available context"]
        .iter()
        .any(|wording| message.contains(wording))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollamas_words_have_kinds() {
        let check = |status, body: &str, kind, message: &str| {
            assert_eq!(read(status, body.as_bytes()), (kind, message.to_owned()), "{body}");
        };
        check(404, r#"{"error":"model 'x' not found"}"#, Kind::NotFound, "model 'x' not found");
        check(400, r#"{"error":"\"x\" does not support tools"}"#, Kind::BadRequest, "\"x\" does not support tools");
        let long = "the input length exceeds the context length";
        check(400, &format!(r#"{{"error":"{long}"}}"#), Kind::ContextWindow, long);
        let busy = "server busy, please try again.  maximum pending requests exceeded";
        check(503, &format!(r#"{{"error":"{busy}"}}"#), Kind::ServiceUnavailable, busy);
        check(500, r#"{"error":"out of memory"}"#, Kind::InternalServer, "out of memory");
        assert_eq!(in_answer(br#"{"error":"model 'x' not found"}"#).kind, Kind::NotFound);
        assert_eq!(in_answer(br#"{"error":"boom"}"#).message, "boom");
    }
}
