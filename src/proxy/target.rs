//! A deployment as the data plane uses it: prepared request heads, response header template, metric handles.

mod facts;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem::Finder;
use serde_json::{Map, Value};

use facts::{alike, can, info, is_set, names_model, route, seconds, shown};
pub use facts::{prices, short};

use super::address::Address;
use super::checkup;
use super::snapshot::template;
use super::upstream::Upstream;
use crate::config::{Config, Deployment};
use crate::drawing::Drawing;
use crate::error::Error;
use crate::pricing::{Prices, Table};
use crate::providers::call::{self, Call, Operation};
use crate::providers::credentials::Credentials;
use crate::providers::{Dialect, Endpoint, Provider};
use crate::router::Router;
use crate::secret::Secret;
use crate::store::journal::Alike;
use crate::telemetry::metrics::{DeploymentHandles, Metrics};
use crate::wire::codec::Profile;
use crate::wire::openai::images;
use crate::wire::openai::request::{Quirks, RequestRules};

/// One deployment.
pub struct Target {
    /// `model_info.id`.
    pub id: Arc<str>,
    /// `model_name` of its group; may be a pattern.
    pub model_name: String,
    /// `<provider>/<model>` as LiteLLM writes it.
    pub full_model: String,
    /// `litellm_params.model`, as it was said.
    pub shown_model: String,
    /// Whose it is.
    pub provider: &'static Provider,
    /// Exception name that LiteLLM puts before a provider's message, such as `OpenAIException`.
    pub exception: String,
    /// Where it is; `None` if it has no address.
    pub upstream: Option<Arc<Upstream>>,
    /// Base URL for people.
    pub api_base: String,
    /// `model_info.mode`: which call a health check makes.
    pub mode: Option<String>,
    /// `model_info.health_check_model`: which model it asks, where the deployment is a wildcard.
    pub health_check_model: Option<String>,
    /// Whether it is checked in the background (`model_info.disable_background_health_check`).
    pub is_checked: bool,
    /// How long a check may take (`model_info.health_check_timeout`).
    pub check_timeout: Duration,
    defaults: Map<String, Value>,
    extra_body: Map<String, Value>,
    drop: Vec<String>,
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
    /// How it is chosen, and among how many: the beginning of `x-tollgate-route`.
    pub route: String,
    /// Response header lines of this deployment.
    pub template: HeaderMap,
    /// What the spend journal is told of it with each call.
    pub alike: Alike,
    /// Its metrics.
    pub metrics: DeploymentHandles,
    /// `drop_params`: what the provider does not know is left out instead of refused.
    pub drop_params: bool,
    /// `modify_params`: what the provider would refuse is mended where that is possible.
    pub modify_params: bool,
    /// `base_model`, which tells what the model can do where its name upstream does not.
    base_model: Option<String>,
    /// What its model costs; empty where nobody knows.
    pub prices: Prices,
    /// Which pictures it is asked for where the client does not say.
    pub drawing: Drawing,
    /// Whether the model goes on after words that are put before its answer.
    pub prefills: bool,
    /// Whether the model may think before it speaks.
    pub thinks: bool,
    /// Who signs, or fetches tokens, where the key does not say it all.
    pub credentials: Option<Arc<Credentials>>,
    address: Address,
    heads: HashMap<(Call, bool), Bytes>,
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
        table: &Table,
        router: &Router,
    ) -> Result<Self, String> {
        let provider = deployment.provider;
        let full_model = format!("{}/{}", provider.name, deployment.upstream_model);
        let api_base = deployment.endpoint.as_ref().map_or_else(String::new, Endpoint::url);
        let address = deployment.endpoint.as_ref().map(|endpoint| Address::of(deployment, endpoint));
        let address = address.transpose()?.unwrap_or_default();
        let prices = prices(deployment, table, &config.general.cost_terms);
        let route = route(deployment, router);
        let mut lines = vec![
            ("x-tollgate-route", route.as_str()),
            ("x-litellm-model-id", deployment.id.as_str()),
            ("x-litellm-model-name", full_model.as_str()),
            ("x-litellm-model-api-base", api_base.as_str()),
            ("x-litellm-model-group", deployment.model_name.as_str()),
            ("x-litellm-attempted-fallbacks", "0"),
        ];
        lines.extend(shown(deployment, "region_name").map(|region| ("x-litellm-model-region", region)));
        // With terms each answer tells its own.
        if prices.terms().is_none() && (!prices.is_empty() || deployment.upstream_model.contains('*')) {
            lines.extend(NOTHING_OFF_OR_ON.map(|name| (name, "0.0")));
        }
        Ok(Self {
            id: deployment.id.as_str().into(),
            model_name: deployment.model_name.clone(),
            shown_model: shown(deployment, "model").unwrap_or(&full_model).to_owned(),
            provider,
            exception: exception_name(provider.name),
            mode: info(deployment, "mode"),
            health_check_model: info(deployment, "health_check_model"),
            is_checked: !is_set(deployment, "disable_background_health_check"),
            check_timeout: seconds(deployment, "health_check_timeout").unwrap_or(checkup::TIMEOUT),
            defaults: deployment.defaults.clone(),
            drawing: images::usual(&deployment.defaults),
            extra_body: deployment.extra_body.clone(),
            drop: deployment.additional_drop_params.clone(),
            upstream_model: deployment.upstream_model.clone(),
            mock_response: deployment.mock_response.clone(),
            timeout: deployment.timeout.or(config.router.timeout),
            stream_timeout: deployment.stream_timeout.or(config.router.stream_timeout),
            max_retries: deployment.max_retries,
            route: route.clone(),
            template: template(config.tollgate.litellm_compat, &lines)?,
            alike: alike(deployment, &api_base),
            metrics: metrics.deployment(&full_model, &deployment.id, &api_base, provider.name),
            drop_params: deployment.drop_params.unwrap_or(config.general.drop_params),
            modify_params: config.general.modify_params,
            base_model: info(deployment, "base_model"),
            prices,
            prefills: can(deployment, table, "supports_assistant_prefill").unwrap_or(false),
            thinks: can(deployment, table, "supports_reasoning").unwrap_or(false),
            credentials: deployment.cloud.clone(),
            heads: heads(deployment, &address),
            address,
            key: ProviderKey::of(deployment.api_key.as_ref()),
            full_model,
            upstream,
            api_base,
        })
    }

    /// The call that answers an operation. `None`: the provider has none.
    pub fn call(&self, operation: Operation, upstream_model: &str) -> Option<Call> {
        call::call(self.provider, operation, upstream_model)
    }

    /// What a codec must know of the deployment.
    pub fn profile<'a>(&'a self, upstream_model: &'a str) -> Profile<'a> {
        Profile {
            provider: self.provider.name,
            drop_params: self.drop_params,
            modify_params: self.modify_params,
            base_model: self.base_model.as_deref().unwrap_or(upstream_model),
        }
    }

    /// The model's name as the price table knows it, where it is said; else its name upstream.
    pub fn base_model(&self) -> &str {
        self.base_model.as_deref().unwrap_or(&self.upstream_model)
    }

    /// Whether what it costs depends on the model that is asked for.
    pub fn is_priced_by_name(&self) -> bool {
        self.base_model.is_none() && self.upstream_model.contains('*')
    }

    /// Whether its journal fields say which model answers; a wildcard's do not.
    pub fn names_model(&self) -> bool {
        names_model(&self.upstream_model)
    }

    /// Parameters for requests that do not say them.
    pub fn defaults(&self) -> &Map<String, Value> {
        &self.defaults
    }

    /// Members merged into every body.
    pub fn extra_body(&self) -> &Map<String, Value> {
        &self.extra_body
    }

    /// `additional_drop_params`.
    pub fn dropped_params(&self) -> &[String] {
        &self.drop
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

    /// The same for pictures, whose streams have no options, and which nobody streams unasked.
    pub fn rules_of_pictures<'a>(&'a self, upstream_model: &'a str) -> RequestRules<'a> {
        let rules = self.rules(upstream_model);
        let quirks = Quirks { explicit_stream_false: false, ..rules.quirks };
        RequestRules { add_stream_usage: false, quirks, ..rules }
    }

    /// What a request's body must become for this deployment.
    pub fn rules<'a>(&'a self, upstream_model: &'a str) -> RequestRules<'a> {
        RequestRules {
            upstream_model,
            defaults: &self.defaults,
            extra_body: &self.extra_body,
            drop: &self.drop,
            add_stream_usage: true,
            quirks: self.quirks(upstream_model),
        }
    }

    /// In what the provider differs from OpenAI where this model is concerned.
    fn quirks(&self, model: &str) -> Quirks {
        let model = self.base_model.as_deref().unwrap_or(model);
        let quirks = &self.provider.quirks;
        Quirks {
            tools_without_strict: quirks.drop_tool_strict,
            no_null_content: true,
            max_completion_tokens: quirks.max_completion_tokens.iter().any(|prefix| model.starts_with(prefix)),
            explicit_stream_false: quirks.say_stream_false,
            renames: quirks.renames,
            flat_content: quirks.flatten_content,
            never: quirks.never,
            unsupported: if self.drop_params { quirks.unsupported(model) } else { &[] },
            roles: quirks.roles(model),
            named_roles: quirks.named_roles,
            short_tool_ids: quirks.short_tool_ids,
            plain_schemas: quirks.plain_schemas,
            required_tool: quirks.required_tool,
            foreign_thoughts: quirks.foreign_thoughts,
        }
    }

    /// Request line and headers of a call, without `content-length`.
    ///
    /// # Errors
    /// When the address lacks a project and the credentials do not tell it.
    pub async fn head(&self, call: Call, stream: bool, upstream_model: &str) -> Result<Cow<'_, [u8]>, Error> {
        if let Some(head) = self.heads.get(&(call, stream)).filter(|_| upstream_model == self.upstream_model) {
            return Ok(Cow::Borrowed(head));
        }
        let project = match &self.credentials {
            Some(credentials) if self.address.lacks_project() => credentials.project(SystemTime::now()).await?,
            _ => None,
        };
        Ok(Cow::Owned(self.address.head(self.provider, call, stream, upstream_model, project.as_deref())))
    }

    /// Whether `host:port` (without a port that is the scheme's own) is where this deployment is.
    pub fn is_at(&self, authority: &str) -> bool {
        self.address.authority == authority
    }

    /// A `GET` of a path that the provider itself named.
    pub fn get_head(&self, path: &str) -> Vec<u8> {
        let mut head = format!("GET {path} HTTP/1.1\r\n").into_bytes();
        head.extend_from_slice(&self.address.lines);
        head
    }

    /// A `GET` of the provider's list of models: with the key, and without tokens. `None`: there is none, or the key does not
    /// say it all.
    pub fn models_head(&self) -> Option<Vec<u8>> {
        let path = self.address.models(self.provider).filter(|_| self.credentials.is_none())?;
        Some(self.get_head(&path))
    }

    /// A request without a body and its path behind the base URL, such as `/responses/resp_1`.
    pub fn bare_head(&self, method: &http::Method, call: Call, suffix: &str) -> Vec<u8> {
        let target = self.address.target(self.provider, call, false, &self.upstream_model, None);
        let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut head = format!("{method} {path}{suffix}{query} HTTP/1.1\r\n").into_bytes();
        head.extend_from_slice(&self.address.lines);
        head
    }
}

/// LiteLLM capitalises the provider's name, but for OpenAI's own.
fn exception_name(provider: &str) -> String {
    if provider == crate::providers::OPENAI {
        return "OpenAIException".to_owned();
    }
    let mut letters = provider.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}Exception", first.to_uppercase(), letters.as_str()))
}

/// LiteLLM's lines about discounts and margins, where there are none.
const NOTHING_OFF_OR_ON: [&str; 3] = [
    "x-litellm-response-cost-discount-amount",
    "x-litellm-response-cost-margin-amount",
    "x-litellm-response-cost-margin-percent",
];

/// Every operation that a client can ask for.
const OPERATIONS: [Operation; 11] = [
    Operation::ChatCompletions,
    Operation::Completions,
    Operation::Responses,
    Operation::Embeddings,
    Operation::Moderations,
    Operation::ImageGenerations,
    Operation::Messages,
    Operation::CountMessageTokens,
    Operation::GenerateContent,
    Operation::StreamGenerateContent,
    Operation::CountContentTokens,
];

/// The heads of all calls that can be told beforehand; those of a wildcard depend on the client's model name.
fn heads(deployment: &Deployment, address: &Address) -> HashMap<(Call, bool), Bytes> {
    let model = &deployment.upstream_model;
    let waits_for_project = deployment.provider.dialect == Dialect::Vertex && address.lacks_project();
    if deployment.endpoint.is_none() || model.contains('*') || waits_for_project {
        return HashMap::new();
    }
    let calls = OPERATIONS.into_iter().filter_map(|operation| call::call(deployment.provider, operation, model));
    let both = calls.flat_map(|call| [(call, false), (call, true)]);
    both.map(|(call, stream)| ((call, stream), address.head(deployment.provider, call, stream, model, None).into()))
        .collect()
}

impl std::fmt::Debug for Target {
    /// Without the prepared heads: they hold the provider's key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("id", &self.id).field("model", &self.full_model).finish_non_exhaustive()
    }
}
