//! Which model answers when the one that was asked for does not.

use serde_json::{Value, json};

use crate::support::openai::{answer, ask, ask_stream, config, deployment, hello, stream};
use crate::support::{Gateway, Reply, Request, Step, Upstream};

const NO_RETRIES: &str = "num_retries: 0, disable_cooldowns: true";

fn says(text: &str) -> Reply {
    Reply::json(200, &answer(text))
}

fn said(response: &Value) -> &str {
    response["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

/// Groups `a`, `b`, `c` at upstreams that answer like this, with these router settings.
async fn three(replies: [Reply; 3], settings: &str) -> ([Upstream; 3], Gateway) {
    let [a, b, c] = replies;
    let upstreams = [Upstream::start([a]).await, Upstream::start([b]).await, Upstream::start([c]).await];
    let entries: Vec<String> =
        ["a", "b", "c"].into_iter().zip(&upstreams).map(|(name, upstream)| deployment(name, upstream, "")).collect();
    let gateway = Gateway::start(&config(&entries, &format!("router_settings: {{{settings}}}"))).await;
    (upstreams, gateway)
}

fn counts(upstreams: &[Upstream; 3]) -> [usize; 3] {
    [upstreams[0].count(), upstreams[1].count(), upstreams[2].count()]
}

fn code(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"message": message, "type": "invalid_request_error", "code": code}}))
}

#[tokio::test]
async fn any_failure_goes_to_the_fallbacks_and_the_answer_says_who_gave_it() {
    for failure in [
        Reply::error(500, "broken"),
        Reply::error(503, "away"),
        Reply::error(429, "slow down"),
        Reply::error(401, "wrong key"),
        Reply::error(400, "strange"),
        Reply::steps([Step::Reset]),
    ] {
        let settings = format!("{NO_RETRIES}, fallbacks: [{{a: [b, c]}}]");
        let (upstreams, gateway) = three([failure, says("from b"), says("from c")], &settings).await;
        let response = gateway.call(&Request::chat(&ask("a"))).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        assert_eq!((said(&body), body["model"].as_str()), ("from b", Some("b")));
        assert_eq!(response.header("x-litellm-attempted-fallbacks"), Some("1"));
        assert_eq!(response.header("x-litellm-model-group"), Some("b"));
        let route = response.header("x-tollgate-route").unwrap();
        assert!(
            route.starts_with("group=b; ") && route.contains("; tried=") && route.ends_with("; fallbacks=1"),
            "{route}"
        );
        assert_eq!(counts(&upstreams), [1, 1, 0]);
    }
}

#[tokio::test]
async fn a_fallbacks_own_fallbacks_come_first_and_nobody_is_asked_twice() {
    let broken = || Reply::error(500, "broken");
    let settings = format!("{NO_RETRIES}, fallbacks: [{{a: [b]}}, {{b: [a, c]}}, {{c: [b]}}]");
    let (upstreams, gateway) = three([broken(), broken(), says("from c")], &settings).await;
    let response = gateway.call(&Request::chat(&ask("a"))).await;
    assert_eq!((response.status, said(&response.json())), (200, "from c"));
    assert_eq!((counts(&upstreams), response.header("x-litellm-attempted-fallbacks")), ([1, 1, 1], Some("2")));
}

#[tokio::test]
async fn hops_have_a_limit_and_the_first_failure_is_told() {
    let settings = format!("{NO_RETRIES}, max_fallbacks: 1, fallbacks: [{{a: [b, c]}}]");
    let replies = [Reply::error(503, "a is away"), Reply::error(500, "b is broken"), says("from c")];
    let (upstreams, gateway) = three(replies, &settings).await;
    let response = gateway.call(&Request::chat(&ask("a"))).await;
    assert_eq!(response.status, 503);
    let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("a is away") && message.contains("b is broken"), "{message}");
    assert_eq!(counts(&upstreams), [1, 1, 0]);
    // Nobody is asked where nobody may be.
    let request = json!({"model": "a", "messages": [], "disable_fallbacks": true});
    assert_eq!(gateway.call(&Request::chat(&request)).await.status, 503);
    assert_eq!(counts(&upstreams), [2, 1, 0]);
}

#[tokio::test]
async fn a_full_window_and_a_refusal_have_lists_of_their_own() {
    let settings = format!(
        "{NO_RETRIES}, fallbacks: [{{a: [c]}}], context_window_fallbacks: [{{a: [b]}}], default_fallbacks: [c]"
    );
    let window = code(400, "context_length_exceeded", "maximum context length is 8192 tokens");
    let (upstreams, gateway) = three([window, says("from b"), says("from c")], &settings).await;
    assert_eq!(said(&gateway.call(&Request::chat(&ask("a"))).await.json()), "from b");
    assert_eq!(counts(&upstreams), [1, 1, 0]);

    let refusal = || code(400, "content_policy_violation", "the safety system says no");
    let (upstreams, gateway) = three([refusal(), says("from b"), says("from c")], &settings).await;
    let response = gateway.call(&Request::chat(&ask("a"))).await;
    assert_eq!(response.status, 400);
    assert!(response.text().contains("the safety system says no"), "{}", response.text());
    assert_eq!(counts(&upstreams), [1, 0, 0], "a refusal is not routed around");

    let settings = format!("{settings}, content_policy_fallbacks: [{{a: [b]}}]");
    let (_upstreams, gateway) = three([refusal(), says("from b"), says("from c")], &settings).await;
    assert_eq!(said(&gateway.call(&Request::chat(&ask("a"))).await.json()), "from b");
    let settings =
        format!("{NO_RETRIES}, fallbacks: [{{a: [c]}}]}}\ntollgate: {{rescue: {{refusals_use_fallbacks: true}}");
    let (_upstreams, gateway) = three([refusal(), says("from b"), says("from c")], &settings).await;
    assert_eq!(said(&gateway.call(&Request::chat(&ask("a"))).await.json()), "from c");
}

#[tokio::test]
async fn a_request_brings_its_own_fallbacks() {
    let settings = format!("{NO_RETRIES}, fallbacks: [{{a: [c]}}]");
    let (upstreams, gateway) = three([Reply::error(500, "broken"), says("from b"), says("from c")], &settings).await;
    let mut request = ask("a");
    request["fallbacks"] =
        json!([{"model": "b", "messages": [{"role": "user", "content": "shorter"}], "temperature": 0}]);
    let response = gateway.call(&Request::chat(&request)).await;
    assert_eq!(said(&response.json()), "from b", "{}", response.text());
    let sent = upstreams[1].last().json();
    assert_eq!((&sent["messages"][0]["content"], &sent["temperature"]), (&json!("shorter"), &json!(0)));
    assert!(sent.get("fallbacks").is_none());
    request["fallbacks"] = json!("b");
    let response = gateway.call(&Request::chat(&request)).await;
    assert_eq!((response.status, response.json()["error"]["param"].as_str()), (400, Some("fallbacks")));
}

#[tokio::test]
async fn a_stream_falls_back_before_it_has_begun() {
    let overloaded = json!({"error": {"message": "overloaded", "type": "server_error", "code": 503}});
    for failure in [
        Reply::stream([Step::event(overloaded), Step::end()]),
        Reply::stream([Step::Cut]),
        Reply::error(503, "away"),
        Reply::text(200, "text/html", "<html>busy</html>"),
    ] {
        let settings = format!("{NO_RETRIES}, fallbacks: [{{a: [b]}}]");
        let (_upstreams, gateway) = three([failure, stream(&["from", " b"]), hello()], &settings).await;
        let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
        assert_eq!((response.status, response.streamed_text().as_str()), (200, "from b"), "{}", response.text());
        assert!(response.text().ends_with("data: [DONE]\n\n"));
        assert!(!response.text().contains("overloaded"));
    }
}

#[tokio::test]
async fn failures_can_be_mocked_to_try_the_fallbacks_out() {
    let settings = format!(
        "{NO_RETRIES}, fallbacks: [{{a: [b]}}], context_window_fallbacks: [{{a: [c]}}], content_policy_fallbacks: [{{a: [c]}}]"
    );
    let (upstreams, gateway) = three([says("from a"), says("from b"), says("from c")], &settings).await;
    for (flag, expected) in [
        ("mock_testing_fallbacks", "from b"),
        ("mock_testing_context_fallbacks", "from c"),
        ("mock_testing_content_policy_fallbacks", "from c"),
    ] {
        let mut request = ask("a");
        request[flag] = true.into();
        assert_eq!(said(&gateway.call(&Request::chat(&request)).await.json()), expected, "{flag}");
    }
    assert_eq!(upstreams[0].count(), 0);
}

#[tokio::test]
async fn a_limit_can_be_mocked_to_try_retries_out() {
    let upstream = Upstream::start([says("from a"), says("from a"), says("from a")]).await;
    let gateway =
        Gateway::start(&config(&[deployment("a", &upstream, "")], "router_settings: {num_retries: 2}\n")).await;
    let ask = async |retries: Option<u32>| {
        let mut request = ask("a");
        request["mock_testing_rate_limit_error"] = true.into();
        request["num_retries"] = retries.into();
        gateway.call(&Request::chat(&request)).await
    };
    let answered = ask(None).await;
    assert_eq!((answered.status, answered.header("x-litellm-attempted-retries")), (200, Some("1")));
    let refused = ask(Some(0)).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("mock exception"), "{}", refused.text());
    // The deployment was not asked, and is not to blame.
    assert_eq!((upstream.count(), ask(None).await.status), (1, 200));
}

/// An outage of everything: after the first failures nobody is asked in vain again and again.
#[tokio::test]
async fn an_outage_does_not_become_a_storm() {
    let broken = || Reply::error(503, "away");
    let settings = "retry_after: 0, cooldown_time: 0.001, fallbacks: [{a: [b]}]";
    let (upstreams, gateway) = three([broken(), broken(), broken()], settings).await;
    const REQUESTS: usize = 400;
    let mut client = gateway.connect().await;
    for _ in 0..REQUESTS {
        let mut request = ask("a");
        request["num_retries"] = 0.into();
        client.send(&Request::chat(&request)).await;
        let status = client.response().await.status;
        assert!([429, 503].contains(&status), "{status}");
    }
    let attempts = upstreams[0].count() + upstreams[1].count();
    // Besides what the account holds at the beginning.
    assert!(attempts <= REQUESTS * 11 / 10 + 10 + 1, "{attempts}");
}

#[tokio::test]
async fn a_lone_deployment_with_a_fallback_is_left_alone_and_comes_back() {
    let settings = "num_retries: 0, cooldown_time: 0.5, fallbacks: [{a: [b]}]";
    let (upstreams, gateway) = three([Reply::error(503, "away"), says("from b"), hello()], settings).await;
    for _ in 0..10 {
        assert_eq!(said(&gateway.call(&Request::chat(&ask("a"))).await.json()), "from b");
    }
    // Three in a row, and now and then one that finds out.
    let asked = upstreams[0].count();
    assert!((3..10).contains(&asked), "{asked}");
    upstreams[0].now_answers([says("from a")]);
    crate::support::eventually_async("the first model to come back", async || {
        (said(&gateway.call(&Request::chat(&ask("a"))).await.json()) == "from a").then_some(())
    })
    .await;
}
