//! An answer arrives whole and unchanged but for the model's name, whatever its size and its framing.

use crate::support::openai::{UPSTREAM_MODEL, ask, one_model};
use crate::support::{Gateway, Reply, Request, Step, Upstream};

/// Strange but legal: spaces, an escaped slash, a number that no double holds, a field that nobody knows.
const BEFORE_MODEL: &str = r#"{ "id":"a\/b", "n" : 0.10000000000000000000001,"model": ""#;
const BEFORE_PADDING: &str = r#"", "unknown":{"model":"mine"},"padding":""#;
const END: &str = "\"}\n";

/// An answer that the model's name splits, of `size` bytes together with the name.
fn answer(size: usize, model: &str) -> String {
    let bare = BEFORE_MODEL.len() + UPSTREAM_MODEL.len() + BEFORE_PADDING.len() + END.len();
    let padding: String = (0..size.saturating_sub(bare)).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    format!("{BEFORE_MODEL}{model}{BEFORE_PADDING}{padding}{END}")
}

fn framings(body: &str) -> [Reply; 3] {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunks = body.as_bytes().chunks(7919).map(Step::chunk);
    [
        Reply::text(200, "application/json", body),
        Reply::steps(
            std::iter::once(Step::Write(format!("{head}transfer-encoding: chunked\r\n\r\n").into()))
                .chain(chunks)
                .chain([Step::end()]),
        ),
        Reply::steps([Step::Write(format!("{head}connection: close\r\n\r\n{body}").into()), Step::Cut]),
    ]
}

#[tokio::test]
async fn every_size_and_framing() {
    let upstream = Upstream::start([Reply::error(500, "no script")]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let near = (7..=20).flat_map(|power| [(1_usize << power) - 1, 1 << power, (1 << power) + 1]);
    for size in near.chain([10_000_000]) {
        let expected = answer(size, "gpt");
        for (number, reply) in framings(&answer(size, UPSTREAM_MODEL)).into_iter().enumerate() {
            upstream.now_answers([reply]);
            let response = gateway.call(&Request::chat(&ask("gpt"))).await;
            assert_eq!((response.status, response.complete), (200, true), "{size} bytes, framing {number}");
            assert!(response.body == expected.as_bytes(), "{size} bytes, framing {number}: changed");
        }
    }
}
