//! Two gateways and one real Redis: deployments' `rpm` and `tpm` hold for both together, a breaker that opens in one opens
//! in the other, and neither needs Redis to serve.

use futures::future::join_all;
use serde_json::json;

use crate::support::openai::{answer, ask, config, deployment, hello};
use crate::support::servers::Server;
use crate::support::{Gateway, Reply, Request, Response, Upstream, eventually, eventually_async};

/// Requests in a minute.
const LIMIT: usize = 20;

async fn pair(upstream: &Upstream, redis: &Server, params: &str, settings: &str) -> [Gateway; 2] {
    let settings = format!(
        "router_settings: {{num_retries: 0, routing_strategy: usage-based-routing-v2, redis_url: \"{}\"{settings}}}",
        redis.redis_url()
    );
    let config = config(&[deployment("gpt", upstream, params)], &settings);
    let pair = [Gateway::start(&config).await, Gateway::start(&config).await];
    for gateway in &pair {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    pair
}

async fn call(gateway: &Gateway) -> Response {
    gateway.call(&Request::chat(&ask("gpt"))).await
}

fn minute() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_together_ask_a_deployment_as_often_as_it_may_be_asked() {
    let redis = Server::redis().await;
    // A new minute in between would begin at zero: then once more.
    for round in 0.. {
        let upstream = Upstream::start([hello()]).await;
        let pair = pair(&upstream, &redis, &format!("rpm: {LIMIT}"), "").await;
        let before = minute();
        let burst = (0..3 * LIMIT).map(|number| call(&pair[number % 2]));
        let statuses: Vec<u16> = join_all(burst).await.iter().map(|response| response.status).collect();
        assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
        // What one of them was lent and does not need comes to the other.
        for gateway in &pair {
            eventually_async("all of the limit to be used", async || {
                let is_over = minute() != before || upstream.count() >= LIMIT;
                (is_over || call(gateway).await.status == 429).then_some(())
            })
            .await;
        }
        eventually_async("the last of it", async || {
            call(&pair[1]).await;
            (minute() != before || upstream.count() >= LIMIT).then_some(())
        })
        .await;
        let refused = [call(&pair[0]).await, call(&pair[1]).await];
        if minute() != before && round < 2 {
            continue;
        }
        assert_eq!(upstream.count(), LIMIT, "{statuses:?}");
        assert!(refused.iter().all(|response| response.status == 429 && response.header("retry-after").is_some()));
        break;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_counted_together_too() {
    let redis = Server::redis().await;
    let mut costly = answer("Hello");
    costly["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 90, "total_tokens": 100});
    for round in 0.. {
        let upstream = Upstream::start([Reply::json(200, &costly)]).await;
        let pair = pair(&upstream, &redis, "tpm: 1000", "").await;
        let before = minute();
        for number in 0..40 {
            let response = call(&pair[number % 2]).await;
            assert!([200, 429].contains(&response.status), "{}", response.text());
        }
        if minute() != before && round < 2 {
            continue;
        }
        // An answer's tokens are known when it has come: one of each gateway may go beyond. Alone each would take ten.
        let count = upstream.count();
        assert!((8..=12).contains(&count), "{count} answers of 100 tokens");
        break;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_that_opens_in_one_keeps_the_other_from_asking() {
    let redis = Server::redis().await;
    let upstream = Upstream::start([Reply::error(401, "revoked")]).await;
    let pair = pair(&upstream, &redis, "cooldown_time: 600", "").await;
    assert_eq!(call(&pair[0]).await.status, 401);
    pair[1].metric_is("tollgate_breakers_heard_total", 1.0).await;
    for gateway in &pair {
        assert_ne!(call(gateway).await.status, 200);
    }
    assert_eq!(upstream.count(), 1, "who was not told would have asked");
    pair[0].metric_is("tollgate_breakers_heard_total", 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_closes_its_breaker_by_a_probe_of_its_own() {
    let redis = Server::redis().await;
    let upstream = Upstream::start([Reply::error(401, "revoked"), hello()]).await;
    let pair = pair(&upstream, &redis, "cooldown_time: 1", "").await;
    assert_eq!(call(&pair[0]).await.status, 401);
    pair[1].metric_is("tollgate_breakers_heard_total", 1.0).await;
    for gateway in &pair {
        eventually_async("the cooldown to end", async || (call(gateway).await.status == 200).then_some(())).await;
        assert_eq!(call(gateway).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_both_serve_on() {
    let mut redis = Server::redis().await;
    let upstream = Upstream::start([hello()]).await;
    // More than the calls of this test, so that each one's part is enough.
    let pair = pair(&upstream, &redis, "rpm: 2000", "").await;
    let serve = async |count: usize| {
        for number in 0..count {
            let response = call(&pair[number % 2]).await;
            assert_eq!(response.status, 200, "{}", response.text());
        }
    };
    serve(20).await;
    redis.stop();
    serve(300).await;
    for gateway in &pair {
        gateway.metric_is("tollgate_redis_up", 0.0).await;
    }
    serve(20).await;
    redis.start().await;
    for gateway in &pair {
        gateway.metric_is("tollgate_redis_up", 1.0).await;
    }
    serve(20).await;
    redis.signal("STOP");
    serve(300).await;
    redis.signal("CONT");
    for gateway in &pair {
        gateway.metric_is("tollgate_redis_up", 1.0).await;
    }
    serve(20).await;
    for gateway in &pair {
        let lines = || gateway.output().lines().filter(|line| line.contains("Redis does not answer")).count();
        eventually("the log to say it once for each time", || ((1..=3).contains(&lines())).then_some(())).await;
    }
}
