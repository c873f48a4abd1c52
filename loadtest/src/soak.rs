//! `loadtest soak`: many requests, and how the target's memory went.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::Serialize;

use crate::Result;
use crate::client::Target;
use crate::drive::{Plan, Progress, drive};
use crate::procfs;
use crate::run::{CallArgs, parse_duration, say};

/// How often the count of completed requests is looked at.
const SAMPLE_STEP: Duration = Duration::from_millis(10);

/// Memory is noted whenever so many more percent of the requests are done.
const PERCENT_STEP: u64 = 10;

/// Arguments of `loadtest soak`.
#[derive(Clone, Debug, clap::Args)]
pub struct SoakArgs {
    /// http://HOST:PORT of the gateway
    #[arg(long)]
    pub url: String,
    /// Process id of the gateway
    #[arg(long)]
    pub pid: u32,
    /// Model name; several are taken in turns
    #[arg(long = "model", default_value = "bench")]
    pub models: Vec<String>,
    /// Bearer token
    #[arg(long)]
    pub key: Option<String>,
    #[command(flatten)]
    pub call: CallArgs,
    /// How many requests
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,
    /// Give up after so long
    #[arg(long, default_value = "60m", value_parser = parse_duration)]
    pub duration: Duration,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Soak {
    requests: u64,
    failed: u64,
    elapsed_seconds: f64,
    /// Before the first request.
    idle_kib: u64,
    /// `(percent of the requests, KiB)`.
    rss_kib: Vec<(u64, u64)>,
    growth_after_first_step_percent: Option<f64>,
}

/// Sends all requests and prints the memory at each tenth.
///
/// # Errors
/// The process can not be read, the time was too short, or no request succeeded.
pub async fn command(args: SoakArgs) -> Result<()> {
    let plan = Plan {
        target: Target::new(&args.url).await?,
        shape: args.call.shape(args.key.clone()),
        models: args.models.clone(),
        connections: args.call.connections,
        rate: None,
        duration: args.duration,
        requests: args.requests,
        timeout: args.call.timeout,
    };
    let idle = procfs::usage(args.pid)?;
    let progress = Arc::new(Progress::default());
    let (report, samples) =
        tokio::join!(drive(&plan, Arc::clone(&progress)), sample(args.pid, args.requests, &progress, args.duration));
    let soak = Soak {
        requests: report.sum(|stats| stats.requests),
        failed: report.sum(|stats| stats.requests - stats.succeeded),
        elapsed_seconds: report.elapsed.as_secs_f64(),
        idle_kib: idle.rss_kib,
        growth_after_first_step_percent: growth(&samples),
        rss_kib: samples,
    };
    say(&if args.json { serde_json::to_string_pretty(&soak)? } else { soak.to_text() })?;
    if soak.requests < args.requests {
        return Err(format!("only {} requests in the time given", soak.requests).into());
    }
    if soak.failed == soak.requests {
        return Err("no request succeeded".into());
    }
    Ok(())
}

/// Notes the memory at each step; ends early when the process or the time does.
async fn sample(pid: u32, requests: u64, progress: &Progress, limit: Duration) -> Vec<(u64, u64)> {
    let end = tokio::time::Instant::now() + limit;
    let (mut samples, mut percent) = (Vec::new(), PERCENT_STEP);
    while percent <= 100 && tokio::time::Instant::now() < end {
        let done = u128::from(progress.completed.load(Relaxed)) * 100 >= u128::from(requests) * u128::from(percent);
        if !done {
            tokio::time::sleep(SAMPLE_STEP).await;
            continue;
        }
        let Ok(usage) = procfs::usage(pid) else { return samples };
        samples.push((percent, usage.rss_kib));
        percent += PERCENT_STEP;
    }
    samples
}

fn growth(samples: &[(u64, u64)]) -> Option<f64> {
    let ((_, first), (_, last)) = (samples.first()?, samples.last()?);
    Some((*last as f64 / *first as f64 - 1.0) * 100.0)
}

impl Soak {
    fn to_text(&self) -> String {
        let mut text = format!(
            "{} requests in {:.1} s, {} failed\n  idle   {:>8.1} MiB\n",
            self.requests,
            self.elapsed_seconds,
            self.failed,
            mib(self.idle_kib)
        );
        for (percent, kib) in &self.rss_kib {
            let _ = writeln!(text, "  {percent:>3} %  {:>8.1} MiB", mib(*kib));
        }
        if let Some(growth) = self.growth_after_first_step_percent {
            let _ = write!(text, "growth after the first {PERCENT_STEP} %: {growth:+.1} %");
        }
        text
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_counted_from_the_first_sample() {
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&[(10, 1000)]), Some(0.0));
        let grown = growth(&[(10, 1000), (20, 5000), (100, 1030)]).unwrap();
        assert!((grown - 3.0).abs() < 1e-9);
    }
}
