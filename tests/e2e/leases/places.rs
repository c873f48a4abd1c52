//! Requests at once, as nodes borrow places for them from Redis.

use std::sync::atomic::AtomicUsize;

use tollgate::limiter::{Refusal, Reservation};

use super::*;

const LIMIT: usize = 3;

fn at_once(limit: usize) -> Limits {
    Limits { parallel: Some(limit as u64), ..Limits::default() }
}

impl Node {
    async fn enters(&self, scopes: &[Arc<Scope>]) -> Result<Reservation, Refusal> {
        self.leases.admit(scopes, &self.ask(0)).await
    }

    /// Waits for a place.
    async fn has_entered(&self, scopes: &[Arc<Scope>]) -> Reservation {
        let entered = async {
            loop {
                match self.enters(scopes).await {
                    Ok(held) => return held,
                    // Those that are inside go on.
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        within("a place", entered).await
    }
}

async fn pair(redis: &Server) -> [Node; 2] {
    let nodes = [Node::start(redis).await, Node::start(redis).await];
    for node in &nodes {
        node.knows_of(2).await;
    }
    nodes
}

fn failures(nodes: &[Node]) -> u64 {
    nodes.iter().map(|node| node.leases.health().failures()).sum()
}

/// Enters and leaves `times`, and says how many it saw inside at most.
async fn comes_and_goes(node: &Node, scopes: &[Arc<Scope>], inside: &AtomicUsize, times: usize) -> usize {
    let mut most = 0;
    for _ in 0..times {
        let held = node.has_entered(scopes).await;
        most = most.max(inside.fetch_add(1, Ordering::SeqCst) + 1);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        inside.fetch_sub(1, Ordering::SeqCst);
        drop(held);
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_are_inside_as_the_limit_says() {
    let redis = Server::redis().await;
    let nodes = pair(&redis).await;
    // With nothing borrowed ahead, and with a stock on each node.
    for (id, limit, callers) in [("few", LIMIT, 4), ("many", 80, 60)] {
        for round in 0.. {
            let scopes = nodes.each_ref().map(|node| node.scope(&format!("{id}-{round}"), at_once(limit)));
            let (inside, before) = (AtomicUsize::new(0), failures(&nodes));
            let tasks = (0..2 * callers).map(|task| comes_and_goes(&nodes[task % 2], &scopes[task % 2], &inside, 20));
            let most = join_all(tasks).await.into_iter().max().unwrap();
            // Where Redis did not answer in time, a node goes by its part of the limit: then once more.
            if failures(&nodes) > before && round < 5 {
                continue;
            }
            assert!((1..=limit).contains(&most), "{most} inside of {limit}");
            // Nobody keeps any: each of them may have all.
            for (node, scopes) in nodes.iter().zip(&scopes) {
                let mut held = Vec::new();
                for _ in 0..limit {
                    held.push(node.has_entered(scopes).await);
                }
                assert!(node.enters(scopes).await.is_err_and(|refusal| matches!(refusal.reason, Reason::Limit(_))));
            }
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_after_the_other_finds_the_only_place_on_any_node() {
    let redis = Server::redis().await;
    let nodes = pair(&redis).await;
    let scopes = nodes.each_ref().map(|node| node.scope("k", at_once(1)));
    let mut refused = 0;
    for call in 0..40 {
        let at = call % 2;
        match nodes[at].enters(&scopes[at]).await {
            Ok(held) => drop(held),
            Err(_) => refused += 1,
        }
    }
    // Only a slow machine lets one wait for longer than it may.
    assert!(refused <= 10, "{refused} of 40");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_always_full_makes_room_for_another() {
    let redis = Server::redis().await;
    let nodes = pair(&redis).await;
    let scopes = nodes.each_ref().map(|node| node.scope("k", at_once(LIMIT)));
    let inside = AtomicUsize::new(0);
    let crowd = join_all((0..4 * LIMIT).map(|_| comes_and_goes(&nodes[0], &scopes[0], &inside, usize::MAX)));
    let guest = async {
        eventually("the crowd", || (inside.load(Ordering::SeqCst) == LIMIT).then_some(())).await;
        for _ in 0..5 {
            drop(nodes[1].has_entered(&scopes[1]).await);
        }
    };
    tokio::select! {
        _ = crowd => {}
        () = guest => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_knows_how_many_the_others_hold() {
    let redis = Server::redis().await;
    let nodes = pair(&redis).await;
    let scopes = nodes.each_ref().map(|node| node.scope("k", at_once(LIMIT)));
    let _held = [nodes[0].has_entered(&scopes[0]).await, nodes[0].has_entered(&scopes[0]).await];
    let third = nodes[1].has_entered(&scopes[1]).await;
    let standing = || scopes[1][0].standings(nodes[1].clock.now()).next().unwrap();
    assert_eq!((standing().limit, standing().remaining), (3, 0));
    let refusal = nodes[1].enters(&scopes[1]).await.map(drop).unwrap_err();
    assert!(refusal.is_full());
    drop(third);
    assert_eq!(standing().remaining, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_node_has_its_part_and_with_it_both_have_the_limit() {
    let mut redis = Server::redis().await;
    let nodes = pair(&redis).await;
    let scopes = nodes.each_ref().map(|node| node.scope("k", at_once(4)));
    let mut here = Vec::new();
    for _ in 0..3 {
        here.push(nodes[0].has_entered(&scopes[0]).await);
    }
    redis.stop();
    for node in &nodes {
        node.is_up(false).await;
    }
    assert!(nodes[0].enters(&scopes[0]).await.is_err(), "more than its part is inside");
    let mut there = vec![nodes[1].enters(&scopes[1]).await.unwrap(), nodes[1].enters(&scopes[1]).await.unwrap()];
    assert!(nodes[1].enters(&scopes[1]).await.is_err());
    redis.start().await;
    for node in &nodes {
        node.is_up(true).await;
    }
    // Redis has forgotten all, and is told: five are inside.
    let is_told = |at: usize, others: u64| {
        let standing = scopes[at][0].standings(nodes[at].clock.now()).next().unwrap();
        let inside = [here.len(), 2][at] as u64;
        (standing.remaining == 4_u64.saturating_sub(others + inside)).then_some(())
    };
    eventually("both to be told", || is_told(0, 2).and(is_told(1, 3))).await;
    for at in 0..2 {
        assert!(nodes[at].enters(&scopes[at]).await.is_err());
    }
    drop(here);
    there.push(nodes[1].has_entered(&scopes[1]).await);
    there.push(nodes[1].has_entered(&scopes[1]).await);
    assert!(nodes[0].enters(&scopes[0]).await.is_err());
    // A node that leaves in order keeps nothing.
    drop(there);
    let [first, second] = nodes;
    second.leave().await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(first.has_entered(&scopes[0]).await);
    }
}
