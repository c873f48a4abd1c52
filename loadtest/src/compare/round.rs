//! One visit to one target: load, and what the processes used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::instructions::Counting;
use crate::Result;
use crate::drive::{Plan, Progress, drive};
use crate::procfs::{Usage, usage};
use crate::stats::Percentiles;

/// The figures of one visit.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub succeeded: u64,
    pub failed: u64,
    /// Statuses and errors in words, for a person.
    pub problems: String,
    pub requests_per_second: f64,
    pub events_per_second: f64,
    pub total_ms: Percentiles,
    pub first_byte_ms: Percentiles,
    pub event_gap_ms: Percentiles,
    /// CPU time of the target, if its process is known, in microseconds.
    pub cpu_us_per_request: Option<f64>,
    pub cpu_us_per_event: Option<f64>,
    pub instructions_per_request: Option<f64>,
    pub rss_kib: Option<u64>,
    /// CPU time of this generator and of the mock, for what is the limit here.
    pub generator_cpu_us_per_request: f64,
    pub mock_cpu_us_per_request: Option<f64>,
}

/// Runs `plan` against the target with process id `pid`.
///
/// # Errors
/// One of the processes has ended.
pub async fn measure(plan: &Plan, pid: Option<u32>, mock_pid: Option<u32>, instructions: bool) -> Result<Measured> {
    let processes = [pid, mock_pid, Some(std::process::id())];
    let read = |pid: Option<u32>| pid.map(usage).transpose();
    let before = processes.map(read);
    let counting = pid.filter(|_| instructions).and_then(|pid| Counting::start(pid, plan.duration));
    let report = drive(plan, Arc::new(Progress::default())).await;
    let [target, mock, generator] = pairs(before, processes.map(read))?;
    let instructions = counting.and_then(Counting::finish);

    let requests = report.sum(|stats| stats.requests).max(1) as f64;
    let events = report.sum(|stats| stats.events);
    // A plan of a comparison has one model.
    let summary = report.models.first().map(|(model, stats)| stats.summary(model, report.elapsed));
    let summary = summary.ok_or("no model")?;
    let per_request = |cpu: Duration| cpu.as_secs_f64() * 1e6 / requests;
    let cpu = |it: &Option<(Usage, Usage)>| it.as_ref().map(|(before, after)| after.cpu_since(before));
    let target_cpu = cpu(&target);
    Ok(Measured {
        succeeded: summary.succeeded,
        failed: summary.failed,
        problems: format!("statuses {:?}, errors {:?}", summary.statuses, summary.errors),
        requests_per_second: summary.requests_per_second,
        events_per_second: events as f64 / report.elapsed.as_secs_f64(),
        total_ms: summary.total_ms,
        first_byte_ms: summary.first_byte_ms,
        event_gap_ms: summary.event_gap_ms,
        cpu_us_per_request: target_cpu.map(per_request),
        cpu_us_per_event: target_cpu.filter(|_| events > 0).map(|cpu| cpu.as_secs_f64() * 1e6 / events as f64),
        instructions_per_request: instructions.map(|count| count as f64 / requests),
        rss_kib: target.map(|(_, after)| after.rss_kib),
        generator_cpu_us_per_request: cpu(&generator).map(per_request).unwrap_or_default(),
        mock_cpu_us_per_request: cpu(&mock).map(per_request),
    })
}

type Reading = Result<Option<Usage>>;

/// Readings before and after, of the processes that are known.
fn pairs(before: [Reading; 3], after: [Reading; 3]) -> Result<[Option<(Usage, Usage)>; 3]> {
    let [before_target, before_mock, before_own] = before;
    let [after_target, after_mock, after_own] = after;
    Ok([before_target?.zip(after_target?), before_mock?.zip(after_mock?), before_own?.zip(after_own?)])
}
