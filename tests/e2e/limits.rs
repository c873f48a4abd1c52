//! Sizes and encodings that are refused, in a way that the client can read.

use serde_json::json;

use crate::support::openai::{ask, config, deployment, hello};
use crate::support::{Gate, Gateway, Request, Response, Upstream, within};

const LIMIT: usize = 1024 * 1024;

async fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start([hello()]).await;
    let settings = "general_settings: {master_key: sk-e2e-master, max_request_size_mb: 1}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    (upstream, gateway)
}

fn sized(bytes: usize) -> Request {
    let mut body = ask("gpt");
    let bare = body.to_string().len() + r#","user":"""#.len();
    body["user"] = json!("x".repeat(bytes - bare));
    let request = Request::chat(&body);
    assert_eq!(request.body.len(), bytes);
    request
}

fn assert_refused(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
    assert!(response.complete);
    let error = &response.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["code"], status.to_string());
}

#[tokio::test]
async fn a_body_at_the_limit_passes() {
    let (upstream, gateway) = start().await;
    for request in [sized(LIMIT), sized(LIMIT).chunked(10_000)] {
        assert_eq!(gateway.call(&request).await.status, 200);
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body_is_read() {
    let (upstream, gateway) = start().await;
    let mut client = gateway.connect().await;
    let head = sized(10 * LIMIT).to_bytes();
    let head_end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    client.send_raw(&head[..head_end]).await;
    assert_refused(&client.response().await, 413);
    // A client in the middle of its body is listened to, or a reset would overtake the answer on its way.
    for piece in head[head_end..].chunks(64 * 1024) {
        assert!(client.can_send(piece).await);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_413_can_be_read_by_a_client_that_sends_everything_first() {
    let (upstream, gateway) = start().await;
    for request in
        [sized(LIMIT + 1), sized(LIMIT + 1).chunked(10_000), sized(8 * LIMIT), sized(8 * LIMIT).chunked(10_000)]
    {
        assert_refused(&gateway.call(&request).await, 413);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let (upstream, gateway) = start().await;
    for encoding in ["gzip", "br", "zstd", "deflate"] {
        let request = Request::chat(&ask("gpt")).header("content-encoding", encoding);
        assert_refused(&gateway.call(&request).await, 415);
    }
    let identity = Request::chat(&ask("gpt")).header("content-encoding", "identity");
    assert_eq!(gateway.call(&identity).await.status, 200);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let (upstream, gateway) = start().await;
    let mut client = gateway.connect().await;
    for request in
        [sized(200), sized(LIMIT), sized(300).chunked(7), sized(200).key("sk-wrong-key-of-somebody"), sized(200)]
    {
        client.send(&request).await;
        assert!(client.response().await.complete);
    }
    assert_eq!(upstream.count(), 4);
    assert_eq!(upstream.last().connection, 0, "the upstream's connection is kept too");
}

#[tokio::test]
async fn more_at_once_than_allowed_is_refused_at_once() {
    let gate = Gate::new();
    let upstream = Upstream::start([hello().after(&gate)]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "tollgate: {max_in_flight: 2}")).await;
    let mut held = Vec::new();
    for count in 1..=2 {
        let mut client = gateway.connect().await;
        client.send(&sized(200)).await;
        upstream.has_received(count).await;
        held.push(client);
    }
    let refused = gateway.call(&sized(200)).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    let alive = gateway.call(&Request::get("/health/liveliness")).await;
    assert_eq!(alive.status, 200, "supervisors are always answered");
    gate.open();
    for mut client in held {
        assert_eq!(client.response().await.status, 200);
    }
    // The places are free again, a moment after the answers.
    let again = async { while gateway.call(&sized(200)).await.status != 200 {} };
    within("a free place", again).await;
    assert_eq!(upstream.count(), 3);
}
