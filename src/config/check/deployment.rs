//! One entry of `model_list`.
//!
//! What stands in `litellm_params` is one of four: a setting of the gateway, a credential, a price, or a parameter that
//! goes to the provider with each request that does not say it itself. The last is what remains.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::connection::{self, Connection};
use super::credentials::Made;
use super::{budgets, credential_list, shown};
use crate::config::raw::keys;
use crate::config::raw::section::{Section, number, text};
use crate::config::{Credential, Deployment, Env, Limits};
use crate::providers::Provider;
use crate::secret::Secret;

/// Keys of a tutorial's `litellm_params.metadata` that speak of the model, not of a request.
const MODEL_METADATA: [&str; 4] = ["cost", "latency", "max_tokens", "capabilities"];

/// Keys that LiteLLM honours in `litellm_params` only, and files put into `model_info` too.
const EITHER_PLACE: [&str; 6] = ["weight", "order", "rpm", "tpm", "max_parallel_requests", "cooldown_time"];

/// What all entries have in common.
pub(super) struct Common<'a> {
    pub env: &'a dyn Env,
    /// Providers that the file declares.
    pub declared: &'a [&'static Provider],
    /// Credentials of the entries read so far.
    pub credentials: Made,
    /// `credential_list`.
    pub listed: &'a [Credential],
    /// Whether the entry stands in the file, where one that lacks its credential does not hinder the others.
    pub is_file: bool,
}

/// Reads an entry; `None`, with the reason among the problems, when it is no deployment.
pub(super) fn read(entry: Section<'_>, common: &Common<'_>) -> Option<Deployment> {
    entry.check_keys(&keys::MODEL);
    let name = entry.text("model_name").filter(|name| !name.is_empty());
    if name.is_none() {
        entry.error("model_name", "is missing");
    }
    if entry.get("litellm_params").is_none() {
        entry.error("litellm_params", "is missing");
    }
    let empty = Map::new();
    let path = entry.path("model_info");
    let info = Section::new(&path, entry.mapping("model_info").unwrap_or(&empty), entry.problems());
    for key in EITHER_PLACE.into_iter().filter(|key| info.get(key).is_some()) {
        info.warning(key, "LiteLLM reads it in litellm_params only; read here too");
    }
    entry
        .with("litellm_params", |params| {
            let filled = credential_list::filled(params.map(), common.listed, |key, text| match common.is_file {
                true => params.warning(key, format!("{text}; stored ones are for models that are added at run time")),
                false => params.error(key, text),
            });
            let filled = params.over(&filled);
            let connection = connection::read(filled, common.env, common.declared);
            // A credential's values may change: the deployment is the same.
            let id = info.text("id").or_else(|| Some(fingerprint(name.as_ref()?, params.map())));
            read_params(entry, filled, info, (id?, name?), connection?, common)
        })
        .flatten()
}

fn read_params(
    entry: Section<'_>,
    params: Section<'_>,
    info: Section<'_>,
    (id, model_name): (String, String),
    connection: Connection,
    common: &Common<'_>,
) -> Option<Deployment> {
    let parameters = parameters(params);
    let place = |key: &str| {
        let places = [params, entry, info];
        places.into_iter().find(|section| section.get(key).is_some()).unwrap_or(params)
    };
    let cloud = common.credentials.read(params, &connection, &parameters.credentials, common.env);
    connection.warn_about_gaps(params, cloud.is_some());
    let shown_params = shown::params(params.map(), connection.endpoint.as_ref());
    Some(Deployment {
        id,
        wildcard: model_name.contains('*'),
        model_name,
        provider: connection.provider,
        upstream_model: connection.upstream_model,
        endpoint: connection.endpoint,
        api_key: connection.api_key,
        organization: params.text("organization"),
        api_version: connection.api_version,
        extra_headers: connection.extra_headers,
        extra_body: connection.extra_body,
        defaults: parameters.defaults,
        cloud,
        credentials: parameters.credentials,
        timeout: params.duration("timeout"),
        stream_timeout: params.duration("stream_timeout"),
        max_retries: params.small_count("max_retries").or_else(|| params.small_count("num_retries")),
        mock_response: params.get("mock_response").cloned(),
        weight: place("weight").number("weight"),
        order: place("order").integer("order").or_else(|| info.integer("priority")),
        limits: Limits {
            rpm: place("rpm").count("rpm"),
            tpm: place("tpm").count("tpm"),
            max_parallel_requests: place("max_parallel_requests").count("max_parallel_requests"),
        },
        budget: budgets::of_deployment(params),
        tags: params.texts("tags"),
        tag_regex: tag_regex(params),
        cooldown_time: place("cooldown_time").duration("cooldown_time"),
        drop_params: params.flag("drop_params"),
        additional_drop_params: params.texts("additional_drop_params"),
        costs: costs(params, info),
        shown_params,
        model_info: model_info(params, info, connection.base_model),
    })
}

/// What LiteLLM would leave out in silence is an error here: a deployment that no client is led to.
fn tag_regex(params: Section<'_>) -> Vec<Regex> {
    let read = |(index, pattern): (usize, String)| {
        let read = Regex::new(&pattern);
        if read.is_err() {
            let why =
                "is no pattern that can be matched in bounded time: look-around and back references are not known";
            params.error("tag_regex", format!("[{index}] {why}"));
        }
        read.ok()
    };
    params.texts("tag_regex").into_iter().enumerate().filter_map(read).collect()
}

/// What remains of `litellm_params` when the settings are taken out.
#[derive(Default)]
struct Parameters {
    defaults: Map<String, Value>,
    credentials: BTreeMap<String, Secret>,
}

fn parameters(params: Section<'_>) -> Parameters {
    let known = &keys::LITELLM_PARAMS;
    let mut read = Parameters::default();
    let mut settings = Map::new();
    for (key, value) in params.map().iter().filter(|(_, value)| !value.is_null()) {
        if known.contains(key) {
            settings.insert(key.clone(), value.clone());
        } else if keys::is_cost(key) {
            // Read by `costs`; asked before credentials, because `input_cost_per_token` ends like one.
        } else if keys::is_credential(key) {
            read.credentials.insert(key.clone(), Secret::new(text(value).unwrap_or_else(|| value.to_string())));
        } else if key == "metadata" && is_about_the_model(value) {
            params.warning(key, "speaks of the model, so it is read as model_info");
        } else {
            if !keys::is_openai_parameter(key) {
                params.warning(key, "not known here; goes to the provider with each request");
            }
            read.defaults.insert(key.clone(), value.clone());
        }
    }
    params.over(&settings).check_keys(known);
    read
}

fn is_about_the_model(metadata: &Value) -> bool {
    metadata.as_object().is_some_and(|map| MODEL_METADATA.iter().any(|key| map.contains_key(*key)))
}

/// `model_info` with what a tutorial says in `litellm_params.metadata`, and with the `base_model` of either place;
/// `implied` is what the model's name says of it.
fn model_info(params: Section<'_>, info: Section<'_>, implied: Option<&'static str>) -> Map<String, Value> {
    let mut all = info.map().clone();
    let said = info.text("base_model").or_else(|| params.text("base_model"));
    if let Some(base_model) = said.filter(|name| !name.is_empty()).or_else(|| implied.map(str::to_owned)) {
        all.insert("base_model".to_owned(), base_model.into());
    }
    if let Some(Value::Object(metadata)) = params.get("metadata").filter(|value| is_about_the_model(value)) {
        for (key, value) in metadata {
            all.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    all
}

/// Prices of both places; `litellm_params` wins. A `*_cost_*` key that is no number (a list of tiers) stays in
/// `model_info` only.
fn costs(params: Section<'_>, info: Section<'_>) -> BTreeMap<String, f64> {
    let both = info.map().iter().chain(params.map());
    let prices = both.filter(|(key, _)| keys::is_cost(key)).filter_map(|(key, value)| Some((key, number(value)?)));
    prices.map(|(key, price)| (key.clone(), price)).collect()
}

/// The same entry has the same id after a restart, whatever the order of its keys.
fn fingerprint(model_name: &str, params: &Map<String, Value>) -> String {
    let mut said = Value::Array(vec![model_name.into(), Value::Object(params.clone())]);
    said.sort_all_objects();
    format!("{:x}", Sha256::digest(said.to_string().as_bytes()))
}
