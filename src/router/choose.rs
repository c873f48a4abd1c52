//! From a level to one of its members: whom the filter leaves, the one that served the same before, else the strategy's
//! choice; and its part of the minute is taken, so that no limit is exceeded however many requests choose at once.

use super::affinity::AffinityTable;
use super::draws::Draws;
use super::filter::Filter;
use super::group::{Group, Level, Member};
use super::plan::{LatencyArgs, Strategy};
use super::strategy::{self, Candidates};
use super::tried::TriedSet;
use super::usage::Taken;

/// Choices that may lose their last place to another request before everybody is asked in turn.
const CHOICES_MAX: usize = 8;

/// By what is chosen.
#[derive(Debug)]
pub(super) struct Chooser<'r> {
    pub(super) strategy: Strategy,
    pub(super) latency: LatencyArgs,
    pub(super) affinity: &'r AffinityTable,
}

/// The member that gets the next attempt, and its part of the minute where that is counted.
pub(super) fn choose<'a>(
    chooser: &Chooser<'_>,
    group: &Group,
    level: &'a Level,
    hard: Filter<'_>,
    tried: &TriedSet,
    draws: &mut Draws,
) -> Option<(&'a Member, Option<Taken>)> {
    let mut filter = hard.narrow(level, tried);
    if let Some(chosen) = served_before(chooser, group, level, &filter) {
        return Some(chosen);
    }
    for _ in 0..CHOICES_MAX {
        let candidates = Candidates { level, filter: &filter, except: None };
        let Some(member) = strategy::choose(chooser, candidates, draws) else { break };
        if member.state.headroom.is_exhausted(filter.now)
            && let Some(with_headroom) = filter.with_headroom(level)
        {
            filter = with_headroom;
        } else if let Some(taken) = take(member, &filter) {
            return Some((member, taken));
        }
    }
    let admitted = level.members.iter().filter(|member| hard.admits(member));
    admitted.filter_map(|member| Some((member, take(member, &hard)?))).next()
}

/// The one that holds the session, or a warm cache of the prompt, if it may be chosen.
fn served_before<'a>(
    chooser: &Chooser<'_>,
    group: &Group,
    level: &'a Level,
    filter: &Filter<'_>,
) -> Option<(&'a Member, Option<Taken>)> {
    if group.affinity.is_empty() {
        return None;
    }
    let known = chooser.affinity.find(filter.now, &filter.needs.affinity, &group.affinity);
    let members = known.filter_map(|deployment| level.member(deployment));
    let mut usable = members
        .filter(|member| filter.admits(member) && !member.state.headroom.is_exhausted(filter.now))
        .filter_map(|member| Some((member, take(member, filter)?)));
    usable.next()
}

/// Takes a request's part of the member's minute; the outer `None`: nothing is left of it.
fn take(member: &Member, filter: &Filter<'_>) -> Option<Option<Taken>> {
    let rules = filter.rules;
    if !rules.counts(member) {
        return Some(None);
    }
    let tokens = filter.needs.prompt_tokens;
    Taken::take(&member.state, filter.now, rules.calendar, rules.bounds(member), tokens).map(Some)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::clock::Instant;
    use crate::router::needs::Needs;
    use crate::router::plan::{DeploymentIx, DeploymentSpec, GroupIx, GroupSpec, MemberSpec, RouterPlan};
    use crate::router::{NoneLeft, PickInput, Router};

    use super::*;

    /// A group whose members may take 50 requests a minute, 51, 52 …
    fn limited(strategy: Strategy, count: u32) -> Router {
        let member = |i| MemberSpec { rpm: 50 + u64::from(i), ..MemberSpec::even(DeploymentIx(i)) };
        let groups = vec![GroupSpec { name: "g".into(), members: (0..count).map(member).collect(), retry: None }];
        let deployments = (0..count).map(|_| DeploymentSpec::default()).collect();
        Router::new(RouterPlan { deployments, groups, strategy, ..RouterPlan::default() }).unwrap()
    }

    fn pick(router: &Router, seconds: u64, random: u64) -> Result<usize, NoneLeft> {
        let (now, tried) = (Instant::default() + Duration::from_secs(seconds), TriedSet::default());
        let input = PickInput {
            now,
            random,
            tried: &tried,
            above_order: None,
            untried_only: false,
            holder: None,
            needs: &Needs::NONE,
        };
        router.pick(GroupIx(0), input).map(|pick| pick.deployment.0 as usize)
    }

    #[test]
    fn no_limit_is_exceeded_however_many_choose_at_once() {
        for (strategy, count) in [
            (Strategy::UsageBased, 3),
            (Strategy::UsageBasedV2, 3),
            (Strategy::UsageBasedV2, 20),
            (Strategy::CostBased, 3),
            (Strategy::Latency, 3),
        ] {
            let router = limited(strategy, count);
            let room: u64 = (0..count).map(|i| 50 + u64::from(i)).sum();
            let pick_many = |seed: u64| {
                let mut draws = Draws::new(seed);
                (0..2 * room).filter_map(|_| pick(&router, 0, draws.next()).ok()).collect::<Vec<_>>()
            };
            let picked: Vec<usize> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || pick_many(seed))).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            for index in 0..count as usize {
                let got = picked.iter().filter(|deployment| **deployment == index).count();
                assert_eq!(got, 50 + index, "{strategy:?}: each has its whole limit, and no more");
            }
            assert_eq!(pick(&router, 45, 1), Err(NoneLeft::OverLimits(Duration::from_secs(15))));
            assert!(pick(&router, 60, 1).is_ok(), "a new minute");
        }
    }
}
