//! What was measured, per model: latencies in HDR histograms, statuses, errors, bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::Exchange;

/// Longest latency that is told apart, in nanoseconds: ten minutes.
const MAX_LATENCY_NS: u64 = 600_000_000_000;

/// Significant decimal digits of a recorded latency.
const DIGITS: u8 = 3;

/// Why an exchange did not end with a whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No connection.
    Connect,
    /// The request could not be written.
    Write,
    /// The connection failed while the answer was read.
    Read,
    /// The peer reset the connection.
    Reset,
    /// The connection ended inside the answer.
    Closed,
    /// The answer did not come to its end in time.
    Timeout,
    /// The answer was not HTTP.
    Malformed,
    /// The stream held an error event.
    ErrorEvent,
    /// The stream ended properly but without `[DONE]`.
    NoDone,
}

/// Latencies of one kind.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the unit tests construct")]
        Self(Histogram::new_with_bounds(1, MAX_LATENCY_NS, DIGITS).expect("constant bounds"))
    }
}

impl Latencies {
    /// Adds one; beyond ten minutes all are the same.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The latency that `percent` of all stay below, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        self.0.value_at_quantile(percent / 100.0) as f64 / 1e6
    }

    /// The usual percentiles.
    pub fn summary(&self) -> Percentiles {
        Percentiles {
            count: self.0.len(),
            mean: self.0.mean() / 1e6,
            p50: self.percentile(50.0),
            p90: self.percentile(90.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            p99_9: self.percentile(99.9),
            max: self.0.max() as f64 / 1e6,
        }
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// All that was seen of one model.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub total: Latencies,
    pub first: Latencies,
    pub gap: Latencies,
    statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<ErrorKind, u64>,
    pub requests: u64,
    pub succeeded: u64,
    pub events: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl Stats {
    /// Adds one exchange. Latencies are those of whole answers with status 2xx only: a fast refusal must not make a
    /// failing target look quick.
    pub fn record(&mut self, exchange: &Exchange, request_bytes: usize) {
        self.requests += 1;
        self.bytes_out += request_bytes as u64;
        self.bytes_in += exchange.bytes;
        self.events += exchange.events;
        if let Some(status) = exchange.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(kind) = exchange.error {
            *self.errors.entry(kind).or_default() += 1;
        }
        if exchange.error.is_none() && exchange.status.is_some_and(|status| (200..300).contains(&status)) {
            self.succeeded += 1;
            self.total.record(exchange.total);
            exchange.first.into_iter().for_each(|first| self.first.record(first));
            exchange.gaps.iter().for_each(|gap| self.gap.record(*gap));
        }
    }

    /// The figures for a report, of a run that took `elapsed`.
    pub fn summary(&self, model: &str, elapsed: Duration) -> Summary {
        let seconds = elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Summary {
            model: model.to_owned(),
            requests: self.requests,
            succeeded: self.succeeded,
            failed: self.requests - self.succeeded,
            requests_per_second: self.requests as f64 / seconds,
            statuses: self.statuses.clone(),
            errors: self.errors.clone(),
            events: self.events,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            megabytes_per_second: (self.bytes_in + self.bytes_out) as f64 / 1e6 / seconds,
            total_ms: self.total.summary(),
            first_byte_ms: self.first.summary(),
            event_gap_ms: self.gap.summary(),
        }
    }
}

/// One model's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub model: String,
    pub requests: u64,
    /// Whole answers with status 2xx.
    pub succeeded: u64,
    pub failed: u64,
    pub requests_per_second: f64,
    pub statuses: BTreeMap<u16, u64>,
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Server-sent events.
    pub events: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub megabytes_per_second: f64,
    pub total_ms: Percentiles,
    /// Time to the first body byte: of a stream, its first event.
    pub first_byte_ms: Percentiles,
    pub event_gap_ms: Percentiles,
}

impl Summary {
    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{}: {} requests, {:.1}/s, {} failed, {:.1} MB/s",
            self.model, self.requests, self.requests_per_second, self.failed, self.megabytes_per_second
        );
        if self.events > 0 {
            let _ = write!(text, ", {} events", self.events);
        }
        let _ = write!(text, "\n  statuses {:?}, errors {:?}\n", self.statuses, self.errors);
        let _ = writeln!(
            text,
            "  {:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "ms", "p50", "p90", "p95", "p99", "p99.9", "max"
        );
        for (name, it) in
            [("total", self.total_ms), ("first byte", self.first_byte_ms), ("event gap", self.event_gap_ms)]
        {
            if it.count > 0 {
                let _ = writeln!(
                    text,
                    "  {name:<12} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3}",
                    it.p50, it.p90, it.p95, it.p99, it.p99_9, it.max
                );
            }
        }
        text
    }
}

/// The middle value; the mean of the two middle ones of an even number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_known_latencies() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let summary = latencies.summary();
        for (seen, expected) in
            [(summary.p50, 500.0), (summary.p99, 990.0), (summary.p99_9, 999.0), (summary.max, 1000.0)]
        {
            assert!((seen - expected).abs() < expected * 0.002, "{seen} {expected}");
        }
        latencies.record(Duration::from_secs(100_000));
        assert!((latencies.summary().max - 600_000.0).abs() < 1000.0);
    }

    #[test]
    fn only_whole_answers_count_as_success() {
        let mut stats = Stats::default();
        let exchange =
            |status, error| Exchange { status, error, total: Duration::from_millis(1), ..Exchange::default() };
        stats.record(&exchange(Some(200), None), 10);
        stats.record(&exchange(Some(503), None), 10);
        stats.record(&exchange(Some(200), Some(ErrorKind::Closed)), 10);
        stats.record(&exchange(None, Some(ErrorKind::Reset)), 10);
        let summary = stats.summary("m", Duration::from_secs(2));
        assert_eq!((summary.requests, summary.succeeded, summary.failed, summary.total_ms.count), (4, 1, 3, 1));
        assert_eq!(summary.statuses, BTreeMap::from([(200, 2), (503, 1)]));
        assert_eq!(summary.errors, BTreeMap::from([(ErrorKind::Closed, 1), (ErrorKind::Reset, 1)]));
        assert_eq!((summary.requests_per_second, summary.bytes_out), (2.0, 40));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
