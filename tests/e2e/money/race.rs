//! Many calls at once on one dollar.

use futures::future::join_all;

use super::*;

const DOLLAR: i64 = 100 * CENT;
const CALLS: usize = 300;

/// A mix of calls by seed. In the first half of the seeds all are answered.
fn mixed(seed: u64, is_plain: bool) -> Vec<(bool, &'static str, bool)> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut draw = || match rng.u8(0..10) {
        _ if is_plain => ("hi", false),
        0..6 => ("hi", rng.bool()),
        6..8 => ("fails", false),
        _ => ("breaks", true),
    };
    let calls: Vec<_> = (0..CALLS).map(|_| draw()).collect();
    calls.into_iter().map(|(words, stream)| (!is_plain && rng.u8(0..10) == 0, words, stream)).collect()
}

/// Spends a dollar by racing, then exactly the rest: what was forgotten or is still held would show.
async fn race(nodes: &[&Gateway], store: &Store, seed: u64, is_plain: bool) {
    let key = new_key(nodes[0], &json!({"max_budget": 1.0})).await;
    let calls = mixed(seed, is_plain).into_iter().enumerate().map(|(number, (leaves, words, stream))| {
        let (gateway, request) = (nodes[number % nodes.len()], call(&key, TOKENS, words, stream));
        async move {
            let mut client = gateway.connect().await;
            client.send(&request).await;
            if leaves {
                return None;
            }
            let response = client.response().await;
            let is_whole = response.complete && (!stream || response.text().ends_with("[DONE]\n\n"));
            assert!(!is_plain || [200, 422, 503].contains(&response.status), "{}", response.text());
            (response.status == 200 && is_whole).then(|| response.header("x-litellm-call-id").unwrap().to_owned())
        }
    });
    let accepted: Vec<String> = join_all(calls).await.into_iter().flatten().collect();
    assert!(accepted.len() <= 100, "seed {seed}: {} accepted", accepted.len());
    assert!(!is_plain || nodes.len() > 1 || accepted.len() == 100, "seed {seed}: {} accepted", accepted.len());
    let spent = eventually_async("the rest to be admitted", async || {
        let rows = rows(store, &key).await;
        let spent = sum(&rows);
        assert!(spent <= DOLLAR, "seed {seed}: {spent}");
        let is_there = |id: &String| rows.iter().any(|row| row.call_id == *id && row.cost == CENT);
        if !accepted.iter().all(is_there) {
            return None;
        }
        // What is not in the ledger yet is in the gateway, and the rest does not fit beside it.
        let left = u64::try_from((DOLLAR - spent) / TOKEN).unwrap();
        let is_admitted = left == 0 || nodes[0].call(&call(&key, left, "hi", false)).await.status == 200;
        is_admitted.then_some(spent)
    })
    .await;
    assert!(!is_plain || spent == accepted.len() as i64 * CENT, "seed {seed}: {spent} for {}", accepted.len());
    for gateway in nodes {
        // A gateway that waits for the other's word says so, and is asked again.
        let more = eventually_async("a word about the budget", async || {
            let more = gateway.call(&call(&key, 1, "hi", false)).await;
            (!is_refused(&more, "budget_unavailable")).then_some(more)
        })
        .await;
        assert!(is_refused(&more, "budget_exceeded"), "seed {seed}: {} {}", more.status, more.text());
    }
    eventually_async("everybody to say a dollar", async || {
        let (spent, counted) = (sum(&rows(store, &key).await), counted(store, &key).await);
        assert!(spent <= DOLLAR && counted <= DOLLAR, "seed {seed}: {spent} {counted}");
        let mut is_so = (spent, counted) == (DOLLAR, DOLLAR);
        for gateway in nodes {
            is_so &= (shown(gateway, &key).await - 1.0).abs() < 1e-12;
        }
        is_so.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_spends_the_dollar_and_no_more() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, None, None).await;
    let store = store_of(&gateway, None);
    for seed in 1..=2 {
        race(&[&gateway], &store, seed, true).await;
        race(&[&gateway], &store, seed, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_spend_the_dollar_and_no_more() {
    let (upstream, database, redis) = (upstream().await, Server::postgres().await, Server::redis().await);
    let first = gateway(&upstream, Some(&database), Some(&redis)).await;
    let second = gateway(&upstream, Some(&database), Some(&redis)).await;
    for gateway in [&first, &second] {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    let store = store_of(&first, Some(&database));
    race(&[&first, &second], &store, 1, true).await;
    race(&[&first, &second], &store, 1, false).await;
}
