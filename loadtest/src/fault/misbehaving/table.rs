//! The table: what each upstream does, and what its client must get.

use std::net::SocketAddr;

use super::raw::{Hears, Step};
use super::wire::{
    GOAWAY, JSON, LAST_CHUNK, SSE, TOKENS, chunk, events, finish, gzip, head, json, sized, stream, tokens, unsized_body,
};
use Step::{Beat, Drip, Hold, Repeat, Reset, Write};

/// Seconds for which a silent or dripping upstream goes on; then it hangs up.
const LONG: f64 = 30.0;
/// Bytes of an endless thing, at most.
const ENDLESS: usize = 1 << 30;
/// Bytes of one write of it.
const PIECE: usize = 64 * 1024;

/// How the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Json,
    Stream,
    /// JSON, with a body that does not fit into what the kernel buffers.
    Large,
}

/// What is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing of it is of use: the fallback's whole answer; alone an error with a status.
    Elsewhere,
    /// As [`Right::Elsewhere`]; alone it is 429.
    Limited,
    /// It may be understood or refused, but not passed on as it is.
    Either,
    /// Some of the answer was delivered: the whole of it, or an error event.
    Rescued,
}

/// An upstream.
pub struct Row {
    pub what: &'static str,
    pub ask: Ask,
    pub right: Right,
    pub hears: Hears,
    pub steps: Vec<Step>,
}

fn row(what: &'static str, ask: Ask, right: Right, steps: Vec<Step>) -> Row {
    Row { what, ask, right, hears: Hears::All, steps }
}

/// All of them; `own` is where the upstream listens.
pub fn rows(own: SocketAddr) -> Vec<Row> {
    [heads(), lengths(), chunks(), bodies(), statuses(own), first_events(), later_events(), hang_ups()]
        .into_iter()
        .flatten()
        .collect()
}

/// How many there are.
pub fn count() -> usize {
    rows(SocketAddr::from(([127, 0, 0, 1], 0))).len()
}

fn heads() -> Vec<Row> {
    use Ask::{Json, Stream};
    use Right::{Either, Elsewhere};
    let ok = || sized("200 OK", JSON, &json());
    let interim = || b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".to_vec();
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    let begun = || Write(b"HTTP/1.1 200 OK\r\nx-endless: ".to_vec());
    let dripping = || format!("HTTP/1.1 200 OK\r\nx-drip: {}", "x".repeat(270)).into_bytes();
    vec![
        row(
            "a status line that is none",
            Json,
            Elsewhere,
            vec![Write(b"\x16\x03\x01\xff this is not HTTP\r\n\r\n".to_vec())],
        ),
        row("status 99999", Json, Elsewhere, vec![Write(b"HTTP/1.1 99999 What\r\ncontent-length: 0\r\n\r\n".to_vec())]),
        row("half a status line", Json, Elsewhere, vec![Write(b"HTTP/1.".to_vec())]),
        row(
            "a header field without an end",
            Json,
            Elsewhere,
            vec![begun(), Repeat(vec![b'x'; PIECE], ENDLESS / PIECE)],
        ),
        row(
            "header fields without an end",
            Json,
            Elsewhere,
            vec![Write(b"HTTP/1.1 200 OK\r\n".to_vec()), Repeat(b"x-one: more\r\n".repeat(1000), ENDLESS / 13_000)],
        ),
        row("a header that drips, a byte every 100 ms", Stream, Elsewhere, vec![Drip(dripping())]),
        row(
            "the end in the middle of the header",
            Json,
            Elsewhere,
            vec![Write(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())],
        ),
        row("a thousand 103s before the answer", Json, Either, vec![Repeat(interim(), 1000), Write(ok())]),
        row(
            "100 Continue, unasked, then the answer",
            Json,
            Either,
            vec![Write(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), Write(ok())],
        ),
        row("101, unasked", Json, Elsewhere, vec![Write(upgrade.into()), Hold(5.0)]),
        row("HTTP/2: GOAWAY", Json, Elsewhere, vec![Write(GOAWAY.to_vec())]),
        row(
            "a line end within a header value",
            Json,
            Either,
            vec![Write(sized("200 OK", "content-type: application/json\r\nx-a: b\rset-cookie: evil=1\r\n", &json()))],
        ),
        row(
            "a NUL within a header value",
            Json,
            Either,
            vec![Write(sized("200 OK", "content-type: application/json\r\nx-a: b\0evil=1\r\n", &json()))],
        ),
    ]
}

fn lengths() -> Vec<Row> {
    use Ask::Json;
    use Right::{Either, Elsewhere};
    let length = json().len();
    let with = |length: &str| Write([head("200 OK", &format!("{JSON}{length}")), json().into_bytes()].concat());
    let (large, small) = (format!("content-length: {}\r\n", length + 9), format!("content-length: {}\r\n", length - 9));
    let two = format!("content-length: {length}\r\ncontent-length: 5\r\n");
    let to_the_end = [b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n", json().as_bytes()].concat();
    vec![
        row("a content-length that is too large", Json, Elsewhere, vec![with(&large)]),
        row("a content-length that is too small", Json, Elsewhere, vec![with(&small)]),
        row("two content-lengths", Json, Either, vec![with(&two)]),
        row("HTTP/1.0, up to the end of the connection", Json, Either, vec![Write(to_the_end)]),
    ]
}

fn chunks() -> Vec<Row> {
    use Ask::{Json, Stream};
    use Right::{Either, Elsewhere, Rescued};
    let chunked = format!("{JSON}transfer-encoding: chunked\r\n");
    let sized_too = format!("{chunked}content-length: 5\r\n");
    let with = |size: &str| Write([&head("200 OK", &chunked)[..], size.as_bytes(), json().as_bytes()].concat());
    let both = [head("200 OK", &sized_too), chunk(&json()), LAST_CHUNK.to_vec()].concat();
    let begun = || Write(stream(&tokens(0..2)));
    let trailers = b"0\r\nx-trailer: 1\r\n\r\n".to_vec();
    vec![
        row("transfer-encoding and content-length", Json, Either, vec![Write(both)]),
        row("a chunk size that is no number", Json, Elsewhere, vec![with("zz\r\n")]),
        row("a chunk size beyond all numbers", Json, Elsewhere, vec![with("fffffffffffffffff\r\n")]),
        row("a chunk size that is no number, later", Stream, Rescued, vec![begun(), Write(b"zz\r\n".to_vec())]),
        row("trailers", Stream, Either, vec![Write(stream(&events())), Write(trailers)]),
    ]
}

fn bodies() -> Vec<Row> {
    use Ask::{Json, Stream};
    use Right::{Either, Elsewhere};
    let page = "<html><body>Welcome to the captive portal</body></html>";
    let html = "content-type: text/html\r\n";
    let packed = gzip(json().as_bytes());
    let encoded = format!("{JSON}content-encoding: gzip\r\ncontent-length: {}\r\n", packed.len());
    vec![
        row("200 with a page", Json, Elsewhere, vec![Write(sized("200 OK", html, page))]),
        row("200 with a page instead of a stream", Stream, Elsewhere, vec![Write(sized("200 OK", html, page))]),
        row("200 with nothing in it", Json, Elsewhere, vec![Write(sized("200 OK", JSON, ""))]),
        row(
            "a stream with nothing in it",
            Stream,
            Elsewhere,
            vec![Write(head("200 OK", SSE)), Write(LAST_CHUNK.to_vec())],
        ),
        row("204", Json, Elsewhere, vec![Write(head("204 No Content", ""))]),
        row("gzip, unasked", Json, Either, vec![Write([head("200 OK", &encoded), packed].concat())]),
        row(
            "JSON behind a byte order mark",
            Json,
            Either,
            vec![Write(sized("200 OK", JSON, &format!("\u{feff}{}", json())))],
        ),
        row(
            "half an answer that says it is whole",
            Json,
            Elsewhere,
            vec![Write(sized("200 OK", JSON, "{\"id\":\"x\",\"cho"))],
        ),
        row("JSON that is no answer", Json, Elsewhere, vec![Write(sized("200 OK", JSON, "[1, 2, 3]"))]),
        row(
            "a stream called text/plain",
            Stream,
            Either,
            vec![Write(unsized_body("200 OK", "content-type: text/plain\r\n", &events()))],
        ),
    ]
}

fn statuses(own: SocketAddr) -> Vec<Row> {
    use Ask::{Json, Large, Stream};
    use Right::{Elsewhere, Limited};
    let page = "<html><body>Bad gateway</body></html>";
    let moved = format!("location: http://{own}/followed\r\n");
    let limited = |after: &str| {
        let body = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
        vec![Write(sized("429 Too Many Requests", &format!("{JSON}retry-after: {after}\r\n"), body))]
    };
    let unwell = r#"{"error":{"message":"overloaded"}}"#;
    vec![
        row(
            "502 with a page",
            Stream,
            Elsewhere,
            vec![Write(sized("502 Bad Gateway", "content-type: text/html\r\n", page))],
        ),
        row("500 with nothing in it", Json, Elsewhere, vec![Write(sized("500 Internal Server Error", "", ""))]),
        row("302 to somewhere else", Json, Elsewhere, vec![Write(sized("302 Found", &moved, ""))]),
        row("307 to somewhere else", Json, Elsewhere, vec![Write(sized("307 Temporary Redirect", &moved, ""))]),
        row("429, Retry-After a date of 2015", Json, Limited, limited("Wed, 21 Oct 2015 07:28:00 GMT")),
        row("429, Retry-After a date of 2099", Json, Limited, limited("Wed, 21 Oct 2099 07:28:00 GMT")),
        row("429, Retry-After beyond all numbers", Json, Limited, limited("99999999999999999999999")),
        row("429, Retry-After is no time", Stream, Limited, limited("soon")),
        Row {
            hears: Hears::Start,
            ..row(
                "503 before the request was read",
                Large,
                Elsewhere,
                vec![Write(sized("503 Service Unavailable", JSON, unwell))],
            )
        },
    ]
}

fn first_events() -> Vec<Row> {
    use Ask::Stream;
    use Right::{Either, Elsewhere};
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n";
    let all = |before: &str| vec![Write(stream(&format!("{before}{}", events()))), Write(LAST_CHUNK.to_vec())];
    let ended = |data: &str| vec![Write(stream(data)), Write(LAST_CHUNK.to_vec())];
    let (beats, rushes) = (LONG / 0.25, LONG / 0.05);
    vec![
        row("a stream behind a byte order mark", Stream, Either, all("\u{feff}")),
        row("a stream behind a thousand comments", Stream, Either, all(&": PROCESSING\n\n".repeat(1000))),
        row("data that is no JSON", Stream, Elsewhere, ended("data: hello\n\n")),
        row("an error in a stream, at first", Stream, Elsewhere, ended(error)),
        row(
            "comments and no event, four a second",
            Stream,
            Elsewhere,
            vec![Write(head("200 OK", SSE)), Beat(chunk(": ping\n\n"), beats as usize, 0.25)],
        ),
        row(
            "comments and no event, a flood",
            Stream,
            Elsewhere,
            vec![Write(head("200 OK", SSE)), Beat(chunk(&": ping\n\n".repeat(1000)), rushes as usize, 0.05)],
        ),
        row(
            "a line of 1 GB",
            Stream,
            Elsewhere,
            vec![Write(stream("data: ")), Repeat(chunk(&"x".repeat(PIECE)), ENDLESS / PIECE)],
        ),
        row("only [DONE]", Stream, Elsewhere, ended("data: [DONE]\n\n")),
    ]
}

fn later_events() -> Vec<Row> {
    use Ask::Stream;
    use Right::{Either, Rescued};
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n";
    let without_done = (tokens(0..TOKENS) + &finish()).replace("data: [DONE]\n\n", "");
    vec![
        row(
            "an error in a stream, later",
            Stream,
            Rescued,
            vec![Write(stream(&tokens(0..2))), Write(chunk(error)), Write(LAST_CHUNK.to_vec())],
        ),
        row(
            "a line of 1 GB, later",
            Stream,
            Rescued,
            vec![
                Write(stream(&tokens(0..2))),
                Write(chunk("data: ")),
                Repeat(chunk(&"x".repeat(PIECE)), ENDLESS / PIECE),
            ],
        ),
        row(
            "the end without a finish reason",
            Stream,
            Rescued,
            vec![Write(stream(&tokens(0..2))), Write(LAST_CHUNK.to_vec())],
        ),
        row(
            "events behind [DONE]",
            Stream,
            Either,
            vec![Write(stream(&events())), Write(chunk(&tokens(0..2))), Write(LAST_CHUNK.to_vec())],
        ),
        row("all but [DONE], and then silence", Stream, Either, vec![Write(stream(&without_done)), Hold(LONG)]),
    ]
}

fn hang_ups() -> Vec<Row> {
    use Ask::{Json, Stream};
    use Right::{Elsewhere, Rescued};
    let half = |fields: &str| {
        let json = json();
        Write([head("200 OK", fields), json.as_bytes()[..json.len() / 2].to_vec()].concat())
    };
    let length = format!("{JSON}content-length: {}\r\n", json().len());
    vec![
        row("a reset in the middle of the body", Json, Elsewhere, vec![half(&length), Reset]),
        row("a reset in the middle of a stream", Stream, Rescued, vec![Write(stream(&tokens(0..2))), Hold(0.5), Reset]),
        row("the end in the middle of the JSON", Json, Elsewhere, vec![half(&format!("{JSON}connection: close\r\n"))]),
        row("silence behind the header", Stream, Elsewhere, vec![Write(head("200 OK", SSE)), Hold(LONG)]),
        row("nothing but the end", Json, Elsewhere, Vec::new()),
    ]
}
