//! Limits of several nodes on one real Redis. A node is a [`Leases`] of its own with scopes of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate::clock::{Clock, unix_millis};
use tollgate::limiter::lease::Outage;
use tollgate::limiter::{Actual, Ask, BudgetLimits, Kind, Limits, Pico, Reason, Scope, Window};
use tollgate::secret::Secret;
use tollgate::store::Failure;
use tollgate::store::redis::{Before, Leases, Ledger, Settings, Tls};

use crate::support::servers::Server;
use crate::support::{eventually, within};

const CENT: Pico = 10_000_000_000;
const DOLLAR: Pico = 100 * CENT;

mod deployments;
mod global;
mod pair;
mod parallel;
mod places;
mod tls;
mod tokens;

struct Node {
    leases: Arc<Leases>,
    clock: Clock,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Node {
    async fn start(redis: &Server) -> Self {
        Self::with(redis, None).await
    }

    async fn with(redis: &Server, ledger: Option<Arc<dyn Ledger>>) -> Self {
        let url = Secret::new(redis.redis_url());
        let settings = Settings { url, namespace: "test".to_owned(), tls: Tls::default(), outage: Outage::default() };
        let clock = Clock::start();
        let leases = Leases::new(&settings, clock, ledger).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(Arc::clone(&leases).run(async { drop(stopped.await) }));
        let node = Self { leases, clock, stop, task };
        node.is_up(true).await;
        node
    }

    async fn is_up(&self, is_up: bool) {
        eventually("Redis", || (self.leases.cluster().is_up() == is_up).then_some(())).await;
    }

    async fn knows_of(&self, nodes: u64) {
        eventually("the other nodes", || (self.leases.cluster().nodes() == nodes).then_some(())).await;
    }

    fn scope(&self, id: &str, limits: Limits) -> [Arc<Scope>; 1] {
        [Arc::new(Scope::shared(Kind::Key, id, limits, self.leases.cluster()))]
    }

    fn ask(&self, cost: Pico) -> Ask {
        Ask { tokens: 1, cost, now: self.clock.now(), wall: unix_millis() / 1_000, downgraded: false }
    }

    /// Whether a call is admitted, and then does cost as much.
    async fn calls(&self, scopes: &[Arc<Scope>], cost: Pico) -> Result<(), Reason> {
        match self.leases.admit(scopes, &self.ask(cost)).await {
            Ok(held) => {
                held.settle(&Actual { tokens: 1, cost, now: self.clock.now() });
                Ok(())
            }
            Err(refusal) => Err(refusal.reason),
        }
    }

    /// Gives back what it has.
    async fn leave(self) {
        self.stop.send(()).unwrap();
        within("a node to leave", self.task).await.unwrap();
    }
}

fn money(max: Pico) -> Limits {
    Limits { budgets: vec![BudgetLimits { max: Some(max), ..BudgetLimits::default() }], ..Limits::default() }
}

/// Says what was spent, and counts how often it was asked.
#[derive(Default)]
struct Database {
    spent: Pico,
    asked: AtomicU64,
}

#[async_trait]
impl Ledger for Database {
    async fn spent(&self, _: Kind, _: &str, _: &str) -> Result<Before, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Before { spent: self.spent, resets_at: None })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_on_two_nodes_spend_the_dollar_and_no_more() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    for seed in 0..20 {
        let id = format!("race-{seed}");
        let scopes = nodes.each_ref().map(|node| node.scope(&id, money(DOLLAR)));
        let calls = (0..1_000).map(|call| {
            let (node, scopes) = (&nodes[call % 2], &scopes[call % 2]);
            async move { node.calls(scopes, CENT).await.is_ok() }
        });
        let mut accepted = join_all(calls).await.into_iter().filter(|&is_ok| is_ok).count();
        // Who got no answer in time has not spent it; the others may, but for what a node still holds of it.
        for (node, scopes) in nodes.iter().zip(&scopes) {
            let next = || async {
                match node.calls(scopes, CENT).await {
                    Err(Reason::Budget(_)) => None,
                    decided => Some(u8::from(decided.is_ok())),
                }
            };
            while let Some(more) = within("the budget to be known", next()).await {
                accepted += usize::from(more);
            }
        }
        assert!((90..=100).contains(&accepted), "{accepted} accepted: seed {seed}");
        assert!(scopes.iter().all(|scope| scope[0].budgets()[0].reserved() == 0));
    }
    for node in nodes {
        node.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_does_not_use_another_may() {
    let redis = Server::redis().await;
    let (first, second) = (Node::start(&redis).await, Node::start(&redis).await);
    first.knows_of(2).await;
    let (here, there) = (first.scope("k", money(DOLLAR)), second.scope("k", money(DOLLAR)));
    assert_eq!(first.calls(&here, CENT).await, Ok(()));
    // The first node has borrowed more than it needed. It is idle, and the rest comes back.
    let rest = || async { second.calls(&there, 99 * CENT).await.is_ok() };
    within("the idle node's lease", async { while !rest().await {} }).await;
    let is_spent = |reason| matches!(reason, Err(Reason::Budget(over)) if over.spent == DOLLAR);
    within("everybody to know", async { while !is_spent(first.calls(&here, CENT).await) {} }).await;
    second.leave().await;
    first.knows_of(1).await;
    first.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_hold_over_nodes() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    nodes[0].knows_of(2).await;
    nodes[1].knows_of(2).await;
    for (id, limit) in [("slow", 10), ("quick", 1_000)] {
        let limits = Limits { requests: Some(limit), ..Limits::default() };
        let scopes = nodes.each_ref().map(|node| node.scope(id, limits.clone()));
        let begun = nodes[0].clock.now();
        let mut accepted = 0;
        for call in 0..2 * limit {
            let at = usize::try_from(call % 2).unwrap();
            accepted += u64::from(nodes[at].calls(&scopes[at], 0).await.is_ok());
        }
        let refilled = limit * nodes[0].clock.now().saturating_since(begun).as_millis() as u64 / 60_000 + 1;
        // No more than the limit, its refill, and what was out.
        assert!((limit * 9 / 10..=limit + limit / 10 + 2 + refilled).contains(&accepted), "{accepted} of {limit}");
        let refused = nodes[0].leases.admit(&scopes[0], &nodes[0].ask(0)).await.map(drop);
        if let Err(refusal) = refused {
            assert!(matches!(refusal.reason, Reason::Limit(_)), "{:?}", refusal.reason);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_larger_than_the_limit_is_lent_all_of_it_and_owes_the_rest() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    nodes[0].knows_of(2).await;
    for (id, limit, used) in [("small", 10, 18), ("wide", 1_000, 1_300)] {
        let limits = Limits { tokens: Some(limit), ..Limits::default() };
        let scopes = nodes.each_ref().map(|node| node.scope(id, limits.clone()));
        let ask = |node: &Node| Ask { tokens: used, ..node.ask(0) };
        let held = nodes[0].leases.admit(&scopes[0], &ask(&nodes[0])).await.unwrap();
        held.settle(&Actual { tokens: used, cost: 0, now: nodes[0].clock.now() });
        for (node, scope) in nodes.iter().zip(&scopes) {
            let refusal = node.leases.admit(scope, &ask(node)).await.map(drop).unwrap_err();
            assert!(matches!(refusal.reason, Reason::Limit(_)), "{id}: {:?}", refusal.reason);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_rates_go_on_and_money_stays_within_the_lease() {
    let mut redis = Server::redis().await;
    let database = Arc::new(Database { spent: 40 * CENT, asked: AtomicU64::new(0) });
    let node = Node::with(&redis, Some(Arc::clone(&database) as Arc<dyn Ledger>)).await;
    let limits = Limits { requests: Some(6_000), ..money(DOLLAR) };
    let scopes = node.scope("k", limits.clone());
    let poor = node.scope("free", Limits { requests: Some(6_000), ..Limits::default() });
    assert_eq!(node.calls(&scopes, CENT).await, Ok(()));
    assert_eq!(database.asked.load(Ordering::Relaxed), 1, "asked once, and known then");
    assert_eq!(node.calls(&scopes, 60 * CENT).await.map_err(|reason| matches!(reason, Reason::Budget(_))), Err(true));

    redis.stop();
    node.is_up(false).await;
    let mut without = 0;
    let unknown = loop {
        match node.calls(&scopes, CENT / 10).await {
            Ok(()) => without += 1,
            Err(reason) => break reason,
        }
    };
    assert!(matches!(unknown, Reason::BudgetUnknown(_)), "{unknown:?}");
    assert!(without <= 20, "{without} calls: more than two leases of a cent");
    for _ in 0..50 {
        assert_eq!(node.calls(&poor, 0).await, Ok(()), "rates are this node's own");
    }

    redis.start().await;
    node.is_up(true).await;
    assert_eq!(node.calls(&scopes, CENT).await, Ok(()), "the count begins anew");
    assert_eq!(database.asked.load(Ordering::Relaxed), 2);
    let mut accepted = 0;
    while node.calls(&scopes, CENT).await.is_ok() {
        accepted += 1;
    }
    // 40 before, 1 and what was without; then 1 and these. The last cent may not fit.
    let spent = 42 * CENT + without * CENT / 10 + accepted * CENT;
    assert!((98 * CENT..=DOLLAR).contains(&spent), "{spent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_found_again() {
    let redis = Server::redis().await;
    let node = Node::start(&redis).await;
    let scopes = node.scope("k", Limits { requests: Some(6_000), ..Limits::default() });
    assert_eq!(node.calls(&scopes, 0).await, Ok(()));
    redis.signal("STOP");
    for _ in 0..500 {
        assert_eq!(node.calls(&scopes, 0).await, Ok(()));
    }
    node.is_up(false).await;
    assert_eq!(node.calls(&scopes, 0).await, Ok(()));
    redis.signal("CONT");
    node.is_up(true).await;
    assert_eq!(node.calls(&scopes, 0).await, Ok(()));
    assert!(node.leases.health().failures() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn millions_are_counted_to_the_nano_dollar() {
    let redis = Server::redis().await;
    let node = Node::start(&redis).await;
    let max = 9_000_000 * DOLLAR;
    let scopes = node.scope("rich", money(max));
    let nearly = max - DOLLAR / 1_000_000_000;
    assert_eq!(node.calls(&scopes, nearly).await, Ok(()));
    assert!(node.calls(&scopes, 1_001).await.is_err());
    assert_eq!(node.calls(&scopes, 1_000).await, Ok(()));
    assert!(node.calls(&scopes, 1).await.is_err());
    assert_eq!(scopes[0].spent(), max);
    node.leave().await;
    // Another process finds the same.
    let next = Node::start(&redis).await;
    let scopes = next.scope("rich", money(max));
    assert!(next.calls(&scopes, 1).await.is_err());
    assert_eq!(scopes[0].spent(), max);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_sets_what_is_spent() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    let window = Window::parse("1d");
    let daily = BudgetLimits { name: "1d".into(), max: Some(DOLLAR), window, ..BudgetLimits::default() };
    let limits = Limits { budgets: vec![daily], ..Limits::default() };
    let scopes = nodes.each_ref().map(|node| node.scope("k", limits.clone()));
    assert_eq!(nodes[0].calls(&scopes[0], DOLLAR).await, Ok(()));
    assert!(nodes[1].calls(&scopes[1], CENT).await.is_err());
    assert!(nodes[0].leases.set_spent(&scopes[0][0], "1d", 50 * CENT).await);
    assert!(!nodes[0].leases.set_spent(&scopes[0][0], "7d", 0).await);
    let again = || async { nodes[1].calls(&scopes[1], 50 * CENT).await.is_ok() };
    within("the new count", async { while !again().await {} }).await;
    assert!(nodes[0].calls(&scopes[0], CENT).await.is_err());
}
