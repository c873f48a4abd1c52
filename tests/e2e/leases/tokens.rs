//! Tokens a day (`tpd_limit`) hold for two nodes together.

use tollgate::limiter::Measure;
use tollgate::limiter::scope::Meter;
use tollgate::limiter::terms::{TOKENS_A_DAY, in_tokens};

use super::*;

/// Tokens of one call.
const TOKENS: u64 = 10;

fn daily(limit: u64) -> Limits {
    let day = BudgetLimits {
        name: TOKENS_A_DAY.into(),
        max: Some(in_tokens(limit)),
        window: Window::parse("1d"),
        measure: Measure::Tokens,
        ..BudgetLimits::default()
    };
    Limits { budgets: vec![day], ..Limits::default() }
}

/// Whether a call is admitted, and then does use so many.
async fn call(node: &Node, scopes: &[Arc<Scope>], used: u64) -> Result<(), Reason> {
    match node.leases.admit(scopes, &Ask { tokens: TOKENS, ..node.ask(0) }).await {
        Ok(held) => {
            held.settle(&Actual { tokens: used, cost: 0, now: node.clock.now() });
            Ok(())
        }
        Err(refusal) => Err(refusal.reason),
    }
}

fn is_over(decided: &Result<(), Reason>) -> bool {
    matches!(decided, Err(Reason::Limit(standing)) if standing.meter == Meter::TokensPerDay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_use_what_a_day_has_and_no_more() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    nodes[0].knows_of(2).await;
    nodes[1].knows_of(2).await;
    for limit in [100, 5_000] {
        let id = format!("day-{limit}");
        let scopes = nodes.each_ref().map(|node| node.scope(&id, daily(limit)));
        let calls = (0..2 * limit / TOKENS).map(|number| {
            let at = usize::try_from(number % 2).unwrap();
            let (node, scopes) = (&nodes[at], &scopes[at]);
            async move { call(node, scopes, TOKENS).await.is_ok() }
        });
        let accepted = join_all(calls).await.into_iter().filter(|&is_ok| is_ok).count() as u64;
        let mut used = accepted * TOKENS;
        assert!(used <= limit, "{used} of {limit}");
        // What a node has borrowed and does not use comes back to the other, so that all of it can be used.
        for (node, scopes) in nodes.iter().zip(&scopes) {
            let next = || async {
                let decided = call(node, scopes, TOKENS).await;
                if is_over(&decided) { None } else { Some(u64::from(decided.is_ok())) }
            };
            while let Some(more) = within("the day to be known", next()).await {
                used += more * TOKENS;
            }
        }
        assert!(used > limit * 9 / 10 && used <= limit, "{used} of {limit}");
        assert!(scopes.iter().all(|scope| scope[0].budgets()[0].reserved() == 0));
    }
    for node in nodes {
        node.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_beyond_an_estimate_is_owed_by_both() {
    let redis = Server::redis().await;
    let nodes = [Node::start(&redis).await, Node::start(&redis).await];
    nodes[0].knows_of(2).await;
    let scopes = nodes.each_ref().map(|node| node.scope("beyond", daily(100)));
    // It asked for ten and used more than the day has.
    assert_eq!(call(&nodes[0], &scopes[0], 150).await, Ok(()));
    for (node, scopes) in nodes.iter().zip(&scopes) {
        let over = || async { is_over(&call(node, scopes, TOKENS).await) };
        within("the debt to be known", async { while !over().await {} }).await;
    }
}
