//! Amazon: requests to Bedrock are signed with keys, or show a Bedrock API key as a bearer token.
//!
//! Which keys is decided as LiteLLM decides it: each `aws_…` parameter falls back to the variable of its name; then a
//! role for an identity token, a role, a profile, keys as they stand, and at last what the machine itself has
//! (environment, web identity, profile, container, instance).

mod metadata;
mod process;
mod profile;
mod sign;
mod sources;
mod sts;

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use self::metadata::{Container, Instance};
use self::profile::Files;
use self::sign::{Scope, sign};
use self::sources::{Profiles, Source};
use self::sts::{Role, Sts};
use super::cached::Cached;
use super::identity_token::IdentityToken;
use super::{Lookup, ToSign, oauth};
use crate::error::Error;
use crate::secret::Secret;

/// Where LiteLLM goes when nothing names a region.
pub const DEFAULT_REGION: &str = "us-west-2";

const SERVICE: &str = "bedrock";

/// How a deployment on AWS proves who it is.
pub struct Aws {
    region: String,
    proof: Proof,
}

enum Proof {
    ApiKey(HeaderValue),
    /// Keys that do not run out.
    Keys(Credentials),
    Fetched(Cached<Source>),
}

impl Aws {
    /// `api_key`, else `AWS_BEARER_TOKEN_BEDROCK`, else keys. `region` is the one of the endpoint.
    pub fn from_params(
        params: &BTreeMap<String, Secret>,
        api_key: Option<&Secret>,
        region: &str,
        env: Lookup<'_>,
    ) -> Result<Self, String> {
        if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("an AWS region holds only letters, digits and hyphens".to_owned());
        }
        let api_key = api_key.cloned().or_else(|| env("AWS_BEARER_TOKEN_BEDROCK").map(Secret::new));
        let proof = match api_key.filter(|key| !key.is_empty()) {
            Some(key) => Proof::ApiKey(oauth::bearer(key.expose()).ok_or("the API key holds what no header may hold")?),
            None => match (Settings { params, env, region }).source()? {
                Source::Keys(keys) => Proof::Keys(keys),
                source => Proof::Fetched(Cached::new(source)),
            },
        };
        Ok(Self { region: region.to_owned(), proof })
    }

    /// The header lines that prove it.
    pub async fn authorize(&self, request: &ToSign<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let scope = Scope { service: SERVICE, region: &self.region };
        match &self.proof {
            Proof::ApiKey(value) => Ok(vec![(AUTHORIZATION, value.clone())]),
            Proof::Keys(keys) => sign(keys, scope, request),
            Proof::Fetched(cached) => sign(&cached.get(request.now).await?.value, scope, request),
        }
    }
}

/// The region a deployment names: `aws_region_name` or `region_name`, the variables in LiteLLM's order, the profile.
pub fn region(params: &BTreeMap<String, Secret>, env: Lookup<'_>) -> Option<String> {
    let env: Lookup<'_> = &|name| env(name).filter(|value| !value.is_empty());
    let param = |name: &str| params.get(name).filter(|value| !value.is_empty()).map(|value| value.expose().to_owned());
    let variables = || ["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| env(name));
    let profile = || {
        let name = param("aws_profile_name").or_else(|| env("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
        Files::from_env(env).profile(&name)?.remove("region")
    };
    let said = param("aws_region_name").or_else(|| param("region_name")).or_else(variables).or_else(profile);
    said.filter(|region| !region.is_empty())
}

/// What was said, and where.
struct Settings<'a> {
    params: &'a BTreeMap<String, Secret>,
    env: Lookup<'a>,
    region: &'a str,
}

impl Settings<'_> {
    /// A parameter, or the variable of its name in capitals.
    fn get(&self, name: &str) -> Option<Secret> {
        let param = self.params.get(name).cloned();
        param.or_else(|| (self.env)(&name.to_ascii_uppercase()).map(Secret::new)).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.expose().to_owned())
    }

    fn source(&self) -> Result<Source, String> {
        let said = self.keys()?;
        if let Some(arn) = self.text("aws_role_name") {
            let session = self.text("aws_session_name");
            let external_id = self.get("aws_external_id");
            let role = Role { arn, session, external_id, tags: self.tags()? };
            let sts = self.sts();
            if let (Some(token), true) = (self.get("aws_web_identity_token"), role.session.is_some()) {
                let token = IdentityToken::parse(&token, self.env)
                    .map_err(|reason| format!("aws_web_identity_token: {reason}"))?;
                return Ok(Source::WebIdentity { token, role, sts });
            }
            // Who already is this role needs no second one, and is seldom allowed to take it.
            let base = match said {
                Some(keys) => Source::Keys(keys),
                None if self.is_already(&role.arn) => return self.ambient(None),
                None => self.ambient(None)?,
            };
            return Ok(Source::Role { base: Box::new(base), role, sts });
        }
        if let Some(name) = self.text("aws_profile_name") {
            return Ok(Source::Profile(self.profiles(name)?));
        }
        self.ambient(said)
    }

    /// What the machine has, in the order of AWS's own tools; `said` stands for the first of them.
    fn ambient(&self, said: Option<Credentials>) -> Result<Source, String> {
        if let Some(keys) = said {
            return Ok(Source::Keys(keys));
        }
        if let Some((role, token)) = self.web_identity() {
            return Ok(Source::WebIdentity { token, role, sts: self.sts() });
        }
        let name = (self.env)("AWS_PROFILE");
        let profiles = self.profiles(name.clone().unwrap_or_else(|| "default".to_owned()))?;
        if name.is_some() || profiles.files.profile(&profiles.name).is_some_and(|profile| is_for_keys(&profile)) {
            return Ok(Source::Profile(profiles));
        }
        Ok(match (profiles.container, profiles.instance) {
            (Some(container), _) => Source::Container(container),
            (None, Some(instance)) => Source::Instance(instance),
            (None, None) => Source::Nothing("there are no AWS credentials: no keys, no role, no profile"),
        })
    }

    fn keys(&self) -> Result<Option<Credentials>, String> {
        let id = self.text("aws_access_key_id");
        let secret = self.text("aws_secret_access_key");
        match (id, secret) {
            (Some(id), Some(secret)) => {
                // A session token of the environment belongs to the environment's keys only.
                let is_param = self.params.contains_key("aws_access_key_id");
                let token = match is_param {
                    true => self.params.get("aws_session_token").map(|token| token.expose().to_owned()),
                    false => self.text("aws_session_token"),
                };
                Ok(Some(Credentials::new(id, secret, token.filter(|token| !token.is_empty()), None, "settings")))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err("aws_access_key_id is set, but not aws_secret_access_key".to_owned()),
            (None, Some(_)) => Err("aws_secret_access_key is set, but not aws_access_key_id".to_owned()),
        }
    }

    /// What Kubernetes on AWS sets for a service account.
    fn web_identity(&self) -> Option<(Role, IdentityToken)> {
        let arn = (self.env)("AWS_ROLE_ARN")?;
        let path = (self.env)("AWS_WEB_IDENTITY_TOKEN_FILE")?;
        let role = Role { arn, session: (self.env)("AWS_ROLE_SESSION_NAME"), external_id: None, tags: Vec::new() };
        Some((role, IdentityToken::File(path.into())))
    }

    fn is_already(&self, arn: &str) -> bool {
        self.web_identity().is_some_and(|(role, _)| role.arn == arn)
    }

    fn profiles(&self, name: String) -> Result<Profiles, String> {
        Ok(Profiles {
            files: Files::from_env(self.env),
            name,
            sts: self.sts(),
            environment: Settings { params: &BTreeMap::new(), ..*self }.keys()?,
            container: Container::from_env(self.env)?,
            instance: Instance::from_env(self.env),
        })
    }

    fn sts(&self) -> Sts {
        let endpoint = self.text("aws_sts_endpoint").or_else(|| (self.env)("AWS_ENDPOINT_URL_STS"));
        let region = (self.env)("AWS_REGION").or_else(|| (self.env)("AWS_DEFAULT_REGION"));
        Sts::new(endpoint.as_deref(), region.as_deref().unwrap_or(self.region))
    }

    /// `aws_session_tags`: `[{"Key": …, "Value": …}]`.
    fn tags(&self) -> Result<Vec<(String, String)>, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Tag {
            key: String,
            value: String,
        }
        let Some(text) = self.params.get("aws_session_tags") else { return Ok(Vec::new()) };
        let tags: Vec<Tag> = serde_json::from_str(text.expose())
            .map_err(|_| "aws_session_tags must be a list of {\"Key\": …, \"Value\": …}".to_owned())?;
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

/// Whether a profile is about credentials at all; many only name a region.
fn is_for_keys(profile: &profile::Profile) -> bool {
    let starts = ["aws_access_key_id", "role_arn", "credential_process", "sso_"];
    profile.keys().any(|key| starts.iter().any(|start| key.starts_with(start)))
}
