//! `max_parallel_requests` of keys and teams holds for two gateways together.

use serde_json::json;

use super::pair::{crowd, gateways};
use super::*;
use crate::support::openai::{ask, ask_stream, chunk, hello, usage_chunk};
use crate::support::{Client, Gate, Gateway, Reply, Request, Response, Step, Upstream, eventually_async};

const KEYS: &str = "
teams:
  - {team_id: crew, max_parallel_requests: 3}
key_settings:
  - {api_key: sk-alone-1234, max_parallel_requests: 3}
  - {api_key: sk-crew-1234, team_id: crew}
  - {api_key: sk-crew-5678, team_id: crew}
  - {api_key: sk-even-1234, max_parallel_requests: 4}
";

fn call(key: &str) -> Request {
    Request::chat(&ask("gpt")).key(key)
}

/// Sends a call and leaves it there.
async fn begin(gateway: &Gateway, request: &Request) -> Client {
    let mut client = gateway.connect().await;
    client.send(request).await;
    client
}

async fn unanswered(pair: &[Gateway; 2]) -> f64 {
    let mut sum = 0.0;
    for gateway in pair {
        sum += gateway.metric("tollgate_redis_failures").await.unwrap();
    }
    sum
}

fn assert_refused(response: &Response, whose: &str, limit: usize) {
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("throttling_error"), &json!("429")));
    let text = error["message"].as_str().unwrap();
    assert!(text.starts_with(&format!("Rate limit exceeded for {whose}: ")), "{text}");
    let rest = format!("Limit type: max_parallel_requests. Current limit: {limit}, Remaining: 0. Limit resets at: ");
    assert!(text.contains(&rest), "{text}");
    assert!(response.header("retry-after").is_some());
}

/// Until so many calls, one after the other, are served by each gateway; then none of them is refused for a place that was
/// not given back.
async fn serve_again(pair: &[Gateway; 2], key: &str) {
    for gateway in pair {
        eventually_async("a place", async || (gateway.call(&call(key)).await.status == 200).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_together_let_in_as_many_as_the_limit_says() {
    let redis = Server::redis().await;
    let upstream = Upstream::start([]).await;
    let pair = gateways(&upstream, &redis, KEYS).await;
    for (keys, whose) in [(["sk-alone-1234"; 2], "api_key"), (["sk-crew-1234", "sk-crew-5678"], "team")] {
        for round in 0.. {
            let before = unanswered(&pair).await;
            let request = |number: usize| call(keys[number / 2 % 2]);
            let (responses, inside) = crowd(&pair, &upstream, 7, request).await;
            // Where Redis did not answer in time, each goes by its part of the limit: then once more.
            if unanswered(&pair).await > before && round < 5 {
                continue;
            }
            assert_eq!(inside, 3, "{whose}");
            assert_eq!(responses.iter().filter(|response| response.status == 200).count(), 3);
            responses.iter().filter(|response| response.status != 200).for_each(|no| assert_refused(no, whose, 3));
            break;
        }
        upstream.now_answers([hello()]);
        serve_again(&pair, keys[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_holds_its_place_to_its_end() {
    let redis = Server::redis().await;
    let gate = Gate::new();
    let steps = [Step::event(chunk("Hi")), Step::Wait(gate.clone()), Step::event(usage_chunk()), Step::event("[DONE]")];
    let upstream = Upstream::start([Reply::stream(steps.into_iter().chain([Step::end()]))]).await;
    let pair = gateways(&upstream, &redis, KEYS).await;
    let mut streams = Vec::new();
    for number in 0..3 {
        let mut client = begin(&pair[number % 2], &Request::chat(&ask_stream("gpt")).key("sk-alone-1234")).await;
        assert_eq!(client.start_of_stream().await.status, 200);
        assert!(client.event().await.is_some());
        streams.push(client);
    }
    upstream.now_answers([hello()]);
    for gateway in &pair {
        assert_refused(&gateway.call(&call("sk-alone-1234")).await, "api_key", 3);
    }
    gate.open();
    for mut client in streams {
        while client.event().await.is_some() {}
    }
    serve_again(&pair, "sk-alone-1234").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_places_of_a_gateway_that_died_come_back() {
    let redis = Server::redis().await;
    let gate = Gate::new();
    let upstream = Upstream::start([hello().after(&gate)]).await;
    let [mut dead, alive] = gateways(&upstream, &redis, KEYS).await;
    let mut held = Vec::new();
    for count in 1..=3 {
        held.push(begin(&dead, &call("sk-alone-1234")).await);
        upstream.has_received(count).await;
    }
    assert_refused(&alive.call(&call("sk-alone-1234")).await, "api_key", 3);
    dead.kill();
    upstream.now_answers([hello()]);
    eventually_async("the places of the dead", async || {
        (alive.call(&call("sk-alone-1234")).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_gateway_lets_in_its_part() {
    let mut redis = Server::redis().await;
    let upstream = Upstream::start([hello()]).await;
    let pair = gateways(&upstream, &redis, KEYS).await;
    assert_eq!(pair[0].call(&call("sk-even-1234")).await.status, 200);
    redis.stop();
    // The first ones may still wait for an answer; all are served.
    for number in 0..20 {
        assert_eq!(pair[number % 2].call(&call("sk-even-1234")).await.status, 200);
    }
    for gateway in &pair {
        gateway.metric_is("tollgate_redis_up", 0.0).await;
    }
    let gate = Gate::new();
    upstream.forget();
    upstream.now_answers([hello().after(&gate)]);
    let mut held = Vec::new();
    for gateway in &pair {
        for _ in 0..2 {
            held.push(begin(gateway, &call("sk-even-1234")).await);
            upstream.has_received(held.len()).await;
        }
        assert_refused(&gateway.call(&call("sk-even-1234")).await, "api_key", 4);
    }
    redis.start().await;
    for gateway in &pair {
        gateway.metric_is("tollgate_redis_up", 1.0).await;
    }
    upstream.now_answers([hello()]);
    // Both have told Redis of theirs.
    for gateway in &pair {
        eventually_async("all places to be known", async || {
            let response = gateway.call(&call("sk-even-1234")).await;
            (response.status == 429).then_some(())
        })
        .await;
    }
    gate.open();
    for mut client in held {
        assert_eq!(client.response().await.status, 200);
    }
    serve_again(&pair, "sk-even-1234").await;
}
