//! A model group, prepared for choosing: its members by `order`, each level with its table of weights.

use std::sync::Arc;

use super::affinity::AffinityTimes;
use super::budget::{Account, HEDGE_BURST};
use super::fallback::Asked;
use super::needs::{Capabilities, Facts, ModelType};
use super::plan::{DeploymentIx, GroupSpec, MemberSpec, PlanError, RouterPlan, Strategy};
use super::purse::Purse;
use super::retry::RetryPolicy;
use super::schedule::Schedule;
use super::state::DeploymentState;
use super::tags::{Match, TagNames, has_default};
use super::usage::Limits;
use super::weighted::Weighted;

/// Dollars that a token is taken to cost where nobody knows: LiteLLM's figure, dearer than any.
const UNKNOWN_COST: f64 = 5.0;
use crate::clock::Instant;

/// A model group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) retry: RetryPolicy,
    /// Deployments on all levels.
    pub(super) size: usize,
    /// Another group takes over where this one fails.
    pub(super) has_fallbacks: bool,
    /// Of its retries.
    pub(super) retries: Account,
    /// Of its second requests; `None`: it makes none.
    pub(super) hedges: Option<Account>,
    /// The lowest `order` first; none is empty.
    pub(super) levels: Vec<Level>,
    /// Abilities in which members differ.
    pub(super) differ_in: Capabilities,
    /// A member has a `tpm`.
    pub(super) limits_tokens: bool,
    /// Whether tags are looked at, and how many must match.
    pub(super) tags: Option<Match>,
    /// Demands and bans that nobody can keep are given up (`allow_fail_open`).
    pub(super) fails_open: bool,
    /// A member has a budget.
    pub(super) has_purses: bool,
    /// What of its requests is remembered, and how long.
    pub(super) affinity: AffinityTimes,
}

/// The members of one `order`.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) order: i32,
    pub(super) members: Vec<Member>,
    pub(super) table: Weighted,
    /// Those that cost the same, the cheapest first; only for the strategy that asks for it.
    pub(super) by_cost: Vec<Vec<u32>>,
    /// Only for the strategy that asks for it.
    pub(super) schedule: Option<Schedule>,
}

/// One deployment of a level.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) deployment: DeploymentIx,
    pub(super) state: Arc<DeploymentState>,
    /// After the choice among weight, rpm and tpm.
    pub(super) weight: f64,
    pub(super) limits: Limits,
    /// Dollars for a token.
    pub(super) input_cost: f64,
    pub(super) output_cost: f64,
    pub(super) max_input_tokens: Option<u64>,
    pub(super) capabilities: Capabilities,
    pub(super) tags: Box<[u32]>,
    pub(super) patterns: Box<[u32]>,
    /// For requests whose tags lead nowhere else.
    pub(super) is_default: bool,
    pub(super) model_type: Option<ModelType>,
    pub(super) region: Option<Box<str>>,
    pub(super) purse: Option<Arc<dyn Purse>>,
}

impl Member {
    /// Whether it is in this region, by the beginning of its name.
    pub(super) fn is_in(&self, region: &str) -> bool {
        let beginning = self.region.as_deref().and_then(|own| own.get(..region.len()));
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(region))
    }
}

impl Group {
    pub(super) fn new(spec: &GroupSpec, plan: &RouterPlan, tags: &mut TagNames) -> Result<Self, PlanError> {
        if spec.members.is_empty() {
            return Err(PlanError::EmptyGroup { group: spec.name.clone() });
        }
        let mut orders: Vec<i32> = spec.members.iter().map(|member| member.order).collect();
        orders.sort_unstable();
        orders.dedup();
        let level = |order| Level::new(order, spec, plan, tags);
        let levels: Vec<Level> = orders.into_iter().map(level).collect::<Result<_, _>>()?;
        let has = levels.iter().flat_map(|level| &level.members).map(|member| member.capabilities);
        let (any, all) = has.fold((Capabilities::NONE, None), |(any, all): (_, Option<Capabilities>), own| {
            (Capabilities::and(any, own), Some(all.map_or(own, |all| all.shared(own))))
        });
        let has_purses = levels.iter().flat_map(|level| &level.members).any(|member| member.purse.is_some());
        Ok(Self {
            name: spec.name.clone(),
            retry: spec.retry.unwrap_or(plan.retry),
            size: spec.members.len(),
            has_fallbacks: plan.fallbacks.has_any(Asked { model: &spec.name, group: &spec.name }),
            retries: Account::of_retries(),
            hedges: plan
                .hedging
                .get(&spec.name)
                .or_else(|| plan.hedging.get("*"))
                .map(|percent| Account::new(*percent, HEDGE_BURST)),
            levels,
            has_purses,
            limits_tokens: spec.members.iter().any(|member| member.tpm > 0),
            differ_in: any.without(all.unwrap_or_default()),
            tags: tag_filtering(spec, plan),
            fails_open: facts(spec, plan).any(|facts| facts.fails_open),
            affinity: *plan.checks.group_affinity.get(&spec.name).unwrap_or(&plan.checks.affinity),
        })
    }

    /// Whether its only deployment fails and nobody takes over.
    pub(super) fn stands_alone(&self) -> bool {
        self.size <= 1 && !self.has_fallbacks
    }

    /// All its deployments, those of the lowest order first.
    pub(super) fn deployments(&self) -> impl Iterator<Item = DeploymentIx> {
        self.levels.iter().flat_map(|level| &level.members).map(|member| member.deployment)
    }
}

impl Level {
    /// The member of this level that is the deployment.
    pub(super) fn member(&self, deployment: DeploymentIx) -> Option<&Member> {
        let index = self.members.binary_search_by_key(&deployment, |member| member.deployment).ok()?;
        self.members.get(index)
    }

    fn new(order: i32, group: &GroupSpec, plan: &RouterPlan, tags: &mut TagNames) -> Result<Self, PlanError> {
        let mut specs: Vec<MemberSpec> = group.members.iter().filter(|member| member.order == order).copied().collect();
        specs.sort_by_key(|member| member.deployment);
        let weights = MemberSpec::shares(&specs);
        let member = |(spec, &weight): (&MemberSpec, &f64)| Member::new(spec, weight, group, plan, tags);
        let members: Vec<Member> = specs.iter().zip(&weights).map(member).collect::<Result<_, _>>()?;
        let by_cost = if plan.strategy == Strategy::CostBased { by_cost(&members) } else { Vec::new() };
        let schedule = (plan.strategy == Strategy::WeightedRoundRobin).then(|| Schedule::new(&weights));
        Ok(Self { order, members, table: Weighted::new(&weights), by_cost, schedule })
    }
}

impl Member {
    fn new(
        spec: &MemberSpec,
        weight: f64,
        group: &GroupSpec,
        plan: &RouterPlan,
        tags: &mut TagNames,
    ) -> Result<Self, PlanError> {
        let deployment = spec.deployment;
        let unknown = || PlanError::UnknownDeployment { group: group.name.clone(), deployment: deployment.0 };
        let known = plan.deployments.get(deployment.0 as usize).ok_or_else(unknown)?;
        let facts = &known.facts;
        Ok(Self {
            deployment,
            state: Arc::clone(&known.state),
            weight,
            limits: Limits::new(spec.rpm, spec.tpm),
            input_cost: facts.input_cost.unwrap_or(UNKNOWN_COST),
            output_cost: facts.output_cost.unwrap_or(UNKNOWN_COST),
            max_input_tokens: facts.max_input_tokens,
            capabilities: facts.capabilities,
            tags: tags.add(&facts.tags),
            patterns: tags.add_patterns(&facts.tag_regex),
            is_default: has_default(&facts.tags),
            model_type: facts.model_type,
            region: facts.region.as_deref().map(Box::from),
            purse: known.purse.clone(),
        })
    }

    /// Whether it may be used, and has room.
    pub(super) fn is_available(&self, now: Instant) -> bool {
        self.state.cooling(now).is_none() && !self.state.places.is_out() && self.state.places.has_room()
    }

    /// Dollars for a token of input and one of output.
    pub(super) fn cost(&self) -> f64 {
        self.input_cost + self.output_cost
    }

    /// Dollars for a request of so many tokens.
    pub(super) fn request_cost(&self, input: u64, output: u64) -> f64 {
        self.input_cost * input as f64 + self.output_cost * output as f64
    }
}

fn facts<'p>(spec: &GroupSpec, plan: &'p RouterPlan) -> impl Iterator<Item = &'p Facts> {
    let of = spec.members.iter().filter_map(|member| plan.deployments.get(member.deployment.0 as usize));
    of.map(|deployment| &deployment.facts)
}

/// The first deployment that says so decides for its group.
fn tag_filtering(spec: &GroupSpec, plan: &RouterPlan) -> Option<Match> {
    match facts(spec, plan).find_map(|facts| facts.tag_filtering) {
        Some(own) => own.then_some(plan.checks.tag_match),
        None => plan.checks.tags,
    }
}

fn by_cost(members: &[Member]) -> Vec<Vec<u32>> {
    let mut costs: Vec<(f64, u32)> = members.iter().map(Member::cost).zip(0..).collect();
    costs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let equals = costs.chunk_by(|(a, _), (b, _)| a == b);
    equals.map(|equals| equals.iter().map(|(_, index)| *index).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_metric_that_any_member_has_is_the_weight() {
        let member = |weight, rpm, tpm| MemberSpec { weight, rpm, tpm, ..MemberSpec::even(DeploymentIx(0)) };
        let check = |members: [MemberSpec; 2], expected: [f64; 2]| {
            assert_eq!(MemberSpec::shares(&members), expected, "{members:?}");
        };
        check([member(0.0, 0, 0), member(0.0, 0, 0)], [1.0, 1.0]);
        check([member(0.0, 0, 900), member(0.0, 0, 100)], [900.0, 100.0]);
        check([member(0.0, 10, 900), member(0.0, 0, 100)], [10.0, 0.0]);
        check([member(0.5, 10, 900), member(0.0, 10, 100)], [0.5, 0.0]);
    }
}
