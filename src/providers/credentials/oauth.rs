//! What OAuth 2.0 token endpoints answer, Google's and Microsoft's, and the bearer header that is made of it.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-5>

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;

use super::cached::Fresh;
use super::http::{Reply, garbled};
use crate::error::Error;
use crate::secret::Secret;

/// Where neither `expires_in` nor `expires_on` is said, as RFC 6749 allows.
const UNSAID_LIFETIME: Duration = Duration::from_secs(10 * 60);

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    /// Seconds from now; Microsoft's metadata server says it as a string.
    expires_in: Option<Value>,
    /// Seconds since 1970; App Service says only this one.
    expires_on: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    /// A word, or from Google's other APIs an object.
    error: Option<Value>,
    error_description: Option<String>,
}

/// The header value `Bearer …`, which `Debug` does not show. `None`: the token holds what no header may hold.
pub fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The token of an answer.
pub fn token(who: &str, reply: &Reply, now: SystemTime) -> Result<Fresh<Secret>, Error> {
    if !reply.is_success() {
        let refusal: Refusal = serde_json::from_slice(&reply.body).unwrap_or_default();
        let code = refusal.error.as_ref().and_then(Value::as_str);
        return Err(reply.refusal(who, code, refusal.error_description.as_deref()));
    }
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| garbled(who))?;
    let value = answer.access_token.filter(|token| !token.is_empty()).map(Secret::new).ok_or_else(|| garbled(who))?;
    let from_now = answer.expires_in.as_ref().and_then(seconds).map(|lifetime| now + lifetime);
    let absolute = || answer.expires_on.as_ref().and_then(seconds).map(|end| SystemTime::UNIX_EPOCH + end);
    Ok(Fresh { value, expires: Some(from_now.or_else(absolute).unwrap_or(now + UNSAID_LIFETIME)) })
}

fn seconds(value: &Value) -> Option<Duration> {
    // Whoever says more than a century means "for ever", and the sum must not overflow.
    const LONGEST: u64 = 100 * 365 * 24 * 3600;
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))?;
    Some(Duration::from_secs(number.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<(String, u64), String> {
        let reply = Reply { status, body: body.to_owned().into() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        token("Someone", &reply, now)
            .map(|fresh| {
                let end = fresh.expires.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                (fresh.value.expose().to_owned(), end.as_secs())
            })
            .map_err(|error| format!("{:?}", error.kind))
    }

    #[test]
    fn answers_are_read_in_all_their_forms() {
        for (status, body, expected) in [
            (200, r#"{"access_token":"t","expires_in":3599}"#, Ok(("t", 4599))),
            (200, r#"{"access_token":"t","expires_in":"86400"}"#, Ok(("t", 87400))),
            (200, r#"{"access_token":"t","expires_on":"5000"}"#, Ok(("t", 5000))),
            (200, r#"{"access_token":"t"}"#, Ok(("t", 1600))),
            (200, r#"{"access_token":""}"#, Err("GarbledAnswer")),
            (200, "<html>", Err("GarbledAnswer")),
            (400, r#"{"error":"invalid_grant"}"#, Err("Authentication")),
            (403, r#"{"error":{"code":403}}"#, Err("Authentication")),
            (500, "", Err("Connection")),
        ] {
            let expected = expected.map(|(token, end): (&str, u64)| (token.to_owned(), end)).map_err(str::to_owned);
            assert_eq!(read(status, body), expected, "{body}");
        }
    }

    #[test]
    fn a_token_with_a_line_end_is_no_header() {
        assert!(bearer("a\r\nx: y").is_none());
        assert_eq!(format!("{:?}", bearer("sk-canary").unwrap()), "Sensitive");
    }
}
