//! One connection and the exchanges on it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::response::Response;
use super::sse::EventCounter;
use crate::stats::ErrorKind;

/// What is offered to one read, in bytes.
const READ_SIZE: usize = 64 * 1024;

/// One request and its answer, as it went.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Status of the answer, if its head came.
    pub status: Option<u16>,
    /// What went wrong below HTTP or inside the stream.
    pub error: Option<ErrorKind>,
    /// From the start to the first body byte.
    pub first: Option<Duration>,
    /// From the start to the last byte.
    pub total: Duration,
    /// Between two reads that brought events; events of one read are no time apart.
    pub gaps: Vec<Duration>,
    /// Server-sent events, without `[DONE]`.
    pub events: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A connection that is opened when it is needed, and again after a failure.
pub struct Connection {
    address: SocketAddr,
    limit: Duration,
    stream: Option<TcpStream>,
    buf: BytesMut,
}

impl Connection {
    /// A connection to `address` on which no exchange takes longer than `limit`.
    pub fn new(address: SocketAddr, limit: Duration) -> Self {
        Self { address, limit, stream: None, buf: BytesMut::with_capacity(READ_SIZE) }
    }

    /// Sends `request` and reads the answer. Times count from `start`, which may lie before now.
    pub async fn exchange(&mut self, request: &[u8], start: Instant) -> Exchange {
        let mut exchange = Exchange::default();
        let result = match timeout(self.limit, self.attempt(request, start, &mut exchange)).await {
            Ok(result) => result,
            Err(_) => Err(ErrorKind::Timeout),
        };
        exchange.total = start.elapsed();
        match result {
            Ok(true) => (),
            Ok(false) => self.stream = None,
            Err(kind) => {
                exchange.error = Some(kind);
                self.stream = None;
            }
        }
        exchange
    }

    /// True if the connection may be used again.
    async fn attempt(&mut self, request: &[u8], start: Instant, seen: &mut Exchange) -> Result<bool, ErrorKind> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address).await.map_err(|_| ErrorKind::Connect)?;
                stream.set_nodelay(true).map_err(|_| ErrorKind::Connect)?;
                self.buf.clear();
                none.insert(stream)
            }
        };
        stream.write_all(request).await.map_err(|error| reset_or(&error, ErrorKind::Write))?;
        let (mut response, mut counter, mut latest) = (Response::default(), EventCounter::default(), None);
        while !response.is_done() {
            self.buf.reserve(READ_SIZE);
            let n = stream.read_buf(&mut self.buf).await.map_err(|error| reset_or(&error, ErrorKind::Read))?;
            if n == 0 {
                let complete = response.ends_with_connection();
                return if complete { conclude(&response, &counter) } else { Err(ErrorKind::Closed) };
            }
            seen.bytes += n as u64;
            let (mut body_bytes, events_before) = (0, counter.events);
            let parsed = response.advance(&mut self.buf, &mut |bytes| {
                body_bytes += bytes.len();
                counter.feed(bytes);
            });
            seen.status = response.head().map(|head| head.status);
            if seen.first.is_none() && body_bytes > 0 {
                seen.first = Some(start.elapsed());
            }
            if counter.events > events_before && response.head().is_some_and(|head| head.event_stream) {
                seen.events = counter.events;
                let now = Instant::now();
                seen.gaps.extend(latest.replace(now).map(|before| now.duration_since(before)));
            }
            parsed.map_err(|_| ErrorKind::Malformed)?;
        }
        conclude(&response, &counter)
    }
}

/// Whether a complete response is also a whole answer, and whether its connection lives on.
fn conclude(response: &Response, counter: &EventCounter) -> Result<bool, ErrorKind> {
    let Some(head) = response.head() else { return Err(ErrorKind::Closed) };
    if head.event_stream && head.status == 200 {
        if counter.errors > 0 {
            return Err(ErrorKind::ErrorEvent);
        }
        if !counter.done {
            return Err(ErrorKind::NoDone);
        }
    }
    Ok(head.keep_alive && response.is_done())
}

fn reset_or(error: &io::Error, otherwise: ErrorKind) -> ErrorKind {
    if error.kind() == io::ErrorKind::ConnectionReset { ErrorKind::Reset } else { otherwise }
}
