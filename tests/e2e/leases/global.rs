//! Limits of all calls together hold for two gateways together.

use super::*;
use crate::support::openai::{ask, config, deployment, hello};
use crate::support::{Gate, Gateway, Request, Upstream, eventually_async};

/// Requests a minute.
const LIMIT: usize = 30;

async fn gateways(upstream: &Upstream, redis: &Server, limit: &str) -> [Gateway; 2] {
    let url = redis.redis_url();
    let settings = format!(
        "general_settings: {{master_key: sk-e2e-master, {limit}}}\nrouter_settings: {{num_retries: 0, redis_url: \"{url}\"}}\n"
    );
    let config = config(&[deployment("gpt", upstream, "")], &settings);
    let pair = [Gateway::start(&config).await, Gateway::start(&config).await];
    for gateway in &pair {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_a_minute_are_shared() {
    let redis = Server::redis().await;
    let upstream = Upstream::start([hello()]).await;
    let pair = gateways(&upstream, &redis, &format!("global_rpm_limit: {LIMIT}")).await;
    let mut passed = 0;
    for number in 0..4 * LIMIT {
        let response = pair[number % 2].call(&Request::chat(&ask("gpt"))).await;
        match response.status {
            200 => passed += 1,
            429 => assert!(response.text().contains("Rate limit exceeded for global: all. "), "{}", response.text()),
            status => panic!("{status} {}", response.text()),
        }
    }
    // Each for itself they let twice as many pass. What comes back meanwhile is one every two seconds.
    assert!((LIMIT / 2..LIMIT + LIMIT / 2).contains(&passed), "{passed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_are_shared() {
    let redis = Server::redis().await;
    let gate = Gate::new();
    let upstream = Upstream::start([hello().after(&gate)]).await;
    let pair = gateways(&upstream, &redis, "global_max_parallel_requests: 3").await;
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let calls = (0..10).map(|number| {
        let (gateway, done) = (&pair[number % 2], done.clone());
        async move {
            let response = gateway.call(&Request::chat(&ask("gpt"))).await;
            done.send(response.status).unwrap();
            response
        }
    });
    // Those that are let in stay until all others are refused.
    let judge = async {
        for _ in 0..7 {
            assert_eq!(within("a refusal", ended.recv()).await, Some(429));
        }
        let inside = upstream.count();
        gate.open();
        inside
    };
    let (responses, inside) = tokio::join!(join_all(calls), judge);
    assert_eq!(inside, 3);
    for refused in responses.iter().filter(|response| response.status != 200) {
        let text = refused.text();
        assert!(text.contains("global: all. Limit type: max_parallel_requests. Current limit: 3"), "{text}");
    }
    for gateway in &pair {
        let call = async || (gateway.call(&Request::chat(&ask("gpt"))).await.status == 200).then_some(());
        eventually_async("a place", call).await;
    }
}
