//! How a deployment is chosen among those of a group, how often a failed call is sent again, and where to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::router::plan::PerErrorClass;

/// `routing_strategy`. Names that LiteLLM does not know but tutorials use are mapped to the nearest of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Weighted random; uniform without weights.
    #[default]
    SimpleShuffle,
    /// Fewest requests in flight.
    LeastBusy,
    /// Lowest moving average of the latency.
    LatencyBased,
    /// Lowest use of tokens this minute; not live yet, chosen as by [`Strategy::SimpleShuffle`].
    UsageBased,
    /// The same with hard limits; not live yet.
    UsageBasedV2,
    /// Cheapest; not live yet.
    CostBased,
    /// `lar1`; not live yet.
    Lar1,
    /// `provider-budget-routing`; not live yet.
    ProviderBudget,
}

/// Where a group's failed calls go next.
#[derive(Clone, Debug, PartialEq)]
pub struct FallbackTarget {
    /// A group, an alias or a virtual group.
    pub model: String,
    /// Parameters that replace the client's (`messages`, `temperature` …).
    pub params: Map<String, Value>,
}

/// Every spelling of fallbacks, in one form: group → where to, in order. The key `*` is every group without its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fallbacks {
    /// After any error.
    pub general: BTreeMap<String, Vec<FallbackTarget>>,
    /// After a full context window.
    pub context_window: BTreeMap<String, Vec<FallbackTarget>>,
    /// After a refused prompt.
    pub content_policy: BTreeMap<String, Vec<FallbackTarget>>,
    /// After all of the above.
    pub default: Vec<FallbackTarget>,
    /// Hops at most.
    pub max: u32,
}

/// `model_group_alias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The group it stands for.
    pub model: String,
    /// Not listed by `/v1/models`.
    pub hidden: bool,
}

/// A group whose members are groups: `router_settings.load_balancing`, or an alias with a list.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualGroup {
    /// What a client asks for.
    pub name: String,
    /// Groups and their weights; at least one, weights finite and not negative, not all 0.
    pub members: Vec<(String, f64)>,
}

/// `router: {cost_threshold, context_threshold}` of a tutorial; kept, no effect yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConditionalRouting {
    /// Dollars per request.
    pub cost_threshold: Option<f64>,
    /// Tokens of a prompt.
    pub context_threshold: Option<u64>,
}

/// `router_settings` over what `litellm_settings` says of the same.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    pub strategy: Strategy,
    /// `routing_strategy_args.ttl`: how long a latency sample counts.
    pub latency_ttl: Duration,
    /// `routing_strategy_args.lowest_latency_buffer`: deployments within this share of the lowest are equals.
    pub lowest_latency_buffer: f64,
    /// Retries after the first try; 2 unless said.
    pub num_retries: u32,
    /// For the whole call, retries included; else [`crate::config::Timeouts::total`].
    pub timeout: Option<Duration>,
    /// To the first event of a stream.
    pub stream_timeout: Option<Duration>,
    /// Least pause before a retry on the same deployment.
    pub retry_after: Duration,
    /// `retry_policy.backoff_factor` of a tutorial: growth of the pause; 2 unless said.
    pub backoff_factor: f64,
    /// Retries by class of error; `None` leaves the number to [`RouterSettings::num_retries`].
    pub retry_policy: PerErrorClass,
    pub model_group_retry_policy: BTreeMap<String, PerErrorClass>,
    /// Failures in a minute above which a deployment is left alone; `None`: LiteLLM's rules of thumb.
    pub allowed_fails: Option<u32>,
    /// Failures in a minute before a cooldown, by class of error.
    pub allowed_fails_policy: Option<PerErrorClass>,
    /// How long a failed deployment is left alone; `None`: Retry-After, else 5 s.
    pub cooldown_time: Option<Duration>,
    pub disable_cooldowns: bool,
    pub default_max_parallel_requests: Option<u64>,
    pub fallbacks: Fallbacks,
    /// Alias → group.
    pub aliases: BTreeMap<String, Alias>,
    pub conditional: ConditionalRouting,
}
