//! Parameters that a key or its team wants in each request (`enforced_params`).

use crate::error::{Error, Kind};
use crate::wire::openai::request::Request;

/// Refuses a request without one of them. `metadata.generation_name` is a member of the object `metadata`; deeper than
/// that LiteLLM looks into nothing, and lets everything pass.
///
/// # Errors
/// LiteLLM's refusal, with the first that is missing.
pub fn check(request: &Request, enforced: &[String]) -> Result<(), Error> {
    for param in enforced {
        let (outer, inner) = match param.split_once('.') {
            None => (param.as_str(), None),
            Some((_, inner)) if inner.contains('.') => continue,
            Some((outer, inner)) => (outer, Some(inner)),
        };
        // The model may stand in the path.
        let is_said = request.has(outer) || (outer == "model" && request.model.is_some());
        if !is_said {
            return Err(missing(outer));
        }
        let has = |inner: &str| {
            let object = request.object().nested(outer).and_then(Result::ok);
            object.is_some_and(|object| object.get(inner).is_some())
        };
        if let Some(inner) = inner.filter(|inner| !has(inner)) {
            return Err(missing(&format!("[{outer}][{inner}]")));
        }
    }
    Ok(())
}

fn missing(param: &str) -> Error {
    let text = format!("BadRequest please pass param={param} in request body. This is a required param");
    Error::new(Kind::BadRequest, text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_is_missing_is_named_in_litellms_words() {
        let refusal = |body: &'static str, enforced: &[&str]| {
            let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
            let enforced: Vec<String> = enforced.iter().map(|param| (*param).to_owned()).collect();
            check(&request, &enforced).err().map(|error| (error.kind, error.message))
        };
        let told = |param: &str| {
            let text = format!("BadRequest please pass param={param} in request body. This is a required param");
            Some((Kind::BadRequest, text))
        };
        let both = &["user", "metadata.generation_name"];
        assert_eq!(refusal("{}", &[]), None);
        assert_eq!(refusal("{}", both), told("user"));
        assert_eq!(refusal(r#"{"user":"u"}"#, both), told("metadata"));
        for metadata in [r#"{"user":"u","metadata":{}}"#, r#"{"user":"u","metadata":null}"#] {
            assert_eq!(refusal(metadata, both), told("[metadata][generation_name]"), "{metadata}");
        }
        assert_eq!(refusal(r#"{"user":null,"metadata":{"generation_name":"x"}}"#, both), None);
        assert_eq!(refusal(r#"{"generation_name":"x"}"#, &["metadata.generation_name"]), told("metadata"));
        assert_eq!(refusal("{}", &["a.b.c"]), None);
        assert_eq!(refusal("{}", &["model"]), told("model"));
    }
}
