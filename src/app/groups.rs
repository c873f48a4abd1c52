//! Model groups for the router: one a `model_name`, and those that are made of groups.
//!
//! A group of groups becomes one group of all their deployments where the strategy can honour its weights: then the
//! strategy chooses among all of them, and a failed call goes on to the next. Where it cannot (the operator wants 70 to
//! 30, and the least busy), one of the groups is drawn by weight, and the strategy chooses in it.

use crate::config::{Config, Deployment, Strategy, VirtualGroup};
use crate::router::plan::{DeploymentIx, GroupSpec, MemberSpec, VirtualGroupSpec};
use crate::router::retry::RetryPolicy;

/// All groups, and those that stand for a choice among groups.
pub fn groups(config: &Config, retry: RetryPolicy) -> (Vec<GroupSpec>, Vec<VirtualGroupSpec>) {
    let mut groups = plain(config, retry);
    let (merged, drawn): (Vec<_>, Vec<_>) = config.virtual_groups.iter().partition(|group| is_one(config, group));
    let merged: Vec<GroupSpec> = merged.iter().map(|group| merge(config, group, retry, &groups)).collect();
    groups.extend(merged);
    let drawn = drawn.into_iter();
    let drawn = drawn.map(|group| VirtualGroupSpec { name: group.name.clone(), members: group.members.clone() });
    (groups, drawn.collect())
}

/// One group a `model_name`, in the order of the file.
fn plain(config: &Config, retry: RetryPolicy) -> Vec<GroupSpec> {
    let mut groups: Vec<GroupSpec> = Vec::new();
    for (index, deployment) in config.deployments.iter().enumerate() {
        let member = member(index, deployment);
        match groups.iter_mut().find(|group| group.name == deployment.model_name) {
            Some(group) => group.members.push(member),
            None => groups.push(GroupSpec {
                name: deployment.model_name.clone(),
                members: vec![member],
                retry: own_retry(config, &deployment.model_name, retry),
            }),
        }
    }
    groups
}

fn member(index: usize, deployment: &Deployment) -> MemberSpec {
    MemberSpec {
        deployment: DeploymentIx(u32::try_from(index).unwrap_or(u32::MAX)),
        weight: deployment.weight.unwrap_or(0.0),
        rpm: deployment.limits.rpm.unwrap_or(0),
        tpm: deployment.limits.tpm.unwrap_or(0),
        order: deployment.order.and_then(|order| i32::try_from(order).ok()).unwrap_or(0),
    }
}

fn own_retry(config: &Config, group: &str, retry: RetryPolicy) -> Option<RetryPolicy> {
    let per_class = config.router.model_group_retry_policy.get(group)?;
    Some(RetryPolicy { per_class: *per_class, ..retry })
}

/// Whether its deployments can be chosen from as those of one group.
fn is_one(config: &Config, group: &VirtualGroup) -> bool {
    let by_weight = matches!(
        config.router.strategy,
        Strategy::SimpleShuffle | Strategy::ProviderBudget | Strategy::WeightedRoundRobin
    );
    let mut weights = group.members.iter().map(|(_, weight)| *weight);
    let first = weights.next();
    let is_plain = |name: &str| !name.contains('*');
    (by_weight || weights.all(|weight| Some(weight) == first))
        && is_plain(&group.name)
        && group.members.iter().all(|(name, _)| is_plain(name))
}

/// Each group's weight is shared out among those of its deployments that come first there; their orders count within
/// their own group.
fn merge(config: &Config, virtual_group: &VirtualGroup, retry: RetryPolicy, groups: &[GroupSpec]) -> GroupSpec {
    let mut members: Vec<MemberSpec> = Vec::new();
    for (name, weight) in &virtual_group.members {
        let own = groups.iter().find(|group| group.name == *name).map_or(&[][..], |group| &group.members);
        let mut orders: Vec<i32> = own.iter().map(|member| member.order).collect();
        orders.sort_unstable();
        orders.dedup();
        for (rank, order) in (0..).zip(orders) {
            let level: Vec<MemberSpec> = own.iter().filter(|member| member.order == order).copied().collect();
            let shares = MemberSpec::shares(&level);
            let total: f64 = shares.iter().sum();
            members.extend(level.iter().zip(shares).map(|(member, share)| MemberSpec {
                weight: if total > 0.0 { weight * share / total } else { 0.0 },
                order: rank,
                ..*member
            }));
        }
    }
    members.sort_by_key(|member| member.deployment);
    members.dedup_by_key(|member| member.deployment);
    GroupSpec { name: virtual_group.name.clone(), members, retry: own_retry(config, &virtual_group.name, retry) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn groups_of(text: &str) -> (Vec<GroupSpec>, Vec<VirtualGroupSpec>) {
        let env = HashMap::<String, String>::new();
        let config = crate::config::load(text, &env).config.unwrap();
        groups(&config, RetryPolicy::default())
    }

    fn entry(name: &str, rest: &str) -> String {
        format!("  - {{model_name: {name}, litellm_params: {{model: openai/m, api_key: k, {rest}}}}}\n")
    }

    fn file(settings: &str) -> String {
        let entries =
            [entry("a", "weight: 3"), entry("a", "weight: 1"), entry("b", "order: 5"), entry("b", "order: 7")];
        format!("model_list:\n{}router_settings: {{{settings}}}\n", entries.concat())
    }

    #[test]
    fn a_group_of_groups_is_one_where_its_weights_can_be_honoured() {
        let weighted = "load_balancing: [{model_name: both, models: [a, b], weights: [0.8, 0.2]}]";
        for strategy in ["simple-shuffle", "weighted_round_robin"] {
            let (groups, drawn) = groups_of(&file(&format!("routing_strategy: {strategy}, {weighted}")));
            assert!(drawn.is_empty());
            let both = groups.last().unwrap();
            let members: Vec<_> = both.members.iter().map(|member| (member.deployment.0, member.order)).collect();
            assert_eq!((both.name.as_str(), members), ("both", vec![(0, 0), (1, 0), (2, 0), (3, 1)]));
            for (member, weight) in both.members.iter().zip([0.6, 0.2, 0.2, 0.2]) {
                assert!((member.weight - weight).abs() < 1e-9, "{member:?}");
            }
        }
        let (groups, drawn) = groups_of(&file(&format!("routing_strategy: least-busy, {weighted}")));
        assert_eq!((groups.len(), drawn.len()), (2, 1));
        let (groups, drawn) = groups_of(&file("routing_strategy: least-busy, model_group_alias: {both: [a, b]}"));
        assert_eq!((groups.len(), drawn.len()), (3, 0));
    }
}
