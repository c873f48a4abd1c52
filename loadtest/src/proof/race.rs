//! `loadtest budget-race`: a thousand calls at once on one dollar.
//!
//! Each call costs a cent if it is answered, and not more in any case. In the first manner all are answered, so that
//! exactly a hundred fit. In the second, by seed, the upstream fails, breaks off, or the client leaves: what such a call
//! costs is for the gateway to say, and the sum may still not be more than the dollar.
//!
//! Afterwards nothing may be reserved any more: a call of exactly what the ledger says is left must be admitted, and then
//! nothing else. So the ledger ends at the whole dollar, and any cent that was forgotten, or is still held, shows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::caller::{Answer, Call};
use super::ledger::Ledger;
use super::node::{Node, Plan, digest, upstream};
use super::servers::Server;
use super::{CENT, TOKENS, eventually};
use crate::Result;
use crate::process::Workspace;
use crate::run::say;

/// The budget: a dollar.
const DOLLAR: i64 = 100 * CENT;
/// What one token of output costs.
const TOKEN: i64 = CENT / TOKENS as i64;
/// How long rows may take to be in the database, and what a node has borrowed to come back.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// With failures calls begin within this time, so that money that is given back finds somebody.
const SPREAD_MS: u64 = 300;

/// Arguments of `loadtest budget-race`.
#[derive(Clone, Debug, clap::Args)]
pub struct RaceArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// Seeds 1 to this one
    #[arg(long, default_value_t = 20)]
    pub seeds: u64,
    /// Calls at once
    #[arg(long, default_value_t = 1_000)]
    pub calls: usize,
    /// Gateways: 1 (SQLite), or 2 and more (PostgreSQL and Redis); both by default
    #[arg(long)]
    pub nodes: Vec<usize>,
}

/// Races, a line each, and a summary.
///
/// # Errors
/// Something did not hold, or could not be started.
pub async fn command(args: RaceArgs) -> Result<()> {
    let clusters = if args.nodes.is_empty() { vec![1, 2] } else { args.nodes.clone() };
    let (mut runs, mut violations) = (0, 0);
    for nodes in clusters {
        let mut cluster = Cluster::start(&args, nodes).await?;
        for seed in 1..=args.seeds {
            for manner in [Manner::Answered, Manner::Failing] {
                let race = cluster.race(seed, manner, args.calls).await?;
                // Then nothing that follows says anything about the gateway.
                if let Some(end) = cluster.servers.iter_mut().find_map(Server::has_ended) {
                    return Err(end.into());
                }
                say(&race.to_text(seed, manner, nodes))?;
                (runs, violations) = (runs + 1, violations + usize::from(!race.wrong.is_empty()));
            }
        }
    }
    say(&format!("{runs} runs, {violations} with a violation"))?;
    if violations > 0 { Err("the budget did not hold".into()) } else { Ok(()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Every call that is admitted is answered.
    Answered,
    /// Upstreams fail and clients leave.
    Failing,
}

/// Gateways on one budget.
struct Cluster {
    nodes: Vec<Node>,
    ledger: Ledger,
    servers: Vec<Server>,
    _workspace: Workspace,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Race {
    /// Whole answers of the race.
    accepted: usize,
    refused: usize,
    /// Refused because nobody could say in time what is left.
    unanswered: usize,
    /// All else: errors of the upstream, broken streams, clients that left.
    other: usize,
    /// In the ledger after the race, before the last call.
    spent: i64,
    /// In the ledger at the end.
    total: i64,
    /// What did not hold.
    wrong: Vec<String>,
}

impl Cluster {
    async fn start(args: &RaceArgs, count: usize) -> Result<Self> {
        let workspace = Workspace::new()?;
        let upstream = upstream().await?;
        let mut plans: Vec<Plan> =
            (0..count).map(|node| Plan::new(&workspace, &format!("node-{node}"), &args.gateway, upstream)).collect();
        let mut servers = Vec::new();
        if count > 1 {
            let (postgres, redis) = (Server::postgres(&workspace).await?, Server::redis(&workspace).await?);
            for plan in &mut plans {
                plan.database = Some(format!("postgres://tollgate@127.0.0.1:{}/postgres", postgres.port));
                plan.redis = Some(format!("redis://127.0.0.1:{}", redis.port));
            }
            servers = vec![postgres, redis];
        }
        let mut nodes = Vec::new();
        for plan in &plans {
            nodes.push(plan.start(&workspace).await?);
        }
        for node in nodes.iter().filter(|_| count > 1) {
            let knows = async || node.metric("tollgate_nodes").await.filter(|nodes| *nodes as usize == count);
            eventually("all nodes", SETTLE_LIMIT, knows).await?;
        }
        let url = plans.first().map(Plan::ledger_url).unwrap_or_default();
        Ok(Self { nodes, ledger: Ledger::at(&url)?, servers, _workspace: workspace })
    }

    fn node(&self, number: usize) -> Result<&Node> {
        self.nodes.get(number % self.nodes.len()).ok_or_else(|| "no gateway".into())
    }

    async fn race(&self, seed: u64, manner: Manner, calls: usize) -> Result<Race> {
        let key = self.node(0)?.new_key(&json!({"max_budget": 1.0})).await?;
        let mut rng = Rng::with_seed(seed);
        let barrier = Arc::new(Barrier::new(calls));
        let mut running = JoinSet::new();
        for number in 0..calls {
            let (call, delay) = draw(&mut rng, manner);
            let mut caller = self.node(number)?.caller();
            let (barrier, key) = (Arc::clone(&barrier), key.clone());
            running.spawn(async move {
                let connected = caller.connect().await;
                barrier.wait().await;
                tokio::time::sleep(delay).await;
                if connected.is_ok() { caller.call(&key, &call).await } else { Answer::default() }
            });
        }
        let mut race = Race::default();
        let mut acknowledged = Vec::new();
        while let Some(answer) = running.join_next().await {
            let answer = answer?;
            race.count(&answer, manner);
            if answer.is_acknowledged() {
                acknowledged.push(answer.call_id);
            }
        }
        if let Err(error) = self.settle(&mut race, &key, &acknowledged, manner).await {
            race.wrong.push(error.to_string());
        }
        Ok(race)
    }

    /// Checks the ledger, and that what is left can be spent, and no more.
    async fn settle(&self, race: &mut Race, key: &str, acknowledged: &[String], manner: Manner) -> Result<()> {
        let digest = digest(key);
        eventually("the rows of all answers", SETTLE_LIMIT, async || {
            let entries = self.ledger.entries(&digest).await.ok()?;
            let is_there = |id: &String| entries.iter().any(|entry| entry.call_id == *id && entry.cost == CENT);
            acknowledged.iter().all(is_there).then_some(())
        })
        .await?;
        race.spent = self.ledger.sum(&digest).await?;
        let expected = acknowledged.len() as i64 * CENT;
        if manner == Manner::Answered && race.spent != expected {
            race.wrong.push(format!("the ledger says {}, the answers {}", dollars(race.spent), dollars(expected)));
        }
        // What is not in the ledger yet is in the gateway: as long as there is some, a call of the rest does not fit.
        race.spent =
            eventually("what is left to be admitted", SETTLE_LIMIT, async || self.take_rest(key).await).await?;
        for node in &self.nodes {
            // A node that waits for the others' word says so, and is asked again.
            let decided = async || {
                let more = node.caller().call(key, &Call::of(1)).await;
                (!more.error().contains("budget_unavailable")).then_some(more)
            };
            let more = eventually("a word about the budget", SETTLE_LIMIT, decided).await?;
            if more.status == 200 || !more.error().contains("budget_exceeded") {
                race.wrong.push(format!("one more call: {} {}", more.status, more.error()));
            }
        }
        let mut told = String::new();
        let is_whole = async || {
            let (rows, counted) = (self.ledger.sum(&digest).await.ok()?, self.ledger.counted(&digest).await.ok()?);
            race.total = rows;
            let mut shown = Vec::new();
            for node in &self.nodes {
                shown.push(node.spend(key).await?);
            }
            told = format!("rows {}, counter {}, /key/info {shown:?}", dollars(rows), dollars(counted));
            let is_shown = shown.iter().all(|dollars| (dollars - 1.0).abs() < 1e-12);
            (rows >= DOLLAR && counted == rows && is_shown).then_some(())
        };
        if let Err(error) = eventually("everybody to say a dollar", SETTLE_LIMIT, is_whole).await {
            race.wrong.push(format!("{error}: {told}"));
        }
        if race.total != DOLLAR {
            race.wrong.push(format!("the ledger ends at {}", dollars(race.total)));
        }
        Ok(())
    }

    /// Spends what the ledger says is left. What it said, if that was admitted.
    async fn take_rest(&self, key: &str) -> Option<i64> {
        let spent = self.ledger.sum(&digest(key)).await.ok()?;
        let left = u64::try_from((DOLLAR - spent) / TOKEN).ok()?;
        if left == 0 {
            return Some(spent);
        }
        let answer = self.nodes.first()?.caller().call(key, &Call::of(left)).await;
        answer.is_acknowledged().then_some(spent)
    }
}

/// A call, and when it begins.
fn draw(rng: &mut Rng, manner: Manner) -> (Call, Duration) {
    let mut call = Call { behaviour: format!("delay={}", rng.u64(0..10)), ..Call::of(TOKENS) };
    if manner == Manner::Answered {
        return (call, Duration::ZERO);
    }
    match rng.u8(0..100) {
        0..40 => {}
        40..50 => call.stream = true,
        50..60 => call.behaviour = "status=500".to_owned(),
        60..65 => call.behaviour = "reset".to_owned(),
        65..75 => (call.stream, call.behaviour) = (true, format!("pace=2;cut={}", rng.u64(1..TOKENS))),
        kind => {
            call.stream = kind < 90;
            call.behaviour = if call.stream { "pace=5" } else { "delay=20" }.to_owned();
            call.leaves_after = Some(Duration::from_millis(rng.u64(1..50)));
        }
    }
    (call, Duration::from_millis(rng.u64(0..SPREAD_MS)))
}

impl Race {
    fn count(&mut self, answer: &Answer, manner: Manner) {
        let error = answer.error();
        match answer.status {
            _ if answer.is_acknowledged() => self.accepted += 1,
            _ if error.contains("budget_exceeded") => self.refused += 1,
            _ if error.contains("budget_unavailable") => self.unanswered += 1,
            _ => {
                self.other += 1;
                if manner == Manner::Answered {
                    self.wrong.push(format!("an answer with {} {error}", answer.status));
                }
            }
        }
        if self.accepted as i64 * CENT > DOLLAR {
            self.wrong.push(format!("{} accepted", self.accepted));
        }
    }

    fn to_text(&self, seed: u64, manner: Manner, nodes: usize) -> String {
        let Self { accepted, refused, unanswered, other, spent, total, wrong } = self;
        let verdict = if wrong.is_empty() { "ok".to_owned() } else { format!("VIOLATION: {}", wrong.join("; ")) };
        format!(
            "nodes {nodes} seed {seed:>2} {manner:<9}: accepted {accepted:>3}, refused {refused:>3}, unanswered \
             {unanswered:>3}, other {other:>3}; ledger {} after the race, {} at the end: {verdict}",
            dollars(*spent),
            dollars(*total),
            manner = format!("{manner:?}").to_lowercase(),
        )
    }
}

/// Exactly, as far as tenths of a cent.
fn dollars(pico: i64) -> String {
    let thousandths = pico / TOKEN;
    let rest = if pico % TOKEN == 0 { String::new() } else { format!(" and {} pico", pico % TOKEN) };
    format!("${}.{:03}{rest}", thousandths / 1_000, thousandths % 1_000)
}
