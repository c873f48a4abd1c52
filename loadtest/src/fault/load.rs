//! Calls at a fixed rate, whatever becomes of them, and what each one met.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::proof::caller::{Answer, Caller, request};
use crate::proof::node::MASTER;

/// Calls in flight at most; what is due beyond that is not sent and counts as failed.
const MOST_IN_FLIGHT: usize = 4_000;

/// What one call met.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was due, since the load began.
    pub due: Duration,
    /// From then to the end of the answer.
    pub took: Duration,
    /// 0: no answer.
    pub status: u16,
    /// A whole answer with 200.
    pub is_good: bool,
    /// It says when to come back.
    pub has_retry_after: bool,
}

/// Calls of one model.
#[derive(Clone)]
pub struct Load {
    pub gateway: SocketAddr,
    wire: Arc<Vec<u8>>,
    is_stream: bool,
    pub patience: Duration,
    kept: Arc<Mutex<Vec<Caller>>>,
}

impl Load {
    /// Streamed or not, with the master key.
    pub fn new(gateway: SocketAddr, model: &str, is_stream: bool, patience: Duration) -> Self {
        let body = json!({"model": model, "stream": is_stream, "messages": [{"role": "user", "content": "hi"}]});
        let wire = Arc::new(request("POST", "/v1/chat/completions", MASTER, "", &body));
        Self { gateway, wire, is_stream, patience, kept: Arc::default() }
    }

    /// One call, on a kept connection where there is one.
    async fn call(&self, due: Duration, from: Instant) -> Sample {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut caller = kept.unwrap_or_else(|| Caller::new(self.gateway));
        let answer = caller.exchange(&self.wire, self.patience).await;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(caller);
        Sample {
            due,
            took: from.elapsed(),
            status: answer.status,
            is_good: answer.is_acknowledged() && (!self.is_stream || ends_well(&answer)),
            has_retry_after: answer.head.to_ascii_lowercase().contains("\r\nretry-after:"),
        }
    }

    /// So many a second for so long. The latency counts from the instant at which a call was due.
    pub async fn open(&self, rate: f64, time: Duration, begun: Instant) -> Vec<Sample> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        let mut samples = Vec::new();
        for number in 0.. {
            let due = start + Duration::from_secs_f64(f64::from(number) / rate);
            if due >= start + time {
                break;
            }
            sleep_until(due.into()).await;
            while let Some(sample) = running.try_join_next() {
                samples.extend(sample.ok());
            }
            let since = due - begun;
            if running.len() >= MOST_IN_FLIGHT {
                let took = Duration::ZERO;
                samples.push(Sample { due: since, took, status: 0, is_good: false, has_retry_after: false });
                continue;
            }
            let load = self.clone();
            running.spawn(async move { load.call(since, due).await });
        }
        while let Some(sample) = running.join_next().await {
            samples.extend(sample.ok());
        }
        samples
    }

    /// Calls one after the other, so many at a time, for so long.
    pub async fn closed(&self, at_a_time: usize, time: Duration) -> Vec<Sample> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..at_a_time {
            let load = self.clone();
            running.spawn(async move {
                let mut samples = Vec::new();
                while begun.elapsed() < time {
                    let now = Instant::now();
                    samples.push(load.call(now - begun, now).await);
                }
                samples
            });
        }
        let mut samples = Vec::new();
        while let Some(worker) = running.join_next().await {
            samples.extend(worker.unwrap_or_default());
        }
        samples
    }
}

fn ends_well(answer: &Answer) -> bool {
    answer.body.ends_with(b"data: [DONE]\n\n")
}

/// The calls that were due from `from` to `to`.
pub fn due(samples: &[Sample], from: Duration, to: Duration) -> Vec<Sample> {
    samples.iter().filter(|sample| sample.due >= from && sample.due < to).copied().collect()
}

/// How many were not answered well.
pub fn failed(samples: &[Sample]) -> usize {
    samples.iter().filter(|sample| !sample.is_good).count()
}

/// The time that `percent` of these stay below; zero without any.
pub fn percentile(samples: &[Sample], percent: f64) -> Duration {
    let mut times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    let at = (percent / 100.0 * times.len() as f64).ceil() as usize;
    times.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

/// Statuses of what failed, with how often.
pub fn statuses(samples: &[Sample]) -> String {
    let mut count: BTreeMap<u16, usize> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.is_good) {
        *count.entry(sample.status).or_default() += 1;
    }
    let one = |(status, count): (u16, usize)| format!("{count} x {status}");
    count.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_failures_are_counted() {
        let sample = |number: u64| Sample {
            due: Duration::from_secs(number),
            took: Duration::from_millis(number),
            status: if number > 98 { 503 } else { 200 },
            is_good: number <= 98,
            has_retry_after: false,
        };
        let samples: Vec<Sample> = (1..=100).map(sample).collect();
        assert_eq!(percentile(&samples, 99.0), Duration::from_millis(99));
        assert_eq!(percentile(&samples, 50.0), Duration::from_millis(50));
        assert_eq!(percentile(&[], 50.0), Duration::ZERO);
        assert_eq!((failed(&samples), statuses(&samples)), (2, "2 x 503".to_owned()));
        assert_eq!(due(&samples, Duration::from_secs(5), Duration::from_secs(8)).len(), 3);
    }
}
