//! The ways to an access token that Google's credential files describe.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>,
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::cached::{Fresh, Source};
use super::super::http::{garbled, get, post_form, request, send};
use super::super::oauth;
use super::{METADATA_FLAVOR, METADATA_SERVER};
use crate::error::{Error, Kind};
use crate::secret::Secret;

pub const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// For messages.
const TOKEN_ENDPOINT: &str = "Google's token endpoint";
const IMPERSONATION: &str = "Google's impersonation endpoint";

/// How long an assertion may be shown; Google takes no more.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(3600);

/// One way to a token.
pub enum Grant {
    ServiceAccount {
        email: String,
        key: Arc<dyn SigningKey>,
        key_id: Option<String>,
        token_uri: String,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
        token_uri: String,
    },
    Federated {
        audience: String,
        token_type: String,
        token_url: String,
        subject: Subject,
    },
    /// Another account's token, for whoever may speak for it.
    Impersonated {
        base: Box<Grant>,
        url: String,
    },
    Metadata {
        url: String,
    },
}

/// Where someone else's token is and how it is packed.
pub struct Subject {
    pub place: SubjectPlace,
    pub format: SubjectFormat,
}

pub enum SubjectPlace {
    File(PathBuf),
    Url { url: String, headers: Vec<(String, String)> },
}

pub enum SubjectFormat {
    Text,
    /// The member of a JSON object.
    Field(String),
}

/// The private key of a service account.
pub fn signing_key(pem: &str) -> Result<Arc<dyn SigningKey>, String> {
    let refused = || "private_key is not an RSA key in PEM".to_owned();
    // Keys that went through a variable have their line ends written out.
    let pem = Secret::new(pem.replace("\\n", "\n"));
    let der = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| refused())?;
    let key = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| refused())?;
    key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).is_some().then_some(key).ok_or_else(refused)
}

/// A grant's token as the header that shows it.
pub struct AccessToken(pub Grant);

impl Source for AccessToken {
    type Value = HeaderValue;

    fn name(&self) -> &'static str {
        match self.0 {
            Grant::Metadata { .. } => METADATA_SERVER,
            Grant::Impersonated { .. } => IMPERSONATION,
            _ => TOKEN_ENDPOINT,
        }
    }

    async fn fetch(&self, now: SystemTime) -> Result<Fresh<HeaderValue>, Error> {
        let token = self.0.token(now).await?;
        let value = oauth::bearer(token.value.expose()).ok_or_else(|| garbled(self.name()))?;
        Ok(Fresh { value, expires: token.expires })
    }
}

impl Grant {
    fn token(&self, now: SystemTime) -> Pin<Box<dyn Future<Output = Result<Fresh<Secret>, Error>> + Send + '_>> {
        Box::pin(async move {
            match self {
                Self::ServiceAccount { email, key, key_id, token_uri } => {
                    let assertion = assertion(email, key.as_ref(), key_id.as_deref(), token_uri, now)?;
                    let fields =
                        [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)];
                    oauth::token(TOKEN_ENDPOINT, &post_form(TOKEN_ENDPOINT, token_uri, &fields).await?, now)
                }
                Self::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
                    let fields = [
                        ("grant_type", "refresh_token"),
                        ("client_id", client_id),
                        ("client_secret", client_secret.expose()),
                        ("refresh_token", refresh_token.expose()),
                    ];
                    oauth::token(TOKEN_ENDPOINT, &post_form(TOKEN_ENDPOINT, token_uri, &fields).await?, now)
                }
                Self::Federated { audience, token_type, token_url, subject } => {
                    let subject = subject.read().await?;
                    let fields = [
                        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                        ("audience", audience),
                        ("scope", SCOPE),
                        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                        ("subject_token", subject.expose()),
                        ("subject_token_type", token_type),
                    ];
                    oauth::token(TOKEN_ENDPOINT, &post_form(TOKEN_ENDPOINT, token_url, &fields).await?, now)
                }
                Self::Impersonated { base, url } => impersonate(&base.token(now).await?.value, url).await,
                Self::Metadata { url } => {
                    let reply = get(METADATA_SERVER, url, &[METADATA_FLAVOR]).await.map_err(|error| Error {
                        // Mostly this is no machine of Google's, and the configuration forgot something.
                        message: format!("{}, and no vertex_credentials are configured", error.message),
                        ..error
                    })?;
                    oauth::token(METADATA_SERVER, &reply, now)
                }
            }
        })
    }
}

/// The JWT by which a service account asks for a token.
fn assertion(
    email: &str,
    key: &dyn SigningKey,
    key_id: Option<&str>,
    audience: &str,
    now: SystemTime,
) -> Result<String, Error> {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(header), Some(key_id)) = (header.as_object_mut(), key_id) {
        header.insert("kid".to_owned(), key_id.into());
    }
    let claims = json!({
        "iss": email, "scope": SCOPE, "aud": audience,
        "iat": seconds(now), "exp": seconds(now + ASSERTION_LIFETIME),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
    let signature = signer.and_then(|signer| signer.sign(message.as_bytes()).ok());
    let signature = signature.ok_or_else(|| Error::new(Kind::Internal, "the service account's key does not sign"))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>
async fn impersonate(token: &Secret, url: &str) -> Result<Fresh<Secret>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        access_token: String,
        expire_time: String,
    }
    let authorization = Secret::new(format!("Bearer {}", token.expose()));
    let headers = [("authorization", authorization.expose()), ("content-type", "application/json")];
    let body = json!({ "scope": [SCOPE] }).to_string();
    let reply = send(IMPERSONATION, request(IMPERSONATION, "POST", url, &headers, body.into())?).await?;
    if !reply.is_success() {
        return Err(reply.refusal(IMPERSONATION, None, None));
    }
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| garbled(IMPERSONATION))?;
    let expires = DateTime::from_str(&answer.expire_time, Format::DateTimeWithOffset);
    let expires = expires.ok().and_then(|date| date.try_into().ok()).ok_or_else(|| garbled(IMPERSONATION))?;
    Ok(Fresh { value: Secret::new(answer.access_token), expires: Some(expires) })
}

impl Subject {
    async fn read(&self) -> Result<Secret, Error> {
        const WHO: &str = "the subject token's endpoint";
        let unreadable = |detail: String| {
            Error::new(Kind::Authentication, "the subject token of external_account cannot be read").detail(detail)
        };
        let text = match &self.place {
            SubjectPlace::File(path) => std::fs::read(path).map_err(|error| unreadable(error.to_string()))?.into(),
            SubjectPlace::Url { url, headers } => {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                let reply = get(WHO, url, &headers).await?;
                if !reply.is_success() {
                    return Err(reply.refusal(WHO, None, None));
                }
                reply.body
            }
        };
        let token = match &self.format {
            SubjectFormat::Text => std::str::from_utf8(&text).ok().map(|text| text.trim().to_owned()),
            SubjectFormat::Field(name) => {
                let object: Option<Value> = serde_json::from_slice(&text).ok();
                object.and_then(|object| object.get(name)?.as_str().map(str::to_owned))
            }
        };
        token.map(Secret::new).ok_or_else(|| unreadable("it is not of the stated format".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RS256 has one signature for a key and a text, so OpenSSL's must be ours.
    #[test]
    fn an_assertion_is_what_openssl_makes_of_the_same_claims() {
        let key = signing_key(include_str!("../tests/service_account_key.pem")).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let (email, audience) = ("robot@project-1.iam.test", "https://token.test/token");
        let made = assertion(email, key.as_ref(), Some("key-1"), audience, now).unwrap();
        assert_eq!(made, include_str!("../tests/assertion.jwt").trim());
    }
}
