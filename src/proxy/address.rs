//! The request line and the header lines of a deployment's calls.

use crate::config::Deployment;
use crate::providers::call::Call;
use crate::providers::path::{self, Place};
use crate::providers::{Auth, Endpoint, Provider, cloud};

/// What request lines are made of.
#[derive(Clone, Debug, Default)]
pub struct Address {
    base_path: String,
    query: Option<String>,
    api_version: Option<String>,
    project: Option<String>,
    location: Option<String>,
    /// The value of the `host` header.
    pub authority: String,
    /// The header lines of every request.
    pub lines: Vec<u8>,
}

impl Address {
    /// Of a deployment.
    ///
    /// # Errors
    /// When a configured text cannot stand in a header.
    pub fn of(deployment: &Deployment, endpoint: &Endpoint) -> Result<Self, String> {
        let param = |name: &str| deployment.credentials.get(name).map(|value| value.expose().to_owned());
        let env = |_: &str| None;
        Ok(Self {
            base_path: endpoint.base_path.clone(),
            query: endpoint.query.clone(),
            api_version: deployment.api_version.clone(),
            project: param("vertex_project").or_else(|| param("vertex_ai_project")),
            location: Some(cloud::vertex_location(&param, &env)),
            authority: endpoint.authority(),
            lines: lines(deployment, deployment.provider, endpoint)?,
        })
    }

    /// Whether the path would need a project that the configuration does not tell.
    pub fn lacks_project(&self) -> bool {
        self.project.is_none()
    }

    /// Path and query of the list of models, where there is one.
    pub fn models(&self, provider: &Provider) -> Option<String> {
        path::models(provider, &self.place("", None))
    }

    fn place<'a>(&'a self, model: &'a str, project: Option<&'a str>) -> Place<'a> {
        Place {
            base_path: &self.base_path,
            query: self.query.as_deref(),
            model,
            api_version: self.api_version.as_deref(),
            project: self.project.as_deref().or(project),
            location: self.location.as_deref(),
            stream: false,
        }
    }

    /// Path and query of a call; `project` where the configuration tells none.
    pub fn target(&self, provider: &Provider, call: Call, stream: bool, model: &str, project: Option<&str>) -> String {
        path::target(provider, call, &Place { stream, ..self.place(model, project) })
    }

    /// The head of a call, without `content-length` and the empty line.
    pub fn head(&self, provider: &Provider, call: Call, stream: bool, model: &str, project: Option<&str>) -> Vec<u8> {
        let mut head =
            format!("POST {} HTTP/1.1\r\n", self.target(provider, call, stream, model, project)).into_bytes();
        head.extend_from_slice(&self.lines);
        head
    }
}

fn lines(deployment: &Deployment, provider: &Provider, endpoint: &Endpoint) -> Result<Vec<u8>, String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &[u8]| -> Result<(), String> {
        let value = http::HeaderValue::from_bytes(value).map_err(|_| format!("{name} cannot stand in a header"))?;
        lines.extend_from_slice(name.as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
        Ok(())
    };
    line("host", endpoint.authority().as_bytes())?;
    line("user-agent", concat!("tollgate/", env!("CARGO_PKG_VERSION")).as_bytes())?;
    line("accept", b"application/json, text/event-stream")?;
    line("content-type", b"application/json")?;
    if let Some(key) = deployment.api_key.as_ref().filter(|_| !deployment.extra_headers.contains_key("authorization")) {
        match provider.auth {
            Auth::Bearer => line("authorization", format!("Bearer {}", key.expose()).as_bytes())?,
            Auth::Header(name) => line(name, key.expose().as_bytes())?,
            Auth::Prefixed { header, prefix } => line(header, format!("{prefix}{}", key.expose()).as_bytes())?,
            Auth::None => {}
        }
    }
    if let Some(organization) = &deployment.organization {
        line("openai-organization", organization.as_bytes())?;
    }
    for (name, value) in &deployment.extra_headers {
        line(name.as_str(), value.as_bytes())?;
    }
    Ok(lines)
}
