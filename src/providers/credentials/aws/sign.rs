//! Signature Version 4 of one request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! Signed are the host, the date, the body, `content-type` and what begins with `x-amz-`: the headers that no proxy on
//! the way has a reason to touch, and those that LiteLLM signs.

use std::fmt::Write as _;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sign_request};
use aws_sigv4::sign::v4::SigningParams;
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::super::ToSign;
use crate::error::{Error, Kind};

/// What the signature says of the request's place.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub service: &'a str,
    pub region: &'a str,
}

/// The header lines `x-amz-date`, `authorization` and, for temporary keys, `x-amz-security-token`. The `host` header
/// must be sent as [`ToSign::authority`] says and the target as [`ToSign::target`] does, byte for byte.
pub fn sign(
    keys: &Credentials,
    scope: Scope<'_>,
    request: &ToSign<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    signed(keys, scope, request)
        .map_err(|reason| Error::new(Kind::Internal, "the request could not be signed").detail(reason))
}

fn signed(
    keys: &Credentials,
    scope: Scope<'_>,
    request: &ToSign<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let identity = keys.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(request.now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?;
    let headers = request.headers.iter().copied().filter(|(name, _)| is_signed(name));
    let body = SignableBody::Precomputed(digest(request.body));
    let url = format!("https://{}{}", request.authority, request.target);
    let signable = SignableRequest::new(request.method, url, headers, body).map_err(|error| error.to_string())?;
    let (instructions, _) = sign_request(signable, &params.into()).map_err(|error| error.to_string())?.into_parts();
    let (lines, _) = instructions.into_parts();
    lines
        .into_iter()
        .map(|line| {
            let mut value = HeaderValue::from_str(line.value()).map_err(|error| error.to_string())?;
            value.set_sensitive(line.name() != "x-amz-date");
            Ok((HeaderName::from_static(line.name()), value))
        })
        .collect()
}

fn is_signed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "content-type"
        || (name.starts_with("x-amz-") && !["x-amz-date", "x-amz-security-token"].contains(&name.as_str()))
}

/// SHA-256 over the pieces, in lower-case hexadecimal.
fn digest(pieces: &[bytes::Bytes]) -> String {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn lines(token: Option<&str>, scope: Scope<'_>, request: &ToSign<'_>) -> Vec<(String, String)> {
        let keys = Credentials::new("AKIDEXAMPLE", SECRET, token.map(str::to_owned), None, "test");
        let lines = sign(&keys, scope, request).unwrap();
        lines.into_iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    fn authorization(lines: &[(String, String)]) -> &str {
        &lines.iter().find(|(name, _)| name == "authorization").unwrap().1
    }

    /// 2015-08-30T12:36:00Z, the date of AWS's published examples.
    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    /// The worked example of AWS's documentation, with headers that must not matter.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let request = ToSign {
            method: "GET",
            authority: "iam.amazonaws.com",
            target: "/?Action=ListUsers&Version=2010-05-08",
            headers: &[
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("user-agent", "x"),
                ("accept", "*/*"),
                ("X-Amz-Date", "20000101T000000Z"),
            ],
            body: &[],
            now: then(),
        };
        let lines = lines(None, Scope { service: "iam", region: "us-east-1" }, &request);
        assert_eq!(
            authorization(&lines),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
        assert!(lines.contains(&("x-amz-date".into(), "20150830T123600Z".into())));
        assert_eq!(lines.len(), 2);
    }

    /// A model's colon is `%3A` on the request line and is encoded once more for the signature. The expected value was
    /// computed by hand from AWS's description, with Python's `hmac`.
    #[test]
    fn an_encoded_path_is_encoded_once_more() {
        let body = br#"{"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {}}"#;
        let request = ToSign {
            method: "POST",
            authority: "127.0.0.1:9100",
            target: "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse",
            headers: &[("content-type", "application/json")],
            body: &[Bytes::from_static(body)],
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_213_129),
        };
        let lines = lines(None, Scope { service: "bedrock", region: "us-east-1" }, &request);
        assert_eq!(
            authorization(&lines),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=a382e54add90ce1a280e3290b5f66317849bbc44eaaff8fb9029f782af6cd91b"
        );
    }

    #[test]
    fn temporary_keys_show_and_sign_their_token_and_the_pieces_of_a_body_are_one_body() {
        let scope = Scope { service: "bedrock", region: "eu-west-1" };
        let whole = [Bytes::from_static(b"{\"a\":1}")];
        let pieces = [Bytes::from_static(b"{\"a\""), Bytes::from_static(b":1}")];
        let request = |body| ToSign {
            method: "POST",
            authority: "127.0.0.1:9100",
            target: "/model/anthropic.claude-v2%3A1/converse",
            headers: &[("content-type", "application/json")],
            body,
            now: then(),
        };
        let signed = lines(Some("token"), scope, &request(&whole));
        assert_eq!(signed, lines(Some("token"), scope, &request(&pieces)));
        assert_ne!(signed, lines(Some("token"), scope, &request(&[])));
        assert!(signed.contains(&("x-amz-security-token".into(), "token".into())));
        assert!(authorization(&signed).contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"));
    }
}
