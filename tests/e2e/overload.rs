//! More requests than deployments may have: who waits, in which order, and who is told to come again.

use serde_json::{Value, json};

use crate::support::openai::{answer, ask, ask_stream, config, deployment, hello, stream};
use crate::support::{Client, Gate, Gateway, Reply, Request, Step, Upstream, eventually_async, within};

/// A queue in which a slow machine is no reason to be refused.
const PATIENT: &str = "tollgate: {overload: {queue_length: 500, queue_wait: 60}}\n";

/// One upstream behind the group `gpt`, with these parameters and settings; patient unless they say otherwise.
async fn one(reply: Reply, params: &str, settings: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start([reply]).await;
    let patience = if settings.contains("overload:") || settings.contains("max_in_flight:") { "" } else { PATIENT };
    let settings = format!("{patience}{settings}");
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, params)], &settings)).await;
    (upstream, gateway)
}

/// Waits until so many requests wait for the group `gpt`.
async fn waiting(gateway: &Gateway, count: usize) {
    let line = format!("tollgate_queue_length{{model_group=\"gpt\"}} {count}");
    eventually_async(&format!("{count} in the queue"), async || {
        gateway.metrics().await.lines().any(|known| known == line).then_some(())
    })
    .await;
}

async fn send(gateway: &Gateway, request: &Request) -> Client {
    let mut client = gateway.connect().await;
    client.send(request).await;
    client
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut body = ask("gpt");
    body[name] = value.into();
    body
}

/// A request that the upstream knows by its `user`.
fn named(user: &str, priority: i64) -> Request {
    let mut body = with("user", user);
    body["priority"] = priority.into();
    Request::chat(&body)
}

fn order(upstream: &Upstream) -> Vec<String> {
    upstream.received().iter().map(|received| received.json()["user"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_limit_holds_exactly_under_many_parallel_calls() {
    const LIMIT: usize = 7;
    for (params, settings) in
        [("max_parallel_requests: 7", ""), ("", "router_settings: {default_max_parallel_requests: 7}")]
    {
        let (upstream, gateway) = one(hello(), params, settings).await;
        let gate = Gate::new();
        // Nobody is answered before all have come, so that everybody who is let through is there at once.
        upstream.now_answers([hello().after(&gate)]);
        let call = async || send(&gateway, &Request::chat(&ask("gpt"))).await;
        let clients: Vec<Client> = futures::future::join_all((0..200).map(|_| call())).await;
        waiting(&gateway, 200 - LIMIT).await;
        assert_eq!(upstream.count(), LIMIT, "{params} {settings}");
        gate.open();
        for mut client in clients {
            assert_eq!(client.response().await.status, 200);
        }
        assert_eq!(upstream.count(), 200);
        waiting(&gateway, 0).await;
        let metrics = gateway.metrics().await;
        let line = metrics.lines().find(|line| line.starts_with("tollgate_deployment_concurrency_limit{")).unwrap();
        assert!(line.ends_with(" 7"), "{line}");
    }
}

#[tokio::test]
async fn the_lowest_priority_number_goes_first() {
    let gate = Gate::new();
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", "").await;
    let mut clients = vec![send(&gateway, &named("held", 0)).await];
    upstream.has_received(1).await;
    for (place, (user, priority)) in [("low", 9), ("default", 0), ("high", -3), ("low too", 9)].into_iter().enumerate()
    {
        clients.push(send(&gateway, &named(user, priority)).await);
        waiting(&gateway, place + 1).await;
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(order(&upstream), ["held", "high", "default", "low", "low too"]);
    assert!(upstream.last().json().get("priority").is_none(), "it is for the gateway");
}

#[tokio::test]
async fn requests_that_say_no_priority_have_the_configured_one() {
    let gate = Gate::new();
    let settings = "router_settings: {default_priority: 5}";
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", settings).await;
    let mut clients = vec![send(&gateway, &named("held", 0)).await];
    upstream.has_received(1).await;
    let unsaid = Request::chat(&with("user", "unsaid"));
    for (place, request) in [named("later", 6), unsaid, named("sooner", 4)].into_iter().enumerate() {
        clients.push(send(&gateway, &request).await);
        waiting(&gateway, place + 1).await;
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(order(&upstream), ["held", "sooner", "unsaid", "later"]);
}

const TWO_KEYS: &str = "general_settings: {master_key: sk-e2e-master, key_settings: \
    [{api_key: sk-key-of-the-many}, {api_key: sk-key-of-the-few}]}";

#[tokio::test]
async fn a_key_with_many_requests_does_not_hold_up_one_with_few() {
    let gate = Gate::new();
    let settings = format!("{TWO_KEYS}\ntollgate: {{overload: {{queue_length: 6, queue_wait: 60}}}}");
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", &settings).await;
    let many = |user: &str| Request::chat(&with("user", user)).key("sk-key-of-the-many");
    let few = |user: &str| Request::chat(&with("user", user)).key("sk-key-of-the-few");
    let mut clients = vec![send(&gateway, &many("held")).await];
    upstream.has_received(1).await;
    for (place, user) in ["m1", "m2", "m3", "m4", "m5", "m6"].into_iter().enumerate() {
        clients.push(send(&gateway, &many(user)).await);
        waiting(&gateway, place + 1).await;
    }
    // The queue is full: one more of the same key is refused, but the other key takes the place of the last.
    let refused = gateway.call(&many("m7")).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    for user in ["f1", "f2"] {
        let mut displaced = clients.remove(clients.len() - 1 - usize::from(user == "f2"));
        let client = send(&gateway, &few(user)).await;
        assert_eq!(displaced.response().await.status, 503);
        clients.push(client);
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(order(&upstream), ["held", "m1", "f1", "m2", "f2", "m3", "m4"]);
}

#[tokio::test]
async fn who_is_refused_hears_it_in_his_own_words_and_when_to_come_again() {
    let gate = Gate::new();
    let settings = "tollgate: {overload: {queue_length: 0}}";
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", settings).await;
    let mut held = send(&gateway, &Request::chat(&ask("gpt"))).await;
    upstream.has_received(1).await;
    let messages = json!({"model": "gpt", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let cases = [
        (Request::chat(&ask("gpt")), "/error/code", json!("503")),
        (Request::chat(&ask_stream("gpt")), "/error/type", json!("internal_server_error")),
        (Request::post("/v1/messages", &messages), "/error/type", json!("api_error")),
        (Request::post("/v1beta/models/gpt:generateContent", &contents), "/error/status", json!("UNAVAILABLE")),
    ];
    for (request, member, expected) in cases {
        let response = gateway.call(&request).await;
        assert_eq!(response.status, 503, "{request:?}: {}", response.text());
        assert_eq!(response.json().pointer(member), Some(&expected), "{}", response.text());
        let pause: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&pause), "{pause}");
    }
    let metrics = gateway.metrics().await;
    let line = "tollgate_queue_refused_total{model_group=\"gpt\",reason=\"full\"} 4";
    assert!(metrics.lines().any(|known| known == line), "{metrics}");
    gate.open();
    assert_eq!(held.response().await.status, 200);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_wait_ends_when_its_time_is_over() {
    let gate = Gate::new();
    for (settings, timeout) in [("tollgate: {overload: {queue_wait: 0.1}}", "60"), ("", "0.2")] {
        let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", settings).await;
        let held = send(&gateway, &Request::chat(&ask("gpt"))).await;
        upstream.has_received(1).await;
        let response = gateway.call(&Request::chat(&ask("gpt")).header("x-litellm-timeout", timeout)).await;
        assert_eq!(response.status, 503, "{settings}: {}", response.text());
        let error = response.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(error.starts_with("No deployments available for selected model"), "{error}");
        waiting(&gateway, 0).await;
        drop(held);
    }
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_leaves_no_trace() {
    let gate = Gate::new();
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", "").await;
    let mut held = send(&gateway, &named("held", 0)).await;
    upstream.has_received(1).await;
    let leaving = send(&gateway, &named("leaving", 0)).await;
    waiting(&gateway, 1).await;
    let mut staying = send(&gateway, &named("staying", 0)).await;
    waiting(&gateway, 2).await;
    drop(leaving);
    waiting(&gateway, 1).await;
    gate.open();
    assert_eq!((held.response().await.status, staying.response().await.status), (200, 200));
    assert_eq!(order(&upstream), ["held", "staying"]);
}

/// A place is free when the answer's last byte is delivered, when the attempt has failed, and when its client leaves.
#[tokio::test]
async fn however_a_request_ends_the_next_one_is_called() {
    let words = || Step::event(crate::support::openai::chunk("word"));
    for name in ["whole", "cut", "left"] {
        let gate = Gate::new();
        let stopped = Step::Wait(gate.clone());
        let steps = match name {
            "whole" => vec![words(), stopped, Step::event("[DONE]"), Step::end()],
            "cut" => vec![words(), stopped, Step::Cut],
            _ => vec![words(), Step::Hang],
        };
        let (upstream, gateway) = one(Reply::stream(steps), "max_parallel_requests: 1", "").await;
        let mut first = gateway.connect().await;
        first.send(&Request::chat(&ask_stream("gpt"))).await;
        first.start_of_stream().await;
        assert!(first.event().await.is_some());
        upstream.now_answers([stream(&["Hello"])]);
        let mut second = send(&gateway, &Request::chat(&ask_stream("gpt"))).await;
        waiting(&gateway, 1).await;
        if name == "left" {
            drop(first);
        } else {
            gate.open();
        }
        assert_eq!(second.response().await.streamed_text(), "Hello", "{name}");
        waiting(&gateway, 0).await;
    }
}

#[tokio::test]
async fn another_deployment_with_room_is_used_before_anybody_waits() {
    let gate = Gate::new();
    let full = Upstream::start([hello().after(&gate)]).await;
    let roomy = Upstream::start([Reply::json(200, &answer("elsewhere"))]).await;
    let entries =
        [deployment("gpt", &full, "max_parallel_requests: 1, order: 1"), deployment("gpt", &roomy, "order: 2")];
    let gateway = Gateway::start(&config(&entries, "")).await;
    let mut held = send(&gateway, &Request::chat(&ask("gpt"))).await;
    full.has_received(1).await;
    for _ in 0..5 {
        assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
    }
    assert_eq!((full.count(), roomy.count()), (1, 5));
    gate.open();
    assert_eq!(held.response().await.status, 200);
}

/// The limit, what is in flight and who waits outlive a change of the models.
#[tokio::test]
async fn a_new_model_changes_nothing_for_those_that_are_there() {
    let gate = Gate::new();
    let (upstream, gateway) = one(hello().after(&gate), "max_parallel_requests: 1", "").await;
    let mut held = send(&gateway, &named("held", 0)).await;
    upstream.has_received(1).await;
    let mut before = send(&gateway, &named("before", 0)).await;
    waiting(&gateway, 1).await;
    let params = json!({"model": "openai/other", "api_base": upstream.url(), "api_key": "k"});
    let added = Request::post("/model/new", &json!({"model_name": "new", "litellm_params": params}));
    let added = gateway.call(&added).await;
    assert_eq!(added.status, 200, "{}", added.text());
    eventually_async("the new model", async || {
        gateway.call(&Request::get("/v1/models")).await.text().contains("\"new\"").then_some(())
    })
    .await;
    let mut after = send(&gateway, &named("after", 0)).await;
    waiting(&gateway, 2).await;
    assert_eq!(upstream.count(), 1);
    gate.open();
    for client in [&mut held, &mut before, &mut after] {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(order(&upstream), ["held", "before", "after"]);
}

/// A deployment that says 503 beyond what it can do: the gateway finds out what that is, and the others wait for a moment.
#[tokio::test]
async fn a_deployment_that_is_overloaded_teaches_its_limit() {
    let upstream = Upstream::start([]).await;
    // One in three is refused, as if half as much again came as it can do.
    let number = std::sync::atomic::AtomicUsize::new(0);
    upstream.answers_by(move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if number.is_multiple_of(3) { Reply::error(503, "too much") } else { hello() }
    });
    let settings = "router_settings: {disable_cooldowns: true, num_retries: 0}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    let limit = async || {
        let metrics = gateway.metrics().await;
        let line = metrics.lines().find(|line| line.starts_with("tollgate_deployment_concurrency_limit{"));
        line.and_then(|line| line.rsplit_once(' ')).and_then(|(_, limit)| limit.parse::<u32>().ok())
    };
    assert_eq!(limit().await, Some(1024));
    let mut client = gateway.connect().await;
    within("a lower limit", async {
        while limit().await.is_none_or(|limit| limit > 8) {
            for _ in 0..20 {
                client.send(&Request::chat(&ask("gpt"))).await;
                client.response().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn near_the_gateways_limit_a_key_has_no_more_than_its_share() {
    let gate = Gate::new();
    let settings = format!("{TWO_KEYS}\ntollgate: {{max_in_flight: 10}}");
    let (upstream, gateway) = one(hello().after(&gate), "", &settings).await;
    let ask = |key: &str| Request::chat(&ask("gpt")).key(key);
    let mut held = Vec::new();
    for count in 1..=8 {
        held.push(send(&gateway, &ask("sk-key-of-the-many")).await);
        upstream.has_received(count).await;
    }
    // Alone it might have gone on; now that there are two, five are its share.
    held.push(send(&gateway, &ask("sk-key-of-the-few")).await);
    upstream.has_received(9).await;
    let refused = gateway.call(&ask("sk-key-of-the-many")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    held.push(send(&gateway, &ask("sk-key-of-the-few")).await);
    upstream.has_received(10).await;
    gate.open();
    for client in &mut held {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(gateway.call(&ask("sk-key-of-the-many")).await.status, 200);
}

#[tokio::test]
async fn above_the_gateways_own_limit_it_says_so_at_once() {
    let gate = Gate::new();
    for settings in [
        "tollgate: {max_in_flight: 2}",
        "general_settings: {master_key: sk-e2e-master, max_in_flight_requests_per_worker: 2}",
    ] {
        let (upstream, gateway) = one(hello().after(&gate), "", settings).await;
        let _held =
            [send(&gateway, &Request::chat(&ask("gpt"))).await, send(&gateway, &Request::chat(&ask("gpt"))).await];
        upstream.has_received(2).await;
        let response = gateway.call(&Request::chat(&ask("gpt"))).await;
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")), "{settings}");
        assert_eq!(gateway.call(&Request::get("/health/liveliness")).await.status, 200, "{settings}");
    }
}
