//! Background health checks: who fails one gets no requests until he passes one, and none of it costs a token.

use serde_json::{Value, json};

use crate::support::openai::{UPSTREAM_MODEL, ask, config, deployment, hello};
use crate::support::{Gateway, KEY, Reply, Request, Upstream, eventually_async};

const CHECKED: &str = "general_settings: {master_key: sk-e2e-master, background_health_checks: true, \
    health_check_interval: 0.1}";

/// Lists its models, and answers calls.
async fn well() -> Upstream {
    let upstream = Upstream::start([]).await;
    lists(&upstream, 200);
    upstream
}

/// From now on the list is answered with this status; calls are answered whatever it is.
fn lists(upstream: &Upstream, status: u16) {
    upstream.answers_by(move |request| match request.method.as_str() {
        "GET" => Reply::json(status, &json!({"object": "list", "data": []})),
        _ => hello(),
    });
}

fn calls(upstream: &Upstream) -> usize {
    upstream.received().iter().filter(|request| request.method == "POST").count()
}

/// Waits until the metric of the deployment at this upstream says so.
async fn is_healthy(gateway: &Gateway, upstream: &Upstream, healthy: bool) {
    let end = format!("}} {}", i32::from(healthy));
    eventually_async(&format!("healthy = {healthy}"), async || {
        let metrics = gateway.metrics().await;
        let mut lines = metrics.lines().filter(|line| line.starts_with("tollgate_deployment_healthy{"));
        lines.any(|line| line.contains(&upstream.authority()) && line.ends_with(&end)).then_some(())
    })
    .await;
}

async fn checked(upstream: &Upstream, times: usize) {
    let before = upstream.count();
    upstream.has_received(before + times).await;
}

async fn call_many(gateway: &Gateway) {
    for _ in 0..20 {
        let response = gateway.call(&Request::chat(&ask("gpt"))).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

#[tokio::test]
async fn who_fails_a_check_gets_nothing_until_he_passes_one() {
    let (one, two) = (well().await, well().await);
    let entries = [deployment("gpt", &one, ""), deployment("gpt", &two, "")];
    let gateway = Gateway::start(&config(&entries, CHECKED)).await;
    checked(&one, 2).await;
    let received = one.received();
    let check = &received[0];
    assert_eq!((check.method.as_str(), check.path.as_str()), ("GET", "/v1/models"));
    assert_eq!(check.header("authorization"), Some("Bearer sk-upstream"));
    assert_eq!((calls(&one), calls(&two)), (0, 0), "a check spends no tokens");
    lists(&one, 500);
    is_healthy(&gateway, &one, false).await;
    call_many(&gateway).await;
    assert_eq!((calls(&one), calls(&two)), (0, 20));
    lists(&one, 200);
    is_healthy(&gateway, &one, true).await;
    call_many(&gateway).await;
    assert!(calls(&one) > 0);
}

#[tokio::test]
async fn the_last_one_of_a_group_goes_on() {
    let (one, two) = (well().await, well().await);
    let entries = [deployment("gpt", &one, ""), deployment("gpt", &two, ""), deployment("lone", &two, "")];
    let gateway = Gateway::start(&config(&entries, CHECKED)).await;
    for status in [503, 401] {
        lists(&one, status);
        lists(&two, status);
        is_healthy(&gateway, &one, false).await;
        is_healthy(&gateway, &two, false).await;
        call_many(&gateway).await;
        assert_eq!(gateway.call(&Request::chat(&ask("lone"))).await.status, 200);
    }
}

#[tokio::test]
async fn a_provider_without_a_list_is_well() {
    let (one, two) = (well().await, well().await);
    lists(&one, 404);
    let entries = [deployment("gpt", &one, ""), deployment("gpt", &two, "")];
    let gateway = Gateway::start(&config(&entries, CHECKED)).await;
    checked(&one, 3).await;
    is_healthy(&gateway, &one, true).await;
    call_many(&gateway).await;
    assert!(calls(&one) > 0);
}

#[tokio::test]
async fn health_tells_what_the_checks_have_found_and_calls_nobody() {
    let (one, two, unchecked) = (well().await, well().await, well().await);
    lists(&two, 500);
    let skipped = deployment("skipped", &unchecked, "")
        .replace("}}\n", "}, model_info: {disable_background_health_check: true}}\n");
    let entries = [deployment("gpt", &one, ""), deployment("gpt", &two, ""), skipped];
    let gateway = Gateway::start(&config(&entries, CHECKED)).await;
    is_healthy(&gateway, &two, false).await;
    checked(&one, 1).await;
    let health = gateway.call(&Request::get("/health")).await.json();
    assert_eq!((&health["healthy_count"], &health["unhealthy_count"]), (&json!(1), &json!(1)), "{health}");
    assert_eq!(health["healthy_endpoints"][0]["api_base"], one.url());
    let sick = &health["unhealthy_endpoints"][0];
    assert_eq!(sick["model"], format!("openai/{UPSTREAM_MODEL}"));
    assert_eq!(sick["error"], "the list of models was answered with status 500");
    assert_eq!((calls(&one), calls(&two), unchecked.count()), (0, 0, 0));
    assert!(!gateway.output().contains("sk-upstream") && !gateway.output().contains(KEY));
}

#[tokio::test]
async fn where_nobody_lists_models_a_connection_is_enough() {
    let upstream = well().await;
    let entry = |name: &str, base: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: azure/gpt, api_base: \"{base}\", api_key: sk-upstream, \
             api_version: v1}}}}\n"
        )
    };
    // A port that nobody listens on: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = format!("http://127.0.0.1:{free}");
    let gateway = Gateway::start(&config(&[entry("here", &upstream.root()), entry("away", &away)], CHECKED)).await;
    eventually_async("both to be looked at", async || {
        let health = gateway.call(&Request::get("/health")).await.json();
        let base = |list: &str| health[list][0]["api_base"].as_str().map(str::to_owned);
        let found = (base("healthy_endpoints"), base("unhealthy_endpoints"));
        (found == (Some(upstream.root()), Some(away.clone()))).then_some(())
    })
    .await;
    assert_eq!(upstream.count(), 0, "a connection, and no request");
}

#[tokio::test]
async fn checks_may_be_told_without_being_acted_on() {
    let (one, two) = (well().await, well().await);
    lists(&one, 500);
    let entries = [deployment("gpt", &one, ""), deployment("gpt", &two, "")];
    let settings =
        CHECKED.replace("health_check_interval", "enable_health_check_routing: false, health_check_interval");
    let gateway = Gateway::start(&config(&entries, &settings)).await;
    is_healthy(&gateway, &one, false).await;
    call_many(&gateway).await;
    assert!(calls(&one) > 0);
}

#[tokio::test]
async fn without_the_setting_nobody_is_looked_at() {
    let upstream = well().await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
    assert_eq!(upstream.count(), 1);
    let health: Value = gateway.call(&Request::get("/health")).await.json();
    assert_eq!(health["healthy_count"], 1);
    assert_eq!(calls(&upstream), 2, "asked, it calls");
}
