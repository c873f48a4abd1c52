//! Limits of all calls together hold for two gateways together.

use super::pair::{crowd, gateways};
use super::*;
use crate::support::openai::{ask, hello};
use crate::support::{Request, Upstream, eventually_async};

/// Requests a minute.
const LIMIT: usize = 30;

fn limited(limit: &str) -> String {
    format!("general_settings: {{master_key: sk-e2e-master, {limit}}}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_a_minute_are_shared() {
    let redis = Server::redis().await;
    let upstream = Upstream::start([hello()]).await;
    let pair = gateways(&upstream, &redis, &limited(&format!("global_rpm_limit: {LIMIT}"))).await;
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
    let upstream = Upstream::start([]).await;
    let pair = gateways(&upstream, &redis, &limited("global_max_parallel_requests: 3")).await;
    let (responses, inside) = crowd(&pair, &upstream, 7, |_| Request::chat(&ask("gpt"))).await;
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
