//! `general_settings`, and those of `litellm_settings` that concern the proxy as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::governance::UseLimits;
use crate::secret::Secret;

/// Probes of the deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChecks {
    /// Probe in the background, not on demand.
    pub background: bool,
    /// A deployment that fails its check gets no requests until it passes one; true unless
    /// `enable_health_check_routing: false`.
    pub routing: bool,
    /// Between two rounds; 300 s.
    pub interval: Duration,
    /// Answers name each deployment's parameters.
    pub details: bool,
}

/// Files of PEM for Redis over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// Who signs the server's certificate (`ssl_ca_certs`); `None`: those whom the system trusts.
    pub authorities: Option<PathBuf>,
    /// The gateway's own certificate (`ssl_certfile`) and its key (`ssl_keyfile`), where Redis asks for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// A Redis that several gateways share their limits in.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// `redis://` or `rediss://`, with its password.
    pub url: Secret,
    /// Of `rediss://`.
    pub tls: RedisTls,
    /// What all its keys begin with. Gateways with the same one share their limits.
    pub namespace: String,
    /// Without it each gateway lets the whole limit of requests and tokens through, not its part of it.
    pub rates_open: bool,
    /// Without it budgets are held by each gateway alone, not closed (`fail_closed_budget_enforcement: false`).
    pub budgets_open: bool,
}

/// What providers let off, and what is put on for callers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostTerms {
    /// `litellm_settings.cost_discount_config`: provider → the part of the price that is taken off.
    pub discounts: BTreeMap<String, f64>,
    /// `litellm_settings.cost_margin_config`: provider → what is put on; `global` is for those that are not named.
    pub margins: BTreeMap<String, Margin>,
}

/// What is put on a call's price.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Margin {
    /// This part of it.
    pub percentage: f64,
    /// And so many dollars.
    pub fixed_amount: f64,
}

impl CostTerms {
    /// Discount and margin of a provider.
    pub fn of(&self, provider: &str) -> (f64, Margin) {
        let margin = self.margins.get(provider).or_else(|| self.margins.get("global"));
        (self.discounts.get(provider).copied().unwrap_or_default(), margin.copied().unwrap_or_default())
    }
}

/// The price table that stands in the place of the built-in one (`litellm_settings.model_cost_map_url`).
#[derive(Clone, Debug, Default)]
pub enum CostMap {
    /// None: nobody names one.
    #[default]
    BuiltIn,
    /// None: `LITELLM_LOCAL_MODEL_COST_MAP` wants none.
    Local,
    /// Read at the start, which it can prevent.
    File(PathBuf),
    /// Read at the start too; until it could be, the built-in one serves.
    Address {
        /// It may hold a token.
        url: Secret,
        /// `MODEL_COST_MAP_MIN_MODEL_COUNT`: a table with fewer models is not taken.
        min_models: Option<usize>,
        /// `MODEL_COST_MAP_MAX_SHRINK_RATIO`: nor one with a smaller part of the built-in one's.
        max_shrink: Option<f64>,
    },
}

/// Who is told of budgets (`general_settings.alerting`).
#[derive(Clone, Debug)]
pub struct Alerting {
    /// Slack's incoming webhooks (`SLACK_WEBHOOK_URL`, `alert_to_webhook_url.budget_alerts`).
    pub slack: Vec<Secret>,
    /// One of the operator's own (`WEBHOOK_URL`).
    pub webhook: Option<Secret>,
    /// Where people find the gateway (`PROXY_BASE_URL`).
    pub address: Option<String>,
}

/// Keys of `auto_rotate` become new ones (`LITELLM_KEY_ROTATION_ENABLED`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Between two looks at which are due (`LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS`); a day.
    pub every: Duration,
    /// How long the old key works beside the new one, in the words of `/key/regenerate`
    /// (`LITELLM_KEY_ROTATION_GRACE_PERIOD`); `None`: not at all.
    pub grace_period: Option<String>,
}

/// The proxy as a whole.
#[derive(Clone, Debug)]
pub struct General {
    /// The administrator's key; `None`: everybody is one.
    pub master_key: Option<Secret>,
    /// No key, or one that stands in tutorials: to be said loudly at start.
    pub weak_master_key: bool,
    /// Clients allowed to call; empty: all.
    pub allowed_ips: Vec<ipnet::IpNet>,
    /// The client's address is taken from `x-forwarded-for`.
    pub use_x_forwarded_for: bool,
    /// A body above this is refused, in bytes; 100 MiB unless said.
    pub max_request_bytes: u64,
    /// A further header that may hold the key (`general_settings.litellm_key_header_name`), in lower case.
    pub key_header: Option<String>,
    pub health: HealthChecks,
    /// `/metrics` needs a key.
    pub require_auth_for_metrics: bool,
    /// Every stream tells its usage, asked or not.
    pub always_include_stream_usage: bool,
    /// The model of each request, whatever it asks for.
    pub completion_model: Option<String>,
    /// The same of requests for pictures, unless their path says one.
    pub image_generation_model: Option<String>,
    /// `litellm_settings.drop_params`.
    pub drop_params: bool,
    /// `litellm_settings.modify_params`.
    pub modify_params: bool,
    /// `litellm_settings.json_logs`, when said.
    pub json_logs: Option<bool>,
    /// `litellm_settings.log_level` or `set_verbose`, as a `tracing` level.
    pub log_level: Option<String>,
    pub turn_off_message_logging: bool,
    /// Of all calls together, whoever makes them (`global_rpm_limit`, `global_tpm_limit`, `global_max_parallel_requests`).
    pub global: UseLimits,
    /// Calls at the same time through this process, which is one worker.
    pub max_in_flight_requests_per_worker: Option<u64>,
    /// PostgreSQL, where keys and spend are kept that many machines share; without it they are kept in a file.
    pub database_url: Option<Secret>,
    /// Connections to it.
    pub database_connection_pool_limit: Option<u32>,
    /// A header that names the end user.
    pub user_header_name: Option<String>,
    /// How long single calls are kept; `None`: for ever.
    pub spend_logs_retention: Option<Duration>,
    /// Between two times that older ones are looked for.
    pub spend_logs_retention_interval: Option<Duration>,
    /// Single calls are not kept at all, only their sums.
    pub disable_spend_logs: bool,
    /// Nothing of what is spent is written down: budgets are this process's own, and end with it.
    pub disable_spend_updates: bool,
    /// Where several gateways share their limits; `None`: each counts for itself.
    pub sharing: Option<Sharing>,
    /// `None`: nobody is told.
    pub alerting: Option<Alerting>,
    /// Where prices come from.
    pub cost_map: CostMap,
    /// What becomes of them.
    pub cost_terms: CostTerms,
    /// `None`: keys stay what they are.
    pub key_rotation: Option<KeyRotation>,
    /// `litellm_settings.budget_exceeded_status_code`: the status of a call that is over budget.
    pub budget_exceeded_status: Option<u16>,
}
