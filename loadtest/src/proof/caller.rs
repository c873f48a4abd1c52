//! A client that knows what it was told: each call's id, and whether its answer came to the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http1::{BodyDecoder, MAX_HEADERS};

/// The longest answer that is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// What the gateway names a call by.
const CALL_ID: &str = "x-litellm-call-id";

/// A call to be made.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The upstream's behaviour, as in a mock's model name: `delay=5`.
    pub behaviour: String,
    /// Output tokens: the most, and what the upstream counts.
    pub tokens: u64,
    pub stream: bool,
    /// The client leaves after so long, answer or no answer.
    pub leaves_after: Option<Duration>,
    /// Goes into the row of the call: `session_id`.
    pub mark: String,
}

impl Call {
    /// Of exactly so many output tokens.
    pub fn of(tokens: u64) -> Self {
        Self { tokens, ..Self::default() }
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self, key: &str) -> Vec<u8> {
        let tokens = self.tokens;
        let body = json!({"model": format!("m;tokens={tokens};{}", self.behaviour), "max_tokens": tokens,
            "stream": self.stream, "messages": [{"role": "user", "content": "hi"}]});
        let mark =
            if self.mark.is_empty() { String::new() } else { format!("x-litellm-session-id: {}\r\n", self.mark) };
        request("POST", "/v1/chat/completions", key, &mark, &body)
    }
}

/// A request of any kind; `more` are further header lines. Without a body if it is `null`.
pub fn request(method: &str, path: &str, key: &str, more: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n{more}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// 0: not even a head.
    pub status: u16,
    pub call_id: String,
    /// Start line and fields, as they came.
    pub head: String,
    pub body: Vec<u8>,
    /// The framing's end has come; of a stream `data: [DONE]` too.
    pub is_whole: bool,
    pub took: Duration,
}

impl Answer {
    /// Whether the client has all that it asked for.
    pub fn is_acknowledged(&self) -> bool {
        self.status == 200 && self.is_whole
    }

    /// `error.code` or `error.type`, whichever is a word.
    pub fn error(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let error = body.get("error").unwrap_or(&Value::Null);
        let words = ["type", "code"].into_iter().filter_map(|name| error.get(name)?.as_str());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The body as JSON, `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One connection to a gateway, kept as long as it is good.
pub struct Caller {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Caller {
    /// Not connected yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Connects, so that the next call leaves at once.
    pub async fn connect(&mut self) -> std::io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Makes a call.
    pub async fn call(&mut self, key: &str, call: &Call) -> Answer {
        let patience = call.leaves_after.unwrap_or(ANSWER_LIMIT);
        let mut answer = self.exchange(&call.to_bytes(key), patience).await;
        let has_ended = !call.stream || answer.status != 200 || answer.body.ends_with(b"data: [DONE]\n\n");
        answer.is_whole &= has_ended;
        answer
    }

    /// Sends bytes, reads one answer. What has come until `patience` is over, or the connection is, is what is returned.
    pub async fn exchange(&mut self, wire: &[u8], patience: Duration) -> Answer {
        let begun = Instant::now();
        let mut answer = Answer::default();
        // A connection of which the rest is not known is not used again.
        let read = async {
            self.connect().await.ok()?;
            let mut stream = self.stream.take()?;
            stream.write_all(wire).await.ok()?;
            let is_kept = read(&mut stream, &mut answer).await?;
            is_kept.then_some(stream)
        };
        let stream = tokio::time::timeout(patience, read).await.ok().flatten();
        self.stream = stream;
        answer.took = begun.elapsed();
        answer
    }
}

/// Reads one answer. Whether the connection may be used again; `None`: it broke.
async fn read(stream: &mut TcpStream, answer: &mut Answer) -> Option<bool> {
    let mut buf = BytesMut::with_capacity(4096);
    let (mut body, is_kept) = loop {
        if let Some(head) = head(&mut buf, answer)? {
            break head;
        }
        fill(stream, &mut buf).await?;
    };
    loop {
        body.advance(&mut buf, &mut |bytes| answer.body.extend_from_slice(bytes)).ok()?;
        if body.is_done() {
            answer.is_whole = true;
            return Some(is_kept);
        }
        if fill(stream, &mut buf).await.is_none() {
            answer.is_whole = body.ends_with_connection();
            return None;
        }
    }
}

async fn fill(stream: &mut TcpStream, buf: &mut BytesMut) -> Option<()> {
    stream.read_buf(buf).await.ok().filter(|count| *count > 0).map(drop)
}

/// `Some(None)`: there is more to come. `None`: this is not HTTP.
#[expect(clippy::option_option, reason = "broken, not yet, there: the caller asks for nothing else")]
fn head(buf: &mut BytesMut, answer: &mut Answer) -> Option<Option<(BodyDecoder, bool)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(buf).ok()? else { return Some(None) };
    answer.status = response.code?;
    let (mut body, mut is_kept) = (BodyDecoder::until_close(), true);
    for field in response.headers.iter() {
        let value = String::from_utf8_lossy(field.value);
        match field.name.to_ascii_lowercase().as_str() {
            CALL_ID => answer.call_id = value.into_owned(),
            "content-length" => body = BodyDecoder::sized(value.trim().parse().ok()?),
            "transfer-encoding" => body = BodyDecoder::chunked(),
            "connection" => is_kept = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    answer.head = String::from_utf8_lossy(buf.get(..length)?).into_owned();
    buf.advance(length);
    Some(Some((body, is_kept)))
}
