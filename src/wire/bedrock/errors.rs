//! Bedrock's errors: the type is in a header or in the body's `__type`, the words in `message`.
//!
//! Types: <https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html> and the error list of each operation.

use serde::Deserialize;

use crate::error::{Error, Kind};

use super::event_stream::Message;

/// An error body, or the payload of an exception in a stream.
#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(rename = "__type")]
    error_type: Option<String>,
    code: Option<String>,
    message: Option<String>,
    /// Some of AWS's services write it so.
    #[serde(rename = "Message")]
    capital_message: Option<String>,
    #[serde(rename = "originalStatusCode")]
    original_status: Option<u16>,
    #[serde(rename = "originalMessage")]
    original_message: Option<String>,
}

impl Body {
    /// The words, with what the model's own server said.
    fn message(self) -> Option<String> {
        let message = self.message.or(self.capital_message);
        match (message, self.original_message) {
            (Some(message), Some(original)) if !message.contains(&original) => Some(format!("{message} ({original})")),
            (message, original) => message.or(original),
        }
    }
}

/// Longest message taken from a body that is not AWS's shape.
const MAX_TEXT: usize = 1_000;

/// What a provider said: the kind, and the words.
pub fn read(status: u16, body: &[u8]) -> (Kind, String) {
    read_typed(status, None, body)
}

/// The same, where the answer's header `x-amzn-errortype` is known.
pub fn read_typed(status: u16, error_type: Option<&str>, body: &[u8]) -> (Kind, String) {
    let text = || String::from_utf8_lossy(body).trim().chars().take(MAX_TEXT).collect::<String>();
    let Ok(read) = serde_json::from_slice::<Body>(body) else {
        let text = text();
        return (kind(status, error_type.unwrap_or_default(), None, &text), text);
    };
    let in_body = read.error_type.clone().or_else(|| read.code.clone());
    let error_type = in_body.as_deref().or(error_type).unwrap_or_default().to_owned();
    let original = read.original_status;
    let message = read.message().unwrap_or_else(text);
    (kind(status, &error_type, original, &message), message)
}

/// The error that a message of a stream reports. `None`: it is an event.
pub fn of_stream(message: &Message<'_>) -> Option<Error> {
    match message.header(":message-type") {
        Some("exception") => {
            let error_type = message.header(":exception-type").unwrap_or_default();
            let (kind, text) = read_typed(STREAM_STATUS, Some(error_type), message.payload);
            Some(Error::new(kind, text))
        }
        Some("error") => {
            let error_type = message.header(":error-code").unwrap_or_default();
            let text = message.header(":error-message").unwrap_or(error_type);
            Some(Error::new(kind(STREAM_STATUS, error_type, None, text), text))
        }
        _ => None,
    }
}

/// The status that an error in a stream is read with when its type says nothing.
const STREAM_STATUS: u16 = 500;

fn kind(status: u16, error_type: &str, original: Option<u16>, message: &str) -> Kind {
    // `com.amazon.coral.service#ThrottlingException:http://internal.amazon.com/…`
    let name = error_type.rsplit('#').next().unwrap_or(error_type);
    let name = name.split(':').next().unwrap_or(name);
    let name = name.strip_suffix("Exception").unwrap_or(name);
    match name.to_ascii_lowercase().as_str() {
        "throttling" | "toomanyrequests" | "servicequotaexceeded" | "limitexceeded" => Kind::RateLimited,
        "validation" | "modelinvalidrequest" => of_words(400, message),
        "accessdenied" => Kind::PermissionDenied,
        "unrecognizedclient"
        | "invalidsignature"
        | "expiredtoken"
        | "invalidclienttokenid"
        | "incompletesignature"
        | "missingauthenticationtoken"
        | "signaturedoesnotmatch"
        | "notauthorized" => Kind::Authentication,
        "resourcenotfound" | "unknownoperation" => Kind::NotFound,
        "modeltimeout" | "requesttimeout" => Kind::Timeout,
        "modelnotready" | "serviceunavailable" => Kind::ServiceUnavailable,
        "modelstreamerror" | "modelerror" => original.map_or(Kind::InternalServer, |status| of_words(status, message)),
        "internalserver" | "internalfailure" => Kind::InternalServer,
        _ => of_words(status, message),
    }
}

/// Where the type says nothing: the status, and the words of the models behind Bedrock.
fn of_words(status: u16, message: &str) -> Kind {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if matches!(status, 400 | 413) {
        if says(&CONTEXT_WINDOW) {
            return Kind::ContextWindow;
        }
        if says(&CONTENT_POLICY) {
            return Kind::ContentPolicy;
        }
    }
    if matches!(status, 400 | 403) && says(&AUTHENTICATION) {
        return Kind::Authentication;
    }
    Kind::of_upstream(status, message)
}

/// A full context window, in the words of the models that Bedrock hosts.
const CONTEXT_WINDOW: [&str; 9] = [
    "Input is too long",
    "input is too long",
    "Input Tokens Exceeded",
    "too many input tokens",
    "Too many input tokens",
    "expected maxLength:",
    "exceed context limit",
    "maximum number of tokens",
    "model's maximum context",
];

/// A refused prompt or answer.
const CONTENT_POLICY: [&str; 3] = ["content filtering policy", "content filters", "responsible AI"];

/// A wrong key, signature or session.
const AUTHENTICATION: [&str; 4] =
    ["security token included in the request", "request signature we calculated", "Signature expired", "API Key"];

#[cfg(test)]
mod tests {
    use super::super::event_stream::{Decoder, write};
    use super::*;

    #[test]
    fn types_and_words_have_kinds() {
        let check = |status: u16, header: Option<&str>, body: &str, kind: Kind, message: &str| {
            assert_eq!(read_typed(status, header, body.as_bytes()), (kind, message.to_owned()), "{status} {body}");
        };
        check(
            429,
            None,
            r#"{"message":"Too many tokens, please wait"}"#,
            Kind::RateLimited,
            "Too many tokens, please wait",
        );
        check(400, Some("ThrottlingException:http://x/"), r#"{"message":"slow"}"#, Kind::RateLimited, "slow");
        check(
            400,
            None,
            r#"{"__type":"com.amazon.coral.service#ServiceQuotaExceededException","Message":"q"}"#,
            Kind::RateLimited,
            "q",
        );
        check(
            400,
            Some("ValidationException"),
            r#"{"message":"Input is too long for requested model."}"#,
            Kind::ContextWindow,
            "Input is too long for requested model.",
        );
        check(
            400,
            None,
            r#"{"message":"The provided model identifier is invalid."}"#,
            Kind::BadRequest,
            "The provided model identifier is invalid.",
        );
        check(
            400,
            None,
            r#"{"message":"Output blocked by content filtering policy"}"#,
            Kind::ContentPolicy,
            "Output blocked by content filtering policy",
        );
        check(403, Some("AccessDeniedException"), r#"{"message":"no access"}"#, Kind::PermissionDenied, "no access");
        check(403, Some("UnrecognizedClientException"), r#"{"message":"bad"}"#, Kind::Authentication, "bad");
        let token = "The security token included in the request is invalid.";
        check(403, None, &format!(r#"{{"message":"{token}"}}"#), Kind::Authentication, token);
        check(404, Some("ResourceNotFoundException"), r#"{"message":"gone"}"#, Kind::NotFound, "gone");
        check(408, Some("ModelTimeoutException"), r#"{"message":"late"}"#, Kind::Timeout, "late");
        check(429, Some("ModelNotReadyException"), r#"{"message":"warming"}"#, Kind::ServiceUnavailable, "warming");
        check(424, Some("ModelErrorException"), r#"{"message":"m","originalStatusCode":429}"#, Kind::RateLimited, "m");
        check(
            424,
            Some("ModelStreamErrorException"),
            r#"{"message":"m","originalMessage":"o"}"#,
            Kind::InternalServer,
            "m (o)",
        );
        check(500, None, "", Kind::InternalServer, "");
        check(503, None, "<html>busy</html>", Kind::ServiceUnavailable, "<html>busy</html>");
        check(400, None, r#"["odd"]"#, Kind::BadRequest, r#"["odd"]"#);
    }

    #[test]
    fn errors_inside_a_stream_are_told_apart() {
        let check = |headers: &[(&str, &str)], payload: &str, expected: Option<(Kind, &str)>| {
            let mut bytes = Vec::new();
            write(headers, payload.as_bytes(), &mut bytes);
            let mut decoder = Decoder::default();
            let error = of_stream(&decoder.feed(&bytes).advance().unwrap().unwrap());
            assert_eq!(error.as_ref().map(|error| (error.kind, error.message.as_str())), expected, "{headers:?}");
        };
        let exception = |name| [(":message-type", "exception"), (":exception-type", name)];
        check(&exception("throttlingException"), r#"{"message":"m"}"#, Some((Kind::RateLimited, "m")));
        check(
            &exception("validationException"),
            r#"{"message":"Input is too long"}"#,
            Some((Kind::ContextWindow, "Input is too long")),
        );
        check(&exception("serviceUnavailableException"), r#"{"message":"m"}"#, Some((Kind::ServiceUnavailable, "m")));
        check(&exception("modelStreamErrorException"), r#"{"message":"m"}"#, Some((Kind::InternalServer, "m")));
        check(
            &[(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "e")],
            "",
            Some((Kind::InternalServer, "e")),
        );
        check(&[(":message-type", "event"), (":event-type", "messageStop")], "{}", None);
    }
}
