//! JSON answers (not streams): the client's model name written over the provider's, usage read on the side.

use bytes::Bytes;

use super::errors::{self, ProviderError};
use crate::wire::escape::quote;
use crate::wire::peek::{PeekError, ValueKind, peek_answer};
use crate::wire::splice::Splice;
use crate::wire::usage::Usage;

/// An answer, ready for the client.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The provider's bytes, but for `model`.
    pub body: Bytes,
    /// What it cost, if the provider said.
    pub usage: Option<Usage>,
    /// The provider answered 200 and meant an error (OpenRouter does).
    pub error: Option<ProviderError>,
}

/// Reads the answer of chat completions, completions, embeddings or moderations. `group_model`: the name the client
/// used; `None` leaves the provider's. An error: this is no JSON object and must not pass for an answer.
pub fn read(body: Bytes, group_model: Option<&str>) -> Result<Answer, PeekError> {
    let object = peek_answer(&body)?;
    let usage = object.nested("usage").and_then(Result::ok).and_then(|usage| Usage::of(&usage));
    let failed = object.get("error").is_some_and(|error| error.kind != ValueKind::Null) && !has_result(&object);
    let error = failed.then(|| errors::read(&body));
    let model = object.get("model").filter(|model| model.kind == ValueKind::String).map(|model| model.value.clone());
    drop(object);
    let Some((range, name)) = model.zip(group_model.map(quote)) else {
        return Ok(Answer { body, usage, error });
    };
    if body.get(range.clone()) == Some(name.as_slice()) {
        return Ok(Answer { body, usage, error });
    }
    let offset = range.start;
    let mut splice = Splice::new(body);
    splice.replace(range, name);
    let spliced = splice.finish().map_err(|_| PeekError { reason: "model out of place", offset })?;
    Ok(Answer { body: spliced.to_bytes(), usage, error })
}

fn has_result(object: &crate::wire::peek::Object<'_>) -> bool {
    ["choices", "data", "results"].iter().any(|name| object.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_clients_and_the_rest_the_providers() {
        let body = r#"{"id":"x", "model" : "gpt-4o-2024-08-06","choices":[{"message":{"model":"m"}}],
            "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
        let answer = read(Bytes::from_static(body.as_bytes()), Some("my \"gpt\"")).unwrap();
        assert_eq!(answer.body, body.replace("gpt-4o-2024-08-06", r#"my \"gpt\""#));
        assert_eq!(answer.usage.unwrap().total_tokens, 3);
        assert_eq!(answer.error, None);

        let same = read(Bytes::from_static(body.as_bytes()), Some("gpt-4o-2024-08-06")).unwrap();
        assert_eq!(same.body.as_ptr(), body.as_ptr(), "no copy when nothing changes");
    }

    #[test]
    fn an_error_or_garbage_is_no_answer() {
        let read = |body: &'static str| read(Bytes::from_static(body.as_bytes()), Some("m"));
        assert_eq!(read(r#"{"error":{"message":"busy","code":503}}"#).unwrap().error.unwrap().message, "busy");
        assert!(read(r#"{"error":null,"choices":[]}"#).unwrap().error.is_none());
        assert!(read("<html>").is_err());
        assert!(read("{\"choices\":[").is_err());
    }
}
