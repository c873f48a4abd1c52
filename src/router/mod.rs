//! From the model name that a client asks for to the deployment that gets the request.

pub mod pattern;
pub mod plan;
pub mod retry;
pub mod state;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::error::Kind;
use pattern::Captures;
use plan::{DeploymentIx, GroupIx, PlanError, RouterPlan};
use retry::RetryPolicy;
use state::{DeploymentState, InFlight};

/// An immutable snapshot of all routing decisions; only the deployments' [`DeploymentState`]s change.
pub struct Router {
    plan: RouterPlan,
}

/// What a model name leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolved<'a> {
    /// The group that serves it.
    pub group: GroupIx,
    /// What the wildcards of the group's name matched: empty for a plain name.
    pub captures: Captures<'a>,
}

/// What a choice depends on besides the router's own state.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Now.
    pub now: Instant,
    /// A fresh random number.
    pub random: u64,
    /// The deployments that this request has tried in vain.
    pub tried: &'a TriedSet,
    /// Only members of a higher `order` than this: set when the retries at that level are used up.
    pub above_order: Option<i32>,
}

/// The deployment that gets the next attempt.
#[derive(Debug)]
pub struct Pick {
    /// Which.
    pub deployment: DeploymentIx,
    /// Its `order` in the group.
    pub order: i32,
    /// Held as long as the attempt lasts.
    pub in_flight: InFlight,
}

/// Why no deployment could be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoneLeft {
    /// Each is in cooldown; the first one comes back after this time.
    AllInCooldown(Duration),
    /// There is no `order` above [`PickInput::above_order`].
    NoFurtherOrder,
}

/// Deployments that one request has tried; a fixed size, no allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct TriedSet {}

impl TriedSet {
    /// Adds one.
    pub fn insert(&mut self, deployment: DeploymentIx) {
        let _ = deployment;
    }
    /// Whether it was tried.
    pub fn contains(&self, deployment: DeploymentIx) -> bool {
        let _ = deployment;
        false
    }
}

impl Router {
    /// Checks the plan and prepares everything that a request would otherwise have to compute.
    pub fn new(plan: RouterPlan) -> Result<Self, PlanError> {
        Ok(Self { plan })
    }

    /// The group that serves `model`; `random` chooses within a virtual group. `None`: an unknown model.
    pub fn resolve<'a>(&'a self, model: &'a str, random: u64) -> Option<Resolved<'a>> {
        let _ = (model, random);
        None
    }

    /// The names of `/v1/models`, in the order of the configuration.
    pub fn visible_names(&self) -> impl Iterator<Item = &str> {
        self.plan.groups.iter().map(|g| g.name.as_str())
    }

    /// The group's `model_name`.
    pub fn group_name(&self, group: GroupIx) -> &str {
        let _ = group;
        ""
    }

    /// The group's retry policy.
    pub fn retry_policy(&self, group: GroupIx) -> &RetryPolicy {
        let _ = group;
        &self.plan.retry
    }

    /// Chooses a deployment and counts the attempt as in flight.
    pub fn pick(&self, group: GroupIx, input: PickInput<'_>) -> Result<Pick, NoneLeft> {
        let _ = (group, input);
        Err(NoneLeft::NoFurtherOrder)
    }

    /// Whether the group has an available deployment besides those tried: then a retry need not wait.
    pub fn other_healthy(&self, group: GroupIx, tried: &TriedSet, now: Instant) -> bool {
        let _ = (group, tried, now);
        false
    }

    /// A good answer. `latency`: time to its first useful byte.
    pub fn on_success(&self, deployment: DeploymentIx, now: Instant, latency: Duration) {
        let _ = (deployment, now, latency);
    }

    /// A failed attempt. Returns the cooldown that it started, if it did.
    pub fn on_failure(
        &self,
        group: GroupIx,
        deployment: DeploymentIx,
        now: Instant,
        kind: Kind,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let _ = (group, deployment, now, kind, retry_after);
        None
    }

    /// A deployment's counters, for metrics and health.
    pub fn state(&self, deployment: DeploymentIx) -> Option<&Arc<DeploymentState>> {
        self.plan.deployments.get(deployment.0 as usize).map(|d| &d.state)
    }
}
