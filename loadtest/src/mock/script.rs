//! An answer as the list of writes that deliver it, built before the first byte leaves: delivering is then nothing but
//! writes and pauses, and the same script serves every equal request of a connection.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::call::{Endpoint, Peek};
use super::settings::Settings;
use super::{anthropic, openai};

/// One answer.
#[derive(Clone, Debug)]
pub enum Script {
    /// Read the request and never answer.
    Hang { delay: Duration },
    /// Reset the connection.
    Reset { delay: Duration },
    /// Pauses and writes.
    Answer(Answer),
}

/// The writes of an answer and the pauses between them.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Pause before the first byte.
    pub delay: Duration,
    /// Pause between header and body.
    pub first: Duration,
    /// The header, with the first piece of the body behind it when no pause parts them.
    pub opening: Bytes,
    /// One write each.
    pub pieces: Vec<Bytes>,
    /// Time from piece to piece, for as many as `paced`.
    pub pace: Duration,
    /// How many of the pieces wait for their time. The end of a stream follows its last token at once.
    pub paced: usize,
    /// A silence before the piece with this index.
    pub stall: Option<(usize, Duration)>,
    /// Whether the connection closes behind the last piece.
    pub close: bool,
}

/// A header that is not HTTP.
const GARBAGE_HEAD: &[u8] = b"\x16\x03\x01\xff\xfe\x00 this is not HTTP\r\n\r\n";
/// A body, or the data of an event, that is not JSON and not UTF-8.
const GARBAGE_DATA: &[u8] = b"{\"choices\":[{\"delta\":{\"content\":\"\xff\xfe";

impl Script {
    /// The answer to one request.
    pub fn new(endpoint: Endpoint, peek: &Peek<'_>, settings: &Settings, body: &[u8]) -> Self {
        let (faults, delay) = (&settings.faults, settings.delay);
        if faults.reset {
            return Self::Reset { delay };
        }
        if faults.hang {
            return Self::Hang { delay };
        }
        let status = faults.status.or(faults.code.as_ref().map(|_| 400));
        let mut answer = if faults.garbage == Some(0) {
            Answer { close: true, ..Answer::new(GARBAGE_HEAD.into(), Vec::new()) }
        } else if let Some(status) = status {
            let code = faults.code.as_deref();
            let message =
                format!("mock upstream answers {status}{}", code.map(|it| format!(": {it}")).unwrap_or_default());
            let body = match endpoint {
                Endpoint::Messages => anthropic::error(status, &message),
                _ => openai::error(status, code, &message),
            };
            Answer::json(status, faults.retry_after, &body)
        } else if peek.is_stream() && endpoint.streams() {
            stream(endpoint, peek, settings)
        } else {
            whole(endpoint, peek, settings, body)
        };
        answer.delay = delay;
        answer.close |= settings.drop;
        Self::Answer(answer)
    }
}

impl Answer {
    fn new(head: Vec<u8>, pieces: Vec<Bytes>) -> Self {
        let paced = pieces.len();
        Self {
            delay: Duration::ZERO,
            first: Duration::ZERO,
            opening: head.into(),
            pieces,
            pace: Duration::ZERO,
            paced,
            stall: None,
            close: false,
        }
    }

    /// A JSON answer in one write.
    pub fn json(status: u16, retry_after: Option<u64>, body: &Value) -> Self {
        let body = body.to_string();
        let mut wire = json_head(status, retry_after, body.len());
        wire.extend_from_slice(body.as_bytes());
        Self::new(wire, Vec::new())
    }

    /// Puts the first piece behind the header, into the same write.
    fn join_first_piece(&mut self) {
        if self.first.is_zero() && self.stall.is_none_or(|(at, _)| at > 0) && !self.pieces.is_empty() {
            let first = self.pieces.remove(0);
            self.opening = [&self.opening[..], &first[..]].concat().into();
            self.paced = self.paced.saturating_sub(1);
            self.stall = self.stall.map(|(at, pause)| (at - 1, pause));
        }
    }
}

fn json_head(status: u16, retry_after: Option<u64>, length: usize) -> Vec<u8> {
    let retry_after = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {status} Mock\r\ncontent-type: application/json\r\n{retry_after}x-request-id: req_mock\r\n\
         content-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn whole(endpoint: Endpoint, peek: &Peek<'_>, settings: &Settings, request_body: &[u8]) -> Answer {
    let model = &peek.model;
    let mut value = match endpoint {
        Endpoint::Chat => openai::chat(model, settings),
        Endpoint::Completions => openai::completion(model, settings),
        Endpoint::Embeddings => openai::embeddings(model, settings, request_body),
        Endpoint::Moderations => openai::moderations(model, request_body),
        Endpoint::Messages => anthropic::answer(model, settings),
    };
    if let (true, Some(fields)) = (settings.digest, value.as_object_mut()) {
        fields.insert("digest".to_owned(), json!({"sha256": sha256(request_body), "length": request_body.len()}));
    }
    let mut body = value.to_string().into_bytes();
    if let Some(missing) = settings.size.checked_sub(body.len() + ",\"padding\":\"\"".len()) {
        body.pop();
        body.extend_from_slice(b",\"padding\":\"");
        body.resize(body.len() + missing, b'x');
        body.extend_from_slice(b"\"}");
    }
    if settings.faults.garbage.is_some() {
        body = GARBAGE_DATA.to_vec();
    }
    let head = json_head(200, None, body.len());
    let cut = settings.faults.cut.filter(|at| *at < body.len());
    body.truncate(cut.unwrap_or(usize::MAX));
    let mut answer = Answer::new(head, split(&body.into(), settings.chunk));
    answer.first = settings.first;
    answer.close = cut.is_some();
    answer.join_first_piece();
    answer
}

fn stream(endpoint: Endpoint, peek: &Peek<'_>, settings: &Settings) -> Answer {
    let usage = peek.include_usage();
    let tokens = settings.tokens.min(settings.faults.cut.unwrap_or(usize::MAX));
    let mut events: Vec<Bytes> = (settings.from..tokens)
        .map(|i| match endpoint {
            Endpoint::Messages => anthropic::token_event(settings, i),
            _ => openai::token_event(endpoint, &peek.model, settings, i, usage),
        })
        .map(Bytes::from)
        .collect();
    if let Some(event) = settings.faults.garbage.and_then(|n| events.get_mut(n.checked_sub(1)?)) {
        *event = [b"data: ", GARBAGE_DATA, b"\n\n"].concat().into();
    }
    let cut = settings.faults.cut.is_some_and(|at| at <= settings.tokens);
    if !cut {
        let end = match endpoint {
            Endpoint::Messages => anthropic::end_events(settings),
            _ => openai::end_events(endpoint, &peek.model, settings, usage),
        };
        events.push(end.into());
    }
    if let (Endpoint::Messages, Some(first)) = (endpoint, events.first_mut()) {
        // One write with the first token, so that both dialects come in as many.
        *first = [anthropic::start_events(&peek.model, settings).as_bytes(), first].concat().into();
    }
    let stall = settings.faults.stall.filter(|_| settings.chunk == 0);
    let paced = if settings.chunk == 0 { tokens.saturating_sub(settings.from) } else { usize::MAX };
    if settings.chunk > 0 {
        events = split(&events.concat().into(), settings.chunk);
    }
    let mut pieces: Vec<Bytes> = events.iter().map(|event| http_chunk(event)).collect();
    if !cut {
        let end = pieces.pop().unwrap_or_default();
        pieces.push([&end[..], b"0\r\n\r\n"].concat().into());
    }
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
        x-request-id: req_mock\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut answer = Answer::new(head.to_vec(), pieces);
    answer.first = settings.first;
    answer.pace = settings.pace;
    answer.paced = paced;
    answer.stall = stall.map(|at| (at, settings.faults.stall_for));
    answer.close = cut;
    answer.join_first_piece();
    answer
}

/// `bytes` in pieces of `size`; 0 = one piece.
fn split(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    if size == 0 {
        return vec![bytes.clone()];
    }
    bytes.chunks(size).map(|piece| bytes.slice_ref(piece)).collect()
}

fn http_chunk(data: &[u8]) -> Bytes {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat().into()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(settings: &str, stream: bool) -> Answer {
        answer_of(Endpoint::Chat, settings, stream)
    }

    fn answer_of(endpoint: Endpoint, settings: &str, stream: bool) -> Answer {
        let settings = Settings::default().with_list(settings).unwrap();
        let request = json!({"model": "m", "stream": stream}).to_string();
        let peek: Peek<'_> = serde_json::from_str(&request).unwrap();
        match Script::new(endpoint, &peek, &settings, b"{}") {
            Script::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn wire(answer: &Answer) -> String {
        let bytes = [&answer.opening[..], &answer.pieces.concat()].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn the_header_and_the_first_token_are_one_write() {
        let joined = answer("tokens=3", true);
        assert!(String::from_utf8_lossy(&joined.opening).contains("w0 "));
        assert_eq!((joined.pieces.len(), joined.paced), (3, 2));
        let apart = answer("tokens=3;first=1", true);
        assert!(apart.opening.ends_with(b"\r\n\r\n"));
        assert_eq!((apart.pieces.len(), apart.paced), (4, 3));
    }

    #[test]
    fn chunked_pieces_hold_the_same_stream() {
        let body = |wire: String| {
            let mut buf = bytes::BytesMut::from(wire.split_once("\r\n\r\n").unwrap().1);
            let (mut decoder, mut body) = (crate::http1::BodyDecoder::chunked(), Vec::new());
            decoder.advance(&mut buf, &mut |bytes| body.extend_from_slice(bytes)).unwrap();
            assert!(decoder.is_done());
            body
        };
        let split = answer("tokens=5;chunk=7", true);
        assert!(split.pieces.iter().all(|piece| piece.len() <= 7 + "7\r\n\r\n0\r\n\r\n".len()));
        assert_eq!(body(wire(&split)), body(wire(&answer("tokens=5", true))));
    }

    #[test]
    fn faults_are_in_the_script() {
        let cut = answer("tokens=9;cut=4", true);
        assert!(
            cut.close && !wire(&cut).contains("[DONE]") && wire(&cut).contains("w3 ") && !wire(&cut).contains("w4 ")
        );
        let garbage = answer("tokens=3;garbage=2", true);
        assert!(!wire(&garbage).contains("w1 ") && wire(&garbage).contains("w2 "));
        assert!(!wire(&answer("no_done", true)).contains("[DONE]"));
        assert_eq!(answer("stall=2;stall_ms=5", true).stall, Some((1, Duration::from_millis(5))));
        let error = wire(&answer("status=429;retry_after=2", true));
        assert!(
            error.contains("HTTP/1.1 429") && error.contains("retry-after: 2") && error.contains("rate_limit_error")
        );
        assert!(wire(&answer("code=context_length_exceeded", false)).contains("HTTP/1.1 400"));
    }

    #[test]
    fn both_dialects_have_the_same_tokens_in_as_many_writes() {
        let openai = answer("tokens=3", true);
        let anthropic = answer_of(Endpoint::Messages, "tokens=3", true);
        assert_eq!((anthropic.pieces.len(), anthropic.paced), (openai.pieces.len(), openai.paced));
        for (at, (theirs, ours)) in anthropic.pieces.iter().zip(&openai.pieces).take(2).enumerate() {
            let token = format!("\"{}\"", Settings::default().token(at + 1));
            for piece in [theirs, ours] {
                assert!(String::from_utf8_lossy(piece).contains(&token), "{token}");
            }
        }
        let (ended, cut_short) = (wire(&anthropic), wire(&answer_of(Endpoint::Messages, "tokens=3;no_done", true)));
        assert!(ended.find("message_start") < ended.find("w0 ") && ended.contains("message_stop"));
        assert!(cut_short.contains("message_delta") && !cut_short.contains("message_stop"));
        let error = wire(&answer_of(Endpoint::Messages, "status=529", true));
        assert!(error.contains("HTTP/1.1 529") && error.contains("overloaded_error"));
        let whole = wire(&answer_of(Endpoint::Messages, "tokens=3;size=900", false));
        assert!(whole.contains("content-length: 900") && whole.contains("w0 w1 w2 "));
    }

    #[test]
    fn a_padded_answer_has_its_size_and_is_json() {
        for size in [1000, 1001, 50_000] {
            let wire = wire(&answer(&format!("size={size}"), false));
            let (head, body) = wire.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.len(), size);
            assert!(head.contains(&format!("content-length: {size}")));
            assert!(serde_json::from_str::<Value>(body).is_ok());
        }
    }

    #[test]
    fn the_digest_is_of_the_request_body() {
        let wire = wire(&answer("digest", false));
        assert!(wire.contains("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"), "{wire}");
    }
}
