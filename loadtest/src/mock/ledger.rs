//! What the mock has seen: counts and the last requests, for `GET /__stats`; and how often each key has failed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::Request;
use crate::http1::MAX_HEADERS;

/// How many requests are remembered.
const MAX_RECENT: usize = 64;
/// How many body bytes of a remembered request are kept.
const MAX_RECENT_BODY: usize = 4096;
/// How many paths are counted apart; the others share one count.
const MAX_PATHS: usize = 256;
/// How many keys of `fail=N` are counted; beyond that the table starts anew.
const MAX_FAIL_KEYS: usize = 10_000;

/// Shared by all connections.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Connections open now.
    pub open: AtomicU64,
    /// Connections accepted so far.
    pub accepted: AtomicU64,
    /// Clients that left before their answer was complete.
    pub gone: AtomicU64,
    seen: Mutex<Seen>,
    failures: Mutex<HashMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Seen {
    paths: BTreeMap<String, u64>,
    recent: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    head: Bytes,
    body: Bytes,
    body_length: usize,
}

impl Ledger {
    /// Counts and remembers a request.
    pub fn record(&self, request: &Request) {
        let body = request.body.get(..request.body.len().min(MAX_RECENT_BODY)).unwrap_or_default();
        let recent =
            Recent { head: request.head.clone(), body: Bytes::copy_from_slice(body), body_length: request.body.len() };
        let Ok(mut seen) = self.seen.lock() else { return };
        match seen.paths.get_mut(request.path()) {
            Some(count) => *count += 1,
            None => {
                let path = if seen.paths.len() < MAX_PATHS { request.path() } else { "other" };
                *seen.paths.entry(path.to_owned()).or_default() += 1;
            }
        }
        if seen.recent.len() == MAX_RECENT {
            seen.recent.pop_front();
        }
        seen.recent.push_back(recent);
    }

    /// Counts one request of `key`; true for the first `n`.
    pub fn fails(&self, key: &str, n: u64) -> bool {
        let Ok(mut failures) = self.failures.lock() else { return false };
        if failures.len() >= MAX_FAIL_KEYS && !failures.contains_key(key) {
            failures.clear();
        }
        let count = failures.entry(key.to_owned()).or_default();
        *count += 1;
        *count <= n
    }

    /// The body of `GET /__stats`: `requests` by path, connections, and the last requests, newest last.
    pub fn to_json(&self) -> Value {
        let Ok(seen) = self.seen.lock() else { return Value::Null };
        json!({
            "requests": seen.paths,
            "connections_open": self.open.load(Relaxed),
            "connections_accepted": self.accepted.load(Relaxed),
            "clients_gone": self.gone.load(Relaxed),
            "recent": seen.recent.iter().map(Recent::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Recent {
    fn to_json(&self) -> Value {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut fields);
        // It was parsed when it arrived; a failure now only leaves the fields empty.
        let _ = request.parse(&self.head);
        let headers: Vec<_> = (request.headers.iter())
            .filter(|field| !field.name.is_empty())
            .map(|field| json!([field.name, String::from_utf8_lossy(field.value)]))
            .collect();
        json!({
            "method": request.method, "path": request.path, "headers": headers,
            "body_length": self.body_length, "body": String::from_utf8_lossy(&self.body),
        })
    }
}
