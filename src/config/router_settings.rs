//! How a deployment is chosen among those of a group, how often a failed call is sent again, and where to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::governance::Budget;
use crate::router::fallback::FallbackLists;
use crate::router::needs::Thresholds;
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
    /// Lowest use of tokens this minute.
    UsageBased,
    /// The same.
    UsageBasedV2,
    /// Cheapest.
    CostBased,
    /// `lar1`: by the request's own confidence.
    Lar1,
    /// Exact shares in turn.
    WeightedRoundRobin,
    /// Most left of the provider's own limits.
    RateLimitAware,
    /// `provider-budget-routing`: as [`Strategy::SimpleShuffle`]; budgets are looked at before every strategy.
    ProviderBudget,
}

/// `optional_pre_call_checks`, as far as they say what is remembered of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// `session_affinity`: a session stays with its deployment.
    pub session: bool,
    /// `prompt_caching`: a prompt goes where its beginning is likely cached.
    pub prompt: bool,
    /// `deployment_affinity`: a key stays with its deployment.
    pub key: bool,
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

/// `router: {cost_threshold, context_threshold}` of a tutorial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConditionalRouting {
    /// Dollars per request: a deployment at which it would cost more is left out, unless it is the cheapest.
    pub cost_threshold: Option<f64>,
    /// Tokens of a prompt: a longer one goes to the largest window.
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
    /// `routing_strategy_args.confidence_threshold_low`, `…_medium`, `…_high` of `lar1`: from which confidence on.
    pub confidence: Thresholds,
    /// `enable_pre_call_checks`: who has too short a window, or no request left of its `rpm`, is left out.
    pub pre_call_checks: bool,
    /// `enable_tag_filtering`; `Some(true)`: one of the tags is enough (`tag_filtering_match_any`).
    pub tag_filtering: Option<bool>,
    /// `tag_filtering_match_any`, for groups and keys that turn it on.
    pub tag_match_any: bool,
    /// `tag_routing_prefix`: a request's tags that begin with it are meant for routing; empty: none.
    pub tag_routing_prefix: String,
    /// `provider_budget_config`, by the provider's name.
    pub provider_budgets: BTreeMap<String, Budget>,
    /// `optional_pre_call_checks`.
    pub affinity: Affinity,
    /// `model_group_affinity_config`: the same for single groups.
    pub group_affinity: BTreeMap<String, Affinity>,
    /// `deployment_affinity_ttl_seconds`: how long a session or a key stays with its deployment.
    pub affinity_ttl: Duration,
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
    /// Calls at the same time for each deployment that says no number of its own.
    pub default_max_parallel_requests: Option<u64>,
    /// `priority` of requests that say none; the lower, the sooner.
    pub default_priority: i64,
    /// Every spelling of fallbacks, in one form.
    pub fallbacks: FallbackLists,
    /// Alias → group.
    pub aliases: BTreeMap<String, Alias>,
    pub conditional: ConditionalRouting,
}
