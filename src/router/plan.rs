//! What the router is built from: plain data that `app` derives from the configuration, so that routing knows nothing
//! of YAML. Names are LiteLLM's own where it has one (`model_list`, `router_settings`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::affinity::{AffinityTable, AffinityTimes};
use super::concurrency::Parallel;
use super::fallback::FallbackLists;
use super::lot::Lending;
use super::needs::{Facts, Thresholds};
use super::purse::Purse;
use super::retry::RetryPolicy;
use super::state::DeploymentState;
use super::tags::Match;
use crate::error::Kind;

/// A deployment, by its place in [`RouterPlan::deployments`] and in the proxy's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeploymentIx(pub u32);

/// A model group, by its place in [`RouterPlan::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupIx(pub u32);

/// Everything the router decides by.
#[derive(Clone, Debug, Default)]
pub struct RouterPlan {
    /// One per entry of `model_list`; [`DeploymentIx`] counts them.
    pub deployments: Vec<DeploymentSpec>,
    /// One per `model_name`, in the order of the file; [`GroupIx`] counts them.
    pub groups: Vec<GroupSpec>,
    /// `model_group_alias` whose value is one name.
    pub aliases: Vec<AliasSpec>,
    /// Names that stand for a weighted choice among groups.
    pub virtual_groups: Vec<VirtualGroupSpec>,
    /// `routing_strategy`.
    pub strategy: Strategy,
    /// `routing_strategy_args`.
    pub latency: LatencyArgs,
    /// What is looked at before the strategy.
    pub checks: Checks,
    /// How long the calendar had lasted when the clock started: `rpm` and `tpm` are counted by the calendar, in minutes that
    /// have the same number on all gateways.
    pub calendar: Duration,
    /// Where gateways share `rpm` and `tpm`: who lends this one its parts. A reload passes the old plan's on.
    pub lending: Option<Arc<Lending>>,
    /// What is remembered of sessions and prompts. A reload passes the old plan's table on.
    pub affinity: Arc<AffinityTable>,
    /// `num_retries`, `retry_policy`, `retry_after`.
    pub retry: RetryPolicy,
    /// `cooldown_time`, `allowed_fails`, `allowed_fails_policy`, `disable_cooldowns`.
    pub cooldown: CooldownPolicy,
    /// `fallbacks` and its kin.
    pub fallbacks: FallbackLists,
    /// `tollgate.hedging`: group → second requests for a hundred first ones; `*` is every group without its own.
    pub hedging: HashMap<String, u32>,
}

/// What routing must know of one deployment.
#[derive(Clone, Debug, Default)]
pub struct DeploymentSpec {
    /// Its counters. A reload passes the old plan's state on for a deployment that has not changed.
    pub state: Arc<DeploymentState>,
    /// Its own `cooldown_time`, before the router's.
    pub cooldown_time: Option<Duration>,
    /// Its own `allowed_fails`, before the router's.
    pub allowed_fails: Option<u32>,
    /// What its model is and can do.
    pub facts: Facts,
    /// How many requests it may have in flight.
    pub parallel: Parallel,
    /// Its budgets, if it has any.
    pub purse: Option<Arc<dyn Purse>>,
}

/// A model group: all deployments of one `model_name`.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// `model_name`; may hold `*`.
    pub name: String,
    /// At least one.
    pub members: Vec<MemberSpec>,
    /// This group's entry of `model_group_retry_policy`, instead of [`RouterPlan::retry`].
    pub retry: Option<RetryPolicy>,
}

/// A deployment's part in its group. A missing number counts as zero.
#[derive(Clone, Copy, Debug)]
pub struct MemberSpec {
    /// Which deployment.
    pub deployment: DeploymentIx,
    /// `weight`, in any unit.
    pub weight: f64,
    /// `rpm`: stands in for the weight where no member of the group has one.
    pub rpm: u64,
    /// `tpm`: stands in for the weight where no member has a weight or `rpm`.
    pub tpm: u64,
    /// `order`: the members of the lowest order are used as long as one of them is available.
    pub order: i32,
}

impl MemberSpec {
    /// A member that shares its group's traffic evenly.
    pub fn even(deployment: DeploymentIx) -> Self {
        Self { deployment, weight: 0.0, rpm: 0, tpm: 0, order: 0 }
    }

    /// How the traffic of these members of one order is shared, in any unit: by the first metric among weight, rpm and tpm
    /// that any of them has, as LiteLLM's `simple_shuffle` has it.
    pub fn shares(members: &[Self]) -> Vec<f64> {
        let metrics: [fn(&Self) -> f64; 3] =
            [|member| member.weight, |member| member.rpm as f64, |member| member.tpm as f64];
        for metric in metrics {
            if members.iter().any(|member| metric(member) > 0.0) {
                return members.iter().map(metric).collect();
            }
        }
        vec![1.0; members.len()]
    }
}

/// Another name for a group.
#[derive(Clone, Debug)]
pub struct AliasSpec {
    /// The name that clients may use.
    pub alias: String,
    /// The group's name, or a name that a wildcard group serves.
    pub model: String,
    /// Whether `/v1/models` keeps silent about it.
    pub hidden: bool,
}

/// A name that stands for several groups, each with its share of the requests.
#[derive(Clone, Debug)]
pub struct VirtualGroupSpec {
    /// The name that clients use.
    pub name: String,
    /// Group names and their weights, in any unit.
    pub members: Vec<(String, f64)>,
}

/// How a deployment is chosen from a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// `simple-shuffle`: at random, in proportion to the weights.
    #[default]
    SimpleShuffle,
    /// `least-busy`: the fewest requests in flight.
    LeastBusy,
    /// `latency-based-routing`: the lowest latency times the requests in flight; to the first event for streams, by the
    /// token for whole answers.
    Latency,
    /// `lar1`: the kind of deployment that the request's own confidence asks for; among those the lowest latency.
    Lar1,
    /// `usage-based-routing`: the fewest tokens this minute, within `rpm` and `tpm`.
    UsageBased,
    /// `usage-based-routing-v2`: the same.
    UsageBasedV2,
    /// `cost-based-routing`: the cheapest, within `rpm` and `tpm`.
    CostBased,
    /// `weighted_round_robin`: in turn, in exact proportion to the weights.
    WeightedRoundRobin,
    /// `rate-limit-aware`: the most left of the provider's own limits.
    RateLimitAware,
}

/// How latencies are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyArgs {
    /// `lowest_latency_buffer`: deployments within this part above the lowest are equals.
    pub buffer: f64,
    /// `ttl`: a deployment without a sample for so long is unknown again.
    pub ttl: Duration,
}

impl Default for LatencyArgs {
    fn default() -> Self {
        Self { buffer: 0.0, ttl: Duration::from_secs(3_600) }
    }
}

/// What is looked at before the strategy chooses among those that remain.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// `enable_pre_call_checks`: whoever has too short a window, or no request left of its `rpm`, is left out.
    pub pre_call: bool,
    /// `enable_tag_filtering`, and how many of the tags must match.
    pub tags: Option<Match>,
    /// The same where a group or a key turns it on.
    pub tag_match: Match,
    /// `tag_routing_prefix`.
    pub tag_prefix: String,
    /// `context_threshold`: longer prompts, in tokens, go to the largest window.
    pub context_threshold: Option<u64>,
    /// `cost_threshold`: who would cost more dollars for a request is left out; the cheapest never is.
    pub cost_threshold: Option<f64>,
    /// `confidence_threshold_…` of `routing_strategy_args`.
    pub confidence: Thresholds,
    /// `optional_pre_call_checks`: what is remembered.
    pub affinity: AffinityTimes,
    /// `model_group_affinity_config`: the same for single groups.
    pub group_affinity: HashMap<String, AffinityTimes>,
}

impl Strategy {
    /// LiteLLM's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::SimpleShuffle => "simple-shuffle",
            Strategy::LeastBusy => "least-busy",
            Strategy::Latency => "latency-based-routing",
            Strategy::Lar1 => "lar1",
            Strategy::UsageBased => "usage-based-routing",
            Strategy::UsageBasedV2 => "usage-based-routing-v2",
            Strategy::CostBased => "cost-based-routing",
            Strategy::WeightedRoundRobin => "weighted_round_robin",
            Strategy::RateLimitAware => "rate-limit-aware",
        }
    }
}

/// One optional number per class of error, as `retry_policy` and `allowed_fails_policy` give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerErrorClass {
    /// `BadRequestError…`
    pub bad_request: Option<u32>,
    /// `AuthenticationError…`
    pub authentication: Option<u32>,
    /// `TimeoutError…`
    pub timeout: Option<u32>,
    /// `RateLimitError…`
    pub rate_limit: Option<u32>,
    /// `ContentPolicyViolationError…`
    pub content_policy: Option<u32>,
    /// `InternalServerError…`
    pub internal_server: Option<u32>,
    /// `ServiceUnavailableError…`
    pub service_unavailable: Option<u32>,
    /// `NotFoundError…`
    pub not_found: Option<u32>,
    /// `Default…`
    pub default: Option<u32>,
}

impl PerErrorClass {
    /// The number for this kind of error; `default` is left to the caller.
    pub(super) fn of(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::ContentPolicy => self.content_policy.or(self.bad_request),
            Kind::BadRequest | Kind::ContextWindow | Kind::Unprocessable => self.bad_request,
            Kind::Authentication => self.authentication,
            Kind::Timeout => self.timeout,
            Kind::RateLimited => self.rate_limit,
            Kind::InternalServer | Kind::Connection | Kind::GarbledAnswer => self.internal_server,
            Kind::ServiceUnavailable | Kind::ProviderOverloaded => self.service_unavailable,
            Kind::NotFound => self.not_found,
            _ => None,
        }
    }
}

/// When a failing deployment is left alone, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CooldownPolicy {
    /// `disable_cooldowns`.
    pub disabled: bool,
    /// `cooldown_time`; 5 s if unsaid. The provider's Retry-After may make it longer.
    pub cooldown_time: Option<Duration>,
    /// `allowed_fails`: how many failures in a minute are put up with. `None` selects the rules by error and ratio.
    pub allowed_fails: Option<u32>,
    /// `allowed_fails_policy`.
    pub allowed_fails_policy: PerErrorClass,
}

/// A plan that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A member names a deployment that is not in the table.
    #[error("model group {group}: there is no deployment {deployment}")]
    UnknownDeployment {
        /// The group's name.
        group: String,
        /// The index that leads nowhere.
        deployment: u32,
    },
    /// A group without members can serve nothing.
    #[error("model group {group} has no deployment")]
    EmptyGroup {
        /// The group's name.
        group: String,
    },
    /// See [`super::pattern::MAX_WILDCARDS`].
    #[error("model group {group} has more than {limit} wildcards", limit = super::pattern::MAX_WILDCARDS)]
    TooManyWildcards {
        /// The group's name.
        group: String,
    },
}
