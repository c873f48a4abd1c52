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
    pub endpoint: Option<Endpoint>,
    pub api_key: Option<Secret>,
    pub extra_headers: HeaderMap,
    pub extra_body: Map<String, Value>,
}

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
    if params.get("mock_response").is_none() {
        warn_about_gaps(params, provider, endpoint.is_some(), api_key.is_some());
    }
    let prefix = provider.quirks.model_prefix.filter(|_| !model.contains('/')).unwrap_or_default();
    Some(Connection {
        provider,
        upstream_model: format!("{prefix}{model}"),
        endpoint,
        api_key,
        extra_headers: extra_headers(params, provider),
        extra_body: extra_body(params, provider),
    })
}

/// What will make calls fail. A key that is there but empty has been reported with its variable.
fn warn_about_gaps(params: Section<'_>, provider: &Provider, has_endpoint: bool, has_key: bool) {
    if provider.dialect == Dialect::Other {
        params.warning("model", format!("the dialect of {} is not spoken here; calls will fail", provider.name));
        return;
    }
    if !has_endpoint && !params.map().contains_key("api_base") {
        params.warning("api_base", "is missing; calls will fail");
    }
    if !has_key && provider.auth != Auth::None && !params.map().contains_key("api_key") {
        params.warning("api_key", format!("is missing; {} would say it too", provider.key_env.join(" or ")));
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

/// `api_base`, else the provider's variable, else the provider's own place.
fn endpoint(params: Section<'_>, provider: &Provider, model: &str, env: &dyn Env) -> Option<Endpoint> {
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
    if let Some(base) = cloud::base_url(provider.dialect, model, &param, &|name| env.get(name)) {
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
        for (name, value) in params.mapping(key).into_iter().flatten() {
            let path = format!("{key}.{name}");
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
                None => params.error(&path, "cannot be a header's value"),
            }
        }
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
