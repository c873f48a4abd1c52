//! An error in the caller's dialect: four envelopes around the same message.

use serde_json::{Value, json};

use super::{Compat, Error, Kind};

/// Who is told, and so in which JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// `{"error":{"message","type","param","code"}}`, with the status as a string in `code`: LiteLLM's own.
    #[default]
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`, <https://docs.anthropic.com/en/api/errors>.
    Anthropic,
    /// `{"error":{"code","message","status"}}`, <https://cloud.google.com/apis/design/errors>.
    Google,
}

impl Envelope {
    /// HTTP status to the client. Anthropic has a number of its own for an overloaded provider.
    pub fn status(self, error: &Error, compat: Compat) -> u16 {
        match (self, error.kind) {
            (Envelope::Anthropic, Kind::ProviderOverloaded) => 529,
            _ => error.status(compat),
        }
    }

    /// The body. What happens before the key is known to be good, and outside of the data plane, comes in LiteLLM's own
    /// envelopes whatever the caller speaks.
    pub fn body(self, error: &Error, compat: Compat) -> String {
        if error.kind.is_fastapi() {
            return error.to_detail_json();
        }
        let envelope = if error.kind.is_of_authentication() { Envelope::OpenAi } else { self };
        envelope.value(error, compat).to_string()
    }

    /// The JSON, also for an error event inside a stream.
    pub fn value(self, error: &Error, compat: Compat) -> Value {
        let row = error.kind.row(compat);
        let status = self.status(error, compat);
        match self {
            Envelope::OpenAi => json!({"error": {
                "message": error.message,
                "type": row.error_type,
                "param": error.param,
                "code": error.status(compat).to_string(),
            }}),
            Envelope::Anthropic => {
                json!({"type": "error", "error": {"type": anthropic_type(status), "message": error.message}})
            }
            Envelope::Google => {
                json!({"error": {"code": status, "message": error.message, "status": google_status(status)}})
            }
        }
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 => "UNAVAILABLE",
        400..=498 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(envelope: Envelope, kind: Kind) -> Value {
        let body = envelope.body(&Error::new(kind, "m"), Compat::V1_106);
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn each_caller_gets_his_own_envelope() {
        let openai = body(Envelope::OpenAi, Kind::RateLimited);
        assert_eq!(
            openai,
            json!({"error": {"message": "m", "type": "throttling_error", "param": null, "code": "429"}})
        );
        let anthropic = body(Envelope::Anthropic, Kind::RateLimited);
        assert_eq!(anthropic, json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}));
        let google = body(Envelope::Google, Kind::RateLimited);
        assert_eq!(google, json!({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}));
    }

    #[test]
    fn what_comes_before_the_data_plane_has_litellms_envelope() {
        for envelope in [Envelope::OpenAi, Envelope::Anthropic, Envelope::Google] {
            assert_eq!(body(envelope, Kind::NoKey)["error"]["code"], "401");
            assert_eq!(body(envelope, Kind::NoSuchPath), json!({"detail": "m"}));
        }
    }

    #[test]
    fn an_overloaded_provider_has_anthropics_number() {
        let error = Error::new(Kind::ProviderOverloaded, "m");
        assert_eq!(Envelope::Anthropic.status(&error, Compat::V1_106), 529);
        assert_eq!(Envelope::OpenAi.status(&error, Compat::V1_106), 503);
    }
}
