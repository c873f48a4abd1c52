//! Nothing that one request carries is ever taken for another request: early answers, pipelining, doubtful framing.

use crate::support::openai::{ask, one_model};
use crate::support::{Gateway, KEY, Received, Reply, Request, Upstream};

async fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start([Reply::json(200, &crate::support::openai::answer("Hello"))]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    (upstream, gateway)
}

/// A whole request that hides in somebody's body.
fn hidden() -> String {
    String::from_utf8(Request::post("/v1/embeddings", &ask("gpt")).to_bytes()).unwrap()
}

/// No request may reach the upstream that nobody sent openly.
fn assert_nothing_hidden(received: &[Received]) {
    for request in received {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
        assert_eq!(request.header("transfer-encoding"), None, "one framing upstream");
    }
}

#[tokio::test]
async fn a_body_that_was_not_read_is_not_the_next_request() {
    let refused = [
        Request::chat(&ask("gpt")).without_key(),
        Request::chat(&ask("gpt")).key("sk-unknown"),
        Request::new("POST", "/nothing/here", Vec::new()),
        Request::chat(&ask("gpt")).header("content-encoding", "gzip"),
    ];
    for mut request in refused {
        let (upstream, gateway) = start().await;
        request.body = hidden().into_bytes();
        let mut client = gateway.connect().await;
        client.send(&request).await;
        let response = client.response().await;
        assert!((400..500).contains(&response.status) && response.complete, "{response:?}");
        // Either the connection ends here, or the next request on it is answered for what it is.
        client.send(&Request::get("/health/liveliness")).await;
        let rest = client.rest_or_response().await;
        assert!(rest.is_empty() || rest.contains("I'm alive!"), "{rest}");
        assert_eq!(upstream.count(), 0);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_or_not_at_all() {
    let (upstream, gateway) = start().await;
    let mut client = gateway.connect().await;
    let chat = Request::chat(&ask("gpt"));
    let both = [chat.to_bytes(), Request::get("/health/liveliness").to_bytes()].concat();
    client.send_raw(&both).await;
    assert_eq!(client.response().await.status, 200);
    let rest = client.rest_or_response().await;
    assert!(rest.is_empty() || rest.contains("I'm alive!"), "{rest}");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn doubtful_framing_is_refused_or_read_in_one_way() {
    let body = ask("gpt").to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {KEY}\r\n");
    let framings = [
        format!("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n{chunked}", chunked.len()),
        format!("content-length: {}\r\ncontent-length: {}\r\n\r\n{body}", body.len(), body.len() + 1),
        format!("content-length: +{}\r\n\r\n{body}", body.len()),
        format!("content-length: 0x{:x}\r\n\r\n{body}", body.len()),
        format!("content-length : {}\r\n\r\n{body}", body.len()),
        format!("transfer-encoding: identity, chunked\r\n\r\n{chunked}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n{chunked}"),
        format!("transfer-encoding: xchunked\r\n\r\n{chunked}"),
        format!("transfer-encoding : chunked\r\n\r\n{chunked}"),
        format!("transfer-encoding:\x0bchunked\r\n\r\n{chunked}"),
        format!("x: y\r\n transfer-encoding: chunked\r\n\r\n{chunked}"),
        format!("upgrade: websocket\r\nconnection: upgrade\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
    ];
    for framing in framings {
        let (upstream, gateway) = start().await;
        let mut client = gateway.connect().await;
        client.send_raw(format!("{head}{framing}{}", hidden()).as_bytes()).await;
        client.finish_sending().await;
        let answers = client.rest().await;
        let successes = answers.matches("HTTP/1.1 200").count();
        let received = upstream.received();
        assert!(received.len() <= 1 && successes <= 1, "{framing:?}: {} upstream, {answers}", received.len());
        assert_nothing_hidden(&received);
        assert!(received.iter().all(|request| request.json()["messages"].is_array()), "{framing:?}");
    }
}

#[tokio::test]
async fn headers_of_the_hop_and_of_the_client_stay_here() {
    let (upstream, gateway) = start().await;
    let request = Request::chat(&ask("gpt"))
        .header("connection", "keep-alive, x-secret-hop")
        .header("x-secret-hop", "1")
        .header("te", "trailers")
        .header("proxy-authorization", "Basic eA==")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "192.0.2.7")
        .header("x-litellm-tags", "a,b");
    assert_eq!(gateway.call(&request).await.status, 200);
    let received = upstream.last();
    for name in ["x-secret-hop", "te", "proxy-authorization", "cookie", "x-litellm-tags", "x-forwarded-for"] {
        assert_eq!(received.header(name), None, "{name} went up");
    }
    assert_eq!(received.header("host"), Some(upstream.authority().as_str()));
    assert_eq!(received.header("authorization"), Some("Bearer sk-upstream"));
}
