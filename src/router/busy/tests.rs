//! Choices among deployments that are full, in cooldown, or out of rotation.

use crate::router::needs::{Facts, Needs};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::router::concurrency::Parallel;
use crate::router::plan::{Checks, DeploymentIx, DeploymentSpec, GroupIx, GroupSpec, MemberSpec, RouterPlan, Strategy};
use crate::router::state::DeploymentState;
use crate::router::{NoneLeft, Pick, PickInput, Router, TriedSet};

const GROUP: GroupIx = GroupIx(0);

fn at(millis: u64) -> Instant {
    Instant::default() + Duration::from_millis(millis)
}

/// Members with these limits and orders.
fn router(strategy: Strategy, members: &[(Parallel, i32)]) -> Router {
    let spec = |(parallel, _): &(Parallel, i32)| DeploymentSpec { parallel: *parallel, ..DeploymentSpec::default() };
    let deployments = members.iter().map(spec).collect();
    let member = |(i, (_, order)): (usize, &(Parallel, i32))| MemberSpec {
        order: *order,
        ..MemberSpec::even(DeploymentIx(i as u32))
    };
    let members = members.iter().enumerate().map(member).collect();
    let groups = vec![GroupSpec { name: "g".into(), members, retry: None }];
    Router::new(RouterPlan { deployments, groups, strategy, ..RouterPlan::default() }).unwrap()
}

fn pick(router: &Router, random: u64, holder: Option<u32>) -> Result<Pick, NoneLeft> {
    let tried = TriedSet::default();
    let holder = holder.map(DeploymentIx);
    router.pick(
        GROUP,
        PickInput {
            now: at(0),
            random,
            tried: &tried,
            above_order: None,
            untried_only: false,
            holder,
            needs: &Needs::NONE,
        },
    )
}

fn state(router: &Router, deployment: u32) -> &Arc<DeploymentState> {
    router.state(DeploymentIx(deployment)).unwrap()
}

const STRATEGIES: [Strategy; 3] = [Strategy::SimpleShuffle, Strategy::LeastBusy, Strategy::Latency];

#[test]
fn a_full_deployment_is_not_chosen_while_another_has_room() {
    for strategy in STRATEGIES {
        let router = router(strategy, &[(Parallel::Fixed(2), 0), (Parallel::Fixed(3), 0), (Parallel::Fixed(1), 1)]);
        let picks: Vec<Pick> = (0..6).map(|random| pick(&router, random, None).unwrap()).collect();
        let taken: Vec<u32> = (0..3).map(|i| state(&router, i).in_flight()).collect();
        assert_eq!(taken, [2, 3, 1], "{strategy:?}");
        assert_eq!(picks.iter().filter(|pick| pick.order == 1).count(), 1, "{strategy:?}");
        assert_eq!(pick(&router, 1, None).err(), Some(NoneLeft::AllBusy), "{strategy:?}");
        assert!(
            !router.has_room(GROUP, at(0))
                && !router.other_healthy(GROUP, None, &TriedSet::default(), at(0), &Needs::NONE)
        );
        drop(picks);
        assert!(router.has_room(GROUP, at(0)) && pick(&router, 1, None).is_ok(), "{strategy:?}");
    }
}

#[test]
fn the_limit_holds_whatever_runs_at_once() {
    let router = Arc::new(router(Strategy::SimpleShuffle, &[(Parallel::Fixed(3), 0), (Parallel::Fixed(2), 0)]));
    let threads: Vec<_> = (0..8)
        .map(|seed| {
            let router = Arc::clone(&router);
            std::thread::spawn(move || {
                let mut got = 0;
                for random in 0..2_000 {
                    if let Ok(pick) = pick(&router, seed * 10_000 + random, None) {
                        got += 1;
                        assert!(state(&router, 0).in_flight() <= 3 && state(&router, 1).in_flight() <= 2);
                        drop(pick);
                    }
                }
                got
            })
        })
        .collect();
    assert!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>() > 0);
    assert_eq!((state(&router, 0).in_flight(), state(&router, 1).in_flight()), (0, 0));
}

#[test]
fn busy_and_cooling_are_told_apart() {
    let router = router(Strategy::SimpleShuffle, &[(Parallel::Fixed(1), 0), (Parallel::Fixed(1), 0)]);
    state(&router, 1).cool_down(at(3_000));
    let held = pick(&router, 1, None).unwrap();
    assert_eq!(pick(&router, 1, None).err(), Some(NoneLeft::AllBusy));
    state(&router, 0).cool_down(at(2_000));
    assert_eq!(pick(&router, 1, None).err(), Some(NoneLeft::AllInCooldown(Duration::from_secs(2))));
    drop(held);
}

#[test]
fn who_needs_one_deployment_waits_for_that_one() {
    let router = router(Strategy::SimpleShuffle, &[(Parallel::Fixed(1), 0), (Parallel::Unlimited, 0)]);
    let held = pick(&router, 1, Some(0)).unwrap();
    assert_eq!(held.deployment, DeploymentIx(0));
    assert_eq!(pick(&router, 1, Some(0)).err(), Some(NoneLeft::AllBusy));
    assert_eq!(pick(&router, 1, None).unwrap().deployment, DeploymentIx(1));
}

#[test]
fn what_a_failed_check_takes_out_comes_back_where_nobody_else_is_left() {
    for strategy in STRATEGIES {
        let router = router(strategy, &[(Parallel::Unlimited, 0), (Parallel::Fixed(1), 0)]);
        state(&router, 0).places().set_out(true);
        let held = pick(&router, 1, None).unwrap();
        assert_eq!(held.deployment, DeploymentIx(1), "{strategy:?}");
        // One that is only busy is waited for.
        assert_eq!(pick(&router, 1, None).err(), Some(NoneLeft::AllBusy), "{strategy:?}");
        drop(held);
        state(&router, 1).cool_down(at(1_000));
        assert_eq!(pick(&router, 1, None).unwrap().deployment, DeploymentIx(0), "{strategy:?}");
        assert!(!state(&router, 0).places().is_out());
    }
}

#[test]
fn how_fast_places_become_free_is_known_once_some_did() {
    let router = router(Strategy::SimpleShuffle, &[(Parallel::Fixed(4), 0), (Parallel::Fixed(2), 0)]);
    assert_eq!(router.capacity(GROUP, at(0)).rate, None);
    for holder in [0, 1] {
        pick(&router, 1, Some(holder)).unwrap().in_flight.end(at(2_000));
    }
    let capacity = router.capacity(GROUP, at(0));
    assert_eq!((capacity.places, capacity.is_known, capacity.rate), (6, true, Some(3.0)));
    state(&router, 0).cool_down(at(1_000));
    assert_eq!(router.capacity(GROUP, at(0)).rate, Some(1.0));
    let adaptive = self::router(Strategy::SimpleShuffle, &[(Parallel::Adaptive, 0), (Parallel::Fixed(2), 0)]);
    assert!(!adaptive.capacity(GROUP, at(0)).is_known);
}

#[test]
fn one_prompt_that_is_too_long_brings_nobody_back_into_rotation() {
    let facts = Facts { max_input_tokens: Some(10), ..Facts::default() };
    let spec = || DeploymentSpec { facts: facts.clone(), ..DeploymentSpec::default() };
    let members = (0..2).map(|i| MemberSpec::even(DeploymentIx(i))).collect();
    let groups = vec![GroupSpec { name: "g".into(), members, retry: None }];
    let checks = Checks { pre_call: true, ..Checks::default() };
    let plan = RouterPlan { deployments: vec![spec(), spec()], groups, checks, ..RouterPlan::default() };
    let router = Router::new(plan).unwrap();
    state(&router, 1).places.set_out(true);
    let (tried, needs) = (TriedSet::default(), Needs { prompt_tokens: 11, least_prompt_tokens: 11, ..Needs::NONE });
    let input = PickInput {
        now: at(0),
        random: 1,
        tried: &tried,
        above_order: None,
        untried_only: false,
        holder: None,
        needs: &needs,
    };
    assert!(matches!(router.pick(GROUP, input), Err(NoneLeft::PromptTooLong { .. })));
    assert!(state(&router, 1).places.is_out());
}

#[test]
fn a_probe_that_is_dropped_leaves_it_to_the_next() {
    let router = router(Strategy::SimpleShuffle, &[(Parallel::Unlimited, 0)]);
    state(&router, 0).cool_down(Instant::default() + Duration::from_nanos(1));
    let tried = TriedSet::default();
    let pick = || {
        let (above_order, untried_only, holder, needs) = (None, false, None, &Needs::NONE);
        router.pick(GROUP, PickInput { now: at(1), random: 1, tried: &tried, above_order, untried_only, holder, needs })
    };
    let probe = pick().unwrap();
    assert!(probe.probe.is_some() && pick().is_err());
    drop(probe);
    assert!(pick().is_ok());
}
