//! `loadtest breaker`: one of three deployments fails under load, in five ways at once (each with a model of its own), and
//! is healed.
//!
//! Promise 9: no client notices more than a thousandth of the first second; while the breaker is open one try a cooldown
//! goes to the failing deployment; a cooldown and one try after it is healed it takes its part again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::gateway;
use super::load::{Load, Sample, due, failed, statuses};
use super::promise::Promises;
use super::stage::{Role, Stage};
use crate::Result;
use crate::mock::settings::Settings;
use crate::process::Workspace;
use crate::proof::node::Node;
use crate::run::{parse_duration, say};

/// All is well for so long before.
const BEFORE: Duration = Duration::from_secs(2);
/// The gateway's own `cooldown_time`.
const COOLDOWN: Duration = Duration::from_secs(5);
/// A cooldown and one try.
const RETURN_LIMIT: Duration = Duration::from_secs(6);
/// All is watched for so long after the healing.
const AFTER: Duration = Duration::from_secs(9);
/// What the breaker has to open.
const OPENING: Duration = Duration::from_secs(1);
/// Three failures, one more request, and one that was on its way: `allowed_fails` is 3.
const OPENS_AFTER: usize = 5;
/// So many calls in a row are a part of the traffic, not a try.
const BACK: usize = 3;
/// Of the calls that are due in the first second so many may fail.
const MOST_FAILED: f64 = 0.001;
/// What a client waits for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first token's limit, so that a hanging deployment is noticed while it hangs.
const STREAM_TIMEOUT: &str = "500ms";
/// Seconds that a deployment at its limit asks for.
const RETRY_AFTER: u64 = 3;

/// Arguments of `loadtest breaker`.
#[derive(Clone, Debug, clap::Args)]
pub struct BreakerArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// How long the deployment fails
    #[arg(long, default_value = "11s", value_parser = parse_duration)]
    pub time: Duration,
    /// Calls a second of each of the five models
    #[arg(long, default_value_t = 40.0)]
    pub rate: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Killed,
    Fails,
    Limited,
    Hangs,
    HalfDead,
}

const TROUBLES: [Trouble; 5] = [Trouble::Killed, Trouble::Fails, Trouble::Limited, Trouble::Hangs, Trouble::HalfDead];

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Fails => "answers 500",
            Self::Limited => "429 with Retry-After",
            Self::Hangs => "hangs",
            Self::HalfDead => "every second one 500",
        }
    }

    fn model(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn answer(self, number: usize) -> Settings {
        let mut settings = Settings { tokens: 3, ..Settings::default() };
        let faults = &mut settings.faults;
        match self {
            Self::Killed => {}
            Self::Fails => faults.status = Some(500),
            Self::Limited => (faults.status, faults.retry_after) = (Some(429), Some(RETRY_AFTER)),
            Self::Hangs => faults.hang = true,
            Self::HalfDead if number.is_multiple_of(2) => faults.status = Some(500),
            Self::HalfDead => {}
        }
        settings
    }
}

fn healthy() -> Settings {
    Settings { tokens: 3, ..Settings::default() }
}

/// One of the five: a model with three deployments, of which the first fails.
struct Scene {
    trouble: Trouble,
    roles: Vec<Arc<Role>>,
    stages: Vec<Stage>,
}

/// What came of it, in times since the load began.
struct Outcome {
    trouble: Trouble,
    samples: Vec<Sample>,
    /// Arrivals at the failing deployment.
    tries: Vec<Duration>,
    healed: Duration,
}

impl Scene {
    async fn set(trouble: Trouble) -> Result<Self> {
        let (mut roles, mut stages) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let role = Arc::new(Role::new(|_| healthy()));
            stages.push(Stage::solo(&trouble.model(), &role).await?);
            roles.push(role);
        }
        Ok(Self { trouble, roles, stages })
    }

    fn models(&self) -> Vec<Value> {
        let (name, hangs) = (self.trouble.model(), self.trouble == Trouble::Hangs);
        let more = if hangs { json!({"stream_timeout": STREAM_TIMEOUT}) } else { Value::Null };
        let one = |stage: &Stage| gateway::deployment(&name, &format!("openai/{name}"), &stage.api_base(), &more);
        self.stages.iter().map(one).collect()
    }

    async fn play(mut self, load: Load, rate: f64, time: Duration) -> Result<Outcome> {
        let (begun, trouble) = (Instant::now(), self.trouble);
        let total = BEFORE + time + AFTER;
        let calls = tokio::spawn(async move { load.open(rate, total, begun).await });
        sleep_until((begun + BEFORE).into()).await;
        let (Some(role), Some(stage)) = (self.roles.first(), self.stages.first_mut()) else {
            return Err("no deployment".into());
        };
        role.now(move |moment| trouble.answer(moment.number));
        if trouble == Trouble::Killed {
            stage.kill().await;
        }
        sleep_until((begun + BEFORE + time).into()).await;
        if trouble == Trouble::Killed {
            stage.revive().await?;
        }
        role.now(|_| healthy());
        let healed = begun.elapsed();
        let samples = calls.await?;
        let tries = role.arrivals().iter().map(|arrival| arrival.at.saturating_duration_since(begun)).collect();
        Ok(Outcome { trouble, samples, tries, healed })
    }
}

impl Outcome {
    fn count(&self, from: Duration, to: Duration) -> usize {
        self.tries.iter().filter(|at| **at >= from && **at < to).count()
    }

    /// When the deployment had its part of the traffic again, after it was healed.
    fn back(&self) -> Option<Duration> {
        self.tries.iter().filter(|at| **at >= self.healed).nth(BACK - 1).map(|at| *at - self.healed)
    }

    fn check(&self, promises: &mut Promises) -> Result<()> {
        let (name, end) = (self.trouble.name(), Duration::MAX);
        let first = due(&self.samples, BEFORE, BEFORE + OPENING);
        let later = due(&self.samples, BEFORE + OPENING, end);
        let earlier = due(&self.samples, Duration::ZERO, BEFORE);
        let lost = failed(&first);
        let share = lost as f64 / first.len().max(1) as f64;
        let measured = format!("{lost} of {} {}", first.len(), statuses(&first));
        promises.check(&format!("{name}: at most 0.1 % of the first second fail"), &measured, share <= MOST_FAILED)?;
        let measured = format!("{} of {} {}", failed(&later), later.len(), statuses(&later));
        let none = failed(&later) + failed(&earlier) == 0;
        promises.check(&format!("{name}: none before or after it"), &measured, none)?;
        // Nobody hears a knock at a dead door, and what answers every second time may be asked.
        if matches!(self.trouble, Trouble::Fails | Trouble::Limited | Trouble::Hangs) {
            let open = self.healed - BEFORE - OPENING;
            let most = open.as_secs() as usize / COOLDOWN.as_secs() as usize + 1;
            let tries = self.count(BEFORE + OPENING, self.healed);
            let before = self.count(BEFORE, BEFORE + OPENING);
            let measured = format!("{tries} in {:.0} s, {before} in the first second", open.as_secs_f64());
            let what = format!("{name}: while open, at most {most} tries (one each 5 s)");
            promises.check(&what, &measured, tries <= most)?;
            if self.trouble == Trouble::Fails {
                let what = format!("{name}: open after three failures, one more, and one on its way");
                promises.check(&what, &format!("{before} tries"), before <= OPENS_AFTER)?;
            }
        }
        let back = self.back();
        let measured = back.map_or("never".to_owned(), |back| format!("{:.1} s", back.as_secs_f64()));
        let in_time = back.is_some_and(|back| back <= RETURN_LIMIT);
        promises.check(&format!("{name}: back within 6 s after it was healed"), &measured, in_time)
    }
}

/// All five at once, and what was promised.
///
/// # Errors
/// A promise does not hold, or something could not be started.
pub async fn command(args: BreakerArgs) -> Result<()> {
    let workspace = Workspace::new()?;
    let mut scenes = Vec::new();
    for trouble in TROUBLES {
        scenes.push(Scene::set(trouble).await?);
    }
    let models: Vec<Value> = scenes.iter().flat_map(Scene::models).collect();
    let config = gateway::config(&models, &json!({}));
    let node = Node::launch(&workspace, &args.gateway, &workspace.path().join("gateway"), &config).await?;
    let (rate, time) = (args.rate, args.time);
    say(&format!("one of three deployments fails for {} s, {rate} calls a second", time.as_secs_f64()))?;
    let mut running = JoinSet::new();
    for scene in scenes {
        let load = Load::new(node.address(), &scene.trouble.model(), true, PATIENCE);
        running.spawn(scene.play(load, rate, time));
    }
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.join_next().await {
        outcomes.push(outcome??);
    }
    outcomes.sort_by_key(|outcome| TROUBLES.iter().position(|trouble| *trouble == outcome.trouble));
    let mut promises = Promises::default();
    for outcome in &outcomes {
        outcome.check(&mut promises)?;
    }
    promises.verdict()
}
