//! The router as a whole, under seeded traffic in simulated time.

mod filters;
mod strategies;

use super::plan::{GroupSpec, MemberSpec};
use super::*;

const GROUP: GroupIx = GroupIx(0);
const SEEDS: u64 = 32;
const FAST: Answered = Answered::Whole(Duration::from_millis(100), 1);
const STRATEGIES: [Strategy; 9] = [
    Strategy::SimpleShuffle,
    Strategy::LeastBusy,
    Strategy::Latency,
    Strategy::Lar1,
    Strategy::UsageBased,
    Strategy::UsageBasedV2,
    Strategy::CostBased,
    Strategy::WeightedRoundRobin,
    Strategy::RateLimitAware,
];

fn router(strategy: Strategy, members: Vec<MemberSpec>) -> Router {
    let deployments = members.iter().map(|_| DeploymentSpec::default()).collect();
    let groups = vec![GroupSpec { name: "gpt-4o".into(), members, retry: None }];
    Router::new(RouterPlan { deployments, groups, strategy, ..RouterPlan::default() }).unwrap()
}

fn even(count: u32) -> Vec<MemberSpec> {
    (0..count).map(|i| MemberSpec::even(DeploymentIx(i))).collect()
}

fn weighted(weights: &[f64]) -> Vec<MemberSpec> {
    let member = |(i, &weight): (usize, &f64)| MemberSpec { weight, ..MemberSpec::even(DeploymentIx(i as u32)) };
    weights.iter().enumerate().map(member).collect()
}

fn ordered(orders: &[i32]) -> Vec<MemberSpec> {
    let member = |(i, &order): (usize, &i32)| MemberSpec { order, ..MemberSpec::even(DeploymentIx(i as u32)) };
    orders.iter().enumerate().map(member).collect()
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn pick(router: &Router, now: Instant, random: u64, tried: &TriedSet) -> Result<Pick, NoneLeft> {
    let input =
        PickInput { now, random, tried, above_order: None, untried_only: false, holder: None, needs: &Needs::NONE };
    router.pick(GROUP, input)
}

fn tried(deployments: &[u32]) -> TriedSet {
    let mut tried = TriedSet::default();
    deployments.iter().for_each(|&i| tried.insert(DeploymentIx(i)));
    tried
}

fn cool(router: &Router, deployments: impl IntoIterator<Item = u32>, until: Instant) {
    deployments.into_iter().for_each(|i| router.state(DeploymentIx(i)).unwrap().cool_down(until));
}

/// The probe of a deployment whose cooldown is over comes back well.
fn heal(router: &Router, deployment: u32, now: Instant) {
    router.on_success(DeploymentIx(deployment), now, Duration::from_millis(1));
}

/// How often each deployment is picked in 20,000 requests, as shares.
fn shares(router: &Router, count: u32, now: Instant, seed: u64) -> Vec<f64> {
    const ROUNDS: u32 = 20_000;
    let mut draws = Draws::new(seed);
    let (mut picks, mut probes) = (vec![0_u32; count as usize], Vec::new());
    for _ in 0..ROUNDS {
        let picked = pick(router, now, draws.next(), &TriedSet::default()).unwrap();
        picks[picked.deployment.0 as usize] += 1;
        // Nothing is heard of a probe as long as the others are chosen.
        probes.extend(picked.probe);
    }
    picks.iter().map(|&picks| f64::from(picks) / f64::from(ROUNDS)).collect()
}

#[test]
fn shuffle_meets_the_weights_and_a_cooling_member_does_not_shift_them() {
    for seed in 0..SEEDS {
        let router = router(Strategy::SimpleShuffle, weighted(&[6.0, 3.0, 1.0]));
        let check = |now, expected: [f64; 3]| {
            for (got, expected) in shares(&router, 3, now, seed).iter().zip(expected) {
                assert!((got - expected).abs() < 0.02, "seed {seed}: {got} instead of {expected}");
            }
        };
        check(at(0), [0.6, 0.3, 0.1]);
        cool(&router, [0], at(1_000));
        check(at(999), [0.0, 0.75, 0.25]);
        heal(&router, 0, at(1_000));
        check(at(1_000), [0.6, 0.3, 0.1]);
    }
}

#[test]
fn few_survivors_of_a_large_group_share_by_weight() {
    let mut weights = vec![5.0; 100];
    weights[98] = 1.0;
    weights[99] = 3.0;
    for strategy in [Strategy::SimpleShuffle, Strategy::LeastBusy, Strategy::Latency] {
        let router = router(strategy, weighted(&weights));
        cool(&router, 0..98, at(1_000));
        let last = shares(&router, 100, at(0), 7)[99];
        let expected = if strategy == Strategy::SimpleShuffle { 0.75 } else { 0.5 };
        assert!((last - expected).abs() < 0.02, "{strategy:?}: {last}");
    }
}

#[test]
fn a_weight_of_zero_is_used_only_when_nothing_else_is_left() {
    let router = router(Strategy::SimpleShuffle, weighted(&[0.0, 1.0]));
    assert_eq!(shares(&router, 2, at(0), 1), [0.0, 1.0]);
    cool(&router, [1], at(1_000));
    assert_eq!(shares(&router, 2, at(0), 1), [1.0, 0.0]);
}

/// Random cooldowns, latencies and lengths of requests, for every strategy and several group sizes.
#[test]
fn no_cooling_deployment_is_picked_and_nothing_stays_in_flight() {
    for seed in 0..SEEDS {
        for strategy in STRATEGIES {
            for count in [1, 2, 3, 9, 40] {
                disturbed_traffic(&router(strategy, even(count)), count, seed);
            }
        }
    }
}

fn disturbed_traffic(router: &Router, count: u32, seed: u64) {
    let mut draws = Draws::new(seed);
    let mut running: Vec<Pick> = Vec::new();
    for step in 0..500 {
        let now = at(step * 50);
        if draws.below(3) == 0 {
            cool(router, [draws.below(count as usize) as u32], now + Duration::from_secs(2));
        }
        let tried = tried(&[draws.below(count as usize) as u32]);
        let cooling: Vec<_> = (0..count).map(|i| router.state(DeploymentIx(i)).unwrap().cooling(now)).collect();
        let available = |i: u32| cooling[i as usize].is_none();
        let fresh = |i: u32| available(i) && !tried.contains(DeploymentIx(i));
        assert_eq!(router.other_healthy(GROUP, None, &tried, now, &Needs::NONE), (0..count).any(fresh));
        match pick(router, now, draws.next(), &tried) {
            Ok(pick) => {
                assert!(available(pick.deployment.0));
                assert!(fresh(pick.deployment.0) || !(0..count).any(fresh), "a tried one before a fresh one");
                running.push(pick);
            }
            Err(NoneLeft::AllInCooldown(rest)) => {
                assert!(!(0..count).any(available));
                assert!(cooling.contains(&Some(rest)));
            }
            Err(other) => panic!("nothing else can be the reason: {other:?}"),
        }
        if running.len() > 10 {
            let done = running.swap_remove(draws.below(running.len()));
            router.on_success(done.deployment, now, Duration::from_millis(draws.below(3_000) as u64));
        }
    }
    let in_flight = || (0..count).map(|i| router.state(DeploymentIx(i)).unwrap().in_flight()).sum::<u32>();
    assert_eq!(in_flight() as usize, running.len());
    drop(running);
    assert_eq!(in_flight(), 0);
}

#[test]
fn least_busy_fills_evenly_and_breaks_ties_at_random() {
    let router = router(Strategy::LeastBusy, even(3));
    let mut first = [false; 3];
    for seed in 0..SEEDS {
        let mut draws = Draws::new(seed);
        let picks: Vec<Pick> =
            (0..9).map(|_| pick(&router, at(0), draws.next(), &TriedSet::default()).unwrap()).collect();
        first[picks[0].deployment.0 as usize] = true;
        (0..3).for_each(|i| assert_eq!(router.state(DeploymentIx(i)).unwrap().in_flight(), 3));
    }
    assert_eq!(first, [true; 3]);
}

#[test]
fn two_choices_keep_a_large_group_nearly_even() {
    const COUNT: u32 = 100;
    for seed in 0..SEEDS {
        let router = router(Strategy::LeastBusy, even(COUNT));
        let mut draws = Draws::new(seed);
        let _picks: Vec<Pick> =
            (0..10 * COUNT).map(|_| pick(&router, at(0), draws.next(), &TriedSet::default()).unwrap()).collect();
        let most = (0..COUNT).map(|i| router.state(DeploymentIx(i)).unwrap().in_flight()).max();
        // One random choice would put about 20 on the fullest one.
        assert!(most <= Some(14), "seed {seed}: {most:?}");
    }
}

/// One request after another for a second; deployment 0 takes `slow`, the others 100 ms. How many it got.
fn picks_of_the_first(router: &Router, from: u64, slow: u64, draws: &mut Draws) -> u32 {
    let mut count = 0;
    for step in 0..100 {
        let now = at(from + step * 10);
        let pick = pick(router, now, draws.next(), &TriedSet::default()).unwrap();
        let is_first = pick.deployment.0 == 0;
        count += u32::from(is_first);
        let took = Duration::from_millis(if is_first { slow } else { 100 });
        router.on_answer(pick.deployment, now, Answered::Whole(took, 1));
    }
    count
}

#[test]
fn latency_avoids_a_slow_deployment_and_comes_back_to_it() {
    for seed in 0..SEEDS {
        for count in [2, 3, 20] {
            let router = router(Strategy::Latency, even(count));
            let mut draws = Draws::new(seed);
            // Each is tried before any latency is known.
            (0..count).for_each(|i| router.on_answer(DeploymentIx(i), at(0), FAST));
            let slow = picks_of_the_first(&router, 0, 5_000, &mut draws);
            assert!(slow <= 2, "seed {seed}, {count} deployments: {slow} requests went to the slow one");
            // After six times the decay constant its five seconds are forgotten, and it is as fast as the others.
            let back = picks_of_the_first(&router, 60_000, 100, &mut draws);
            assert!(back >= 1, "seed {seed}, {count} deployments: nobody came back");
        }
    }
}

#[test]
fn an_unseen_deployment_is_tried_first_but_not_by_everybody() {
    let router = router(Strategy::Latency, even(2));
    router.on_answer(DeploymentIx(0), at(0), FAST);
    let first = pick(&router, at(0), 1, &TriedSet::default()).unwrap();
    let second = pick(&router, at(0), 1, &TriedSet::default()).unwrap();
    assert_eq!((first.deployment, second.deployment), (DeploymentIx(1), DeploymentIx(0)));
}

#[test]
fn a_deployment_that_fails_fast_does_not_look_fast() {
    let chosen_after = |kind| {
        let router = router(Strategy::Latency, even(2));
        router.on_answer(DeploymentIx(0), at(0), Answered::Whole(Duration::from_secs(2), 10));
        router.on_failure(GROUP, DeploymentIx(1), at(0), kind, None);
        pick(&router, at(1), 1, &TriedSet::default()).unwrap().deployment
    };
    assert_eq!(chosen_after(Kind::InternalServer), DeploymentIx(0));
    assert_eq!(chosen_after(Kind::PermissionDenied), DeploymentIx(0));
    // The caller's own mistake says nothing about the deployment.
    assert_eq!(chosen_after(Kind::BadRequest), DeploymentIx(1));
}

#[test]
fn the_lowest_order_that_is_available_serves() {
    let router = router(Strategy::SimpleShuffle, ordered(&[2, 1, 2, 1]));
    assert_eq!(shares(&router, 4, at(0), 1)[0], 0.0);
    // Tried in vain, but the retries stay at this order until `above_order` says otherwise.
    let pick_with = |above_order, now| {
        router
            .pick(
                GROUP,
                PickInput {
                    now,
                    random: 1,
                    tried: &tried(&[1, 3]),
                    above_order,
                    untried_only: false,
                    holder: None,
                    needs: &Needs::NONE,
                },
            )
            .map(|pick| pick.order)
    };
    assert_eq!(pick_with(None, at(0)), Ok(1));
    assert_eq!(pick_with(Some(1), at(0)), Ok(2));
    assert_eq!(pick_with(Some(2), at(0)), Err(NoneLeft::NoFurtherOrder));
    cool(&router, [1, 3], at(3_000));
    assert_eq!(pick_with(None, at(0)), Ok(2));
    cool(&router, [0, 2], at(5_000));
    assert_eq!(pick_with(None, at(1_000)), Err(NoneLeft::AllInCooldown(Duration::from_secs(2))));
    assert_eq!(pick_with(None, at(3_000)), Ok(1));
}

#[test]
fn failures_send_a_deployment_into_cooldown_and_time_brings_it_back() {
    let router = router(Strategy::SimpleShuffle, even(2));
    let fail = |kind| router.on_failure(GROUP, DeploymentIx(0), at(0), kind, Some(Duration::from_secs(7)));
    assert_eq!(fail(Kind::BadRequest), None);
    assert_eq!(fail(Kind::InternalServer), None);
    assert_eq!(fail(Kind::RateLimited), Some(Duration::from_secs(7)));
    assert_eq!(shares(&router, 2, at(6_999), 1), [0.0, 1.0]);
    // One request finds out whether it is well; as long as nothing is heard of it, no other goes there.
    assert_eq!(shares(&router, 2, at(7_000), 1)[0], 1.0 / 20_000.0);
    heal(&router, 0, at(7_001));
    assert!(shares(&router, 2, at(7_001), 1)[0] > 0.4);
}

#[test]
fn a_lone_deployment_is_probed_once_a_second() {
    let router = router(Strategy::SimpleShuffle, even(1));
    cool(&router, [0], at(5_000));
    // Nothing is ever heard of any of them.
    let mut asked = Vec::new();
    let mut is_asked = |millis| {
        let picked = pick(&router, at(millis), 1, &TriedSet::default());
        let is_asked = picked.is_ok();
        asked.extend(picked);
        is_asked
    };
    assert_eq!([4_999, 5_000, 5_001, 5_999, 6_000, 6_001].map(&mut is_asked), [false, true, false, false, true, false]);
    assert_eq!(router.on_failure(GROUP, DeploymentIx(0), at(6_500), Kind::Timeout, None), Some(DEFAULT_COOLDOWN));
    assert_eq!([6_501, 11_499, 11_500].map(is_asked), [false, false, true]);
}

/// A deployment that fails for a while, under traffic: while it is closed out, one request for each cooldown finds out.
#[test]
fn a_failing_deployment_costs_one_request_a_cooldown() {
    for seed in 0..SEEDS {
        let router = router(Strategy::SimpleShuffle, even(3));
        let (mut draws, mut asked_in_outage, mut asked_after) = (Draws::new(seed), 0, 0);
        for step in 0..60_000_u64 {
            let (now, mut tried) = (at(step), TriedSet::default());
            let is_down = step < 50_000;
            // Each request has its answer before the next one comes.
            loop {
                let chosen = pick(&router, now, draws.next(), &tried).unwrap().deployment;
                if chosen == DeploymentIx(0) && is_down {
                    asked_in_outage += 1;
                    router.on_failure(GROUP, chosen, now, Kind::ServiceUnavailable, None);
                    tried.insert(chosen);
                    continue;
                }
                asked_after += u32::from(chosen == DeploymentIx(0));
                router.on_success(chosen, now, Duration::from_millis(1));
                break;
            }
        }
        assert!((3..=3 + 10).contains(&asked_in_outage), "seed {seed}: {asked_in_outage}");
        assert!(asked_after > 1_000, "seed {seed}: {asked_after}");
    }
}

#[test]
fn a_plan_that_contradicts_itself_is_refused() {
    let refuse = |members, deployments| {
        let groups = vec![GroupSpec { name: "g".into(), members, retry: None }];
        Router::new(RouterPlan { deployments, groups, ..RouterPlan::default() }).err()
    };
    assert_eq!(refuse(vec![], vec![]), Some(PlanError::EmptyGroup { group: "g".into() }));
    let unknown = PlanError::UnknownDeployment { group: "g".into(), deployment: 1 };
    assert_eq!(refuse(even(2), vec![DeploymentSpec::default()]), Some(unknown));
    assert_eq!(refuse(even(1), vec![DeploymentSpec::default()]), None);
}

#[test]
fn an_index_of_another_router_finds_nothing() {
    let router = router(Strategy::SimpleShuffle, even(1));
    let input = PickInput {
        now: at(0),
        random: 0,
        tried: &TriedSet::default(),
        above_order: None,
        untried_only: false,
        holder: None,
        needs: &Needs::NONE,
    };
    assert_eq!(router.pick(GroupIx(9), input).err(), Some(NoneLeft::NoFurtherOrder));
    assert_eq!(router.group_name(GroupIx(9)), "");
    assert!(router.state(DeploymentIx(9)).is_none());
}
