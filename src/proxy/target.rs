//! A deployment as the data plane uses it: prepared request heads, response header template, metric handles.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem::Finder;
use pingora_http::ResponseHeader;
use serde_json::{Map, Value};

use super::snapshot::template;
use super::upstream::Upstream;
use crate::config::{Config, Deployment};
use crate::providers::{Auth, Dialect, Endpoint, LegacyCompletions, Operation, Provider};
use crate::secret::Secret;
use crate::telemetry::metrics::{DeploymentHandles, Metrics};
use crate::wire::openai::request::{Quirks, RequestRules};

/// The operations that have a prepared head.
const OPERATIONS: [Operation; 5] = [
    Operation::ChatCompletions,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Moderations,
    Operation::Models,
];

/// One deployment.
pub struct Target {
    /// `model_info.id`.
    pub id: Arc<str>,
    /// `model_name` of its group; may be a pattern.
    pub model_name: String,
    /// `<provider>/<model>` as LiteLLM writes it.
    pub full_model: String,
    /// Provider's name.
    pub provider: &'static str,
    /// Exception name that LiteLLM puts before a provider's message, such as `OpenAIException`.
    pub exception: String,
    /// Whether the provider speaks a dialect that is served.
    pub dialect: Dialect,
    /// Whether legacy completions are turned into chat completions.
    pub bridge_completions: bool,
    /// Where it is; `None` if it has no address.
    pub upstream: Option<Arc<Upstream>>,
    /// Base URL for people.
    pub api_base: String,
    /// `model_info.mode`: which call a health check makes.
    pub mode: Option<String>,
    /// `model_info.health_check_model`: which model it asks, where the deployment is a wildcard.
    pub health_check_model: Option<String>,
    defaults: Map<String, Value>,
    extra_body: Map<String, Value>,
    drop: Vec<String>,
    quirks: Quirks,
    /// Model name upstream; a `*` stands for what the client's name has there.
    pub upstream_model: String,
    /// `mock_response`, answered without an upstream.
    pub mock_response: Option<Value>,
    /// `timeout` of one attempt.
    pub timeout: Option<Duration>,
    /// `stream_timeout` until the first event.
    pub stream_timeout: Option<Duration>,
    /// `max_retries`.
    pub max_retries: Option<u32>,
    /// Response header lines of this deployment.
    pub template: ResponseHeader,
    /// Its metrics.
    pub metrics: DeploymentHandles,
    heads: HashMap<Operation, Bytes>,
    key: Option<ProviderKey>,
}

/// A deployment's key, to be recognised where a provider hands it back.
pub struct ProviderKey {
    finder: Finder<'static>,
    key: Secret,
}

/// Shorter keys are placeholders such as `EMPTY`: replacing them would only garble messages.
const SHORTEST_KEY: usize = 8;
/// What stands in a message where a key stood.
const REDACTED: &str = "[key]";

impl ProviderKey {
    fn of(key: Option<&Secret>) -> Option<Self> {
        let key = key.filter(|key| key.expose().len() >= SHORTEST_KEY)?.clone();
        Some(Self { finder: Finder::new(key.expose().as_bytes()).into_owned(), key })
    }

    /// Whether the key stands in these bytes.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.finder.find(bytes).is_some()
    }
}

impl Target {
    /// Prepares a deployment.
    ///
    /// # Errors
    /// When a configured text cannot stand in a header.
    pub fn build(
        deployment: &Deployment,
        config: &Config,
        upstream: Option<Arc<Upstream>>,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let provider = deployment.provider;
        let full_model = format!("{}/{}", provider.name, deployment.upstream_model);
        let api_base = deployment.endpoint.as_ref().map_or_else(String::new, base_url);
        let lines = [
            ("x-litellm-model-id", deployment.id.as_str()),
            ("x-litellm-model-name", full_model.as_str()),
            ("x-litellm-model-api-base", api_base.as_str()),
            ("x-litellm-model-group", deployment.model_name.as_str()),
            ("x-litellm-attempted-fallbacks", "0"),
        ];
        Ok(Self {
            id: deployment.id.as_str().into(),
            model_name: deployment.model_name.clone(),
            provider: provider.name,
            exception: exception_name(provider.name),
            dialect: provider.dialect,
            bridge_completions: provider.completions == LegacyCompletions::Bridged,
            mode: info(deployment, "mode"),
            health_check_model: info(deployment, "health_check_model"),
            defaults: deployment.defaults.clone(),
            extra_body: deployment.extra_body.clone(),
            drop: deployment.additional_drop_params.clone(),
            quirks: quirks(deployment),
            upstream_model: deployment.upstream_model.clone(),
            mock_response: deployment.mock_response.clone(),
            timeout: deployment.timeout.or(config.router.timeout),
            stream_timeout: deployment.stream_timeout.or(config.router.stream_timeout),
            max_retries: deployment.max_retries,
            template: template(config.tollgate.litellm_compat, &lines)?,
            metrics: metrics.deployment(&full_model, &deployment.id, &api_base, provider.name),
            heads: heads(deployment, provider)?,
            key: ProviderKey::of(deployment.api_key.as_ref()),
            full_model,
            upstream,
            api_base,
        })
    }

    /// Its key, to be kept out of answers.
    pub fn key(&self) -> Option<&ProviderKey> {
        self.key.as_ref()
    }

    /// A text without the deployment's key.
    pub fn redact(&self, text: String) -> String {
        match &self.key {
            Some(key) if key.is_in(text.as_bytes()) => text.replace(key.key.expose(), REDACTED),
            _ => text,
        }
    }

    /// What a request's body must become for this deployment.
    pub fn rules<'a>(&'a self, upstream_model: &'a str) -> RequestRules<'a> {
        RequestRules {
            upstream_model,
            defaults: &self.defaults,
            extra_body: &self.extra_body,
            drop: &self.drop,
            add_stream_usage: true,
            quirks: self.quirks,
        }
    }

    /// Request line and headers of an operation, without `content-length`.
    pub fn head(&self, operation: Operation) -> &[u8] {
        self.heads.get(&operation).map_or(b"", |head| head)
    }
}

/// A text of `model_info`.
fn info(deployment: &Deployment, name: &str) -> Option<String> {
    deployment.model_info.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn base_url(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", endpoint.authority(), endpoint.base_path)
}

/// LiteLLM capitalises the provider's name, but for OpenAI's own.
fn exception_name(provider: &str) -> String {
    if provider == crate::providers::OPENAI {
        return "OpenAIException".to_owned();
    }
    let mut letters = provider.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}Exception", first.to_uppercase(), letters.as_str()))
}

fn quirks(deployment: &Deployment) -> Quirks {
    let quirks = &deployment.provider.quirks;
    Quirks {
        tools_without_strict: quirks.drop_tool_strict,
        no_null_content: true,
        max_completion_tokens: quirks
            .max_completion_tokens
            .iter()
            .any(|prefix| deployment.upstream_model.starts_with(prefix)),
        explicit_stream_false: quirks.say_stream_false,
        seed_name: quirks.seed_name,
        flat_content: quirks.flatten_content,
    }
}

fn heads(deployment: &Deployment, provider: &Provider) -> Result<HashMap<Operation, Bytes>, String> {
    let Some(endpoint) = &deployment.endpoint else { return Ok(HashMap::new()) };
    OPERATIONS.into_iter().map(|operation| Ok((operation, head(deployment, provider, endpoint, operation)?))).collect()
}

fn head(
    deployment: &Deployment,
    provider: &Provider,
    endpoint: &Endpoint,
    operation: Operation,
) -> Result<Bytes, String> {
    let method = if operation == Operation::Models { "GET" } else { "POST" };
    let mut head = format!("{method} {} HTTP/1.1\r\n", endpoint.target(operation)).into_bytes();
    let mut line = |name: &str, value: &[u8]| -> Result<(), String> {
        let value = http::HeaderValue::from_bytes(value).map_err(|_| format!("{name} cannot stand in a header"))?;
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
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
            Auth::None => {}
        }
    }
    if let Some(organization) = &deployment.organization {
        line("openai-organization", organization.as_bytes())?;
    }
    for (name, value) in &deployment.extra_headers {
        line(name.as_str(), value.as_bytes())?;
    }
    Ok(Bytes::from(head))
}

impl std::fmt::Debug for Target {
    /// Without the prepared heads: they hold the provider's key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("id", &self.id).field("model", &self.full_model).finish_non_exhaustive()
    }
}
