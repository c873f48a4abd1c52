//! Sends requests over many connections, for so long or so many, and collects what came back.
//!
//! *Closed loop* (no rate): every connection sends its next request when the last one is answered. Good for ceilings.
//!
//! *Open loop* (a rate): request number i is due at start + i / rate whatever the target does, and its latency counts
//! from that instant. When all connections are busy, requests wait and their waiting is part of their latency: no
//! coordinated omission. The number of connections is the limit of what is in flight; what was due but could not be sent
//! before the end is reported as `unsent`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::client::{CallShape, Connection, Target, call_bytes};
use crate::stats::Stats;

/// The timer rounds up to whole milliseconds, so the last of a wait is spent polling.
const TIMER_STEP: Duration = Duration::from_millis(2);

/// What to send, how fast, how long.
#[derive(Clone, Debug)]
pub struct Plan {
    pub target: Target,
    pub shape: CallShape,
    /// Taken in turns.
    pub models: Vec<String>,
    pub connections: usize,
    /// Requests per second; `None` = closed loop.
    pub rate: Option<f64>,
    /// No request starts later.
    pub duration: Duration,
    /// No more requests than these.
    pub requests: u64,
    /// Longest exchange.
    pub timeout: Duration,
}

/// Counts that others may watch while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    pub completed: AtomicU64,
    pub failed: AtomicU64,
}

/// What came of a [`Plan`].
#[derive(Debug)]
pub struct Report {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// In the order of the plan's models.
    pub models: Vec<(String, Stats)>,
    /// Requests of an open loop that were due but not sent before the end.
    pub unsent: u64,
}

impl Report {
    /// Sum of `count` over all models.
    pub fn sum(&self, count: impl Fn(&Stats) -> u64) -> u64 {
        self.models.iter().map(|(_, stats)| count(stats)).sum()
    }
}

/// Runs `plan` to its end.
pub async fn drive(plan: &Plan, progress: Arc<Progress>) -> Report {
    let start = Instant::now();
    let shared = Arc::new(Shared {
        calls: plan.models.iter().map(|model| call_bytes(&plan.target, &plan.shape, model)).collect(),
        stats: plan.models.iter().map(|_| Mutex::default()).collect(),
        schedule: Schedule {
            start,
            end: start + plan.duration,
            interval: plan.rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
            requests: plan.requests,
            next: AtomicU64::new(0),
            turnstile: AsyncMutex::new(()),
        },
        progress,
    });
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections {
        let connection = Connection::new(plan.target.address, plan.timeout);
        workers.spawn(work(Arc::clone(&shared), connection));
    }
    while workers.join_next().await.is_some() {}
    let elapsed = start.elapsed();
    let stats = shared.stats.iter().map(|stats| stats.lock().map(|it| it.clone()).unwrap_or_default());
    Report { elapsed, models: plan.models.iter().cloned().zip(stats).collect(), unsent: shared.schedule.unsent() }
}

struct Shared {
    /// One per model.
    calls: Vec<Vec<u8>>,
    stats: Vec<Mutex<Stats>>,
    schedule: Schedule,
    progress: Arc<Progress>,
}

async fn work(shared: Arc<Shared>, mut connection: Connection) {
    while let Some((number, start)) = shared.schedule.next().await {
        let model = usize::try_from(number).unwrap_or_default() % shared.calls.len().max(1);
        let (Some(call), Some(stats)) = (shared.calls.get(model), shared.stats.get(model)) else { return };
        let exchange = connection.exchange(call, start).await;
        if exchange.error.is_some() || exchange.status.is_none_or(|status| status >= 300) {
            shared.progress.failed.fetch_add(1, Relaxed);
        }
        if let Ok(mut stats) = stats.lock() {
            stats.record(&exchange, call.len());
        }
        shared.progress.completed.fetch_add(1, Relaxed);
    }
}

struct Schedule {
    start: Instant,
    end: Instant,
    interval: Option<Duration>,
    requests: u64,
    next: AtomicU64,
    /// Only one worker at a time waits for the next due request.
    turnstile: AsyncMutex<()>,
}

impl Schedule {
    /// The next request's number and the instant from which its latency counts; `None` at the end.
    async fn next(&self) -> Option<(u64, Instant)> {
        let Some(interval) = self.interval else {
            let now = Instant::now();
            let number = self.next.fetch_add(1, Relaxed);
            return (now < self.end && number < self.requests).then_some((number, now));
        };
        let _turn = self.turnstile.lock().await;
        let number = self.next.load(Relaxed);
        let due = self.start + interval.mul_f64(number as f64);
        if number >= self.requests || due >= self.end {
            return None;
        }
        wait_until(due).await;
        if Instant::now() >= self.end {
            return None;
        }
        self.next.store(number + 1, Relaxed);
        Some((number, due))
    }

    fn unsent(&self) -> u64 {
        let Some(interval) = self.interval else { return 0 };
        let due = (self.end - self.start).as_secs_f64() / interval.as_secs_f64();
        (due.ceil() as u64).min(self.requests).saturating_sub(self.next.load(Relaxed))
    }
}

async fn wait_until(due: Instant) {
    if due > Instant::now() + TIMER_STEP {
        sleep_until(due - TIMER_STEP).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}
