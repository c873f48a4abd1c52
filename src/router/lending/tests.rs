//! Two gateways and a lender, all in one thread: what `store/redis/scripts/minute.lua` does is done here in Rust.

use std::collections::HashMap;

use super::*;
use crate::error::Kind;
use crate::router::lot;
use crate::router::plan::{CooldownPolicy, DeploymentSpec, GroupSpec, MemberSpec, RouterPlan, Strategy};
use crate::router::{NoneLeft, Pick, PickInput, TriedSet};

const GROUP: GroupIx = GroupIx(0);
const ONE: DeploymentIx = DeploymentIx(0);

/// Holds of each gateway, by deployment and minute.
#[derive(Default)]
struct Lender(HashMap<(DeploymentIx, u64), [Held; 2]>);

#[derive(Clone, Copy, Default)]
struct Held {
    requests: u64,
    tokens: u64,
    used: u64,
}

impl Lender {
    fn say(&mut self, gateway: usize, deployment: DeploymentIx, call: &LoanCall) -> LoanReply {
        let all = self.0.entry((deployment, call.minute)).or_default();
        let other = all[1 - gateway];
        let hold = |part: Part, others: u64| {
            let free = part.limit.map_or(0, |limit| limit.saturating_sub(others));
            part.used.max(part.want.min(free))
        };
        let held = Held {
            requests: hold(call.requests, other.requests),
            tokens: hold(call.tokens, other.tokens),
            used: call.tokens.used,
        };
        all[gateway] = held;
        LoanReply { requests: held.requests, tokens: held.tokens, elsewhere: other.used }
    }
}

fn gateway(limits: &[(u64, u64)]) -> Router {
    let members = (0..).zip(limits).map(|(index, &(rpm, tpm))| {
        let even = MemberSpec::even(DeploymentIx(index));
        MemberSpec { rpm, tpm, ..even }
    });
    let groups = vec![GroupSpec { name: "g".to_owned(), members: members.collect(), retry: None }];
    let deployments = limits.iter().map(|_| DeploymentSpec::default()).collect();
    let lending = Some(Arc::default());
    // As many minutes as there have been since 1970: more than half of those that a number can tell apart.
    let calendar = Duration::from_secs(60 * 29_900_000);
    let strategy = Strategy::UsageBasedV2;
    let plan = RouterPlan { deployments, groups, lending, strategy, calendar, ..RouterPlan::default() };
    let router = Router::new(plan).unwrap();
    router.lending().unwrap().begin();
    router
}

fn at(millis: u64) -> Instant {
    Instant::default() + Duration::from_millis(millis)
}

fn round(lender: &mut Lender, index: usize, router: &Router, now: Instant, reports: bool) -> usize {
    let calls = router.loan_calls(Look { now, nodes: 2, reports });
    for (deployment, call) in &calls {
        let reply = lender.say(index, *deployment, call);
        router.on_loan(*deployment, now, call, &reply);
    }
    calls.len()
}

fn pick(router: &Router, now: Instant, random: u64, needs: &Needs) -> Result<Pick, NoneLeft> {
    let tried = TriedSet::default();
    let input = PickInput { now, random, tried: &tried, above_order: None, untried_only: false, holder: None, needs };
    router.pick(GROUP, input)
}

/// As a request does: waits for rounds as long as that may help.
fn call(lender: &mut Lender, index: usize, router: &Router, now: Instant, needs: &Needs) -> Option<Pick> {
    for _ in 0..100 {
        match pick(router, now, 7, needs) {
            Ok(pick) => return Some(pick),
            Err(_) if router.wants_loan(GROUP, now, needs) => {
                round(lender, index, router, now, false);
            }
            Err(_) => return None,
        }
    }
    panic!("waits for ever");
}

#[test]
fn both_together_get_all_of_the_limit_and_no_more() {
    for (rpm, tpm, prompt, expected) in
        [(1, 0, 0, 1), (7, 0, 0, 7), (1_000, 0, 0, 1_000), (0, 100, 7, 14), (9, 100, 7, 9)]
    {
        let (mut lender, gateways) = (Lender::default(), [gateway(&[(rpm, tpm)]), gateway(&[(rpm, tpm)])]);
        let needs = Needs { prompt_tokens: prompt, ..Needs::default() };
        let mut held = Vec::new();
        for turn in 0..3_000_usize {
            let index = turn % 2;
            let now = at(turn as u64);
            held.extend(call(&mut lender, index, &gateways[index], now, &needs));
            if turn % 20 == 0 {
                gateways.iter().enumerate().for_each(|(index, router)| {
                    round(&mut lender, index, router, now, turn % 240 == 0);
                });
            }
        }
        assert_eq!(held.len(), expected, "{rpm} requests, {tpm} tokens");
    }
}

#[test]
fn who_stops_leaves_the_rest_to_the_other() {
    let (mut lender, gateways) = (Lender::default(), [gateway(&[(100, 0)]), gateway(&[(100, 0)])]);
    let [first, second] = &gateways;
    // The next minute is asked for already.
    let now = at(59_500);
    let held = call(&mut lender, 0, first, now, &Needs::default()).unwrap();
    round(&mut lender, 0, first, now, true);
    for (deployment, call) in first.loans_back(now) {
        let reply = lender.say(0, deployment, &call);
        first.on_loan(deployment, now, &call, &reply);
    }
    assert!(first.loans_back(now).is_empty());
    assert!(pick(first, now, 7, &Needs::default()).is_err());
    let rest: Vec<Pick> = std::iter::from_fn(|| call(&mut lender, 1, second, now, &Needs::default())).collect();
    assert_eq!(rest.len(), 99);
    let later = at(60_000);
    let next: Vec<Pick> = std::iter::from_fn(|| call(&mut lender, 1, second, later, &Needs::default())).collect();
    assert_eq!(next.len(), 100);
    drop(held);
}

#[test]
fn no_schedule_exceeds_the_limit() {
    for seed in 0..300_u64 {
        let mut random = crate::router::draws::Draws::new(seed);
        let mut draw = |below: u64| random.next() % below;
        let limits = [(1 + draw(60), 0), (1 + draw(60), 0)];
        let (mut lender, gateways) = (Lender::default(), [gateway(&limits), gateway(&limits)]);
        let mut taken: HashMap<(DeploymentIx, u64), u64> = HashMap::new();
        let (mut now, mut held) = (0, Vec::new());
        while now < 150_000 {
            now += draw(200);
            let index = draw(2) as usize;
            let router = &gateways[index];
            match draw(10) {
                0 => {
                    round(&mut lender, index, router, at(now), true);
                }
                1..3 => {
                    round(&mut lender, index, router, at(now), false);
                }
                // The answer is lost: the lender has heard the call all the same.
                3 => {
                    for (deployment, call) in router.loan_calls(Look { now: at(now), nodes: 2, reports: true }) {
                        let _lost = lender.say(index, deployment, &call);
                    }
                }
                4 if !held.is_empty() => {
                    let (index, pick, at_minute): (usize, Pick, u64) =
                        held.swap_remove(draw(held.len() as u64) as usize);
                    if at_minute == now / 60_000 {
                        *taken.get_mut(&(pick.deployment, at_minute)).unwrap() -= 1;
                    }
                    gateways[index].not_asked(pick);
                }
                _ => {
                    if let Some(pick) = call(&mut lender, index, router, at(now), &Needs::default()) {
                        let sum = taken.entry((pick.deployment, now / 60_000)).or_default();
                        *sum += 1;
                        assert!(*sum <= limits[pick.deployment.0 as usize].0, "seed {seed}: {sum} of {limits:?}");
                        held.push((index, pick, now / 60_000));
                    }
                }
            }
        }
    }
}

#[test]
fn what_nobody_uses_comes_back() {
    let (mut lender, gateways) = (Lender::default(), [gateway(&[(100, 0)]), gateway(&[(100, 0)])]);
    let _one = call(&mut lender, 0, &gateways[0], at(0), &Needs::default()).unwrap();
    let held = |lender: &Lender| lender.0[&(ONE, 29_900_000 % (1 << 24))][0].requests;
    assert!(held(&lender) > 1, "lent ahead");
    for report in 0..=u64::from(lot::IDLE_REPORTS) + 2 {
        round(&mut lender, 0, &gateways[0], at(250 * report), true);
    }
    assert_eq!(held(&lender), 1);
    assert_eq!(round(&mut lender, 0, &gateways[0], at(5_000), true), 0, "nothing is left to be said");
}

#[test]
fn something_of_the_next_minute_is_there_before_it_begins() {
    let (mut lender, gateways) = (Lender::default(), [gateway(&[(100, 0)]), gateway(&[(100, 0)])]);
    let _one = call(&mut lender, 0, &gateways[0], at(59_500), &Needs::default()).unwrap();
    round(&mut lender, 0, &gateways[0], at(59_500), false);
    assert!(pick(&gateways[0], at(60_000), 7, &Needs::default()).is_ok(), "without a question");
    assert!(pick(&gateways[1], at(60_000), 7, &Needs::default()).is_err());
}

#[test]
fn tokens_used_elsewhere_count_in_the_choice() {
    let (mut lender, gateways) = (Lender::default(), [gateway(&[(0, 0); 2]), gateway(&[(0, 0); 2])]);
    let needs = Needs { prompt_tokens: 10, ..Needs::default() };
    // The first gateway has used its first deployment, a little.
    let first = pick(&gateways[0], at(0), 7, &needs).unwrap();
    round(&mut lender, 0, &gateways[0], at(0), true);
    // The other one knows of both once it has spoken of them, and goes on with whom neither has used.
    let picks = [(); 2].map(|()| {
        let pick = pick(&gateways[1], at(1), 7, &needs).unwrap();
        round(&mut lender, 1, &gateways[1], at(1), true);
        pick
    });
    assert_ne!(picks[0].deployment, picks[1].deployment);
    let third = pick(&gateways[1], at(2), 7, &needs).unwrap();
    assert_ne!(third.deployment, first.deployment, "20 tokens there, 10 here");
}

#[test]
fn without_the_lender_each_takes_its_part() {
    for (parts, limit, expected) in [(1, 10, 10), (2, 10, 5), (20, 10, 1)] {
        let router = gateway(&[(limit, 0)]);
        router.lending().unwrap().end(parts);
        let picks: Vec<_> = (0..20).map_while(|_| pick(&router, at(0), 7, &Needs::default()).ok()).collect();
        assert_eq!(picks.len(), expected, "one of {parts} parts of {limit}");
        assert!(!router.wants_loan(GROUP, at(0), &Needs::default()), "nobody is waited for");
    }
    let router = gateway(&[(0, 100)]);
    router.lending().unwrap().end(4);
    let long = Needs { prompt_tokens: 90, ..Needs::default() };
    assert!(pick(&router, at(0), 7, &long).is_ok(), "what fits into the limit is served");
}

#[test]
fn a_breaker_opens_where_another_one_did_but_not_for_ever() {
    let router = gateway(&[(0, 0)]);
    let minute = Duration::from_secs(60);
    assert!(!router.on_opened_elsewhere(ONE, at(0), Duration::ZERO));
    assert!(!router.on_opened_elsewhere(DeploymentIx(9), at(0), minute), "there is no such deployment");
    assert!(router.on_opened_elsewhere(ONE, at(0), Duration::MAX));
    assert_eq!(
        router.openings(at(0)).collect::<Vec<_>>(),
        [(ONE, at(60_000))],
        "the longest that it could be by itself"
    );
    assert!(pick(&router, at(59_999), 7, &Needs::default()).is_err());
    // Told again and again: neither while it is open nor when it waits for its probe.
    assert!(!router.on_opened_elsewhere(ONE, at(30_000), minute));
    assert!(!router.on_opened_elsewhere(ONE, at(60_000), minute));
    let probe = pick(&router, at(60_001), 7, &Needs::default());
    assert!(probe.is_ok());
    assert!(!router.on_opened_elsewhere(ONE, at(60_002), minute), "its own probe decides");
    router.on_success(ONE, at(60_003), minute);
    assert!(router.on_opened_elsewhere(ONE, at(60_004), Duration::from_millis(5)));
    assert_eq!(router.openings(at(60_004)).next(), Some((ONE, at(60_009))));
}

#[test]
fn a_breaker_that_never_opens_hears_nothing() {
    let deployments = vec![DeploymentSpec::default()];
    let groups = vec![GroupSpec { name: "g".to_owned(), members: vec![MemberSpec::even(ONE)], retry: None }];
    let cooldown = CooldownPolicy { disabled: true, ..CooldownPolicy::default() };
    let router = Router::new(RouterPlan { deployments, groups, cooldown, ..RouterPlan::default() }).unwrap();
    assert!(!router.on_opened_elsewhere(ONE, at(0), Duration::from_secs(5)));
    assert_eq!(router.on_failure(GROUP, ONE, at(0), Kind::Authentication, None), None);
}
