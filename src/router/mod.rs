//! From the model name that a client asks for to the deployment that gets the request, and what its answer teaches.
//!
//! A [`Router`] is an immutable snapshot made from a [`plan::RouterPlan`]; only the deployments' counters change, and
//! those are atomics. Nothing here waits, locks, allocates per request, reads a clock or draws a random number: both are
//! arguments, so that a simulation can drive it. One request goes through it like this:
//!
//! 1. [`Router::resolve`]: model name → group (`resolve.rs`, `pattern.rs`);
//! 2. [`Router::pick`]: group → deployment, held by an [`InFlight`] (`group.rs`, `strategy/`);
//!    where every place is taken, requests wait in the order of `queue.rs` (`places.rs`, `concurrency.rs`);
//!    a filter says who may be chosen (`filter.rs`: tags (`tag_rule.rs`), windows, abilities, limits, money (`purse.rs`)), the
//!    strategy who is;
//! 3. [`Router::on_success`] and [`Router::on_answer`], or [`Router::on_failure`] (`state.rs`, `cooldown.rs`) and
//!    [`retry::decide`] → pick again. A stream is told of when it begins and when it is over (`streams.rs`).
//!
//! How one request goes from pick to pick and from group to group is [`walk`]; what becomes of two attempts at once is
//! [`race`], of a stream that breaks [`relay`]. What gateways that share deployments tell each other is [`lending`].

pub mod affinity;
mod answered;
mod breaker;
pub mod budget;
mod busy;
mod choose;
pub mod concurrency;
mod cooldown;
mod draws;
pub mod fallback;
mod filter;
mod group;
pub mod headroom;
pub mod lending;
pub mod lot;
pub mod needs;
mod none_left;
pub mod patience;
pub mod pattern;
mod peak;
mod picked;
pub mod places;
pub mod plan;
pub mod purse;
pub mod queue;
pub mod race;
pub mod relay;
mod resolve;
pub mod retry;
mod schedule;
#[cfg(test)]
mod simulation;
pub mod state;
mod strategy;
mod streams;
mod tag_rule;
pub mod tags;
mod tried;
mod usage;
pub mod walk;
mod weighted;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub use answered::{Answered, LimitsHeld};
pub use breaker::Phase;
pub use busy::Capacity;
pub use cooldown::{DEFAULT_COOLDOWN, IN_A_ROW, RETRY_AFTER_COOLDOWN_MAX};
pub use none_left::NoneLeft;
pub use picked::{Pick, Probe};
pub use resolve::Resolved;
pub use streams::Running;
pub use tried::{MAX_TRIED, TriedSet};
pub use usage::Taken;

use crate::clock::Instant;
use crate::error::{Compat, Fault, Kind};
use affinity::AffinityTable;
use budget::Account;
use choose::Chooser;
use cooldown::Failure;
use draws::Draws;
use fallback::FallbackLists;
use filter::{Filter, Rules};
use group::{Group, Level, Member};
use needs::Needs;
use plan::{CooldownPolicy, DeploymentIx, DeploymentSpec, GroupIx, LatencyArgs, PlanError, RouterPlan, Strategy};
use resolve::Names;
use retry::RetryPolicy;
use state::{DeploymentState, InFlight};
use tags::TagNames;

/// The latency that a failure counts as, however fast it came: else a deployment that fails at once would look like the
/// best one. LiteLLM records 1,000 s for a timeout and keeps it for an hour; here the figure fades by itself.
const FAILURE_LATENCY: Duration = Duration::from_secs(30);

/// Choices that are made anew because somebody else was faster to take the place.
const RACES_MAX: usize = 16;

/// How long a probe keeps others away from a deployment where nobody else can be asked: they would be refused meanwhile.
const LEASE_ALONE: Duration = Duration::from_secs(1);

/// An immutable snapshot of all routing decisions.
#[derive(Debug)]
pub struct Router {
    names: Names,
    groups: Vec<Group>,
    deployments: Vec<DeploymentSpec>,
    tags: TagNames,
    rules: Rules,
    strategy: Strategy,
    latency: LatencyArgs,
    affinity: Arc<AffinityTable>,
    retry: RetryPolicy,
    cooldown: CooldownPolicy,
    fallbacks: FallbackLists,
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
    /// None of those tried, even if no other is available.
    pub untried_only: bool,
    /// The deployment that holds what the request builds on (a stored conversation). It is chosen first, in cooldown too:
    /// no other could answer better than with an error.
    pub holder: Option<DeploymentIx>,
    /// What the request needs; [`Router::wanted`] says what of it is looked at.
    pub needs: &'a Needs,
}

/// Whether nobody is left for other requests either, should they come now: then those that health checks found ill are
/// asked too.
fn is_for_all_alike(why: NoneLeft) -> bool {
    matches!(why, NoneLeft::AllInCooldown(_) | NoneLeft::OverLimits(_))
}

impl Router {
    /// Checks the plan and prepares everything that a request would otherwise have to compute.
    pub fn new(plan: RouterPlan) -> Result<Self, PlanError> {
        let names = Names::new(&plan)?;
        let mut tags = TagNames::new(&plan.checks.tag_prefix);
        let groups = plan.groups.iter().map(|spec| Group::new(spec, &plan, &mut tags)).collect::<Result<_, _>>()?;
        let rules = Rules::new(&plan);
        let RouterPlan { deployments, strategy, latency, affinity, retry, cooldown, fallbacks, .. } = plan;
        deployments.iter().for_each(|spec| spec.state.set_parallel(spec.parallel));
        Ok(Self { names, groups, deployments, tags, rules, strategy, latency, affinity, retry, cooldown, fallbacks })
    }

    /// The group that serves `model`; `random` chooses within a virtual group. `None`: an unknown model.
    pub fn resolve(&self, model: &str, random: u64) -> Option<Resolved> {
        self.names.resolve(model, random)
    }

    /// All groups that may serve `model`: a virtual group's members, else the one that [`Router::resolve`] finds.
    pub fn groups_of(&self, model: &str) -> &[GroupIx] {
        self.names.groups_of(model)
    }

    /// The names of `/v1/models`, in the order of the configuration.
    pub fn visible_names(&self) -> impl Iterator<Item = &str> {
        self.names.visible()
    }

    /// The group's `model_name`; empty for an index that is not of this router.
    pub fn group_name(&self, group: GroupIx) -> &str {
        self.group(group).map_or("", |group| &group.name)
    }

    /// All groups with their deployments.
    pub fn groups(&self) -> impl Iterator<Item = (GroupIx, impl Iterator<Item = DeploymentIx>)> {
        (0..).map(GroupIx).zip(self.groups.iter().map(Group::deployments))
    }

    /// What is remembered of sessions and prompts, for the plan that takes this one's place.
    pub fn affinity(&self) -> Arc<AffinityTable> {
        Arc::clone(&self.affinity)
    }

    /// All groups and their names, in the order of the configuration.
    pub fn group_names(&self) -> impl Iterator<Item = (GroupIx, &str)> {
        self.groups.iter().enumerate().map(|(index, group)| (GroupIx(index as u32), group.name.as_str()))
    }

    /// The group's own retry policy, else the router's.
    pub fn retry_policy(&self, group: GroupIx) -> &RetryPolicy {
        self.group(group).map_or(&self.retry, |group| &group.retry)
    }

    /// Chooses a deployment and counts the attempt as in flight.
    ///
    /// # Errors
    /// When nobody may be chosen: see [`NoneLeft`].
    pub fn pick(&self, group: GroupIx, input: PickInput<'_>) -> Result<Pick, NoneLeft> {
        let Some(of) = self.group(group) else { return Err(NoneLeft::NoFurtherOrder) };
        let levels = self.levels_above(group, input.above_order);
        let filter = Filter::new(&self.rules, input.needs, input.now);
        let Some(filter) = filter.with_tags(of, levels.clone()) else { return Err(NoneLeft::NotByTags) };
        let filter = if input.untried_only { filter.with_tried(input.tried) } else { filter };
        let chooser = Chooser { strategy: self.strategy, latency: self.latency, affinity: &self.affinity };
        let mut draws = Draws::new(input.random);
        for _ in 0..RACES_MAX {
            let (level, member, taken) = match self.holder(group, &input) {
                Some((level, holder)) => (level, holder, None),
                None => {
                    let chosen = levels.clone().find_map(|level| {
                        let chosen = choose::choose(&chooser, of, level, filter, input.tried, &mut draws);
                        chosen.map(|(member, taken)| (level, member, taken))
                    });
                    match chosen {
                        Some(chosen) => chosen,
                        None => match none_left::why(levels.clone(), &filter) {
                            why if is_for_all_alike(why) && self.readmit(group, &input) => continue,
                            why => return Err(why),
                        },
                    }
                }
            };
            let in_flight = InFlight::start(&member.state, input.now);
            let is_holder = input.holder == Some(member.deployment);
            let enter = || member.state.enter(input.now, self.lease(of, member.deployment));
            let entered = if is_holder || in_flight.is_none() { None } else { enter() };
            match in_flight {
                Some(in_flight) if is_holder || entered.is_some() => {
                    let probe = entered.filter(|entered| entered.is_probe());
                    let probe = probe.map(|entered| Probe { state: Arc::clone(&member.state), entered });
                    return Ok(Pick { deployment: member.deployment, order: level.order, in_flight, taken, probe });
                }
                // Nobody else can take its place: it is waited for.
                None if is_holder => return Err(NoneLeft::AllBusy),
                _ => taken.into_iter().for_each(Taken::unsent),
            }
        }
        Err(NoneLeft::AllBusy)
    }

    /// The chosen deployment is not asked after all: nothing of the choice stays.
    pub fn not_asked(&self, pick: Pick) {
        pick.taken.into_iter().for_each(Taken::unsent);
    }

    /// How the group is filtered by tags, if it is.
    pub fn tag_match(&self, group: GroupIx) -> Option<tags::Match> {
        self.group(group)?.tags
    }

    /// How long a probe keeps others away.
    fn lease(&self, group: &Group, deployment: DeploymentIx) -> Duration {
        if group.stands_alone() {
            return LEASE_ALONE;
        }
        let own = self.deployments.get(deployment.0 as usize).and_then(|spec| spec.cooldown_time);
        own.or(self.cooldown.cooldown_time).unwrap_or(DEFAULT_COOLDOWN)
    }

    fn holder(&self, group: GroupIx, input: &PickInput<'_>) -> Option<(&Level, &Member)> {
        let holder = input.holder.filter(|holder| !input.tried.contains(*holder))?;
        self.levels_above(group, input.above_order).find_map(|level| {
            let member = level.members.iter().find(|member| member.deployment == holder);
            Some((level, member?))
        })
    }

    /// Whether the group has an available deployment besides those tried, above this order: then a retry need not wait.
    pub fn other_healthy(
        &self,
        group: GroupIx,
        above_order: Option<i32>,
        tried: &TriedSet,
        now: Instant,
        needs: &Needs,
    ) -> bool {
        let Some(of) = self.group(group) else { return false };
        let mut levels = self.levels_above(group, above_order);
        let filter = Filter::new(&self.rules, needs, now).with_tags(of, levels.clone());
        filter.is_some_and(|filter| {
            let untried = filter.with_tried(tried);
            levels.any(|level| untried.admits_any(level))
        })
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
            spec.state.observe_failure(now, FAILURE_LATENCY);
        } else if kind != Kind::ClientGone {
            spec.state.answered(now);
        }
        if !cooldown::counts(kind) {
            return None;
        }
        let in_a_row = spec.state.failed(cooldown::is_break(kind));
        self.count_failure(group, spec, now, kind, retry_after, in_a_row)
    }

    /// Counts a failure, and opens the breaker if it was one too many; for how long.
    fn count_failure(
        &self,
        group: GroupIx,
        spec: &DeploymentSpec,
        now: Instant,
        kind: Kind,
        retry_after: Option<Duration>,
        in_a_row: u32,
    ) -> Option<Duration> {
        let failure = Failure {
            kind,
            retry_after,
            minute: spec.state.count_failure(now),
            in_a_row,
            running: spec.state.running.load(Relaxed),
            of_probe: spec.state.phase(now) == Phase::HalfOpen,
            alone: self.group(group)?.stands_alone(),
            own_time: spec.cooldown_time,
            own_allowed_fails: spec.allowed_fails,
        };
        let time = cooldown::decide(&failure, &self.cooldown)?;
        spec.state.cool_down(now + time);
        Some(time)
    }

    /// How long a stream's first event took.
    pub fn on_first_token(&self, deployment: DeploymentIx, wait: Duration) {
        if let Some(state) = self.state(deployment) {
            state.observe_first_token(wait);
        }
    }

    /// How long a stream's first event is waited for, where somebody else can be asked and nobody has said so.
    pub fn first_token_limit(&self, deployment: DeploymentIx, thinks: bool, request_bytes: usize) -> Duration {
        let seen = self.state(deployment).and_then(|state| state.first_token_percentile());
        patience::limit(seen, thinks, request_bytes)
    }

    /// Who takes over where a group fails.
    pub fn fallbacks(&self) -> &FallbackLists {
        &self.fallbacks
    }

    /// The group's account of retries.
    pub fn retries(&self, group: GroupIx) -> Option<&Account> {
        self.group(group).map(|group| &group.retries)
    }

    /// The group's account of second requests, if it may make any.
    pub fn hedges(&self, group: GroupIx) -> Option<&Account> {
        self.group(group)?.hedges.as_ref()
    }

    /// What nearly all first events of the deployment's streams take at most, once that is known.
    pub fn usual_first_token(&self, deployment: DeploymentIx) -> Option<Duration> {
        self.state(deployment)?.first_token_percentile()
    }

    /// What the operator has called the way of choosing.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Deployments of a group.
    pub fn size(&self, group: GroupIx) -> usize {
        self.group(group).map_or(0, |group| group.size)
    }

    /// Whether a group has a deployment in this region.
    pub fn is_in(&self, group: GroupIx, region: &str) -> bool {
        self.levels_above(group, None).any(|level| level.members.iter().any(|member| member.is_in(region)))
    }

    /// A deployment's counters, for metrics and health.
    pub fn state(&self, deployment: DeploymentIx) -> Option<&Arc<DeploymentState>> {
        self.deployments.get(deployment.0 as usize).map(|spec| &spec.state)
    }

    fn group(&self, group: GroupIx) -> Option<&Group> {
        self.groups.get(group.0 as usize)
    }

    fn levels_above(&self, group: GroupIx, order: Option<i32>) -> impl Iterator<Item = &Level> + Clone {
        let levels = self.group(group).map_or(&[][..], |group| &group.levels);
        levels.iter().filter(move |level| order.is_none_or(|order| level.order > order))
    }
}
