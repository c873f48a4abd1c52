//! The Security Token Service: a role for keys, or for an identity token.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http::Uri;

use super::super::ToSign;
use super::super::http::{FORM, Reply, form, garbled, request, send};
use super::sign::{Scope, sign};
use crate::error::Error;
use crate::secret::Secret;

/// For messages.
pub const NAME: &str = "AWS STS";

const API_VERSION: &str = "2011-06-15";

/// Where the service is, and the region that requests to it are signed for.
#[derive(Clone)]
pub struct Sts {
    pub endpoint: String,
    pub region: String,
}

/// Which role, and what its use is called in AWS's audit log.
#[derive(Clone)]
pub struct Role {
    pub arn: String,
    /// `None`: a name with the time in it.
    pub session: Option<String>,
    pub external_id: Option<Secret>,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
}

impl Sts {
    /// `aws_sts_endpoint`, or the region's own endpoint. The endpoint's name tells its region, where it holds one.
    pub fn new(endpoint: Option<&str>, region: &str) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match endpoint {
            Some(endpoint) => Self {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
                region: region_of(endpoint).unwrap_or(region).to_owned(),
            },
            None => Self { endpoint: format!("https://sts.{region}.{suffix}"), region: region.to_owned() },
        }
    }

    /// Temporary keys of a role for whoever holds `keys`.
    pub async fn assume_role(&self, keys: Credentials, role: &Role, now: SystemTime) -> Result<Credentials, Error> {
        let tags: Vec<(String, String)> = (1..)
            .zip(&role.tags)
            .flat_map(|(number, (key, value))| {
                let name = format!("Tags.member.{number}");
                [(format!("{name}.Key"), key.clone()), (format!("{name}.Value"), value.clone())]
            })
            .collect();
        let mut fields: Vec<(&str, &str)> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(external_id) = &role.external_id {
            fields.push(("ExternalId", external_id.expose()));
        }
        self.call("AssumeRole", Some(keys), role, &fields, now).await
    }

    /// Temporary keys of a role for whoever holds an identity token.
    pub async fn assume_role_with(&self, token: &Secret, role: &Role, now: SystemTime) -> Result<Credentials, Error> {
        let fields = [("WebIdentityToken", token.expose()), ("DurationSeconds", "3600")];
        self.call("AssumeRoleWithWebIdentity", None, role, &fields, now).await
    }

    async fn call(
        &self,
        action: &str,
        keys: Option<Credentials>,
        role: &Role,
        more: &[(&str, &str)],
        now: SystemTime,
    ) -> Result<Credentials, Error> {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let session = role.session.clone().unwrap_or_else(|| format!("tollgate-{seconds}"));
        let mut fields = vec![
            ("Action", action),
            ("Version", API_VERSION),
            ("RoleArn", role.arn.as_str()),
            ("RoleSessionName", session.as_str()),
        ];
        fields.extend_from_slice(more);
        let body = Bytes::from(form(&fields));
        let mut call = request(NAME, "POST", &format!("{}/", self.endpoint), &[("content-type", FORM)], body.clone())?;
        if let Some(keys) = keys {
            let uri: &Uri = call.uri();
            let to_sign = ToSign {
                method: "POST",
                authority: uri.authority().map_or("", |authority| authority.as_str()),
                target: uri.path(),
                headers: &[("content-type", FORM)],
                body: &[body],
                now,
            };
            let lines = sign(&keys, Scope { service: "sts", region: &self.region }, &to_sign)?;
            call.headers_mut().extend(lines);
        }
        read(&send(NAME, call).await?)
    }
}

/// The four elements of an answer that matter. Their values are base64 and dates, in which XML has nothing to escape.
fn read(reply: &Reply) -> Result<Credentials, Error> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| garbled(NAME))?;
    if !reply.is_success() {
        return Err(reply.refusal(NAME, element(text, "Code"), element(text, "Message")));
    }
    let found = element(text, "Credentials").and_then(|inner| {
        let expires = date(element(inner, "Expiration")?)?;
        let [id, secret, token] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| element(inner, name));
        Some(Credentials::new(id?, secret?, Some(token?.to_owned()), Some(expires), NAME))
    });
    found.ok_or_else(|| garbled(NAME))
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = behind.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// `2026-11-20T22:18:49Z`
pub fn date(text: &str) -> Option<SystemTime> {
    DateTime::from_str(text, Format::DateTimeWithOffset).ok().and_then(|date| date.try_into().ok())
}

/// The region in `sts.eu-west-1.amazonaws.com`, with anything before it.
fn region_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.split("://").last()?.split(['/', ':']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| ["sts", "sts-fips"].contains(label))?;
    let region = labels.get(at + 1)?;
    (labels.len() > at + 3 && region.contains('-')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_endpoint_tells_its_region() {
        for (endpoint, expected) in [
            ("https://sts.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://sts-fips.us-gov-west-1.amazonaws.com/", Some("us-gov-west-1")),
            ("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
            ("https://sts.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://sts.amazonaws.com", None),
            ("http://127.0.0.1:9100", None),
        ] {
            assert_eq!(region_of(endpoint), expected, "{endpoint}");
        }
        assert_eq!(Sts::new(None, "cn-north-1").endpoint, "https://sts.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn half_an_answer_is_no_credential() {
        let whole = "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>\
                     <SessionToken>T</SessionToken><Expiration>2026-11-20T22:18:49Z</Expiration></Credentials></R>";
        let read = |text: &str| read(&Reply { status: 200, body: text.to_owned().into() }).map_err(|error| error.kind);
        assert_eq!(read(whole).unwrap().access_key_id(), "A");
        for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Credentials"] {
            assert_eq!(read(&whole.replace(&format!("<{name}>"), "")).unwrap_err(), Kind::GarbledAnswer, "{name}");
        }
    }
}
