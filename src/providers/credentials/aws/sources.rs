//! Where AWS keys come from, one case for each way that AWS's own tools know and a server needs.
//!
//! Not here: single sign-on, which needs a person; a profile that uses it is refused with a message that says so.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use super::super::cached::{self, Fresh};
use super::super::identity_token::IdentityToken;
use super::metadata::{self, Container, Instance};
use super::process;
use super::profile::{Files, Profile};
use super::sts::{self, Role, Sts};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// How long keys without an end are kept before their source is read anew: profiles, whose files others rewrite.
const UNSAID_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A profile may name another one as its source, and that one another.
const LONGEST_CHAIN: usize = 5;

/// One way to keys.
pub enum Source {
    /// Said by the configuration or the environment.
    Keys(Credentials),
    /// A role, for the keys of another source.
    Role {
        base: Box<Source>,
        role: Role,
        sts: Sts,
    },
    /// A role, for an identity token.
    WebIdentity {
        token: IdentityToken,
        role: Role,
        sts: Sts,
    },
    /// Whatever a profile says at the time.
    Profile(Profiles),
    /// What a command prints.
    Process(String),
    Container(Container),
    Instance(Instance),
    /// There is none; holds the reason.
    Nothing(&'static str),
}

impl Source {
    /// Asks once.
    pub fn keys(&self, now: SystemTime) -> Pin<Box<dyn Future<Output = Result<Credentials, Error>> + Send + '_>> {
        Box::pin(async move {
            match self {
                Self::Keys(keys) => Ok(keys.clone()),
                Self::Role { base, role, sts } => sts.assume_role(base.keys(now).await?, role, now).await,
                Self::WebIdentity { token, role, sts } => sts.assume_role_with(&token.read().await?, role, now).await,
                Self::Profile(profiles) => profiles.source(&profiles.name, LONGEST_CHAIN)?.keys(now).await,
                Self::Process(command) => process::keys(command).await,
                Self::Container(container) => container.keys().await,
                Self::Instance(instance) => instance.keys().await.map_err(|error| match error.kind {
                    // Mostly this is no instance, and the configuration forgot something.
                    Kind::Connection | Kind::Timeout => Error {
                        message: format!("{}, and no AWS keys, role or profile are configured", error.message),
                        ..error
                    },
                    _ => error,
                }),
                Self::Nothing(reason) => Err(Error::new(Kind::Authentication, *reason)),
            }
        })
    }
}

impl cached::Source for Source {
    type Value = Credentials;

    fn name(&self) -> &'static str {
        match self {
            Self::Role { .. } | Self::WebIdentity { .. } => sts::NAME,
            Self::Process(_) => process::PROCESS,
            Self::Container(_) => metadata::CONTAINER,
            Self::Instance(_) => metadata::INSTANCE,
            Self::Keys(_) | Self::Profile(_) | Self::Nothing(_) => "the AWS profile",
        }
    }

    async fn fetch(&self, now: SystemTime) -> Result<Fresh<Credentials>, Error> {
        let keys = self.keys(now).await?;
        let expires = keys.expiry().unwrap_or(now + UNSAID_LIFETIME);
        Ok(Fresh { value: keys, expires: Some(expires) })
    }
}

/// A profile, and what its settings may refer to.
pub struct Profiles {
    pub files: Files,
    pub name: String,
    pub sts: Sts,
    /// For `credential_source = Environment`.
    pub environment: Option<Credentials>,
    /// For `credential_source = EcsContainer`.
    pub container: Option<Container>,
    /// For `credential_source = Ec2InstanceMetadata`.
    pub instance: Option<Instance>,
}

impl Profiles {
    /// What a profile says. A profile that names itself as its source means its own keys.
    fn source(&self, name: &str, depth: usize) -> Result<Source, Error> {
        let refuse = |reason: &str| Error::new(Kind::Authentication, format!("the AWS profile {reason}"));
        let profile = self.files.profile(name).ok_or_else(|| refuse("is in no file").detail(name.to_owned()))?;
        let setting = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
        let Some(arn) = setting("role_arn") else {
            return match own(&profile) {
                Some(source) => Ok(source),
                None if profile.keys().any(|key| key.starts_with("sso_")) => Err(refuse("uses single sign-on")),
                None => Err(refuse("holds no keys and no role")),
            };
        };
        let external_id = setting("external_id").map(Secret::new);
        let role = Role { arn, session: setting("role_session_name"), external_id, tags: Vec::new() };
        let sts = self.sts.clone();
        if let Some(path) = setting("web_identity_token_file") {
            return Ok(Source::WebIdentity { token: IdentityToken::File(path.into()), role, sts });
        }
        let base = match (setting("source_profile"), setting("credential_source").as_deref()) {
            (Some(source), _) if source == name => own(&profile),
            (Some(_), _) if depth == 0 => return Err(refuse("names sources in a circle")),
            (Some(source), _) => Some(self.source(&source, depth - 1)?),
            (None, Some("Environment")) => self.environment.clone().map(Source::Keys),
            (None, Some("EcsContainer")) => self.container.clone().map(Source::Container),
            (None, Some("Ec2InstanceMetadata")) => self.instance.clone().map(Source::Instance),
            _ => None,
        };
        let base = base.ok_or_else(|| refuse("has a role, but nothing to get it with"))?;
        Ok(Source::Role { base: Box::new(base), role, sts })
    }
}

/// What a profile has of its own: keys, or a command that prints some.
fn own(profile: &Profile) -> Option<Source> {
    let command = profile.get("credential_process").filter(|command| !command.is_empty());
    keys(profile).map(Source::Keys).or_else(|| command.cloned().map(Source::Process))
}

fn keys(profile: &Profile) -> Option<Credentials> {
    let setting = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    let token = setting("aws_session_token");
    Some(Credentials::new(setting("aws_access_key_id")?, setting("aws_secret_access_key")?, token, None, "profile"))
}
