//! Upstreams that misbehave: each failure stays with its request, has the right status, and is gone with the next one.

use serde_json::json;

use crate::support::openai::{ask, ask_stream, chunk, config, deployment, hello};
use crate::support::{Gateway, Reply, Request, Step, Upstream};

fn raw(text: impl AsRef<[u8]>) -> Reply {
    Reply::steps([Step::Write(text.as_ref().to_vec()), Step::Cut])
}

fn json_head(more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{more}\r\n")
}

/// What it does, and the status that the client gets for it.
fn misbehaviours() -> Vec<(&'static str, Reply, u16)> {
    let endless_header = format!("HTTP/1.1 200 OK\r\nx-endless: {}", "x".repeat(2 << 20));
    let many_headers: String = (0..2000).map(|number| format!("x-{number}: y\r\n")).collect();
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(1000);
    vec![
        ("nothing but an end", raw(""), 500),
        ("no HTTP at all", raw("220 smtp.example ESMTP\r\n"), 500),
        ("an impossible status", raw("HTTP/1.1 99999 What\r\ncontent-length: 0\r\n\r\n"), 500),
        ("half a status line", raw("HTTP/1."), 500),
        ("a header without an end", raw(endless_header), 500),
        ("too many headers", raw(format!("HTTP/1.1 200 OK\r\n{many_headers}\r\n{{}}")), 500),
        ("a storm of interim answers", raw(interim), 500),
        ("less than the promised length", raw(json_head("content-length: 100\r\n") + "{}"), 500),
        (
            "a chunk size that is no number",
            raw(json_head("transfer-encoding: chunked\r\n") + "zz\r\n{}\r\n0\r\n\r\n"),
            500,
        ),
        ("a chunked body without its end", raw(json_head("transfer-encoding: chunked\r\n") + "2\r\n{}\r\n"), 500),
        ("a page instead of JSON", Reply::text(200, "text/html", "<html>Welcome to the captive portal</html>"), 500),
        ("an empty answer", Reply::text(200, "application/json", ""), 500),
        ("half an answer that says it is whole", Reply::text(200, "application/json", "{\"id\": \"x\", \"cho"), 500),
        ("a page with an error", Reply::text(502, "text/html", "<html>Bad gateway</html>"), 500),
        ("an error without a body", Reply::text(500, "application/json", ""), 500),
        ("a redirect", Reply::text(302, "text/plain", "").header("location", "http://127.0.0.1:9/"), 500),
    ]
}

#[tokio::test]
async fn each_is_an_error_of_its_own_and_the_next_request_is_served() {
    let upstream = Upstream::start([hello()]).await;
    let settings = "router_settings: {num_retries: 0, disable_cooldowns: true}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    for (what, reply, status) in misbehaviours() {
        for body in [ask("gpt"), ask_stream("gpt")] {
            upstream.now_answers([reply.clone()]);
            let response = gateway.call(&Request::chat(&body)).await;
            assert_eq!(response.status, status, "{what}, {body}: {}", response.text());
            assert!(response.json()["error"]["message"].is_string(), "{what}");
            upstream.now_answers([hello()]);
            assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200, "after {what}");
        }
    }
    assert!(!gateway.output().contains("panicked"), "{}", gateway.output());
}

#[tokio::test]
async fn a_stream_that_turns_bad_ends_with_an_error() {
    let good = || Step::event(chunk("good"));
    let bad = [
        ("no JSON", vec![good(), Step::event("{\"id\": "), Step::end()]),
        ("an error event", vec![good(), Step::event(json!({"error": {"message": "told in the stream"}})), Step::end()]),
        ("a line without an end", vec![good(), Step::chunk(format!("data: {}", "x".repeat(3 << 20))), Step::end()]),
        ("a broken chunk", vec![good(), Step::Write(b"zz\r\n".to_vec()), Step::Cut]),
    ];
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    for (what, steps) in bad {
        upstream.now_answers([Reply::stream(steps)]);
        let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
        assert_eq!((response.status, response.streamed_text().as_str()), (200, "good"), "{what}");
        let events = response.events();
        let last: serde_json::Value = serde_json::from_str(events.last().unwrap()).unwrap();
        assert!(last["error"]["message"].is_string(), "{what}: {last}");
        assert!(!events.iter().any(|data| data == "[DONE]"), "{what}");
    }
}
