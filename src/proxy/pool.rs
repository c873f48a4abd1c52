//! Idle connections to one upstream.
//!
//! A bounded lock-free queue an upstream, first in first out. Pingora's own pool spawns a task for each returned
//! connection, asks `getpeername` when it is taken again and probes it twice; here a connection is looked at once, when it
//! is taken. What the look cannot see (the server closes while the request is under way) is caught by the attempt:
//! a reused connection that ends before the first byte of an answer is tried once more on a fresh one.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use pingora_core::protocols::Stream;
use tokio::io::{AsyncRead, ReadBuf};

/// The idle connections of one upstream.
pub struct Pool {
    idle: ArrayQueue<Idle>,
    idle_timeout: Duration,
}

struct Idle {
    stream: Stream,
    since: Instant,
}

impl Pool {
    /// Keeps at most `size` connections (at least one), none longer than `idle_timeout`.
    pub fn new(size: usize, idle_timeout: Duration) -> Self {
        Self { idle: ArrayQueue::new(size.max(1)), idle_timeout }
    }

    /// A connection that was open a moment ago, if there is one.
    pub fn take(&self, now: Instant) -> Option<Stream> {
        while let Some(mut idle) = self.idle.pop() {
            if now.saturating_duration_since(idle.since) < self.idle_timeout && is_quiet(&mut idle.stream) {
                return Some(idle.stream);
            }
        }
        None
    }

    /// Gives a connection back that was used until `now`. The pool is full: it is closed.
    pub fn put(&self, stream: Stream, now: Instant) {
        let _closed = self.idle.push(Idle { stream, since: now });
    }

    /// Closes what is too old or was closed by the other side. Called from time to time by a background task, so that
    /// sockets of a quiet upstream do not stay half closed.
    pub fn sweep(&self) {
        for _ in 0..self.idle.len() {
            let Some(mut idle) = self.idle.pop() else { return };
            if idle.since.elapsed() < self.idle_timeout && is_quiet(&mut idle.stream) {
                let _closed = self.idle.push(idle);
            }
        }
    }

    /// How many connections wait here.
    pub fn len(&self) -> usize {
        self.idle.len()
    }

    /// Whether no connection waits here.
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}

/// Nothing to read and not closed. Costs a system call only if the reactor saw the socket become readable.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut byte = [0_u8; 1];
    let mut probe = ReadBuf::new(&mut byte);
    let mut context = Context::from_waker(Waker::noop());
    matches!(Pin::new(stream).poll_read(&mut context, &mut probe), Poll::Pending)
}
