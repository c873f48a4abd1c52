//! What a request pays before it is sent: finding and checking its key, resolving its model name, choosing a deployment.
//!
//! `cargo bench --bench route`. Group sizes: one (most configurations), three (typical), ten (two are drawn and compared from
//! nine on), 100 and 1,000 (to show that the cost of a choice does not grow with the group).

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tollgate::allowance::{Left, RateLimits};
use tollgate::auth::KeyDigest;
use tollgate::auth::present::{Places, Presented, presented};
use tollgate::clock::Instant;
use tollgate::config::{Budget, Governance, Key, UseLimits};
use tollgate::governance::plan::Rules;
use tollgate::governance::{Found, Live};
use tollgate::router::affinity::{AffinityKeys, AffinityTimes};
use tollgate::router::needs::{Capabilities, Facts, Needs};
use tollgate::router::plan::{
    Checks, DeploymentIx, DeploymentSpec, GroupIx, GroupSpec, MemberSpec, RouterPlan, Strategy,
};
use tollgate::router::tags::{Match, Said};
use tollgate::router::{Answered, PickInput, Router, TriedSet};
use tollgate::secret::Secret;

const SIZES: [u32; 5] = [1, 3, 10, 100, 1_000];
const NOW: Instant = Instant::from_nanos(60_000_000_000);

/// A step of Weyl's sequence: cheap, and spread well enough for a benchmark.
fn next_random(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    *random
}

/// Keys that are known, of which one is asked for.
const KEYS: [usize; 2] = [10, 100_000];

fn authenticate(c: &mut Criterion) {
    let plain = |number: usize| format!("sk-1234567890abcdef{number:06}");
    let bearer = HeaderValue::try_from(format!("Bearer {}", plain(7)));
    let Ok(bearer) = bearer else { return };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    c.bench_function("key/read from the headers", |b| {
        b.iter(|| {
            black_box(presented(black_box(&headers), Places::default()));
        });
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let Ok(runtime) = runtime else { return };
    for keys in KEYS {
        let key = |number| Key { api_key: Secret::new(plain(number)), ..key() };
        let declared = Governance { keys: (0..keys).map(key).collect(), ..Governance::default() };
        let master = Secret::new("sk-master-of-all");
        let live = Live::new(Some(&master), &declared, Rules::default(), None, None);
        runtime.block_on(live.seat_declared(0));
        c.bench_function(&format!("key/digest and look-up among {keys}"), |b| {
            b.iter(|| {
                let Presented::Key(key) = presented(black_box(&headers), Places::default()) else { unreachable!() };
                let found = live.find(KeyDigest::of(key), 0);
                assert!(matches!(found, Found::Caller(_)));
            });
        });
    }
}

fn key() -> Key {
    let limits = UseLimits { rpm_limit: Some(1_000), ..UseLimits::default() };
    let budget = Budget { max_budget: Some(10.0), budget_duration: None };
    Key {
        api_key: Secret::new(""),
        key_alias: None,
        user_id: None,
        team_id: None,
        expires: None,
        limits,
        budget,
        windows: Vec::new(),
        models: Vec::new(),
        metadata: serde_json::Map::default(),
    }
}

fn build(plan: RouterPlan) -> Router {
    Router::new(plan).unwrap_or_else(|error| unreachable!("the benchmark's own plan: {error}"))
}

/// `count` groups of one deployment each, and two wildcards behind them.
fn named_groups(count: u32) -> Router {
    let names = (0..count).map(|i| format!("openai/gpt-{i}")).chain(["openai/*".to_owned(), "*".to_owned()]);
    let group = |(i, name)| GroupSpec { name, members: vec![MemberSpec::even(DeploymentIx(i))], retry: None };
    let groups: Vec<GroupSpec> = (0..).zip(names).map(group).collect();
    let deployments = groups.iter().map(|_| DeploymentSpec::default()).collect();
    build(RouterPlan { deployments, groups, ..RouterPlan::default() })
}

fn resolve(c: &mut Criterion) {
    let mut bench = c.benchmark_group("resolve");
    for count in SIZES {
        let router = named_groups(count);
        let last = format!("openai/gpt-{}", count - 1);
        bench.bench_function(BenchmarkId::new("name", count), |b| b.iter(|| router.resolve(black_box(&last), 1)));
        bench.bench_function(BenchmarkId::new("wildcard", count), |b| {
            b.iter(|| router.resolve(black_box("openai/o3-mini"), 1));
        });
    }
    bench.finish();
}

/// One group whose members differ in all that is compared, and have limits that are never reached.
fn one_group(count: u32, strategy: Strategy, checks: Checks) -> Router {
    let member = |i| MemberSpec { weight: f64::from(1 + i % 7), rpm: 1 << 40, ..MemberSpec::even(DeploymentIx(i)) };
    let groups = vec![GroupSpec { name: "gpt-4o".into(), members: (0..count).map(member).collect(), retry: None }];
    let facts = |i: u32| Facts {
        input_cost: Some(f64::from(i % 17) * 1e-6),
        max_input_tokens: Some(8_000 + 1_000 * u64::from(i % 5)),
        capabilities: if i.is_multiple_of(2) { Capabilities::VISION } else { Capabilities::NONE },
        tags: vec![if i.is_multiple_of(2) { "even".to_owned() } else { "odd".to_owned() }],
        ..Facts::default()
    };
    let deployment = |i| DeploymentSpec { facts: facts(i), ..DeploymentSpec::default() };
    let deployments = (0..count).map(deployment).collect();
    let router = build(RouterPlan { deployments, groups, strategy, checks, ..RouterPlan::default() });
    for i in 0..count {
        let took = Duration::from_millis(u64::from(100 + i % 13));
        router.on_answer(DeploymentIx(i), NOW, Answered::Whole(took, 10));
        let left = Left { remaining: u64::from(50 + i % 13), limit: Some(100), reset: Some(Duration::from_secs(60)) };
        router.on_headroom(DeploymentIx(i), NOW, &RateLimits { requests: Some(left), tokens: None });
    }
    router
}

fn pick_one(router: &Router, random: u64, needs: &Needs) -> bool {
    let tried = TriedSet::default();
    let input =
        PickInput { now: NOW, random, tried: &tried, above_order: None, untried_only: false, holder: None, needs };
    router.pick(GroupIx(0), input).is_ok()
}

fn pick(c: &mut Criterion) {
    let mut random = 1;
    for (name, strategy) in [
        ("simple-shuffle", Strategy::SimpleShuffle),
        ("least-busy", Strategy::LeastBusy),
        ("latency-based-routing", Strategy::Latency),
        ("usage-based-routing", Strategy::UsageBased),
        ("usage-based-routing-v2", Strategy::UsageBasedV2),
        ("cost-based-routing", Strategy::CostBased),
        ("weighted_round_robin", Strategy::WeightedRoundRobin),
        ("rate-limit-aware", Strategy::RateLimitAware),
        ("lar1", Strategy::Lar1),
    ] {
        let mut bench = c.benchmark_group(format!("pick/{name}"));
        for count in SIZES {
            let router = one_group(count, strategy, Checks::default());
            bench.bench_function(BenchmarkId::from_parameter(count), |b| {
                b.iter(|| assert!(pick_one(&router, next_random(&mut random), &Needs::NONE)));
            });
        }
        bench.finish();
    }
}

/// What each thing that a request needs adds to a choice.
fn needs(c: &mut Criterion) {
    let minute = Some(Duration::from_secs(60));
    let affinity = AffinityTimes { session: minute, prompt: minute, caller: minute };
    let checks =
        Checks { pre_call: true, tags: Some(Match::Any), context_threshold: None, affinity, ..Checks::default() };
    let mut random = 1;
    let mut bench = c.benchmark_group("pick/with needs");
    for count in SIZES {
        let router = one_group(count, Strategy::SimpleShuffle, checks.clone());
        let tags = router.tags(Said { tags: &["even".to_owned()], ..Said::default() });
        let keys = AffinityKeys { session: Some(7), conversation: Some(8), marked: Some(9), caller: Some(10) };
        let cases = [
            ("tags", Needs { tags: tags.clone(), ..Needs::NONE }),
            ("capabilities", Needs { capabilities: Capabilities::VISION, ..Needs::NONE }),
            ("window", Needs { prompt_tokens: 7_000, least_prompt_tokens: 5_000, ..Needs::NONE }),
            ("unknown session", Needs { affinity: keys, ..Needs::NONE }),
        ];
        for (name, needs) in cases {
            bench.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter(|| assert!(pick_one(&router, next_random(&mut random), &needs)));
            });
        }
        let all = Needs { tags, capabilities: Capabilities::VISION, affinity: keys, ..Needs::NONE };
        router.remember(GroupIx(0), DeploymentIx(0), NOW, &all);
        bench.bench_function(BenchmarkId::new("known session", count), |b| {
            b.iter(|| assert!(pick_one(&router, next_random(&mut random), &all)));
        });
    }
    bench.finish();
}

criterion_group!(benches, authenticate, resolve, pick, needs);
criterion_main!(benches);
