//! A provider's error body, and the text that LiteLLM makes of it.
//!
//! Shapes met: OpenAI `{"error":{"message","type","param","code"}}`, vLLM `{"object":"error","message",…}` or
//! `{"message",…}`, FastAPI `{"detail":…}`, `{"error":"text"}`, Google's `[{"error":{…}}]`, plain text, HTML.

use serde_json::Value;

use crate::error::{Compat, Error, Kind};

/// Longest message taken from a body that is not OpenAI's shape: enough to understand, too little to flood a log.
const MAX_TEXT: usize = 1_000;

/// What a provider said went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// For people.
    pub message: String,
    /// `error.type`
    pub error_type: Option<String>,
    /// `error.code`, numbers as text.
    pub code: Option<String>,
    /// `error.param`
    pub param: Option<String>,
}

impl ProviderError {
    /// The kind of an error that came without a status: inside a stream that had begun with 200.
    pub fn kind(&self) -> Kind {
        let code = self.code.as_deref().unwrap_or_default();
        if let Ok(status @ 400..=599) = code.parse::<u16>() {
            return Kind::of_upstream(status, &self.message);
        }
        let said = [self.error_type.as_deref().unwrap_or_default(), code].join(" ");
        let says = |word: &str| said.contains(word);
        match () {
            () if says("rate_limit") || says("insufficient_quota") || says("throttl") => Kind::RateLimited,
            () if says("overloaded") => Kind::ProviderOverloaded,
            () if says("unavailable") => Kind::ServiceUnavailable,
            () if says("timeout") => Kind::Timeout,
            () if says("authentication") || says("invalid_api_key") => Kind::Authentication,
            () if says("permission") => Kind::PermissionDenied,
            () if says("invalid_request") || says("context_length") || says("content_") || says("BadRequest") => {
                Kind::of_upstream(400, &[said.as_str(), &self.message].join(" "))
            }
            () => Kind::InternalServer,
        }
    }
}

/// Reads an error body of any shape.
pub fn read(body: &[u8]) -> ProviderError {
    match serde_json::from_slice::<Value>(body) {
        Ok(json) => of_json(json.get(0).unwrap_or(&json)),
        Err(_) => ProviderError { message: of_text(&String::from_utf8_lossy(body)), ..ProviderError::default() },
    }
}

fn of_json(json: &Value) -> ProviderError {
    let inner = json.get("error").filter(|error| error.is_object()).unwrap_or(json);
    let text = |name: &str| match inner.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = text("message")
        .or_else(|| text("error"))
        .or_else(|| text("detail"))
        .or_else(|| text("msg"))
        .unwrap_or_else(|| shortened(&json.to_string()));
    ProviderError { message, error_type: text("type"), code: text("code"), param: text("param") }
}

/// Plain text as it is; of HTML the title, which in a proxy's error page says it all.
fn of_text(text: &str) -> String {
    let title = || text.split_once("<title>")?.1.split_once("</title>").map(|(title, _)| title);
    let text = if text.trim_start().starts_with('<') { title().unwrap_or(text) } else { text };
    shortened(text.trim())
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// LiteLLM's wording, on which client code matches: its class, for most kinds the class again, the provider's name for
/// its exceptions (`OpenAIException`, `Hosted_vllmException`), the provider's message.
pub fn client_message(kind: Kind, compat: Compat, exception: &str, message: &str) -> String {
    let class = kind.row(compat).exception_class;
    match kind {
        Kind::Timeout => format!("litellm.Timeout: APITimeoutError - {message}"),
        Kind::ContextWindow | Kind::ContentPolicy => {
            format!("litellm.{class}: litellm.BadRequestError: {class}: {exception} - {message}")
        }
        _ if class == "BadRequestError" => format!("litellm.BadRequestError: {exception} - {message}"),
        _ => format!("litellm.{class}: {class}: {exception} - {message}"),
    }
}

/// What the client is told of a provider's answer with an error status.
pub fn to_error(status: u16, body: &[u8], exception: &str, compat: Compat) -> Error {
    let kind = Kind::of_upstream(status, &String::from_utf8_lossy(body));
    Error::new(kind, client_message(kind, compat, exception, &read(body).message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_message() {
        let cases = [
            (r#"{"error":{"message":"slow down","type":"t","code":429,"param":"p"}}"#, "slow down"),
            (r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#, "bad"),
            (r#"{"error":"gone"}"#, "gone"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"[{"error":{"code":400,"message":"API key not valid"}}]"#, "API key not valid"),
            (r#"{"odd":1}"#, r#"{"odd":1}"#),
            ("upstream connect error\n", "upstream connect error"),
            ("<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
            ("", ""),
        ];
        for (body, message) in cases {
            assert_eq!(read(body.as_bytes()).message, message, "{body}");
        }
        let read = read(cases[0].0.as_bytes());
        assert_eq!((read.code.as_deref(), read.param.as_deref()), (Some("429"), Some("p")));
    }

    #[test]
    fn the_wording_is_litellms() {
        let check = |status, body: &str, compat, expected: &str| {
            let error = to_error(status, body.as_bytes(), "OpenAIException", compat);
            assert_eq!(error.message, expected);
        };
        let (new, old) = (Compat::V1_106, Compat::V1_80);
        let body = r#"{"error":{"message":"m"}}"#;
        check(400, body, new, "litellm.BadRequestError: OpenAIException - m");
        check(401, body, new, "litellm.BadRequestError: OpenAIException - m");
        check(401, body, old, "litellm.AuthenticationError: AuthenticationError: OpenAIException - m");
        check(429, body, new, "litellm.RateLimitError: RateLimitError: OpenAIException - m");
        check(500, body, new, "litellm.InternalServerError: InternalServerError: OpenAIException - m");
        check(504, body, new, "litellm.Timeout: APITimeoutError - m");
        let full = r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#;
        let class = "ContextWindowExceededError";
        check(400, full, new, &format!("litellm.{class}: litellm.BadRequestError: {class}: OpenAIException - m"));
    }

    #[test]
    fn an_error_inside_a_stream_has_a_kind() {
        let cases = [
            (r#"{"error":{"message":"m","code":"429"}}"#, Kind::RateLimited),
            (r#"{"error":{"message":"m","code":503}}"#, Kind::ServiceUnavailable),
            (r#"{"error":{"message":"m","type":"rate_limit_exceeded"}}"#, Kind::RateLimited),
            (r#"{"error":{"message":"m","type":"overloaded_error"}}"#, Kind::ProviderOverloaded),
            (r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, Kind::ContextWindow),
            (r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, Kind::BadRequest),
            (r#"{"error":{"message":"m","type":"server_error"}}"#, Kind::InternalServer),
            (r#"{"error":"m"}"#, Kind::InternalServer),
        ];
        for (body, kind) in cases {
            assert_eq!(read(body.as_bytes()).kind(), kind, "{body}");
        }
    }
}
