//! A body arrives whole and unchanged but for the model's name, whatever its size, its framing, and the number of
//! attempts that it takes.
//!
//! Sizes stand around every power of two, because that is where buffers end; 64 KiB is where Pingora's retry buffer does.

use crate::support::openai::{UPSTREAM_MODEL, answer, config, deployment};
use crate::support::{Gateway, Reply, Request, Upstream, h2c_call};

/// Before and behind the padding.
const PREFIX: &str = r#"{"model":"gpt","messages":[],"user":""#;
const SUFFIX: &str = r#""}"#;

/// One each around the powers of two up to 1 MiB; beyond that the powers only, and 20 MB.
fn sizes() -> Vec<usize> {
    let near = (0..=20).flat_map(|power| [(1_usize << power) - 1, 1 << power, (1 << power) + 1]);
    let far = (21..=24).map(|power| 1 << power);
    let mut sizes: Vec<usize> = near.chain(far).chain([20_000_000]).collect();
    sizes.dedup();
    sizes
}

/// A request of exactly `size` bytes; below the shortest valid one it breaks off. The padding has no short period, so
/// that a lost, doubled or moved piece shows.
fn body(size: usize) -> Vec<u8> {
    let padding = size.saturating_sub(PREFIX.len() + SUFFIX.len());
    let mut state = 1_u32;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    });
    let mut body: Vec<u8> = PREFIX.bytes().chain(letters.take(padding)).chain(SUFFIX.bytes()).collect();
    body.truncate(size);
    body
}

fn is_whole(size: usize) -> bool {
    size >= PREFIX.len() + SUFFIX.len()
}

/// What the upstream must get for it.
fn renamed(body: &[u8]) -> Vec<u8> {
    let rest = &body[r#"{"model":"gpt"#.len()..];
    [format!(r#"{{"model":"{UPSTREAM_MODEL}"#).as_bytes(), rest].concat()
}

/// Three deployments at one upstream, so that attempts follow each other without a pause.
async fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start([Reply::error(503, "not started")]).await;
    let entries: Vec<String> =
        (0..3).map(|number| deployment("gpt", &upstream, &format!("rpm: {}", 1000 + number))).collect();
    let settings = "router_settings: {num_retries: 2, disable_cooldowns: true}\ntollgate: {h2c: true}";
    let gateway = Gateway::start(&config(&entries, settings)).await;
    (upstream, gateway)
}

fn two_failures_then_success() -> [Reply; 3] {
    [Reply::error(503, "first"), Reply::error(503, "second"), Reply::json(200, &answer("whole"))]
}

/// What must be true at the client and at the upstream for a request with `sent` as its body.
fn check(what: &str, sent: &[u8], status: u16, upstream: &Upstream) {
    let received = upstream.received();
    upstream.forget();
    if !is_whole(sent.len()) {
        assert_eq!((status, received.len()), (400, 0), "{what}: half a body is refused here");
        return;
    }
    assert_eq!((status, received.len()), (200, 3), "{what}");
    let expected = renamed(sent);
    for (attempt, request) in received.iter().enumerate() {
        assert_eq!(request.header("content-length"), Some(expected.len().to_string().as_str()), "{what}");
        assert!(request.body == expected, "{what}: attempt {attempt} got {} changed bytes", request.body.len());
    }
}

#[tokio::test]
async fn over_http_1_with_a_length() {
    let (upstream, gateway) = start().await;
    for size in sizes() {
        upstream.now_answers(two_failures_then_success());
        let request = Request::new("POST", "/v1/chat/completions", body(size));
        let response = gateway.call(&request).await;
        check(&format!("{size} bytes, sized"), &request.body, response.status, &upstream);
    }
}

#[tokio::test]
async fn over_http_1_in_chunks() {
    let (upstream, gateway) = start().await;
    for size in sizes() {
        // Chunks that end on no boundary of anybody's buffer; tiny ones for small bodies.
        let chunk = if size < 5000 { 7 } else { 16_411 };
        upstream.now_answers(two_failures_then_success());
        let request = Request::new("POST", "/v1/chat/completions", body(size)).chunked(chunk);
        let response = gateway.call(&request).await;
        check(&format!("{size} bytes in chunks of {chunk}"), &request.body, response.status, &upstream);
    }
}

#[tokio::test]
async fn over_http_2() {
    let (upstream, gateway) = start().await;
    let around_64k = [65_535, 65_536, 65_537];
    for size in sizes().into_iter().filter(|size| size.is_power_of_two()).chain(around_64k).chain([0, 20_000_000]) {
        upstream.now_answers(two_failures_then_success());
        let request = Request::new("POST", "/v1/chat/completions", body(size));
        let response = h2c_call(gateway.port, &request).await;
        check(&format!("{size} bytes over h2c"), &request.body, response.status, &upstream);
    }
}

#[tokio::test]
async fn http_2_is_refused_unless_it_is_switched_on() {
    let upstream = Upstream::start([Reply::json(200, &answer("no"))]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "")).await;
    let mut client = gateway.connect().await;
    client.send_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let answer = client.rest().await;
    assert!(!answer.contains(" 200 "), "{answer:?}");
    assert_eq!(upstream.count(), 0);
}
