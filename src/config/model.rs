//! One entry of `model_list`, understood.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use regex::Regex;
use serde_json::{Map, Value};

use super::governance::Budget;
use crate::providers::credentials::Credentials;
use crate::providers::{Endpoint, Provider};
use crate::secret::Secret;

/// One configured endpoint of a model group.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The public name of its group; may hold a `*`.
    pub model_name: String,
    /// `model_info.id`, else the SHA-256 of what was said about it in hex: stable over restarts.
    pub id: String,
    /// Whose it is.
    pub provider: &'static Provider,
    /// The model's name upstream, with the provider's `model_prefix` already put before it. Of a wildcard it still
    /// holds the `*` that the client's text replaces.
    pub upstream_model: String,
    /// Where it is. `None` where neither the file, the environment nor the table knows a base URL.
    pub endpoint: Option<Endpoint>,
    /// The key to show, with the provider's variable and default key already tried.
    pub api_key: Option<Secret>,
    /// `openai-organization` of each request.
    pub organization: Option<String>,
    /// For dialects with versions.
    pub api_version: Option<String>,
    /// Sent with each request; the values are marked sensitive, so that `Debug` does not show them. Holds the quirk
    /// headers of the provider too.
    pub extra_headers: HeaderMap,
    /// Merged into each request body; wins over what the client said.
    pub extra_body: Map<String, Value>,
    /// Parameters for a request that does not say them itself (`temperature`, `max_tokens` …).
    pub defaults: Map<String, Value>,
    /// Credentials of other shapes than one key (AWS, Vertex, Azure AD), by LiteLLM's name.
    pub credentials: BTreeMap<String, Secret>,
    /// What they amount to: who signs, or fetches tokens. `None` where the key says it all.
    pub cloud: Option<Arc<Credentials>>,
    /// For the whole call.
    pub timeout: Option<Duration>,
    /// To the first event of a stream.
    pub stream_timeout: Option<Duration>,
    /// Overrides the number of retries of the router.
    pub max_retries: Option<u32>,
    /// Answered in place of the upstream: a string, or an object in the dialect's own shape.
    pub mock_response: Option<Value>,
    /// Share of the traffic of the group; `None` and 0 differ from each other only where all are absent.
    pub weight: Option<f64>,
    /// Lower is tried first.
    pub order: Option<i64>,
    /// What this deployment may take.
    pub limits: Limits,
    /// `max_budget` and `budget_duration`: what its calls may cost.
    pub budget: Budget,
    /// `litellm_params.tags`.
    pub tags: Vec<String>,
    /// `litellm_params.tag_regex`: which clients it is for, matched against `User-Agent: …`.
    pub tag_regex: Vec<Regex>,
    /// How long it is left alone after it failed; else the router's.
    pub cooldown_time: Option<Duration>,
    /// Parameters that the provider does not know are dropped, not refused; else `litellm_settings.drop_params`.
    pub drop_params: Option<bool>,
    /// Parameters that are dropped in any case.
    pub additional_drop_params: Vec<String>,
    /// `input_cost_per_token` and its kin, from either place, as they were said.
    pub costs: BTreeMap<String, f64>,
    /// What of `litellm_params` may be shown: no secret, and nothing that is not known to be none.
    pub shown_params: Map<String, Value>,
    /// All of `model_info`, kept for `/model/info`.
    pub model_info: Map<String, Value>,
    /// `model_name` holds a `*`.
    pub wildcard: bool,
}

/// Limits per deployment. Minutes are calendar minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u64>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Calls at the same time.
    pub max_parallel_requests: Option<u64>,
}

/// One of `credential_list`.
#[derive(Clone, Default, PartialEq)]
pub struct Credential {
    pub name: String,
    /// Parameters of `litellm_params`, in plain text.
    pub values: Map<String, Value>,
    /// What people say of it.
    pub info: Map<String, Value>,
}

/// Values are secrets.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}
