//! The part of `litellm_params` that says where a call goes and how it shows who is calling.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::config::Env;
use crate::config::raw::section::{Section, suggestion, text};
use crate::providers::{self, Auth, Dialect, Endpoint, Inferred, Provider, cloud};
use crate::secret::Secret;

/// Where a call goes.
pub(super) struct Connection {
    pub provider: &'static Provider,
    pub upstream_model: String,
    /// What the model can do, where a word before its name says so.
    pub base_model: Option<&'static str>,
    pub api_version: Option<String>,
    pub endpoint: Option<Endpoint>,
    pub api_key: Option<Secret>,
    pub extra_headers: HeaderMap,
    pub extra_body: Map<String, Value>,
}

/// Words before the name of a deployment on Azure, which says nothing of its model, and a model of that kind.
const AZURE_KINDS: [(&str, &str); 2] = [("o_series/", "o3"), ("gpt5_series/", "gpt-5")];

/// `None` when nobody knows whose model it is.
pub(super) fn read(params: Section<'_>, env: &dyn Env, declared: &[&'static Provider]) -> Option<Connection> {
    let Some(model) = params.text("model").filter(|model| !model.is_empty()) else {
        params.error("model", "is missing");
        return None;
    };
    let Inferred { provider, model } = provider_of(params, &model, declared)?;
    let endpoint = endpoint(params, provider, model, env);
    let api_key = params
        .secret("api_key")
        .or_else(|| {
            provider.key_env.iter().find_map(|name| env.get(name)).filter(|key| !key.is_empty()).map(Secret::new)
        })
        .or_else(|| provider.quirks.default_key.map(Secret::new));
    let kind = AZURE_KINDS.iter().find(|(word, _)| provider.dialect == Dialect::Azure && model.starts_with(word));
    let (model, base_model) = match kind {
        Some((word, base_model)) => (model.strip_prefix(word).unwrap_or(model), Some(*base_model)),
        None => (model, None),
    };
    let prefix = provider.quirks.model_prefix.filter(|_| !model.contains('/')).unwrap_or_default();
    Some(Connection {
        provider,
        upstream_model: format!("{prefix}{model}"),
        base_model,
        api_version: api_version(params, provider, env),
        endpoint,
        api_key,
        extra_headers: extra_headers(params, provider),
        extra_body: extra_body(params, provider),
    })
}

impl Connection {
    /// Reports what will make calls fail. `proves_itself`: there are credentials beyond a key. A key that is there but
    /// empty has been reported with its variable.
    pub fn warn_about_gaps(&self, params: Section<'_>, proves_itself: bool) {
        let provider = self.provider;
        if params.get("mock_response").is_some() {
            return;
        }
        if provider.dialect == Dialect::Other {
            params.warning("model", format!("the dialect of {} is not spoken here; calls will fail", provider.name));
            return;
        }
        if self.endpoint.is_none() && !params.map().contains_key("api_base") {
            params.warning("api_base", "is missing; calls will fail");
        }
        let has_key = self.api_key.is_some() || proves_itself || params.map().contains_key("api_key");
        if !has_key && provider.auth != Auth::None {
            let elsewhere = match provider.key_env {
                [] => String::new(),
                variables => format!("; {} would say it too", variables.join(" or ")),
            };
            params.warning("api_key", format!("is missing{elsewhere}"));
        }
    }
}

fn provider_of<'m>(params: Section<'_>, model: &'m str, declared: &[&'static Provider]) -> Option<Inferred<'m>> {
    let custom = params.text("custom_llm_provider");
    let names = || providers::names().chain(declared.iter().map(|provider| provider.name));
    if let Some(name) = custom.as_deref().filter(|name| providers::infer::known(name, declared).is_none()) {
        params.error("custom_llm_provider", format!("unknown provider{}", suggestion(name, names())));
        return None;
    }
    if model == "*" && custom.is_none() {
        params.warning("model", "names no provider; openai is taken");
    }
    let inferred = providers::infer(model, custom.as_deref(), declared);
    if inferred.is_none() {
        let prefix = model.split_once('/').map_or("", |(prefix, _)| prefix);
        let suggestion = suggestion(prefix, names());
        params.error("model", format!("the provider is not known; write <provider>/<model>{suggestion}"));
    }
    inferred
}

fn api_version(params: Section<'_>, provider: &Provider, env: &dyn Env) -> Option<String> {
    let variable = || env.get("AZURE_API_VERSION").filter(|_| provider.dialect == Dialect::Azure);
    params.text("api_version").or_else(variable).filter(|version| !version.is_empty())
}

/// The endpoint with what the provider puts behind each base URL.
fn endpoint(params: Section<'_>, provider: &Provider, model: &str, env: &dyn Env) -> Option<Endpoint> {
    let mut endpoint = base_url(params, provider, model, env)?;
    if let Some(ending) = provider.quirks.base_ending.filter(|ending| !endpoint.base_path.ends_with(ending)) {
        endpoint.base_path.push_str(ending);
    }
    let bare = provider.quirks.bare_base.iter().find(|(host, _)| endpoint.host.ends_with(host));
    if let Some((_, path)) = bare.filter(|_| endpoint.base_path.is_empty()) {
        endpoint.base_path = (*path).to_owned();
    }
    if provider.quirks.version_in_query && endpoint.query.is_none() {
        endpoint.query = params.text("api_version").map(|version| format!("api-version={version}"));
    }
    Some(endpoint)
}

/// `api_base`, else the provider's variable, else the provider's own place.
fn base_url(params: Section<'_>, provider: &Provider, model: &str, env: &dyn Env) -> Option<Endpoint> {
    for key in ["api_base", "base_url"] {
        if let Some(base) = params.text(key).filter(|base| !base.is_empty()) {
            return Endpoint::parse(&base).map_err(|error| params.error(key, error.to_string())).ok();
        }
    }
    let set = provider.base_env.iter().find_map(|name| Some((name, env.get(name).filter(|base| !base.is_empty())?)));
    if let Some((name, base)) = set {
        let refused = |error| params.error("api_base", format!("the environment variable {name} {error}"));
        return Endpoint::parse(&base).map_err(refused).ok();
    }
    let param = |key: &str| params.text(key).filter(|value| !value.is_empty());
    if let Some(base) =
        cloud::base_url(provider.dialect, model, &param, &|name| env.get(name).filter(|value| !value.is_empty()))
    {
        return Endpoint::parse(&base).map_err(|error| params.error("model", error.to_string())).ok();
    }
    Endpoint::parse(&filled(provider.base_url?, env)?).ok()
}

/// A base URL of the table with its `{NAME}` replaced; `None` when the variable is not set.
fn filled(base: &str, env: &dyn Env) -> Option<String> {
    let Some((before, rest)) = base.split_once('{') else { return Some(base.to_owned()) };
    let (name, behind) = rest.split_once('}')?;
    Some(format!("{before}{}{behind}", env.get(name)?))
}

fn extra_headers(params: Section<'_>, provider: &Provider) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in provider.quirks.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for key in ["headers", "extra_headers"] {
        let read = |said: Section<'_>| {
            for (name, value) in said.map() {
                let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                    params.error(key, "holds a name that cannot be a header's");
                    continue;
                };
                match text(value).and_then(|value| HeaderValue::from_str(&value).ok()) {
                    Some(mut value) => {
                        value.set_sensitive(true);
                        headers.insert(header, value);
                    }
                    None if value.is_null() => {}
                    None => said.error(name, "cannot be a header's value"),
                }
            }
        };
        params.with(key, read);
    }
    headers
}

fn extra_body(params: Section<'_>, provider: &Provider) -> Map<String, Value> {
    let quirk = provider.quirks.extra_body.and_then(|body| serde_json::from_str(body).ok());
    let mut body: Map<String, Value> = quirk.unwrap_or_default();
    for (key, value) in params.mapping("extra_body").into_iter().flatten() {
        body.insert(key.clone(), value.clone());
    }
    body
}
