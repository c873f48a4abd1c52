//! `loadtest overload`: three times what a provider can do, from clients that do not wait.
//!
//! The provider has a few places and an endless queue, and works on what nobody waits for any more: whoever sends it
//! all that comes gets nothing back in time. Promise 12: what can be done is done, the rest is refused at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::gateway;
use super::load::{Load, Sample, due, failed, percentile, statuses};
use super::promise::Promises;
use super::stage::{Role, Stage};
use crate::Result;
use crate::mock::settings::Settings;
use crate::process::{Workspace, answers};
use crate::proof::node::Node;
use crate::run::{parse_duration, say};

const MODEL: &str = "small";
/// For so long the most that can be done is measured.
const MEASURING: Duration = Duration::from_secs(3);
/// What an overload, and its end, may take to be noticed.
const NOTICING: Duration = Duration::from_secs(2);
/// Of the most that can be done so much is still done.
const LEAST_GOODPUT: f64 = 0.9;
/// Of the usual time of an answer so much is still usual.
const MOST_LATENCY: f64 = 2.0;
/// In which a health check is answered.
const HEALTH_LIMIT: Duration = Duration::from_millis(100);
/// Between two health checks.
const HEALTH_STEP: Duration = Duration::from_millis(100);

/// Arguments of `loadtest overload`.
#[derive(Clone, Debug, clap::Args)]
pub struct OverloadArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// How long three times too much is asked for; before and after it, half of what is possible for half as long
    #[arg(long, default_value = "12s", value_parser = parse_duration)]
    pub time: Duration,
    /// What the provider works on at a time
    #[arg(long, default_value_t = 8)]
    pub places: usize,
    /// How long it works on each
    #[arg(long, default_value = "40ms", value_parser = parse_duration)]
    pub work: Duration,
    /// The gateway is told how many that are (`max_parallel_requests`); else it has to find out
    #[arg(long)]
    pub stated: bool,
    /// An answer after so long is worth nothing to its client
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    pub patience: Duration,
    /// A refusal takes no longer (99 of a hundred)
    #[arg(long, default_value = "5ms", value_parser = parse_duration)]
    pub refusal: Duration,
}

/// The three parts of a run.
struct Run {
    /// Good answers a second of a closed loop.
    peak: f64,
    half: Vec<Sample>,
    flood: Vec<Sample>,
    after: Vec<Sample>,
    /// The slowest health check of the flood.
    health: Duration,
}

/// A run and what was promised.
///
/// # Errors
/// A promise does not hold, or something could not be started.
pub async fn command(args: OverloadArgs) -> Result<()> {
    let workspace = Workspace::new()?;
    let answer = |_| Settings { tokens: 3, ..Settings::default() };
    let role = Arc::new(Role::new(answer).with_places(args.places, args.work));
    let stage = Stage::solo(MODEL, &role).await?;
    let mut model = gateway::deployment(MODEL, &format!("openai/{MODEL}"), &stage.api_base(), &Value::Null);
    if args.stated {
        model["litellm_params"]["max_parallel_requests"] = json!(args.places);
    }
    let config = gateway::config(&[model], &json!({}));
    let node = Node::launch(&workspace, &args.gateway, &workspace.path().join("gateway"), &config).await?;
    let run = measure(&node, &args).await?;
    let mut promises = Promises::default();
    run.check(&args, &mut promises)?;
    promises.verdict()
}

async fn measure(node: &Node, args: &OverloadArgs) -> Result<Run> {
    let load = Load::new(node.address(), MODEL, false, args.patience);
    let measured = load.closed(args.places, MEASURING).await;
    let peak = rate(&measured, MEASURING);
    if peak <= 0.0 {
        return Err(format!("no call was answered: {}", statuses(&measured)).into());
    }
    say(&format!("{peak:.0} calls a second can be answered; {:.0} a second follow", 3.0 * peak))?;
    let half = load.open(peak / 2.0, args.time / 2, Instant::now()).await;
    let (flood, health) = tokio::join!(load.open(3.0 * peak, args.time, Instant::now()), health(node, args.time));
    // What the flood has left in the provider's queue is part of the recovery.
    let after = load.open(peak / 2.0, args.time / 2, Instant::now()).await;
    Ok(Run { peak, half, flood, after, health })
}

/// Asks for the gateway's health all the time; the slowest answer.
async fn health(node: &Node, time: Duration) -> Duration {
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < time {
        let asked = Instant::now();
        let is_well = answers(node.address(), "/health/liveliness").await;
        slowest = slowest.max(if is_well { asked.elapsed() } else { Duration::MAX });
        sleep(HEALTH_STEP).await;
    }
    slowest
}

fn rate(samples: &[Sample], time: Duration) -> f64 {
    (samples.len() - failed(samples)) as f64 / time.as_secs_f64()
}

impl Run {
    fn check(&self, args: &OverloadArgs, promises: &mut Promises) -> Result<()> {
        let noticed = due(&self.flood, NOTICING, Duration::MAX);
        let goodput = rate(&noticed, args.time.saturating_sub(NOTICING)) / self.peak;
        let (good, bad): (Vec<Sample>, Vec<Sample>) = noticed.iter().partition(|sample| sample.is_good);
        let measured =
            format!("{:.0} %, of {} calls {} failed: {}", goodput * 100.0, noticed.len(), bad.len(), statuses(&bad));
        promises.check("at three times too much, 90 % of the peak is done", &measured, goodput >= LEAST_GOODPUT)?;
        let refusals: Vec<Sample> = bad.into_iter().filter(|sample| sample.status == 503).collect();
        let told = refusals.iter().filter(|sample| sample.has_retry_after).count();
        let all_told = told == noticed.len() - good.len();
        let measured = format!("{told} of {}", noticed.len() - good.len());
        promises.check("the rest is refused with 503 and Retry-After", &measured, all_told)?;
        let (p50, p99) = (percentile(&refusals, 50.0), percentile(&refusals, 99.0));
        let measured = format!("{}: p50 {:.1} ms, p99 {:.1} ms", refusals.len(), ms(p50), ms(p99));
        let what = format!("a refusal takes {} ms at most (p99)", args.refusal.as_millis());
        promises.check(&what, &measured, !refusals.is_empty() && p99 <= args.refusal)?;
        let (usual, now) = (percentile(&self.half, 99.0), percentile(&good, 99.0));
        let measured = format!("p99 {:.0} ms of {:.0} ms usually", ms(now), ms(usual));
        let is_usual = |time: Duration| time <= usual.mul_f64(MOST_LATENCY);
        promises.check(
            "what is answered takes at most twice its usual time",
            &measured,
            !good.is_empty() && is_usual(now),
        )?;
        let measured = format!("{:.0} ms", ms(self.health));
        promises.check("health is answered within 100 ms", &measured, self.health <= HEALTH_LIMIT)?;
        let late = due(&self.after, NOTICING, Duration::MAX);
        let (lost, p99) = (failed(&late), percentile(&late, 99.0));
        let measured = format!("{lost} of {} failed, p99 {:.0} ms", late.len(), ms(p99));
        promises.check("2 s later all is as usual", &measured, lost == 0 && is_usual(p99))?;
        let before = failed(&self.half);
        promises.check(
            "at half of it, all is answered",
            &format!("{before} of {} failed", self.half.len()),
            before == 0,
        )
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
