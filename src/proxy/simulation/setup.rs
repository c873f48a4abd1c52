//! A configuration drawn from a seed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::limiter::{BudgetLimits, Kind as ScopeKind, Limits, Pico, Scope};
use crate::router::concurrency::Parallel;
use crate::router::fallback::{ByModel, Fallback, FallbackLists};
use crate::router::plan::{CooldownPolicy, DeploymentIx, DeploymentSpec, GroupSpec, MemberSpec, RouterPlan, Strategy};
use crate::router::retry::RetryPolicy;
use crate::router::{DEFAULT_COOLDOWN, Router};

/// The groups, each with deployments of its own.
pub(super) const GROUPS: [&str; 3] = ["main", "spare", "last"];

const STRATEGIES: [Strategy; 6] = [
    Strategy::SimpleShuffle,
    Strategy::LeastBusy,
    Strategy::Latency,
    Strategy::UsageBasedV2,
    Strategy::WeightedRoundRobin,
    Strategy::RateLimitAware,
];

/// See the file.
pub(super) struct Setup {
    pub(super) router: Arc<Router>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) groups: Vec<Group>,
    /// `num_retries`.
    pub(super) num_retries: u32,
    /// Requests that may wait for one group.
    pub(super) queue: usize,
    pub(super) keys: Vec<Arc<Scope>>,
}

/// What the simulation knows of a deployment.
pub(super) struct Deployment {
    pub(super) voice: u8,
    pub(super) space_behind: bool,
    pub(super) prefills: bool,
    /// Requests at once at most.
    pub(super) parallel: u32,
    /// Requests a minute at most.
    pub(super) rpm: u64,
    /// How long a probe keeps others away.
    pub(super) lease: Duration,
}

/// What it knows of a group.
pub(super) struct Group {
    /// Levels of `order`.
    pub(super) levels: u32,
    pub(super) hedging: Option<u32>,
}

impl Setup {
    pub(super) fn new(random: &mut Rng) -> Self {
        let strategy = STRATEGIES[random.usize(..STRATEGIES.len())];
        let cooldown = cooldown(random);
        let fallbacks = fallbacks(random);
        let hedging: HashMap<String, u32> =
            if random.bool() { HashMap::from([("main".to_owned(), random.u32(5..60))]) } else { HashMap::new() };
        let holds = matches!(strategy, Strategy::UsageBasedV2 | Strategy::Latency);
        let (mut specs, mut deployments, mut groups, mut known) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for name in GROUPS {
            let size = if name == "main" { random.u32(1..5) } else { random.u32(1..3) };
            let stands_alone = size == 1 && (fallbacks.max == 0 || !fallbacks.general.contains_key(name));
            let mut members = Vec::new();
            for _ in 0..size {
                let deployment = DeploymentIx(deployments.len() as u32);
                let order = if random.u8(..4) == 0 { 1 } else { 0 };
                let rpm = if random.u8(..4) == 0 { random.u64(3..30) } else { 0 };
                members.push(MemberSpec { order, rpm, ..MemberSpec::even(deployment) });
                let parallel = if random.bool() { Parallel::Fixed(random.u32(1..4)) } else { Parallel::Unlimited };
                specs.push(DeploymentSpec { parallel, ..DeploymentSpec::default() });
                let lease = cooldown.cooldown_time.unwrap_or(DEFAULT_COOLDOWN);
                deployments.push(Deployment {
                    voice: random.u8(..2),
                    space_behind: random.bool(),
                    prefills: random.bool(),
                    parallel: if let Parallel::Fixed(most) = parallel { most } else { u32::MAX },
                    rpm: if holds && rpm > 0 { rpm } else { u64::MAX },
                    lease: if stands_alone { Duration::from_secs(1) } else { lease },
                });
            }
            let has_two = members.iter().any(|member| member.order == 0) && members.iter().any(|m| m.order == 1);
            known.push(Group { levels: 1 + u32::from(has_two), hedging: hedging.get(name).copied() });
            groups.push(GroupSpec { name: name.to_owned(), members, retry: None });
        }
        let num_retries = random.u32(..4);
        let retry_after = if random.u8(..4) == 0 { Duration::from_secs(1) } else { Duration::ZERO };
        let retry = RetryPolicy { num_retries, retry_after, ..RetryPolicy::default() };
        let plan = RouterPlan {
            deployments: specs,
            groups,
            strategy,
            retry,
            cooldown,
            fallbacks,
            hedging,
            ..RouterPlan::default()
        };
        let keys = (0..2).map(|_| key(random)).collect();
        let router = Arc::new(Router::new(plan).unwrap());
        Self { router, deployments, groups: known, num_retries, queue: random.usize(1..8), keys }
    }
}

fn cooldown(random: &mut Rng) -> CooldownPolicy {
    CooldownPolicy {
        disabled: random.u8(..10) == 0,
        cooldown_time: random.bool().then(|| Duration::from_millis(random.u64(200..8_000))),
        allowed_fails: (random.u8(..4) == 0).then(|| random.u32(..3)),
        ..CooldownPolicy::default()
    }
}

fn fallbacks(random: &mut Rng) -> FallbackLists {
    let mut some = |of: &str, to: &[&str], list: &mut ByModel| {
        if random.bool() {
            list.insert(of.to_owned(), to.iter().map(|name| Fallback::to(*name)).collect());
        }
    };
    let mut lists = FallbackLists::default();
    some("main", &["spare", "last"], &mut lists.general);
    some("spare", &["main", "last"], &mut lists.general);
    some("last", &["nobody"], &mut lists.general);
    some("main", &["last"], &mut lists.content_policy);
    some("main", &["last"], &mut lists.context_window);
    lists.max = random.u32(..4);
    lists
}

/// A key with a budget that some schedules use up.
fn key(random: &mut Rng) -> Arc<Scope> {
    let max: Option<Pico> = random.bool().then(|| random.i64(100_000..3_000_000));
    let budgets = vec![BudgetLimits { max, ..BudgetLimits::default() }];
    let parallel = random.bool().then(|| random.u64(2..30));
    Arc::new(Scope::new(ScopeKind::Key, "k", Limits { parallel, budgets, ..Limits::default() }))
}
