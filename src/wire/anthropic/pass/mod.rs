//! Equal dialects: a client of the Messages API and a host of Claude. Bytes pass; a few members are cut out or put in, the
//! model's name is written over, counters are read on the side. No request is deserialised, no event of text built.

mod tap;
mod upstream;
mod words;

pub use tap::{Tap, TapRules};
pub use upstream::{PassRules, for_counting, for_upstream};

use bytes::Bytes;

use super::errors;
use super::usage::UsageCounters;
use crate::wire::escape::quote;
pub use crate::wire::openai::response::Answer;
use crate::wire::peek::{PeekError, ValueKind, peek_answer};
use crate::wire::splice::Splice;
use crate::wire::usage::Usage;

/// Reads an answer that passes. `shown_model`: the name that the client used; `None` leaves the provider's.
///
/// # Errors
/// It is no JSON object and must not pass for an answer.
pub fn answer(body: Bytes, shown_model: Option<&str>) -> Result<Answer, PeekError> {
    let object = peek_answer(&body)?;
    let says_error = || object.get("error").is_some_and(|error| error.kind != ValueKind::Null);
    let is_error =
        object.as_str("type").as_deref() == Some("error") || (object.get("content").is_none() && says_error());
    let error = is_error.then(|| errors::of_body(&body));
    let usage = object.get("usage").and_then(|usage| read_usage(object.raw(usage)));
    let model = object.get("model").filter(|model| model.kind == ValueKind::String).map(|model| model.value.clone());
    drop(object);
    let changed = model.zip(shown_model.map(quote)).filter(|(range, name)| body.get(range.clone()) != Some(name));
    let Some((range, name)) = changed else { return Ok(Answer { body, usage, error }) };
    let offset = range.start;
    let mut splice = Splice::new(body);
    splice.replace(range, name);
    let spliced = splice.finish().map_err(|_| PeekError { reason: "model out of place", offset })?;
    Ok(Answer { body: spliced.to_bytes(), usage, error })
}

fn read_usage(json: &[u8]) -> Option<Usage> {
    serde_json::from_slice::<UsageCounters<'_>>(json).ok().map(|counters| counters.usage(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_clients_and_the_rest_the_providers() {
        let body = r#"{"id":"msg_1", "type":"message","model" : "claude-sonnet-4-20250514","content":[{"type":"text",
            "text":"hi","model":"x"}],"usage":{"input_tokens":11,"cache_read_input_tokens":4,"output_tokens":7}}"#;
        let read = answer(Bytes::from_static(body.as_bytes()), Some("my \"claude\"")).unwrap();
        assert_eq!(read.body, body.replace("claude-sonnet-4-20250514", r#"my \"claude\""#));
        let usage = read.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (15, Some(4), 7));
        assert!(read.error.is_none());
        let same = answer(Bytes::from_static(body.as_bytes()), Some("claude-sonnet-4-20250514")).unwrap();
        assert_eq!(same.body.as_ptr(), body.as_ptr(), "no copy when nothing changes");
    }

    #[test]
    fn an_error_or_garbage_is_no_answer() {
        let of = |body: &'static str| answer(Bytes::from_static(body.as_bytes()), Some("m"));
        let error = of(r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#).unwrap().error;
        assert_eq!(error.unwrap().message, "busy");
        assert!(of(r#"{"error":"gone"}"#).unwrap().error.is_some());
        assert!(of(r#"{"input_tokens":7}"#).unwrap().error.is_none(), "the answer of count_tokens");
        assert!(of("<html>").is_err());
    }
}
