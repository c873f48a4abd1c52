//! Connections on both sides: kept, replaced when stale, never mixed up, and asked for a body only when it is wanted.

use serde_json::json;

use crate::support::openai::{ask, ask_stream, config, deployment, hello, one_model, stream};
use crate::support::{Gateway, KEY, Reply, Request, Step, Upstream, h2c_call};

/// Without retries: what a stale connection costs must not look like one.
async fn start(script: impl IntoIterator<Item = Reply>, settings: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(script).await;
    let settings = format!("router_settings: {{num_retries: 0, disable_cooldowns: true}}\n{settings}");
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], &settings)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn an_upstreams_connection_is_used_again() {
    let (upstream, gateway) = start([hello(), stream(&["Hello"]), hello()], "").await;
    for body in [ask("gpt"), ask_stream("gpt"), ask("gpt")] {
        assert_eq!(gateway.call(&Request::chat(&body)).await.status, 200);
    }
    let connections: Vec<usize> = upstream.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_is_replaced_unseen() {
    let whole = || Reply::json(200, &crate::support::openai::answer("Hello"));
    let then_closed = || Reply::steps(whole().0.into_iter().chain([Step::Cut]));
    // Closed while it was idle, and closed at the moment when the next request came.
    for script in [vec![then_closed(), whole()], vec![whole(), Reply::steps([Step::Cut]), whole()]] {
        let (upstream, gateway) = start(script, "").await;
        for _ in 0..2 {
            let response = gateway.call(&Request::chat(&ask("gpt"))).await;
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.header("x-litellm-attempted-retries"), Some("0"));
        }
        assert_eq!(upstream.last().connection, 1);
    }
}

#[tokio::test]
async fn a_connection_with_bytes_too_many_is_not_used_again() {
    let Reply(mut steps) = hello();
    steps.push(Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()));
    let (_upstream, gateway) = start([Reply(steps), hello()], "").await;
    for _ in 0..3 {
        let response = gateway.call(&Request::chat(&ask("gpt"))).await;
        assert_eq!(response.json()["choices"][0]["message"]["content"], "Hello", "{response:?}");
    }
}

#[tokio::test]
async fn answers_never_reach_the_wrong_client() {
    let (_upstream, gateway) = start([Reply::steps([Step::Echo])], "").await;
    let one_client = |name: String| {
        let gateway = &gateway;
        async move {
            let mut client = gateway.connect().await;
            for number in 0..20 {
                let user = format!("{name}-{number}");
                let mut body = ask("gpt");
                body["user"] = json!(user);
                client.send(&Request::chat(&body)).await;
                assert_eq!(client.response().await.json()["choices"][0]["message"]["content"], user);
            }
        }
    };
    futures::future::join_all((0..30).map(|number| one_client(format!("client-{number}")))).await;
}

#[tokio::test]
async fn a_body_is_asked_for_only_when_it_is_wanted() {
    let (upstream, gateway) = start([hello()], "").await;
    let body = ask("gpt").to_string();
    let head = |key: &str, length: usize| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {key}\r\n\
             expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut welcome = gateway.connect().await;
    welcome.send_raw(head(KEY, body.len()).as_bytes()).await;
    assert_eq!(welcome.interim().await, 100);
    welcome.send_raw(body.as_bytes()).await;
    assert_eq!(welcome.response().await.status, 200);
    for (key, length, status) in [("sk-unknown", body.len(), 401), (KEY, 200_000_000, 413)] {
        let mut refused = gateway.connect().await;
        refused.send_raw(head(key, length).as_bytes()).await;
        assert_eq!(refused.interim().await, status, "{length}");
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn streams_and_errors_go_over_http_2_too() {
    let (upstream, gateway) = start([stream(&["Hel", "lo"]), hello()], "tollgate: {h2c: true}").await;
    let streamed = h2c_call(gateway.port, &Request::chat(&ask_stream("gpt"))).await;
    assert_eq!((streamed.status, streamed.streamed_text().as_str()), (200, "Hello"));
    assert_eq!(streamed.events().last().unwrap(), "[DONE]");
    assert!(streamed.header("transfer-encoding").is_none() && streamed.header("connection").is_none());
    let whole = h2c_call(gateway.port, &Request::chat(&ask("gpt"))).await;
    assert_eq!((whole.status, whole.complete), (200, true));
    let refused = h2c_call(gateway.port, &Request::chat(&ask("gpt")).without_key()).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &json!("401")));
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served_and_let_go() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let body = ask("gpt").to_string();
    let mut client = gateway.connect().await;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.send_raw(request.as_bytes()).await;
    let answer = client.rest().await;
    assert!(answer.contains(" 200 ") && answer.contains("Hello"), "{answer}");
    assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
}
