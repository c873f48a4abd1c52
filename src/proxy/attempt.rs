//! One try at one upstream: take or open a connection, send header and body in one write, read the answer's header.
//!
//! The request goes out as bytes: a prepared head, then the body's slices as they came from the client. The answer is
//! read by Pingora's HTTP/1 client session. Every wait has a limit, and a dropped attempt closes its connection, so
//! that a client who leaves cancels the upstream's work at once.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_core::{ErrorType, RetryType};
use pingora_http::ResponseHeader;
use pingora_timeout::timeout;
use tokio::io::AsyncWriteExt;

use super::turn;
use super::upstream::Upstream;
use crate::error::{Error, Kind};

/// Head and body up to this size leave in one buffer, so in one system call; a larger body follows its head in writes of
/// its own, without a copy.
const ONE_WRITE_LIMIT: usize = 32 * 1024;
/// Informational responses (1xx) that are read past before an upstream counts as garbled.
const INFORMATIONAL_LIMIT: usize = 8;
/// An upstream may answer before it has read a large body and then stop reading: how long its answer is waited for.
const EARLY_ANSWER_WAIT: Duration = Duration::from_secs(1);

/// What is sent: the head without `content-length` and the empty line, and the body in slices.
pub struct Outgoing<'a> {
    /// Request line and headers, each line with its CR LF.
    pub head: &'a [u8],
    /// The body, in order.
    pub body: &'a [Bytes],
}

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the last byte sent to the first byte of the answer; of its body too, when it streams.
    pub first_byte: Duration,
    /// Between two reads of the answer's body.
    pub between_bytes: Duration,
    /// When the attempt began.
    pub begin: Instant,
    /// When it must be over.
    pub end: Instant,
}

/// The limit on a wait has passed.
struct Elapsed;

impl Deadlines {
    /// The future's output, unless it takes longer than `wait` or the whole request's time ends. What is there at once
    /// costs neither a timer nor a look at the clock.
    async fn within<T>(&self, wait: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        if let Poll::Ready(output) = futures::poll!(future.as_mut()) {
            return Ok(output);
        }
        let wait = wait.min(self.end.saturating_duration_since(Instant::now()));
        timeout(wait, future).await.map_err(|_| Elapsed)
    }
}

/// An answer whose header has been read and whose body has not.
pub struct Answer {
    // Boxed: it is moved with every future that holds an answer.
    session: Box<HttpSession>,
    upstream: Arc<Upstream>,
    deadlines: Deadlines,
}

/// What the connection tells the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connections {
    /// Connections opened.
    pub opened: u32,
    /// Kept connections used.
    pub reused: u32,
}

/// Sends a request and reads the header of its answer.
///
/// A kept connection that turns out to be closed is replaced once by a fresh one, unseen: not a byte of an answer had
/// come, and the attempt counts as one.
///
/// # Errors
/// [`Kind::Connection`], [`Kind::Timeout`] or [`Kind::GarbledAnswer`].
pub async fn send(
    upstream: &Arc<Upstream>,
    connector: &TransportConnector,
    outgoing: &Outgoing<'_>,
    deadlines: Deadlines,
    connections: &mut Connections,
) -> Result<Answer, Error> {
    if let Some(stream) = upstream.pool.take(deadlines.begin) {
        connections.reused += 1;
        match exchange(stream, upstream, outgoing, deadlines).await {
            Err(Failure { stale: true, .. }) => {}
            other => return other.map_err(|failure| failure.error),
        }
    }
    connections.opened += 1;
    // Boxed: a handshake's future is large and rare, and a future's size is copied with it.
    let fresh = async {
        let stream = upstream.connect(connector).await?;
        exchange(stream, upstream, outgoing, deadlines).await.map_err(|failure| failure.error)
    };
    Box::pin(fresh).await
}

/// The same over a connection of its own, which nobody uses afterwards.
///
/// # Errors
/// As [`send`].
pub async fn send_anew(
    upstream: &Arc<Upstream>,
    connector: &TransportConnector,
    outgoing: &Outgoing<'_>,
    deadlines: Deadlines,
) -> Result<Answer, Error> {
    let stream = upstream.connect(connector).await?;
    exchange(stream, upstream, outgoing, deadlines).await.map_err(|failure| failure.error)
}

struct Failure {
    error: Error,
    /// The connection ended before the first byte of an answer.
    stale: bool,
}

async fn exchange(
    mut stream: Stream,
    upstream: &Arc<Upstream>,
    outgoing: &Outgoing<'_>,
    deadlines: Deadlines,
) -> Result<Answer, Failure> {
    // So that what several requests have to say to their providers leaves in one go.
    turn::others_first().await;
    let written = match deadlines.within(upstream.write_limit(), write(&mut stream, outgoing)).await {
        Ok(written) => written,
        Err(Elapsed) => return Err(Failure { error: timed_out("writing the request"), stale: false }),
    };
    let mut session = Box::new(HttpSession::new(stream));
    let wait = if written.is_ok() { deadlines.first_byte } else { EARLY_ANSWER_WAIT };
    match deadlines.within(wait, read_header(&mut session)).await {
        Ok(Ok(())) => Ok(Answer { session, upstream: Arc::clone(upstream), deadlines }),
        Ok(Err(error)) => {
            let stale = matches!(error.retry, RetryType::ReusedOnly);
            Err(Failure { error: written.err().map_or_else(|| read_error(&error), write_error), stale })
        }
        Err(Elapsed) => Err(Failure { error: timed_out("waiting for the answer"), stale: false }),
    }
}

async fn write(stream: &mut Stream, outgoing: &Outgoing<'_>) -> io::Result<()> {
    let length: usize = outgoing.body.iter().map(Bytes::len).sum();
    let mut buffer = BytesMut::with_capacity(outgoing.head.len() + 32 + length.min(ONE_WRITE_LIMIT));
    buffer.extend_from_slice(outgoing.head);
    buffer.extend_from_slice(b"content-length: ");
    buffer.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    buffer.extend_from_slice(b"\r\n\r\n");
    if length <= ONE_WRITE_LIMIT {
        outgoing.body.iter().for_each(|slice| buffer.extend_from_slice(slice));
        stream.write_all(&buffer).await?;
    } else {
        let mut head = buffer.freeze();
        let mut slices = outgoing.body.iter();
        // The head rides with the first slice in one vectored write.
        if let Some(first) = slices.next() {
            let mut both = bytes::Buf::chain(&mut head, first.clone());
            stream.write_all_buf(&mut both).await?;
        }
        for slice in slices {
            stream.write_all(slice).await?;
        }
    }
    stream.flush().await
}

async fn read_header(session: &mut HttpSession) -> pingora_core::Result<()> {
    for _ in 0..INFORMATIONAL_LIMIT {
        session.read_response().await?;
        if session.get_status().is_some_and(|status| !status.is_informational()) {
            return Ok(());
        }
    }
    pingora_core::Error::e_explain(ErrorType::InvalidHTTPHeader, "too many informational responses")
}

impl Answer {
    /// Status line and headers.
    pub fn header(&self) -> Option<&ResponseHeader> {
        self.session.resp_header()
    }

    /// HTTP status; 0 cannot happen after [`send`].
    pub fn status(&self) -> u16 {
        self.session.get_status().map_or(0, |status| status.as_u16())
    }

    /// Waits so long between two pieces of the body, from now on.
    pub fn wait_between_bytes(&mut self, wait: Duration) {
        self.deadlines.between_bytes = wait;
    }

    /// How long it waits between two pieces.
    pub fn between_bytes(&self) -> Duration {
        self.deadlines.between_bytes
    }

    /// The next piece of the body; `None` at its proper end.
    ///
    /// # Errors
    /// [`Kind::BrokenStream`] when it is cut, [`Kind::Timeout`] when it stalls or the request's time is over.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let wait = self.deadlines.between_bytes;
        match self.deadlines.within(wait, self.session.read_body_bytes()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => {
                Err(Error::new(Kind::BrokenStream, "The provider's answer was cut.").detail(error.to_string()))
            }
            Err(Elapsed) => Err(timed_out("waiting for the next bytes of the answer")),
        }
    }

    /// The body up to `limit` bytes, whole.
    ///
    /// # Errors
    /// As [`Answer::read`]; [`Kind::GarbledAnswer`] past the limit.
    pub async fn read_all(&mut self, limit: usize) -> Result<Bytes, Error> {
        let Some(first) = self.read().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.read().await? else { return Ok(first) };
        let mut whole = BytesMut::with_capacity((first.len() + second.len()) * 2);
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.read().await? {
            if whole.len() + piece.len() > limit {
                return Err(Error::new(Kind::GarbledAnswer, "The provider's answer is too large."));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Ends the exchange: the connection is kept if the answer was read to its end and the server keeps it open too.
    /// `now` is when it was last used.
    pub async fn release(mut self, now: Instant) {
        self.session.respect_keepalive();
        if let Some(stream) = self.session.reuse().await {
            self.upstream.pool.put(stream, now);
        }
    }
}

fn timed_out(doing: &str) -> Error {
    Error::new(Kind::Timeout, "Request timed out.").detail(format!("timed out {doing}"))
}

fn write_error(error: io::Error) -> Error {
    Error::new(Kind::Connection, "Connection error.").detail(format!("writing the request: {error}"))
}

fn read_error(error: &pingora_core::Error) -> Error {
    let kind = match error.etype() {
        ErrorType::InvalidHTTPHeader => Kind::GarbledAnswer,
        _ => Kind::Connection,
    };
    Error::new(kind, "Connection error.").detail(error.to_string())
}
