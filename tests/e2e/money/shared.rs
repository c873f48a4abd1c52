//! Gateways that share their limits through Redis, with it and without.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_requests_a_minute() {
    let (upstream, database, redis) = (upstream().await, Server::postgres().await, Server::redis().await);
    let first = gateway(&upstream, Some(&database), Some(&redis)).await;
    let second = gateway(&upstream, Some(&database), Some(&redis)).await;
    for gateway in [&first, &second] {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    // Small enough that nothing is borrowed ahead; the refill of a minute's limit is one in three seconds.
    const LIMIT: u32 = 20;
    let key = new_key(&first, &json!({"rpm_limit": LIMIT})).await;
    let begun = std::time::Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..3 * LIMIT {
        let response = [&first, &second][number as usize % 2].call(&cent(&key)).await;
        match response.status {
            200 => accepted += 1,
            429 => refused += 1,
            status => panic!("{status}: {}", response.text()),
        }
    }
    let refilled = LIMIT * (begun.elapsed().as_secs() as u32 + 1) / 60 + 1;
    assert!(accepted <= LIMIT + LIMIT / 10 + 2 + refilled, "{accepted} accepted, {refused} refused");
    // One that counts alone would have taken all of its own.
    assert!(accepted >= LIMIT * 9 / 10, "{accepted} accepted, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gateway_tells_what_all_have_spent() {
    let (upstream, database, redis) = (upstream().await, Server::postgres().await, Server::redis().await);
    let first = gateway(&upstream, Some(&database), Some(&redis)).await;
    let second = gateway(&upstream, Some(&database), Some(&redis)).await;
    for members in [json!({}), json!({"max_budget": 10.0})] {
        let key = new_key(&first, &members).await;
        for (gateway, calls) in [(&first, 1), (&second, 10)] {
            for _ in 0..calls {
                assert_eq!(gateway.call(&cent(&key)).await.status, 200);
            }
        }
        for gateway in [&first, &second] {
            let is_told = async || ((shown(gateway, &key).await - 0.11).abs() < 1e-9).then_some(());
            eventually_async("the spend of both", is_told).await;
        }
    }
}

/// Known keys are served, hard budgets are open for what was borrowed and closed then, strangers are told, whatever
/// Redis does.
async fn without_redis(gateway: &Gateway, free: &str, hard: &str) {
    gateway.metric_is("tollgate_redis_up", 0.0).await;
    let mut served = 0;
    eventually_async("the budget to be closed", async || {
        let response = gateway.call(&cent(hard)).await;
        served += u32::from(response.status == 200);
        let is_closed = response.status == 503 && is_refused(&response, "budget_unavailable");
        assert!(response.status == 200 || is_closed, "{} {}", response.status, response.text());
        assert!(!is_closed || response.header("retry-after").is_some());
        is_closed.then_some(())
    })
    .await;
    // A hundredth is borrowed ahead, and two of them at most.
    assert!(served <= 2, "{served} calls of a cent beyond what was borrowed");
    for _ in 0..30 {
        assert_eq!(gateway.call(&cent(free)).await.status, 200);
        assert_eq!(gateway.call(&cent(crate::support::KEY)).await.status, 200);
        assert_eq!(gateway.call(&cent(hard)).await.status, 503);
    }
    assert_eq!(gateway.call(&cent("sk-of-nobody")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_known_keys_are_served_and_hard_budgets_closed() {
    let (upstream, database, mut redis) = (upstream().await, Server::postgres().await, Server::redis().await);
    let gateway = gateway(&upstream, Some(&database), Some(&redis)).await;
    let free = new_key(&gateway, &json!({"rpm_limit": 100_000, "tpm_limit": 100_000_000})).await;
    let hard = new_key(&gateway, &json!({"max_budget": 1.0})).await;
    let store = store_of(&gateway, Some(&database));
    for key in [&free, &hard] {
        assert_eq!(gateway.call(&cent(key)).await.status, 200);
    }
    let open = async || (gateway.call(&cent(&hard)).await.status == 200).then_some(());
    redis.stop();
    without_redis(&gateway, &free, &hard).await;
    redis.start().await;
    gateway.metric_is("tollgate_redis_up", 1.0).await;
    eventually_async("the budget to be open again", open).await;
    redis.signal("STOP");
    for _ in 0..100 {
        assert_eq!(gateway.call(&cent(&free)).await.status, 200);
    }
    without_redis(&gateway, &free, &hard).await;
    redis.signal("CONT");
    gateway.metric_is("tollgate_redis_up", 1.0).await;
    eventually_async("the budget to be open again", open).await;
    // All that was served was paid for, and no more than the dollar can be.
    while gateway.call(&cent(&hard)).await.status == 200 {}
    let refused = eventually_async("a word about the budget", async || {
        let response = gateway.call(&cent(&hard)).await;
        is_refused(&response, "budget_exceeded").then_some(response)
    })
    .await;
    assert_eq!(refused.status, 422);
    eventually_async("the ledger", async || {
        let spent = sum(&rows(&store, &hard).await);
        assert!(spent <= 100 * CENT, "{spent}");
        (spent >= 98 * CENT && spent == counted(&store, &hard).await).then_some(())
    })
    .await;
}
