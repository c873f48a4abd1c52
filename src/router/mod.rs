//! From the model name that a client asks for to the deployment that gets the request, and what its answer teaches.
//!
//! A [`Router`] is an immutable snapshot made from a [`plan::RouterPlan`]; only the deployments' counters change, and
//! those are atomics. Nothing here waits, locks, allocates per request, reads a clock or draws a random number: both are
//! arguments, so that a simulation can drive it. One request goes through it like this:
//!
//! 1. [`Router::resolve`]: model name → group (`resolve.rs`, `pattern.rs`);
//! 2. [`Router::pick`]: group → deployment, held by an [`InFlight`] (`group.rs`, `strategy/`);
//! 3. [`Router::on_success`], or [`Router::on_failure`] (`state.rs`, `cooldown.rs`) and [`retry::decide`] → pick again.

mod cooldown;
mod draws;
mod group;
pub mod pattern;
pub mod plan;
mod resolve;
pub mod retry;
#[cfg(test)]
mod simulation;
pub mod state;
mod strategy;
mod tried;
mod weighted;

use std::sync::Arc;
use std::time::Duration;

pub use cooldown::{DEFAULT_COOLDOWN, RETRY_AFTER_COOLDOWN_MAX};
pub use resolve::Resolved;
pub use tried::{MAX_TRIED, TriedSet};

use crate::clock::Instant;
use crate::error::{Compat, Fault, Kind};
use cooldown::Failure;
use draws::Draws;
use group::{Group, Level};
use plan::{CooldownPolicy, DeploymentIx, DeploymentSpec, GroupIx, PlanError, RouterPlan, Strategy};
use resolve::Names;
use retry::RetryPolicy;
use state::{DeploymentState, InFlight};

/// The latency that a failure counts as, however fast it came: else a deployment that fails at once would look like the
/// best one. LiteLLM records 1,000 s for a timeout and keeps it for an hour; here the figure fades by itself.
const FAILURE_LATENCY: Duration = Duration::from_secs(30);

/// An immutable snapshot of all routing decisions.
#[derive(Debug)]
pub struct Router {
    names: Names,
    groups: Vec<Group>,
    deployments: Vec<DeploymentSpec>,
    strategy: Strategy,
    retry: RetryPolicy,
    cooldown: CooldownPolicy,
}

/// What a choice depends on besides the router's own state.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Now.
    pub now: Instant,
    /// A fresh random number.
    pub random: u64,
    /// The deployments that this request has tried in vain. One of them is chosen only if no other is available.
    pub tried: &'a TriedSet,
    /// Only members of a higher `order` than this: set when the retries at that level are used up.
    pub above_order: Option<i32>,
    /// The deployment that holds what the request builds on (a stored conversation). It is chosen first, in cooldown too:
    /// no other could answer better than with an error.
    pub holder: Option<DeploymentIx>,
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

impl Router {
    /// Checks the plan and prepares everything that a request would otherwise have to compute.
    pub fn new(plan: RouterPlan) -> Result<Self, PlanError> {
        let names = Names::new(&plan)?;
        let groups = plan.groups.iter().map(|spec| Group::new(spec, &plan)).collect::<Result<_, _>>()?;
        let RouterPlan { deployments, strategy, retry, cooldown, .. } = plan;
        Ok(Self { names, groups, deployments, strategy, retry, cooldown })
    }

    /// The group that serves `model`; `random` chooses within a virtual group. `None`: an unknown model.
    pub fn resolve(&self, model: &str, random: u64) -> Option<Resolved> {
        self.names.resolve(model, random)
    }

    /// The names of `/v1/models`, in the order of the configuration.
    pub fn visible_names(&self) -> impl Iterator<Item = &str> {
        self.names.visible()
    }

    /// The group's `model_name`; empty for an index that is not of this router.
    pub fn group_name(&self, group: GroupIx) -> &str {
        self.group(group).map_or("", |group| &group.name)
    }

    /// The group's own retry policy, else the router's.
    pub fn retry_policy(&self, group: GroupIx) -> &RetryPolicy {
        self.group(group).map_or(&self.retry, |group| &group.retry)
    }

    /// Chooses a deployment and counts the attempt as in flight.
    ///
    /// # Errors
    /// When each deployment is in cooldown, or there is no `order` above the given one.
    pub fn pick(&self, group: GroupIx, input: PickInput<'_>) -> Result<Pick, NoneLeft> {
        if let Some(pick) = self.pick_holder(group, &input) {
            return Ok(pick);
        }
        let mut draws = Draws::new(input.random);
        let mut shortest: Option<Duration> = None;
        for level in self.levels_above(group, input.above_order) {
            if let Some(member) = strategy::choose(self.strategy, level, input.tried, input.now, &mut draws) {
                let in_flight = InFlight::start(&member.state);
                return Ok(Pick { deployment: member.deployment, order: level.order, in_flight });
            }
            let cooldown = level.shortest_cooldown(input.now);
            shortest = shortest.into_iter().chain(cooldown).min();
        }
        Err(shortest.map_or(NoneLeft::NoFurtherOrder, NoneLeft::AllInCooldown))
    }

    fn pick_holder(&self, group: GroupIx, input: &PickInput<'_>) -> Option<Pick> {
        let holder = input.holder.filter(|holder| !input.tried.contains(*holder))?;
        let level = self.levels_above(group, input.above_order).find(|level| level.has(holder))?;
        let in_flight = InFlight::start(self.state(holder)?);
        Some(Pick { deployment: holder, order: level.order, in_flight })
    }

    /// Whether the group has an available deployment besides those tried: then a retry need not wait.
    pub fn other_healthy(&self, group: GroupIx, tried: &TriedSet, now: Instant) -> bool {
        self.group(group).is_some_and(|group| group.has_untried(tried, now))
    }

    /// A good answer. `latency`: from the start of the attempt to its first useful byte.
    pub fn on_success(&self, deployment: DeploymentIx, now: Instant, latency: Duration) {
        if let Some(state) = self.state(deployment) {
            state.count_success(now);
            state.observe_latency(now, latency);
        }
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
        let spec = self.deployments.get(deployment.0 as usize)?;
        // Whose fault it is does not depend on the release that is imitated.
        if kind.row(Compat::default()).fault != Fault::Caller {
            spec.state.observe_latency(now, FAILURE_LATENCY);
        }
        if !cooldown::counts(kind) {
            return None;
        }
        let failure = Failure {
            kind,
            retry_after,
            minute: spec.state.count_failure(now),
            group_size: self.group(group)?.size,
            own_time: spec.cooldown_time,
            own_allowed_fails: spec.allowed_fails,
        };
        let time = cooldown::decide(&failure, &self.cooldown)?;
        spec.state.cool_down(now + time);
        Some(time)
    }

    /// A deployment's counters, for metrics and health.
    pub fn state(&self, deployment: DeploymentIx) -> Option<&Arc<DeploymentState>> {
        self.deployments.get(deployment.0 as usize).map(|spec| &spec.state)
    }

    fn group(&self, group: GroupIx) -> Option<&Group> {
        self.groups.get(group.0 as usize)
    }

    fn levels_above(&self, group: GroupIx, order: Option<i32>) -> impl Iterator<Item = &Level> {
        let levels = self.group(group).map_or(&[][..], |group| &group.levels);
        levels.iter().filter(move |level| order.is_none_or(|order| level.order > order))
    }
}
