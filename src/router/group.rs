//! A model group, prepared for choosing: its members by `order`, each level with its table of weights.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{DeploymentIx, GroupSpec, MemberSpec, PlanError, RouterPlan};
use super::retry::RetryPolicy;
use super::state::DeploymentState;
use super::tried::TriedSet;
use super::weighted::Weighted;
use crate::clock::Instant;

/// A model group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) retry: RetryPolicy,
    /// Deployments on all levels.
    pub(super) size: usize,
    /// The lowest `order` first; none is empty.
    pub(super) levels: Vec<Level>,
}

/// The members of one `order`.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) order: i32,
    pub(super) members: Vec<Member>,
    pub(super) table: Weighted,
}

/// One deployment of a level.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) deployment: DeploymentIx,
    pub(super) state: Arc<DeploymentState>,
    /// After the choice among weight, rpm and tpm.
    pub(super) weight: f64,
}

impl Group {
    pub(super) fn new(spec: &GroupSpec, plan: &RouterPlan) -> Result<Self, PlanError> {
        if spec.members.is_empty() {
            return Err(PlanError::EmptyGroup { group: spec.name.clone() });
        }
        let mut orders: Vec<i32> = spec.members.iter().map(|member| member.order).collect();
        orders.sort_unstable();
        orders.dedup();
        let levels = orders.into_iter().map(|order| Level::new(order, spec, plan)).collect::<Result<_, _>>()?;
        let retry = spec.retry.unwrap_or(plan.retry);
        Ok(Self { name: spec.name.clone(), retry, size: spec.members.len(), levels })
    }

    /// Whether a member that was not tried is available on any level.
    pub(super) fn has_untried(&self, tried: &TriedSet, now: Instant) -> bool {
        self.levels.iter().flat_map(|level| &level.members).any(|member| member.is_fresh(tried, now))
    }
}

impl Level {
    /// Whether the deployment is of this level.
    pub(super) fn has(&self, deployment: DeploymentIx) -> bool {
        self.members.iter().any(|member| member.deployment == deployment)
    }

    fn new(order: i32, group: &GroupSpec, plan: &RouterPlan) -> Result<Self, PlanError> {
        let specs: Vec<&MemberSpec> = group.members.iter().filter(|member| member.order == order).collect();
        let weights = weights(&specs);
        let member = |(spec, &weight): (&&MemberSpec, &f64)| {
            let deployment = spec.deployment;
            let known = plan.deployments.get(deployment.0 as usize);
            let unknown = || PlanError::UnknownDeployment { group: group.name.clone(), deployment: deployment.0 };
            Ok(Member { deployment, state: Arc::clone(&known.ok_or_else(unknown)?.state), weight })
        };
        let members = specs.iter().zip(&weights).map(member).collect::<Result<_, _>>()?;
        Ok(Self { order, members, table: Weighted::new(&weights) })
    }

    /// The time until the first member comes back; `None` if one is available.
    pub(super) fn shortest_cooldown(&self, now: Instant) -> Option<Duration> {
        self.members.iter().map(|member| member.state.cooling(now)).min().flatten()
    }
}

impl Member {
    /// Whether it may be used.
    pub(super) fn is_available(&self, now: Instant) -> bool {
        self.state.cooling(now).is_none()
    }

    /// Whether it may be used and was not tried yet.
    pub(super) fn is_fresh(&self, tried: &TriedSet, now: Instant) -> bool {
        self.is_available(now) && !tried.contains(self.deployment)
    }
}

/// LiteLLM's `simple_shuffle`: the first metric among weight, rpm and tpm that any member has.
fn weights(members: &[&MemberSpec]) -> Vec<f64> {
    let metrics: [fn(&MemberSpec) -> f64; 3] =
        [|member| member.weight, |member| member.rpm as f64, |member| member.tpm as f64];
    for metric in metrics {
        if members.iter().any(|member| metric(member) > 0.0) {
            return members.iter().map(|member| metric(member)).collect();
        }
    }
    vec![1.0; members.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_metric_that_any_member_has_is_the_weight() {
        let member = |weight, rpm, tpm| MemberSpec { weight, rpm, tpm, ..MemberSpec::even(DeploymentIx(0)) };
        let check = |members: [MemberSpec; 2], expected: [f64; 2]| {
            assert_eq!(weights(&[&members[0], &members[1]]), expected, "{members:?}");
        };
        check([member(0.0, 0, 0), member(0.0, 0, 0)], [1.0, 1.0]);
        check([member(0.0, 0, 900), member(0.0, 0, 100)], [900.0, 100.0]);
        check([member(0.0, 10, 900), member(0.0, 0, 100)], [10.0, 0.0]);
        check([member(0.5, 10, 900), member(0.0, 10, 100)], [0.5, 0.0]);
    }
}
