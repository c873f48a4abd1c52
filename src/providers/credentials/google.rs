//! Google: requests to Vertex AI show an access token of the scope `cloud-platform`.
//!
//! <https://cloud.google.com/docs/authentication/application-default-credentials>

mod file;
mod grant;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use self::grant::{AccessToken, Grant};
use super::Lookup;
use super::cached::{Cached, Fresh, Source};
use super::http::{Reply, garbled, get};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// For messages.
pub const METADATA_SERVER: &str = "Google's metadata server";

/// Without it the metadata server does not answer, so that no browser can be made to ask it.
pub const METADATA_FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

/// The metadata server's root; `GCE_METADATA_HOST` names another one.
pub fn metadata_base(env: Lookup<'_>) -> String {
    let host = env("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
    format!("http://{host}/computeMetadata/v1")
}

/// How a deployment on Google Cloud proves who it is.
pub struct Google {
    token: Cached<AccessToken>,
    project: Project,
}

enum Project {
    Known(String),
    Asked(Cached<MetadataProject>),
    /// The credentials name none, and there is nobody to ask.
    Unnamed,
}

impl Google {
    /// `vertex_credentials` (a path or the JSON itself), else `GOOGLE_APPLICATION_CREDENTIALS`, else what `gcloud` left
    /// in the home directory, else the metadata server. The file is read here, once.
    pub fn from_params(params: &BTreeMap<String, Secret>, env: Lookup<'_>) -> Result<Self, String> {
        let param = |name: &str| params.get(name).filter(|value| !value.is_empty()).cloned();
        let said = param("vertex_credentials")
            .or_else(|| param("vertex_ai_credentials"))
            .or_else(|| env("VERTEXAI_CREDENTIALS").map(Secret::new));
        let json = match said {
            Some(text) if text.expose().trim_start().starts_with('{') => Some(text),
            Some(path) => Some(read("vertex_credentials", path.expose())?),
            None => match env("GOOGLE_APPLICATION_CREDENTIALS") {
                Some(path) => Some(read("GOOGLE_APPLICATION_CREDENTIALS", &path)?),
                None => left_by_gcloud(env),
            },
        };
        let Some(json) = json else {
            let base = metadata_base(env);
            let project = match ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"].iter().find_map(|name| env(name)) {
                Some(project) => Project::Known(project),
                None => Project::Asked(Cached::new(MetadataProject { url: format!("{base}/project/project-id") })),
            };
            let url = format!("{base}/instance/service-accounts/default/token");
            return Ok(Self { token: Cached::new(AccessToken(Grant::Metadata { url })), project });
        };
        let file = file::parse(json.expose()).map_err(|reason| format!("Google's credentials: {reason}"))?;
        let variable = || env("GOOGLE_CLOUD_PROJECT");
        let project = file.project.or_else(variable).map_or(Project::Unnamed, Project::Known);
        Ok(Self { token: Cached::new(AccessToken(file.grant)), project })
    }

    /// The header line that proves it.
    pub async fn authorize(&self, now: SystemTime) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        Ok(vec![(AUTHORIZATION, self.token.get(now).await?.value.clone())])
    }

    /// The project that the credentials belong to, for deployments without `vertex_project`. On a machine of Google's it
    /// is asked of the metadata server, once.
    pub async fn project(&self, now: SystemTime) -> Result<String, Error> {
        match &self.project {
            Project::Known(project) => Ok(project.clone()),
            Project::Asked(cached) => Ok(cached.get(now).await?.value.clone()),
            Project::Unnamed => {
                Err(Error::new(Kind::Authentication, "Google's credentials name no project; set vertex_project"))
            }
        }
    }
}

fn read(setting: &str, path: &str) -> Result<Secret, String> {
    std::fs::read_to_string(path).map(Secret::new).map_err(|error| format!("the file of {setting}: {error}"))
}

fn left_by_gcloud(env: Lookup<'_>) -> Option<Secret> {
    let folder = env("CLOUDSDK_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(env("HOME")?).join(".config/gcloud")))?;
    std::fs::read_to_string(folder.join("application_default_credentials.json")).ok().map(Secret::new)
}

struct MetadataProject {
    url: String,
}

impl Source for MetadataProject {
    type Value = String;

    fn name(&self) -> &'static str {
        METADATA_SERVER
    }

    async fn fetch(&self, _now: SystemTime) -> Result<Fresh<String>, Error> {
        let reply: Reply = get(METADATA_SERVER, &self.url, &[METADATA_FLAVOR]).await?;
        if !reply.is_success() {
            return Err(reply.refusal(METADATA_SERVER, None, None));
        }
        let project = std::str::from_utf8(&reply.body).map_err(|_| garbled(METADATA_SERVER))?;
        Ok(Fresh { value: project.trim().to_owned(), expires: None })
    }
}
