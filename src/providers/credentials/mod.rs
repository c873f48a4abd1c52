//! How a deployment proves who it is where one static key is not enough: AWS signatures, Google's and Microsoft's tokens.
//!
//! Unlike the rest of `providers` this module does I/O: it reads credential files and calls token endpoints. It does so
//! for the first request that needs a token and shortly before one runs out ([`cached`]), never for each request.
//!
//! Secrets live in `crate::secret::Secret`, in the AWS types that overwrite their memory, or in header values marked
//! sensitive. No error and no `Debug` holds one.

mod aws;
mod cached;
mod entra;
mod google;
pub mod http;
mod identity_token;
mod oauth;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::SystemTime;

use ::http::{HeaderName, HeaderValue};
use bytes::Bytes;

pub use aws::{Aws, DEFAULT_REGION, region};
pub use cached::WAIT;
pub use entra::Entra;
pub use google::Google;

use crate::error::Error;
use crate::secret::Secret;

/// The environment: the value of a variable. Read when the configuration is loaded, not later.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whose credentials a deployment needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud<'a> {
    /// Amazon Bedrock in this region, which is the endpoint's.
    Aws { region: &'a str },
    /// Vertex AI.
    Google,
    /// Azure OpenAI. `ambient`: whether a deployment that states nothing uses the machine's own identity.
    Entra { ambient: bool },
}

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    pub method: &'a str,
    /// The value of the `host` header.
    pub authority: &'a str,
    /// Path and query as on the request line.
    pub target: &'a str,
    /// Those that are sent; which of them are signed is the signer's affair.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body in pieces.
    pub body: &'a [Bytes],
    pub now: SystemTime,
}

/// How a deployment proves who it is, beyond one static key. Made when the configuration is loaded; shared by all its
/// requests.
pub enum Credentials {
    Aws(Aws),
    Google(Google),
    Entra(Entra),
}

impl Credentials {
    /// From `litellm_params` and the environment. `None`: nothing says more than the deployment's `api_key`. Errors
    /// are for whoever wrote the configuration and name its keys.
    pub fn from_params(
        cloud: Cloud<'_>,
        params: &BTreeMap<String, Secret>,
        api_key: Option<&Secret>,
        env: Lookup<'_>,
    ) -> Result<Option<Self>, String> {
        // An empty variable is an unset one, as every SDK has it.
        let env: Lookup<'_> = &|name| env(name).filter(|value| !value.is_empty());
        match cloud {
            Cloud::Aws { region } => Aws::from_params(params, api_key, region, env).map(|aws| Some(Self::Aws(aws))),
            Cloud::Google => Google::from_params(params, env).map(|google| Some(Self::Google(google))),
            Cloud::Entra { .. } if api_key.is_some_and(|key| !key.is_empty()) => Ok(None),
            Cloud::Entra { ambient } => Ok(Entra::from_params(params, ambient, env)?.map(Self::Entra)),
        }
    }

    /// Header lines to add to the request, in place of the client's of the same name.
    ///
    /// # Errors
    /// `Authentication`: the cloud refused, or there is nothing to ask it with. `Connection`, `GarbledAnswer`: the
    /// endpoint is not reachable or not itself. `Timeout`: it did not answer within [`WAIT`].
    pub async fn authorize(&self, request: &ToSign<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        match self {
            Self::Aws(aws) => aws.authorize(request).await,
            Self::Google(google) => google.authorize(request.now).await,
            Self::Entra(entra) => entra.authorize(request.now).await,
        }
    }

    /// The project that Google's credentials belong to, for deployments without `vertex_project`.
    ///
    /// # Errors
    /// When they name none, or the metadata server cannot be asked.
    pub async fn project(&self, now: SystemTime) -> Result<Option<String>, Error> {
        match self {
            Self::Google(google) => google.project(now).await.map(Some),
            Self::Aws(_) | Self::Entra(_) => Ok(None),
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aws(_) => "Credentials::Aws(…)",
            Self::Google(_) => "Credentials::Google(…)",
            Self::Entra(_) => "Credentials::Entra(…)",
        })
    }
}
