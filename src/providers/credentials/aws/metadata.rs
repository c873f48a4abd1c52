//! The two local servers that AWS runs for its machines: of a container (ECS, EKS Pod Identity) and of an instance
//! (EC2, version 2 of its protocol only).
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>

use std::path::PathBuf;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;

use super::super::Lookup;
use super::super::http::{Reply, garbled, get, request, send};
use super::sts::date;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// For messages.
pub const CONTAINER: &str = "the AWS container credential endpoint";
/// For messages.
pub const INSTANCE: &str = "the EC2 metadata service";

const RELATIVE_URIS_HOST: &str = "http://169.254.170.2";
const INSTANCE_ENDPOINT: &str = "http://169.254.169.254";

/// Hosts that may be asked without TLS, beside this machine's own: ECS and EKS.
const PLAIN_HTTP_HOSTS: [&str; 4] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"];

/// The endpoint of a container, and the word it wants to hear.
#[derive(Clone)]
pub struct Container {
    url: String,
    authorization: Option<Authorization>,
}

#[derive(Clone)]
enum Authorization {
    Value(Secret),
    File(PathBuf),
}

impl Container {
    /// As the container's environment says; `None` where it says nothing.
    pub fn from_env(env: Lookup<'_>) -> Result<Option<Self>, String> {
        let relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{RELATIVE_URIS_HOST}{path}"));
        let Some(url) = relative.or_else(|| env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else { return Ok(None) };
        if !is_allowed(&url) {
            return Err("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or one of the container hosts".to_owned());
        }
        let file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| Authorization::File(path.into()));
        let value = || env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| Authorization::Value(Secret::new(text)));
        Ok(Some(Self { url, authorization: file.or_else(value) }))
    }

    /// Asks once.
    pub async fn keys(&self) -> Result<Credentials, Error> {
        let authorization = match &self.authorization {
            None => None,
            Some(Authorization::Value(value)) => Some(value.clone()),
            Some(Authorization::File(path)) => Some(Secret::new(std::fs::read_to_string(path).map_err(|error| {
                Error::new(Kind::Authentication, format!("the token file for {CONTAINER} cannot be read"))
                    .detail(error.to_string())
            })?)),
        };
        let header = authorization.as_ref().map(|value| ("authorization", value.expose().trim()));
        read(CONTAINER, &get(CONTAINER, &self.url, header.as_slice()).await?)
    }
}

/// Keys must not cross a network in the open.
fn is_allowed(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let is_loopback = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_loopback || PLAIN_HTTP_HOSTS.contains(&host),
        _ => false,
    }
}

/// The metadata service of an EC2 instance.
#[derive(Clone)]
pub struct Instance {
    endpoint: String,
}

impl Instance {
    /// Its usual address, or the environment's. `None` where it is switched off.
    pub fn from_env(env: Lookup<'_>) -> Option<Self> {
        let is_off = env("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let endpoint = env("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| INSTANCE_ENDPOINT.to_owned());
        (!is_off).then(|| Self { endpoint: endpoint.trim_end_matches('/').to_owned() })
    }

    /// Asks once: for a session, for the role's name, for its keys.
    pub async fn keys(&self) -> Result<Credentials, Error> {
        let url = |path: &str| format!("{}/latest/{path}", self.endpoint);
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "300")];
        let session = request(INSTANCE, "PUT", &url("api/token"), &lifetime, Bytes::new())?;
        let session = Secret::new(text(&send(INSTANCE, session).await?)?);
        let header = [("x-aws-ec2-metadata-token", session.expose())];
        let roles = url("meta-data/iam/security-credentials/");
        let names = get(INSTANCE, &roles, &header).await?;
        let role = text(&names)?.lines().next().unwrap_or_default().trim();
        if role.is_empty() {
            return Err(Error::new(Kind::Authentication, format!("{INSTANCE} knows no role of this instance")));
        }
        read(INSTANCE, &get(INSTANCE, &format!("{roles}{role}"), &header).await?)
    }
}

fn text(reply: &Reply) -> Result<&str, Error> {
    if !reply.is_success() {
        return Err(reply.refusal(INSTANCE, None, None));
    }
    std::str::from_utf8(&reply.body).map_err(|_| garbled(INSTANCE))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
    /// The instance's service says `Success`, or why not with a 200.
    code: Option<String>,
}

fn read(who: &'static str, reply: &Reply) -> Result<Credentials, Error> {
    let answer: Option<Answer> = serde_json::from_slice(&reply.body).ok();
    if !reply.is_success() {
        return Err(reply.refusal(who, answer.as_ref().and_then(|answer| answer.code.as_deref()), None));
    }
    let answer = answer.ok_or_else(|| garbled(who))?;
    match (answer.access_key_id, answer.secret_access_key, answer.expiration.as_deref().and_then(date)) {
        (Some(id), Some(secret), Some(end)) => Ok(Credentials::new(id, secret, answer.token, Some(end), who)),
        _ => match answer.code.filter(|code| code != "Success") {
            Some(code) => Err(Error::new(Kind::Authentication, format!("{who} gave no credential")).detail(code)),
            None => Err(garbled(who)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_in_the_open_only_of_local_servers() {
        for (url, expected) in [
            ("https://anywhere.test/x", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://evil.test/x", false),
            ("http://169.254.170.2.evil.test/x", false),
            ("ftp://127.0.0.1/", false),
            ("/v2/x", false),
        ] {
            assert_eq!(is_allowed(url), expected, "{url}");
        }
    }
}
