//! `kill -9` under load: what a client was told is there, once.

use std::collections::BTreeSet;

use super::*;
use crate::support::Client;

/// Calls on a connection of its own until the process dies. The ids of those whose answers came whole.
async fn work(port: u16, key: String, number: usize) -> Vec<String> {
    let (mut client, mut acknowledged) = (Client::connect(port).await, Vec::new());
    loop {
        let stream = (acknowledged.len() + number).is_multiple_of(3);
        client.send(&call(&key, TOKENS, "hi", stream)).await;
        match client.response_or_end().await {
            Some(response) if response.complete => {
                assert_eq!(response.status, 200, "{}", response.text());
                acknowledged.push(response.header("x-litellm-call-id").unwrap().to_owned());
            }
            _ => return acknowledged,
        }
    }
}

async fn survive(database: Option<&Server>) {
    let upstream = upstream().await;
    let mut gateway = gateway(&upstream, database, None).await;
    let key = new_key(&gateway, &json!({"max_budget": 1000.0})).await;
    let mut acknowledged = BTreeSet::new();
    for life in 1..=3 {
        let before = upstream.count();
        let workers: Vec<_> = (0..6).map(|number| tokio::spawn(work(gateway.port, key.clone(), number))).collect();
        upstream.has_received(before + life * 67).await;
        gateway.kill();
        for worker in workers {
            acknowledged.extend(worker.await.unwrap());
        }
        gateway.start_again().await;
    }
    let store = store_of(&gateway, database);
    let is_there = async || {
        let ids: BTreeSet<String> = rows(&store, &key).await.into_iter().map(|row| row.call_id).collect();
        acknowledged.is_subset(&ids).then_some(())
    };
    eventually_async("all acknowledged calls", is_there).await;
    gateway.metric_is("tollgate_spend_pending", 0.0).await;
    let rows = rows(&store, &key).await;
    let of_acknowledged: Vec<Call> = rows.iter().filter(|row| acknowledged.contains(&row.call_id)).cloned().collect();
    assert_eq!(of_acknowledged.len(), acknowledged.len(), "one row each");
    assert_eq!(sum(&of_acknowledged), acknowledged.len() as i64 * CENT);
    assert!(acknowledged.len() >= 100 && rows.len() <= upstream.count(), "no more rows than calls");
    assert_eq!(sum(&rows), counted(&store, &key).await, "the budget counts the same calls");
    assert!((shown(&gateway, &key).await - sum(&rows) as f64 / 1e12).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_sqlite_once() {
    survive(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_postgres_once() {
    let database = Server::postgres().await;
    survive(Some(&database)).await;
}
