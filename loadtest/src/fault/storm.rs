//! `loadtest retry-storm`: everything is down, and calls keep coming.
//!
//! Promise 10: to the providers this is no more than a tenth above what clients ask for, a fifth in any one second.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::gateway;
use super::load::{Load, Sample, due, failed, percentile, statuses};
use super::promise::Promises;
use super::stage::{Role, Stage};
use crate::Result;
use crate::mock::settings::Settings;
use crate::process::Workspace;
use crate::proof::node::Node;
use crate::run::{parse_duration, say};

/// Deployments of the model that is called; its fallback has one more.
const DEPLOYMENTS: usize = 2;
/// Tries a call, over all.
const MOST_TRIES: f64 = 1.1;
/// Tries a call, in any one second.
const MOST_IN_A_SECOND: f64 = 1.2;
/// What a client waits for.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the first answers take, so that calls meet each other.
const DELAY: Duration = Duration::from_millis(5);

/// Arguments of `loadtest retry-storm`.
#[derive(Clone, Debug, clap::Args)]
pub struct StormArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// How long all is down
    #[arg(long, default_value = "15s", value_parser = parse_duration)]
    pub time: Duration,
    /// Calls a second in each of the three ways
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
}

type Fault = fn(&mut Settings);

/// The ways in which all is down: a model's name and what its providers answer.
const WAYS: [(&str, Fault); 3] = [
    ("answers-503", |it| it.faults.status = Some(503)),
    ("answers-429", |it| it.faults.status = Some(429)),
    ("resets", |it| it.faults.reset = true),
];

struct Scene {
    name: &'static str,
    /// All deployments are this one.
    role: Arc<Role>,
}

impl Scene {
    fn new(name: &'static str, fault: Fault) -> Self {
        let answer = move |_| {
            let mut settings = Settings { delay: DELAY, ..Settings::default() };
            fault(&mut settings);
            settings
        };
        Self { name, role: Arc::new(Role::new(answer)) }
    }

    fn backup(&self) -> String {
        format!("{}-backup", self.name)
    }

    fn check(&self, samples: &[Sample], begun: Instant, time: Duration, promises: &mut Promises) -> Result<()> {
        let tries: Vec<Duration> =
            self.role.arrivals().iter().map(|arrival| arrival.at.saturating_duration_since(begun)).collect();
        let ratio = tries.len() as f64 / samples.len().max(1) as f64;
        let second = |number: u64| {
            let (from, to) = (Duration::from_secs(number), Duration::from_secs(number + 1));
            let tries = tries.iter().filter(|at| **at >= from && **at < to).count();
            tries as f64 / due(samples, from, to).len().max(1) as f64
        };
        let worst = (0..time.as_secs().max(1)).map(second).fold(0.0, f64::max);
        let (p50, p99) = (percentile(samples, 50.0).as_millis(), percentile(samples, 99.0).as_millis());
        let measured = format!("{ratio:.3} ({} tries of {} calls)", tries.len(), samples.len());
        let name = self.name;
        promises.check(&format!("{name}: at most {MOST_TRIES} tries a call"), &measured, ratio <= MOST_TRIES)?;
        let measured = format!("{worst:.3}; answers {}, p50 {p50} ms, p99 {p99} ms", statuses(samples));
        let what = format!("{name}: at most {MOST_IN_A_SECOND} in any one second");
        promises.check(&what, &measured, worst <= MOST_IN_A_SECOND)?;
        let untold = samples.iter().filter(|sample| sample.status == 0 || sample.is_good).count();
        let what = format!("{name}: each call is told that it failed");
        promises.check(&what, &format!("{} of {}", failed(samples) - untold, samples.len()), untold == 0)
    }
}

/// All ways at once, and what was promised.
///
/// # Errors
/// A promise does not hold, or something could not be started.
pub async fn command(args: StormArgs) -> Result<()> {
    let workspace = Workspace::new()?;
    let scenes: Vec<Scene> = WAYS.iter().map(|(name, fault)| Scene::new(name, *fault)).collect();
    let cast = scenes.iter().map(|scene| (scene.name.to_owned(), Arc::clone(&scene.role))).collect();
    let stage = Stage::open(cast).await?;
    let one = |name: &str, scene: &Scene| {
        gateway::deployment(name, &format!("openai/{}", scene.name), &stage.api_base(), &Value::Null)
    };
    let mut models = Vec::new();
    for scene in &scenes {
        models.extend((0..DEPLOYMENTS).map(|number| numbered(one(scene.name, scene), scene.name, number)));
        models.push(numbered(one(&scene.backup(), scene), &scene.backup(), 0));
    }
    let fallbacks = gateway::fallbacks(scenes.iter().map(|scene| (scene.name.to_owned(), scene.backup())));
    let config = gateway::config(&models, &fallbacks);
    let node = Node::launch(&workspace, &args.gateway, &workspace.path().join("gateway"), &config).await?;
    let (rate, time) = (args.rate, args.time);
    say(&format!("everything is down for {} s, {rate} calls a second each", time.as_secs_f64()))?;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for scene in scenes {
        let load = Load::new(node.address(), scene.name, false, PATIENCE);
        running.spawn(async move { (load.open(rate, time, begun).await, scene) });
    }
    let mut promises = Promises::default();
    while let Some(played) = running.join_next().await {
        let (samples, scene) = played?;
        scene.check(&samples, begun, time, &mut promises)?;
    }
    promises.verdict()
}

/// Deployments that are equal in all else need ids of their own.
fn numbered(mut deployment: Value, name: &str, number: usize) -> Value {
    deployment["model_info"] = json!({"id": format!("{name}-{number}")});
    deployment
}
