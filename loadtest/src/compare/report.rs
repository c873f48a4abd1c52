//! The figures of a comparison: medians over the rounds, and ratios to the first target within each round.

use std::fmt::Write as _;

use serde::Serialize;

use super::CompareArgs;
use super::round::Measured;
use crate::stats::median;

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Comparison {
    stream: bool,
    body_size: usize,
    connections: usize,
    seconds: f64,
    pinned: bool,
    targets: Vec<Row>,
}

/// One target. Latencies are in milliseconds and those of the whole answer, or of the first event of a stream.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    requests_per_second: f64,
    requests_per_second_ratio: f64,
    events_per_second: f64,
    /// Microseconds of CPU time per request, or per event of a stream.
    cpu_us: Option<f64>,
    cpu_ratio: Option<f64>,
    /// The smallest and the largest of the rounds: what the median is worth.
    cpu_ratio_range: Option<(f64, f64)>,
    instructions_per_request: Option<f64>,
    instructions_ratio: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
    /// More than the first target's.
    added_p50_ms: f64,
    added_p99_ms: f64,
    gap_p99_ms: f64,
    rss_mib: Option<f64>,
    ready_ms: Option<f64>,
    failed: u64,
    generator_cpu_us: f64,
    mock_cpu_us: Option<f64>,
    rounds: Vec<Measured>,
}

type Name = (String, Option<f64>);

impl Comparison {
    /// From each target's name, time until it was ready, and rounds.
    pub fn new(args: &CompareArgs, targets: Vec<(Name, Vec<Measured>)>) -> Self {
        let first: Vec<Measured> = targets.first().map(|(_, rounds)| rounds.clone()).unwrap_or_default();
        let stream = args.call.stream;
        Self {
            stream,
            body_size: args.call.body_size,
            connections: args.call.connections,
            seconds: args.seconds,
            pinned: args.pin,
            targets: targets.into_iter().map(|(name, rounds)| Row::new(name, rounds, &first, stream)).collect(),
        }
    }

    /// A table for people.
    pub fn to_text(&self) -> String {
        let unit = if self.stream { "event" } else { "req" };
        let mut text = format!(
            "{} B bodies, {}, {} connections, rounds of {} s{}; latency: {}\n",
            self.body_size,
            if self.stream { "streams" } else { "JSON answers" },
            self.connections,
            self.seconds,
            if self.pinned { ", pinned" } else { "" },
            if self.stream { "first event" } else { "whole answer" },
        );
        let _ = writeln!(
            text,
            "{:<14} {:>9} {:>6} {:>9} {:>6} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8} {:>7}",
            "target",
            format!("{unit}/s"),
            "x",
            format!("µs/{unit}"),
            "x",
            "p50 ms",
            "p99 ms",
            "+p50 ms",
            "+p99 ms",
            "RSS MiB",
            "start ms",
            "failed"
        );
        for row in &self.targets {
            let _ = writeln!(text, "{}", row.to_text(self.stream));
        }
        for row in &self.targets {
            let mock = row.mock_cpu_us.map(|cpu| format!(", mock {cpu:.1}")).unwrap_or_default();
            let _ = write!(text, "{}: µs/req of the generator {:.1}{mock}", row.name, row.generator_cpu_us);
            if let Some((low, high)) = row.cpu_ratio_range {
                let _ = write!(text, "; CPU ratio by round {low:.3}-{high:.3}");
            }
            if let (Some(count), Some(ratio)) = (row.instructions_per_request, row.instructions_ratio) {
                let _ = write!(text, "; {count:.0} instructions/req, {ratio:.3}x");
            }
            if self.stream {
                let _ = write!(text, "; gap p99 {:.2} ms", row.gap_p99_ms);
            }
            if let Some(round) = row.rounds.iter().find(|round| round.failed > 0) {
                let _ = write!(text, "; {}", round.problems);
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Row {
    fn new((name, ready_ms): Name, rounds: Vec<Measured>, first: &[Measured], stream: bool) -> Self {
        let latency = |it: &Measured| if stream { it.first_byte_ms } else { it.total_ms };
        let cpu = |it: &Measured| if stream { it.cpu_us_per_event } else { it.cpu_us_per_request };
        let of = |get: &dyn Fn(&Measured) -> Option<f64>| {
            let values: Option<Vec<f64>> = rounds.iter().map(get).collect();
            values.map(|values| median(&values))
        };
        let by_round = |get: &dyn Fn(&Measured) -> Option<f64>, how: fn(f64, f64) -> f64| {
            let pairs = rounds.iter().zip(first);
            pairs.map(|(own, first)| Some(how(get(own)?, get(first)?))).collect::<Option<Vec<f64>>>()
        };
        let against = |get: &dyn Fn(&Measured) -> Option<f64>, how| by_round(get, how).map(|values| median(&values));
        let range = |values: Vec<f64>| {
            (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max))
        };
        let ratio: fn(f64, f64) -> f64 = |own, first| own / first;
        let difference: fn(f64, f64) -> f64 = |own, first| own - first;
        let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Self {
            name,
            requests_per_second: known(of(&|it| Some(it.requests_per_second))),
            requests_per_second_ratio: known(against(&|it| Some(it.requests_per_second), ratio)),
            events_per_second: known(of(&|it| Some(it.events_per_second))),
            cpu_us: of(&cpu),
            cpu_ratio: against(&cpu, ratio),
            cpu_ratio_range: by_round(&cpu, ratio).map(range),
            instructions_per_request: of(&|it| it.instructions_per_request),
            instructions_ratio: against(&|it| it.instructions_per_request, ratio),
            p50_ms: known(of(&|it| Some(latency(it).p50))),
            p99_ms: known(of(&|it| Some(latency(it).p99))),
            added_p50_ms: known(against(&|it| Some(latency(it).p50), difference)),
            added_p99_ms: known(against(&|it| Some(latency(it).p99), difference)),
            gap_p99_ms: known(of(&|it| Some(it.event_gap_ms.p99))),
            rss_mib: rounds.iter().filter_map(|it| it.rss_kib).max().map(|kib| kib as f64 / 1024.0),
            ready_ms,
            failed: rounds.iter().map(|it| it.failed).sum(),
            generator_cpu_us: known(of(&|it| Some(it.generator_cpu_us_per_request))),
            mock_cpu_us: of(&|it| it.mock_cpu_us_per_request),
            rounds,
        }
    }

    fn to_text(&self, stream: bool) -> String {
        let shown = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |it| format!("{it:.digits$}"));
        let rate = if stream { self.events_per_second } else { self.requests_per_second };
        format!(
            "{:<14} {rate:>9.0} {:>6.2} {:>9} {:>6} {:>8.3} {:>8.3} {:>+9.3} {:>+9.3} {:>8} {:>8} {:>7}",
            self.name,
            self.requests_per_second_ratio,
            shown(self.cpu_us, 1),
            shown(self.cpu_ratio, 3),
            self.p50_ms,
            self.p99_ms,
            self.added_p50_ms,
            self.added_p99_ms,
            shown(self.rss_mib, 1),
            shown(self.ready_ms, 0),
            self.failed
        )
    }
}
