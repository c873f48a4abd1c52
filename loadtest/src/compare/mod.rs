//! `loadtest compare`: several targets, a short round each in turn, again and again.
//!
//! A machine's speed drifts (heat, neighbours, caches), so one long run after the other compares the weather. Here each
//! round visits every target within seconds, starting with another one each time, and a ratio is taken within a round;
//! what is reported is the median over the rounds.

mod children;
mod instructions;
mod report;
mod round;
mod targets;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::Result;
use crate::client::Target;
use crate::drive::Plan;
use crate::process::{Child, Workspace};
use crate::run::{CallArgs, say};
use children::Deployment;
use report::Comparison;
use round::Measured;
use targets::{Builtin, TargetSpec};

/// Sent to every target before the first round, so that connections are open and caches warm.
const WARM_UP: Duration = Duration::from_millis(500);

/// With `--pin`, the core of the targets.
const TARGET_CORE: usize = 0;
/// With `--pin`, the core of the generator and the mock.
const LOAD_CORE: usize = 1;

/// Arguments of `loadtest compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// Started and stopped by this command, in front of a mock: bare-pingora, tollgate=PATH_TO_BINARY,
    /// to-anthropic=PATH_TO_BINARY (a Tollgate that translates), governed=PATH_TO_BINARY (one that is
    /// called with a virtual key that has every limit), ungoverned=PATH_TO_BINARY (one that writes down nothing of
    /// what is spent), or direct (the mock alone). Built-in targets come before others
    #[arg(long = "builtin", value_name = "KIND")]
    pub builtins: Vec<Builtin>,
    /// Something that runs already: name=http://HOST:PORT[,pid=PID][,key=KEY][,model=MODEL]
    #[arg(long = "target", value_name = "SPEC", required_unless_present = "builtins")]
    pub targets: Vec<TargetSpec>,
    /// The upstream of built-in targets; without it a mock is started
    #[arg(long, value_name = "HOST:PORT")]
    pub upstream: Option<SocketAddr>,
    /// How often every target is visited
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Length of a visit
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    #[command(flatten)]
    pub call: CallArgs,
    /// Tokens of a streamed answer
    #[arg(long, default_value_t = 100)]
    pub tokens: usize,
    /// Milliseconds between tokens; 0 = as fast as they can be written, so that reads bring several at once
    #[arg(long, default_value_t = 1)]
    pub pace: u64,
    /// More settings for the mock: "size=4096;delay=5"
    #[arg(long, default_value = "")]
    pub settings: String,
    /// Targets on core 0, generator and mock on core 1
    #[arg(long)]
    pub pin: bool,
    /// Instructions per request by `perf stat`, where the machine counts them
    #[arg(long)]
    pub instructions: bool,
    /// JSON, with every round, instead of a table
    #[arg(long)]
    pub json: bool,
}

impl CompareArgs {
    /// The model name that makes the mock answer as asked.
    fn upstream_model(&self) -> String {
        let mut model = "bench-upstream".to_owned();
        if self.call.stream {
            model += &format!(";tokens={};pace={}", self.tokens, self.pace);
        }
        if !self.settings.is_empty() {
            model += &format!(";{}", self.settings);
        }
        model
    }
}

/// Starts what is to be started, measures, prints, and stops what it started, also when interrupted.
///
/// # Errors
/// A target does not start or can not be read, a setting is wrong, or a signal came.
pub async fn command(args: CompareArgs) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    // Dropping the future drops the children's guards, which kill them.
    tokio::select! {
        comparison = compare(&args) => {
            let comparison = comparison?;
            say(&if args.json { serde_json::to_string_pretty(&comparison)? } else { comparison.to_text() })
        }
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
        _ = hang_up.recv() => Err("hung up".into()),
    }
}

/// A target that runs.
struct Running {
    name: String,
    plan: Plan,
    pid: Option<u32>,
    ready_ms: Option<f64>,
    /// Killed when this is dropped.
    _child: Option<Child>,
}

async fn compare(args: &CompareArgs) -> Result<Comparison> {
    if args.rounds == 0 || !(0.05..=600.0).contains(&args.seconds) {
        return Err("--rounds must be at least 1, --seconds from 0.05 to 600".into());
    }
    if args.pin {
        children::pin(std::process::id(), LOAD_CORE)?;
    }
    let workspace = Workspace::new()?;
    let started = start_all(args, &workspace).await?;
    let mock_pid = started.mock.as_ref().map(Child::pid);
    let instructions = args.instructions && instructions::supported();
    for target in &started.targets {
        let warm_up = Plan { duration: WARM_UP, ..target.plan.clone() };
        let measured = round::measure(&warm_up, target.pid, mock_pid, false).await?;
        if measured.succeeded == 0 {
            return Err(format!("{}: no request succeeded: {}", target.name, measured.problems).into());
        }
    }
    let mut rounds: Vec<Vec<Measured>> = started.targets.iter().map(|_| Vec::new()).collect();
    for round in 0..args.rounds {
        for step in 0..started.targets.len() {
            let turn = (round + step) % started.targets.len();
            let (Some(target), Some(measured)) = (started.targets.get(turn), rounds.get_mut(turn)) else { continue };
            measured.push(round::measure(&target.plan, target.pid, mock_pid, instructions).await?);
        }
    }
    let targets = started.targets.iter().map(|it| (it.name.clone(), it.ready_ms)).zip(rounds).collect();
    Ok(Comparison::new(args, targets))
}

struct Started {
    targets: Vec<Running>,
    mock: Option<Child>,
}

async fn start_all(args: &CompareArgs, workspace: &Workspace) -> Result<Started> {
    let core = |core| args.pin.then_some(core);
    let model = args.upstream_model();
    let (mock, upstream) = match args.upstream {
        Some(upstream) => (None, upstream),
        None => {
            let mock = Child::mock(workspace, core(LOAD_CORE)).await?;
            let address = mock.address;
            (Some(mock), address)
        }
    };
    let mut targets = Vec::new();
    for builtin in &args.builtins {
        let (name, child, key, model) = match builtin {
            Builtin::Direct => ("direct", None, None, model.clone()),
            Builtin::BarePingora => {
                let child = Child::bare(workspace, upstream, core(TARGET_CORE)).await?;
                ("bare-pingora", Some(child), None, model.clone())
            }
            Builtin::Tollgate { binary, upstream: dialect } => {
                let deployment = Deployment { dialect: *dialect, address: upstream, model: &model };
                let (child, key) = Child::tollgate(workspace, binary, &deployment, core(TARGET_CORE)).await?;
                (dialect.target_name(), Some(child), Some(key), children::TOLLGATE_MODEL.to_owned())
            }
        };
        let pid = child.as_ref().map(Child::pid).or(mock.as_ref().map(Child::pid));
        let url = format!("http://{}", child.as_ref().map_or(upstream, |child| child.address));
        let ready_ms = child.as_ref().map(|child| child.ready_ms);
        let plan = plan(args, &url, key, model).await?;
        targets.push(Running { name: name.to_owned(), plan, pid, ready_ms, _child: child });
    }
    for spec in &args.targets {
        if let (true, Some(pid)) = (args.pin, spec.pid) {
            children::pin(pid, TARGET_CORE)?;
        }
        let model = spec.model.clone().unwrap_or_else(|| model.clone());
        let plan = plan(args, &spec.url, spec.key.clone(), model).await?;
        targets.push(Running { name: spec.name.clone(), plan, pid: spec.pid, ready_ms: None, _child: None });
    }
    Ok(Started { targets, mock })
}

async fn plan(args: &CompareArgs, url: &str, key: Option<String>, model: String) -> Result<Plan> {
    Ok(Plan {
        target: Target::new(url).await?,
        shape: args.call.shape(key),
        models: vec![model],
        connections: args.call.connections,
        rate: None,
        duration: Duration::from_secs_f64(args.seconds),
        requests: u64::MAX,
        timeout: args.call.timeout,
    })
}
