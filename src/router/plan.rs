//! What the router is built from: plain data that `app` derives from the configuration, so that routing knows nothing
//! of YAML. Names are LiteLLM's own where it has one (`model_list`, `router_settings`).

use std::sync::Arc;
use std::time::Duration;

use super::retry::RetryPolicy;
use super::state::DeploymentState;
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
    /// `num_retries`, `retry_policy`, `retry_after`.
    pub retry: RetryPolicy,
    /// `cooldown_time`, `allowed_fails`, `allowed_fails_policy`, `disable_cooldowns`.
    pub cooldown: CooldownPolicy,
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
    /// `latency-based-routing`: the lowest peak-EWMA latency times the requests in flight.
    Latency,
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
    /// `cooldown_time`; `None` leaves it to the provider's Retry-After, else 5 s.
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
