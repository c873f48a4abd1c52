//! `loadtest run`: one target, closed or open loop.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::Result;
use crate::client::{CallShape, Target};
use crate::drive::{Plan, Progress, Report, drive};
use crate::stats::Summary;

/// How often the live line is drawn.
const PROGRESS_STEP: Duration = Duration::from_millis(200);

/// What all commands that send requests know about them.
#[derive(Clone, Debug, clap::Args)]
pub struct CallArgs {
    /// Ask for streams
    #[arg(long)]
    pub stream: bool,
    /// Ask for the usage chunk of streams
    #[arg(long, requires = "stream")]
    pub include_usage: bool,
    /// Length of the request body, in bytes
    #[arg(long, default_value_t = 1024)]
    pub body_size: usize,
    /// Connections: in a closed loop all of them are always busy, in an open loop they limit what is in flight
    #[arg(long, visible_alias = "max-in-flight", default_value_t = 8)]
    pub connections: usize,
    /// Longest exchange
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    pub timeout: Duration,
}

impl CallArgs {
    /// The shape of a call that presents `key`.
    pub fn shape(&self, key: Option<String>) -> CallShape {
        CallShape { key, stream: self.stream, include_usage: self.include_usage, body_size: self.body_size }
    }
}

/// Arguments of `loadtest run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// http://HOST:PORT of the gateway
    #[arg(long)]
    pub url: String,
    /// Model name; several are taken in turns, each with its own statistics
    #[arg(long = "model", required = true)]
    pub models: Vec<String>,
    /// Bearer token
    #[arg(long)]
    pub key: Option<String>,
    #[command(flatten)]
    pub call: CallArgs,
    /// Requests per second: an open loop. Without it a closed loop
    #[arg(long)]
    pub rate: Option<f64>,
    /// How long to send
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Stop after so many requests
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    pub requests: u64,
    /// Worker threads of the generator
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Sends, draws a live line on a terminal, prints the figures.
///
/// # Errors
/// The URL is wrong, the rate is not positive, or there was no whole answer at all.
pub async fn command(args: RunArgs) -> Result<()> {
    let report = run(&args).await?;
    let summaries: Vec<Summary> =
        report.models.iter().map(|(model, stats)| stats.summary(model, report.elapsed)).collect();
    if args.json {
        let report = json!({"elapsed_seconds": report.elapsed.as_secs_f64(), "unsent": report.unsent,
            "models": summaries});
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&format!("{:.2} s, {} unsent", report.elapsed.as_secs_f64(), report.unsent))?;
        for summary in &summaries {
            say(summary.to_text().trim_end())?;
        }
    }
    if report.sum(|stats| stats.succeeded) == 0 {
        return Err("no request succeeded".into());
    }
    Ok(())
}

/// Sends what `args` say.
///
/// # Errors
/// The URL is wrong or the rate is not positive.
pub async fn run(args: &RunArgs) -> Result<Report> {
    if args.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err("--rate must be more than 0".into());
    }
    let plan = Plan {
        target: Target::new(&args.url).await?,
        shape: args.call.shape(args.key.clone()),
        models: args.models.clone(),
        connections: args.call.connections,
        rate: args.rate,
        duration: args.duration,
        requests: args.requests,
        timeout: args.call.timeout,
    };
    let progress = Arc::new(Progress::default());
    let line = tokio::spawn(draw(Arc::clone(&progress), args.requests));
    let report = drive(&plan, progress).await;
    line.abort();
    Ok(report)
}

/// The live line; indicatif draws nothing when standard error is not a terminal.
async fn draw(progress: Arc<Progress>, requests: u64) {
    let bar = if requests == u64::MAX { ProgressBar::no_length() } else { ProgressBar::new(requests) };
    if bar.is_hidden() {
        return;
    }
    if let Ok(style) = ProgressStyle::with_template("{elapsed} {human_pos} requests, {per_sec} {msg}") {
        bar.set_style(style);
    }
    loop {
        tokio::time::sleep(PROGRESS_STEP).await;
        bar.set_position(progress.completed.load(Relaxed));
        let failed = progress.failed.load(Relaxed);
        if failed > 0 {
            bar.set_message(format!("({failed} failed)"));
        }
    }
}

/// One line, or several, on standard output.
///
/// # Errors
/// Nobody reads it any more.
pub fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// `500ms`, `10s`, `2m`, or seconds without a unit.
pub fn parse_duration(text: &str) -> std::result::Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(format!("{unit}: not ms, s or m")),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{text}: not a duration"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("500ms", 500), ("10s", 10_000), ("1.5", 1_500), ("2m", 120_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "5h", "-1s", "nan"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
