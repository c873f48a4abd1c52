//! Two gateways that share a Redis, and calls to both at once.

use super::*;
use crate::support::openai::{config, deployment, hello};
use crate::support::{Gate, Gateway, Request, Response, Upstream};

/// Calls that are made at once.
const CALLS: usize = 10;

/// Two gateways that know of each other. `more` is what their configuration says
/// besides.
pub async fn gateways(upstream: &Upstream, redis: &Server, more: &str) -> [Gateway; 2] {
    let router = format!("router_settings: {{num_retries: 0, redis_url: \"{}\"}}", redis.redis_url());
    let config = config(&[deployment("gpt", upstream, "")], &format!("{router}\n{more}"));
    let pair = [Gateway::start(&config).await, Gateway::start(&config).await];
    for gateway in &pair {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    pair
}

/// Ten calls at once, to each gateway every second one, of which so many are refused while the others stay inside: all answers,
/// and how many were inside.
pub async fn crowd(
    pair: &[Gateway; 2],
    upstream: &Upstream,
    refused: usize,
    request: impl Fn(usize) -> Request,
) -> (Vec<Response>, usize) {
    let gate = Gate::new();
    upstream.forget();
    upstream.now_answers([hello().after(&gate)]);
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let calls = (0..CALLS).map(|number| {
        let (gateway, request, done) = (&pair[number % 2], request(number), done.clone());
        async move {
            let response = gateway.call(&request).await;
            done.send(response.status).unwrap();
            response
        }
    });
    // Those that are let in stay until all others are refused.
    let judge = async {
        for _ in 0..refused {
            assert_eq!(within("a refusal", ended.recv()).await, Some(429));
        }
        let inside = upstream.count();
        gate.open();
        inside
    };
    tokio::join!(join_all(calls), judge)
}
