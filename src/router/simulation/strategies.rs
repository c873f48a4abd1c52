//! Each strategy under seeded traffic: shares, limits that hold whatever runs at once, what answers teach.

use super::super::plan::{Checks, GroupSpec, LatencyArgs, MemberSpec};
use super::*;
use crate::allowance::{Left, RateLimits};

/// A group of these members with these facts; the rest as in `plan`.
pub(super) fn with(plan: RouterPlan, members: Vec<MemberSpec>, facts: Vec<needs::Facts>) -> Router {
    let deployment = |facts| DeploymentSpec { facts, ..DeploymentSpec::default() };
    let deployments = facts.into_iter().map(deployment).collect();
    let groups = vec![GroupSpec { name: "gpt-4o".into(), members, retry: None }];
    Router::new(RouterPlan { deployments, groups, ..plan }).unwrap()
}

pub(super) fn pick_for(router: &Router, now: Instant, random: u64, needs: &Needs) -> Result<Pick, NoneLeft> {
    let tried = TriedSet::default();
    router.pick(
        GROUP,
        PickInput { now, random, tried: &tried, above_order: None, untried_only: false, holder: None, needs },
    )
}

fn limited(limits: &[(u64, u64)]) -> Vec<MemberSpec> {
    let member =
        |(i, &(rpm, tpm)): (usize, &(u64, u64))| MemberSpec { rpm, tpm, ..MemberSpec::even(DeploymentIx(i as u32)) };
    limits.iter().enumerate().map(member).collect()
}

fn priced(costs: &[Option<f64>]) -> Vec<needs::Facts> {
    let facts = |cost: &Option<f64>| needs::Facts { input_cost: *cost, output_cost: *cost, ..needs::Facts::default() };
    costs.iter().map(facts).collect()
}

fn tokens(prompt_tokens: u64) -> Needs {
    Needs { prompt_tokens, ..Needs::NONE }
}

#[test]
fn round_robin_is_exact_over_each_cycle_whoever_is_away() {
    let router = router(Strategy::WeightedRoundRobin, weighted(&[5.0, 3.0, 2.0]));
    let mut draws = Draws::new(1);
    let mut round = |now, count| {
        let mut seen = [0; 3];
        for _ in 0..count {
            seen[pick(&router, now, draws.next(), &TriedSet::default()).unwrap().deployment.0 as usize] += 1;
        }
        seen
    };
    for _ in 0..7 {
        assert_eq!(round(at(0), 10), [5, 3, 2]);
    }
    cool(&router, [0], at(1_000));
    assert_eq!(round(at(0), 50), [0, 30, 20], "the others' turns stay as they are");
    cool(&router, [1, 2], at(500));
    assert_eq!(
        pick(&router, at(0), 1, &TriedSet::default()).err(),
        Some(NoneLeft::AllInCooldown(Duration::from_millis(500)))
    );
    (0..3).for_each(|deployment| heal(&router, deployment, at(1_000)));
    assert_eq!(round(at(1_000), 10), [5, 3, 2]);
}

#[test]
fn the_cheapest_is_chosen_while_it_has_room() {
    let costs = [Some(3e-6), Some(1e-6), None, Some(1e-6)];
    let plan = RouterPlan { strategy: Strategy::CostBased, ..RouterPlan::default() };
    let router = with(plan, limited(&[(0, 0), (2, 0), (0, 0), (0, 100)]), priced(&costs));
    let mut draws = Draws::new(3);
    let mut seen = [0; 4];
    let mut held = Vec::new();
    for _ in 0..40 {
        let pick = pick_for(&router, at(0), draws.next(), &tokens(10)).unwrap();
        seen[pick.deployment.0 as usize] += 1;
        held.push(pick);
    }
    assert_eq!(seen, [28, 2, 0, 10], "two by rpm, ten by tpm, the rest to the next cheapest");
    drop(held);
    cool(&router, [0, 1, 3], at(1_000));
    assert_eq!(pick_for(&router, at(0), 1, &tokens(10)).unwrap().deployment, DeploymentIx(2), "unknown is dearest");
}

#[test]
fn the_least_used_is_chosen_and_a_new_minute_begins_at_zero() {
    for strategy in [Strategy::UsageBased, Strategy::UsageBasedV2] {
        let router = router(strategy, even(3));
        let mut draws = Draws::new(5);
        // Whoever has used the fewest tokens is next: 300, 100 and 100 become 300 each.
        for (deployment, used) in [(0, 300), (1, 100), (2, 100)] {
            let pick = loop {
                let pick = pick_for(&router, at(0), draws.next(), &Needs::NONE).unwrap();
                if pick.deployment == DeploymentIx(deployment) {
                    break pick;
                }
            };
            pick.taken.unwrap().settle(at(0), used);
        }
        let mut seen = [0; 3];
        for _ in 0..4 {
            let pick = pick_for(&router, at(0), draws.next(), &tokens(20)).unwrap();
            seen[pick.deployment.0 as usize] += 1;
            pick.taken.unwrap().settle(at(0), 100);
        }
        assert_eq!(seen, [0, 2, 2], "{strategy:?}");
        assert!(shares(&router, 3, at(60_000), 9).iter().all(|share| *share > 0.3), "{strategy:?}");
    }
}

#[test]
fn prompts_on_their_way_count_so_that_a_burst_spreads() {
    let router = router(Strategy::UsageBased, even(4));
    let held: Vec<Pick> = (0..40).map(|seed| pick_for(&router, at(0), seed, &tokens(100)).unwrap()).collect();
    for deployment in 0..4 {
        assert_eq!(held.iter().filter(|pick| pick.deployment.0 == deployment).count(), 10);
    }
}

#[test]
fn what_was_not_sent_is_given_back() {
    let plan = RouterPlan { strategy: Strategy::UsageBasedV2, ..RouterPlan::default() };
    let router = with(plan, limited(&[(1, 0)]), priced(&[None]));
    for _ in 0..5 {
        pick_for(&router, at(0), 1, &Needs::NONE).unwrap().taken.unwrap().unsent();
    }
    drop(pick_for(&router, at(0), 1, &Needs::NONE).unwrap());
    assert!(matches!(pick_for(&router, at(0), 1, &Needs::NONE).err(), Some(NoneLeft::OverLimits(_))));
}

#[test]
fn a_weight_is_no_limit_unless_checks_are_asked_for() {
    for (pre_call, picked) in [(false, 5), (true, 2)] {
        let plan = RouterPlan { checks: Checks { pre_call, ..Checks::default() }, ..RouterPlan::default() };
        let router = with(plan, limited(&[(2, 0)]), priced(&[None]));
        assert_eq!((0..5).filter(|seed| pick_for(&router, at(0), *seed, &Needs::NONE).is_ok()).count(), picked);
    }
}

#[test]
fn streams_and_whole_answers_have_latencies_of_their_own() {
    let router = router(Strategy::Latency, even(2));
    let first = |index, millis| {
        router.on_answer(DeploymentIx(index), at(0), Answered::FirstEvent(Duration::from_millis(millis)));
    };
    // The first starts fast and goes on slowly.
    first(0, 100);
    first(1, 900);
    router.on_answer(DeploymentIx(0), at(0), Answered::Whole(Duration::from_secs(4), 40));
    router.on_answer(DeploymentIx(1), at(0), Answered::Whole(Duration::from_secs(20), 1_000));
    for seed in 0..SEEDS {
        let stream = Needs { stream: true, ..Needs::NONE };
        assert_eq!(pick_for(&router, at(1), seed, &stream).unwrap().deployment, DeploymentIx(0));
        assert_eq!(pick_for(&router, at(1), seed, &Needs::NONE).unwrap().deployment, DeploymentIx(1));
    }
}

#[test]
fn within_the_buffer_all_are_equals_and_old_figures_are_forgotten() {
    for (buffer, share) in [(0.0, 0.0), (0.5, 0.5)] {
        let latency = LatencyArgs { buffer, ttl: Duration::from_secs(60) };
        let plan = RouterPlan { strategy: Strategy::Latency, latency, ..RouterPlan::default() };
        let router = with(plan, even(2), priced(&[None, None]));
        for (index, millis) in [(0, 100), (1, 140)] {
            router.on_answer(DeploymentIx(index), at(0), Answered::Whole(Duration::from_millis(millis), 1));
        }
        let got = shares(&router, 2, at(0), 3)[1];
        assert!((got - share).abs() < 0.02, "buffer {buffer}: {got}");
        // After their time to live both are unknown, and so alike.
        assert!((shares(&router, 2, at(60_001), 3)[1] - 0.5).abs() < 0.02);
    }
}

fn told(remaining: u64, limit: u64, seconds: u64) -> RateLimits {
    let left = Left { remaining, limit: Some(limit), reset: Some(Duration::from_secs(seconds)) };
    RateLimits { requests: Some(left), tokens: None }
}

#[test]
fn the_most_headroom_is_chosen() {
    for count in [3, 30] {
        let router = router(Strategy::RateLimitAware, even(count));
        (0..count).for_each(|i| router.on_headroom(DeploymentIx(i), at(0), &told(10 * u64::from(i == 1), 100, 60)));
        let got = shares(&router, count, at(1), 5)[1];
        // Of two drawn among thirty it is one in fifteen, and never loses; the others have nothing left.
        assert!(got > 0.99, "{count}: {got}");
        assert!(shares(&router, count, at(60_000), 5)[1] < 0.5, "after the reset nothing is known");
    }
}

#[test]
fn nobody_is_sent_where_nothing_is_left_if_another_has_room() {
    for strategy in STRATEGIES {
        for count in [2, 12] {
            let router = router(strategy, even(count));
            (1..count).for_each(|i| router.on_headroom(DeploymentIx(i), at(0), &told(0, 100, 60)));
            assert_eq!(shares(&router, count, at(1), 5)[0], 1.0, "{strategy:?} {count}");
            router.on_headroom(DeploymentIx(0), at(0), &told(0, 100, 60));
            let by_all = shares(&router, count, at(1), 5);
            assert!(by_all.iter().sum::<f64>() > 0.99, "{strategy:?} {count}: where nobody has room, all are asked");
        }
    }
}
