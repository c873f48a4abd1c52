//! Which deployment gets a request, and what happens when it fails.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::openai::{UPSTREAM_MODEL, ask, ask_stream, config, deployment, hello, stream};
use crate::support::{Gate, Gateway, Reply, Request, Step, Upstream};

/// Two upstreams that answer like this, as two deployments of the group `gpt` with these parameters.
async fn pair(first: (Reply, &str), second: (Reply, &str), settings: &str) -> (Upstream, Upstream, Gateway) {
    let one = Upstream::start([first.0]).await;
    let two = Upstream::start([second.0]).await;
    let entries = [deployment("gpt", &one, first.1), deployment("gpt", &two, second.1)];
    let gateway = Gateway::start(&config(&entries, settings)).await;
    (one, two, gateway)
}

async fn call_many(gateway: &Gateway, count: usize) {
    let mut client = gateway.connect().await;
    for _ in 0..count {
        client.send(&Request::chat(&ask("gpt"))).await;
        assert_eq!(client.response().await.status, 200);
    }
}

#[tokio::test]
async fn shares_follow_the_weights() {
    // (first's parameters, second's, the least and the most that the first may get of 200): far beyond chance.
    let cases = [
        ("weight: 9", "weight: 1", 150, 199),
        ("weight: 1", "weight: 0", 200, 200),
        ("rpm: 900", "rpm: 100", 150, 199),
        ("", "", 60, 140),
        ("weight: 1, rpm: 1", "weight: 1, rpm: 1000", 60, 140),
    ];
    for (first, second, least, most) in cases {
        let (one, two, gateway) = pair((hello(), first), (hello(), second), "").await;
        call_many(&gateway, 200).await;
        assert_eq!(one.count() + two.count(), 200);
        assert!((least..=most).contains(&one.count()), "{first:?} against {second:?}: {}", one.count());
    }
}

#[tokio::test]
async fn the_least_busy_one_is_chosen() {
    let gate = Gate::new();
    let held = || hello().after(&gate);
    let settings = "router_settings: {routing_strategy: least-busy}";
    let (one, two, gateway) = pair((held(), ""), (held(), ""), settings).await;
    let mut clients = Vec::new();
    for count in 1..=6 {
        let mut client = gateway.connect().await;
        client.send(&Request::chat(&ask("gpt"))).await;
        crate::support::eventually("the request upstream", || (one.count() + two.count() == count).then_some(())).await;
        clients.push(client);
    }
    assert_eq!((one.count(), two.count()), (3, 3));
    gate.open();
    for mut client in clients {
        assert_eq!(client.response().await.status, 200);
    }
}

#[tokio::test]
async fn what_may_be_tried_again_is_tried_elsewhere_at_once() {
    let failures = [
        Reply::error(500, "broken"),
        Reply::error(503, "overloaded"),
        Reply::error(429, "slow down"),
        Reply::error(408, "late"),
        Reply::error(401, "wrong key here"),
        Reply::steps([Step::Reset]),
        Reply::steps([Step::Cut]),
        Reply::stream([Step::Cut]),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        // `order` makes the failing one first.
        let settings = "router_settings: {num_retries: 2, disable_cooldowns: true}";
        let (one, two, gateway) = pair((failure, "order: 1"), (hello(), "order: 2"), settings).await;
        let response = gateway.call(&Request::chat(&ask("gpt"))).await;
        assert_eq!(response.status, 200, "failure {number}: {}", response.text());
        assert!(one.count() >= 1 && two.count() == 1, "failure {number}");
        assert_eq!(one.last().body, two.last().body, "failure {number}");
    }
}

#[tokio::test]
async fn a_retry_goes_to_a_deployment_that_has_not_failed_yet() {
    let settings = "router_settings: {num_retries: 1, disable_cooldowns: true}";
    let (one, two, gateway) = pair((Reply::error(500, "broken"), ""), (hello(), ""), settings).await;
    call_many(&gateway, 40).await;
    assert!(one.count() > 0 && two.count() == 40, "{} and {}", one.count(), two.count());
}

#[tokio::test]
async fn what_would_fail_again_is_not_tried_again() {
    for status in [400, 422] {
        let failure = || Reply::error(status, "your fault");
        let (one, two, gateway) = pair((failure(), ""), (failure(), ""), "router_settings: {num_retries: 2}").await;
        assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, status);
        assert_eq!(one.count() + two.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn retries_have_a_number_and_a_header() {
    for (settings, attempts) in [("num_retries: 0", 1), ("num_retries: 1", 2), ("num_retries: 3", 4)] {
        let failing = || Reply::error(500, "broken");
        let settings = format!("router_settings: {{{settings}, disable_cooldowns: true}}");
        let (one, two, gateway) = pair((failing(), ""), (failing(), ""), &settings).await;
        let response = gateway.call(&Request::chat(&ask("gpt"))).await;
        assert_eq!(response.status, 500);
        assert_eq!(one.count() + two.count(), attempts, "{settings}");
    }
    let (one, _two, gateway) = pair((Reply::error(500, "broken"), "order: 1"), (hello(), "order: 2"), "").await;
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    assert_eq!(response.header("x-litellm-attempted-retries"), Some(one.count().to_string().as_str()));
    assert_eq!(response.header("x-litellm-max-retries"), Some("2"));
    let (_one, _two, gateway) = pair((hello(), ""), (hello(), ""), "").await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.header("x-litellm-max-retries"), None);
}

#[tokio::test]
async fn a_lone_deployment_is_given_the_pause_that_it_asks_for() {
    let upstream = Upstream::start([Reply::error(429, "slow down").header("retry-after", "1"), hello()]).await;
    let gateway =
        Gateway::start(&config(&[deployment("gpt", &upstream, "")], "router_settings: {num_retries: 1}")).await;
    let started = Instant::now();
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    assert_eq!((response.status, upstream.count()), (200, 2), "{}", response.text());
    assert!(started.elapsed() >= Duration::from_secs(1), "it came back after {:?}", started.elapsed());
}

#[tokio::test]
async fn a_stream_of_other_words_does_not_follow_what_the_client_has() {
    let half = Reply::stream([Step::event(crate::support::openai::chunk("half")), Step::Cut]);
    let settings = "router_settings: {num_retries: 2}";
    let (one, two, gateway) = pair((half, "order: 1"), (stream(&["whole"]), "order: 2"), settings).await;
    let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
    assert_eq!((response.status, response.streamed_text().as_str()), (200, "half"));
    assert!(!response.text().contains("[DONE]"));
    assert_eq!((one.count(), two.count()), (1, 1));
}

#[tokio::test]
async fn a_deployment_that_will_not_recover_soon_rests() {
    let upstream = Upstream::start([Reply::error(401, "wrong key"), hello()]).await;
    let settings = "router_settings: {num_retries: 0, cooldown_time: 60}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 401);
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    let error = &response.json()["error"];
    assert_eq!((response.status, &error["type"]), (429, &json!("all_deployments_in_cooldown")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("No deployments available for selected model"), "{error}");
    let pause: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn lower_orders_go_first() {
    let (one, two, gateway) = pair((hello(), "order: 2"), (hello(), "order: 1"), "").await;
    call_many(&gateway, 20).await;
    assert_eq!((one.count(), two.count()), (0, 20));
}

#[tokio::test]
async fn every_wait_for_an_upstream_ends_in_408() {
    let started = || Reply::stream([Step::chunk(": nothing yet\n\n"), Step::Hang]);
    let cases = [
        ("timeout: 0.2", ask("gpt"), Reply::steps([Step::Hang])),
        ("timeout: 0.2", ask_stream("gpt"), Reply::steps([Step::Hang])),
        ("stream_timeout: 0.2", ask_stream("gpt"), Reply::steps([Step::Hang])),
        ("stream_timeout: 0.2", ask_stream("gpt"), Reply::stream([Step::Hang])),
        (
            "timeout: 0.2",
            ask("gpt"),
            Reply::steps([Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".into()), Step::Hang]),
        ),
        ("stream_timeout: 0.2", ask_stream("gpt"), started()),
    ];
    for (number, (limit, body, reply)) in cases.into_iter().enumerate() {
        let upstream = Upstream::start([reply]).await;
        let entries = [deployment("gpt", &upstream, limit)];
        let gateway = Gateway::start(&config(&entries, "router_settings: {num_retries: 0}")).await;
        let response = gateway.call(&Request::chat(&body)).await;
        assert_eq!(response.status, 408, "case {number}: {}", response.text());
        assert!(response.json()["error"]["message"].as_str().unwrap().starts_with("litellm.Timeout"), "case {number}");
        upstream.sees_closed(0).await;
    }
}

#[tokio::test]
async fn a_timeout_does_not_cut_a_stream_that_keeps_coming() {
    let gate = Gate::new();
    let slow = Reply::stream([
        Step::event(crate::support::openai::chunk("first")),
        Step::Wait(gate.clone()),
        Step::event(crate::support::openai::chunk(" last")),
        Step::event("[DONE]"),
        Step::end(),
    ]);
    let (upstream, silent) = (Upstream::start([slow]).await, Upstream::start([Reply::steps([Step::Hang])]).await);
    let entries = [deployment("gpt", &upstream, "timeout: 0.2"), deployment("silent", &silent, "timeout: 0.2")];
    let gateway = Gateway::start(&config(&entries, "router_settings: {num_retries: 0}")).await;
    let mut streamed = gateway.connect().await;
    streamed.send(&Request::chat(&ask_stream("gpt"))).await;
    upstream.has_received(1).await;
    // When this one has run into the same limit, the stream is older than the limit.
    assert_eq!(gateway.call(&Request::chat(&ask("silent"))).await.status, 408);
    gate.open();
    let response = streamed.response().await;
    assert_eq!((response.streamed_text().as_str(), response.complete), ("first last", true));
}

#[tokio::test]
async fn a_client_cannot_ask_for_retries_without_end() {
    // Told to come again in a millisecond, a retry costs no pause worth the name: only the limit ends it.
    let failing = Reply::error(500, "broken").header("retry-after", "0.001");
    let upstream = Upstream::start([failing]).await;
    let entries = [deployment("gpt", &upstream, "")];
    let gateway = Gateway::start(&config(&entries, "router_settings: {disable_cooldowns: true}")).await;
    let mut body = ask("gpt");
    body["num_retries"] = json!(100);
    let response = gateway.call(&Request::chat(&body)).await;
    assert_eq!((response.status, upstream.count()), (500, 11));
}

#[tokio::test]
async fn a_wildcard_carries_its_part_of_the_name() {
    let upstream = Upstream::start([hello()]).await;
    let url = upstream.url();
    let entry = |name: &str, model: &str| {
        format!(
            "  - {{model_name: \"{name}\", litellm_params: {{model: \"{model}\", api_base: \"{url}\", api_key: k}}}}\n"
        )
    };
    let entries = [
        entry("openai/*", "openai/*"),
        entry("team-*", "openai/gpt-*"),
        entry("team-special", "openai/exact"),
        entry("*", "openai/*"),
    ];
    let gateway = Gateway::start(&config(&entries, "")).await;
    let cases = [
        ("openai/gpt-4o", "gpt-4o"),
        ("team-4o-mini", "gpt-4o-mini"),
        ("team-special", "exact"),
        ("anything", "anything"),
    ];
    for (asked, sent) in cases {
        let response = gateway.call(&Request::chat(&ask(asked))).await;
        assert_eq!(response.status, 200, "{asked}: {}", response.text());
        assert_eq!(upstream.last().json()["model"], sent, "{asked}");
        assert_eq!(response.json()["model"], asked);
    }
}

#[tokio::test]
async fn a_name_that_the_provider_does_not_know_closes_no_wildcard() {
    let upstream = Upstream::start([Reply::error(404, "no such model"), hello()]).await;
    let entry = format!(
        "  - {{model_name: \"any/*\", litellm_params: {{model: openai/*, api_base: \"{}\", api_key: k}}}}\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config(&[entry], "")).await;
    assert_eq!(gateway.call(&Request::chat(&ask("any/made-up"))).await.status, 404);
    assert_eq!(gateway.call(&Request::chat(&ask("any/known"))).await.status, 200);
}

#[tokio::test]
async fn a_group_of_groups_is_a_group() {
    let settings = [
        "router_settings: {model_group_alias: {both: [gpt, other]}}",
        "router_settings: {load_balancing: [{model_name: both, models: [gpt, other], weights: [0.5, 0.5]}]}",
    ];
    for settings in settings {
        let one = Upstream::start([hello()]).await;
        let two = Upstream::start([hello()]).await;
        let entries = [deployment("gpt", &one, ""), deployment("other", &two, "")];
        let gateway = Gateway::start(&config(&entries, settings)).await;
        for _ in 0..60 {
            assert_eq!(gateway.call(&Request::chat(&ask("both"))).await.json()["model"], "both");
        }
        assert!(one.count() > 5 && two.count() > 5, "{settings}: {} and {}", one.count(), two.count());
    }
}

#[tokio::test]
async fn an_alias_is_another_name_of_a_group() {
    let upstream = Upstream::start([hello()]).await;
    let settings = "router_settings: {model_group_alias: {four: gpt, hid: {model: gpt, hidden: true}}}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    for alias in ["four", "hid"] {
        assert_eq!(gateway.call(&Request::chat(&ask(alias))).await.status, 200, "{alias}");
        assert_eq!(upstream.last().json()["model"], UPSTREAM_MODEL);
    }
    let models = gateway.call(&Request::get("/v1/models")).await.json();
    let names: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(names.contains(&"four") && !names.contains(&"hid"), "{names:?}");
}

#[tokio::test]
async fn the_model_may_stand_in_the_path() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    let without_model = json!({"messages": []});
    let paths = [
        "/engines/gpt/chat/completions",
        "/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        "/v1/chat/completions?model=ignored",
        "/chat/completions",
    ];
    for (number, path) in paths.into_iter().enumerate() {
        let body = if number < 2 { without_model.clone() } else { ask("gpt") };
        let response = gateway.call(&Request::post(path, &body)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        let received = upstream.last();
        assert_eq!(
            (received.path.as_str(), &received.json()["model"]),
            ("/v1/chat/completions", &json!(UPSTREAM_MODEL))
        );
    }
}

#[tokio::test]
async fn defaults_of_the_deployment_yield_to_the_request() {
    let upstream = Upstream::start([hello()]).await;
    let entries = [deployment("gpt", &upstream, "temperature: 0.3, max_tokens: 99")];
    let gateway = Gateway::start(&config(&entries, "")).await;
    let mut body = ask("gpt");
    body["temperature"] = json!(1);
    gateway.call(&Request::chat(&body)).await;
    let sent = upstream.last().json();
    assert_eq!((&sent["temperature"], &sent["max_tokens"]), (&json!(1), &json!(99)));
}

#[tokio::test]
async fn what_is_meant_for_the_gateway_does_not_go_up() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    let mut body = ask("gpt");
    let ours = ["metadata", "litellm_metadata", "tags", "cache", "fallbacks", "num_retries", "guardrails", "timeout"];
    for name in ours {
        body[name] = json!(null);
    }
    body["top_k"] = json!(5);
    assert_eq!(gateway.call(&Request::chat(&body)).await.status, 200);
    let sent = upstream.last().json();
    assert!(ours.iter().all(|name| sent.get(name).is_none()), "{sent}");
    assert_eq!(sent["top_k"], 5, "what nobody here knows goes through");
}
