//! `loadtest stores`: Redis and PostgreSQL fail in every way while calls come in.
//!
//! Two known keys call all the time: one with limits a minute, one with a budget too. Neither may be refused whatever
//! fails, with one exception that is meant: without Redis a hard budget is closed beyond what was borrowed (503
//! `budget_unavailable`). Keys that this gateway has not seen, good or bad, are never told that they are none while
//! nobody can know.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use tokio::task::JoinSet;

use super::caller::{Answer, Call};
use super::ledger::Ledger;
use super::node::{Node, Plan, digest, upstream};
use super::pipe::{Manner, Pipe};
use super::servers::Server;
use super::{CENT, TOKENS, eventually};
use crate::Result;
use crate::process::Workspace;
use crate::run::{parse_duration, say};
use crate::stats::Latencies;

/// How long the store may take to be found again, and the rows to be there.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// Between two calls with keys that were not seen.
const STRANGERS_EVERY: Duration = Duration::from_millis(250);
/// Good keys that are there for each fault and were not seen.
const UNSEEN: usize = 40;
/// A hanging PostgreSQL is told from a slow one after five seconds; shorter than this it was only slow.
const SHORTEST_HANG: Duration = Duration::from_secs(8);
/// A slow Redis: nearly as slow as is waited for.
const SLOW_REDIS: Duration = Duration::from_millis(15);
/// A slow PostgreSQL.
const SLOW_POSTGRES: Duration = Duration::from_millis(300);
/// Calls are this far apart on each connection.
const PAUSE: Duration = Duration::from_millis(10);

/// Arguments of `loadtest stores`.
#[derive(Clone, Debug, clap::Args)]
pub struct StoresArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// How long each fault lasts
    #[arg(long, default_value = "120s", value_parser = parse_duration)]
    pub time: Duration,
    /// How long calls are measured before the first fault
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub before: Duration,
    /// Connections, each with both keys in turn
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Only these faults, by a part of their names: `redis slow`
    #[arg(long, default_value = "")]
    pub only: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Redis,
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refused,
    Hanging,
    Slow,
    Garbage,
}

/// Fails one store after the other, a line each.
///
/// # Errors
/// Something did not hold, or could not be started.
pub async fn command(args: StoresArgs) -> Result<()> {
    let mut proof = Proof::start(&args).await?;
    let stop = Arc::new(Mutex::new(JoinSet::new()));
    proof.load(&args, &stop);
    let baseline = proof.measure("before", args.before, false).await?;
    say(&baseline.text)?;
    let mut violations = usize::from(baseline.is_violated);
    for store in [Store::Redis, Store::Postgres] {
        for fault in [Fault::Refused, Fault::Hanging, Fault::Slow, Fault::Garbage] {
            if !name(store, fault).contains(&args.only) {
                continue;
            }
            let line = proof.endure(store, fault, args.time).await?;
            say(&line.text)?;
            violations += usize::from(line.is_violated);
        }
    }
    if let Ok(mut workers) = stop.lock() {
        workers.abort_all();
    }
    let ledger = proof.compare().await?;
    say(&ledger.text)?;
    violations += usize::from(ledger.is_violated);
    if violations > 0 { Err("known keys were refused, or spend is lost".into()) } else { Ok(()) }
}

fn name(store: Store, fault: Fault) -> String {
    format!("{store:?} {fault:?}").to_lowercase()
}

/// A line, and whether it is bad news.
struct Line {
    text: String,
    is_violated: bool,
}

/// What known keys have met since the last look.
#[derive(Default)]
struct Tally {
    latencies: Latencies,
    served: u64,
    /// 503 `budget_unavailable`.
    closed: u64,
    refused: u64,
    first_refusal: Option<String>,
}

#[derive(Default)]
struct Seen {
    tally: Mutex<Tally>,
    /// Ids of acknowledged calls.
    acknowledged: Mutex<BTreeSet<String>>,
}

struct Proof {
    node: Arc<Node>,
    redis: (Server, Pipe),
    postgres: (Server, Pipe),
    ledger: Ledger,
    /// With limits a minute; with a budget too.
    keys: [String; 2],
    unseen: Vec<String>,
    seen: Arc<Seen>,
    _workspace: Workspace,
}

impl Proof {
    async fn start(args: &StoresArgs) -> Result<Self> {
        let workspace = Workspace::new()?;
        let (redis, postgres) = (Server::redis(&workspace).await?, Server::postgres(&workspace).await?);
        let (to_redis, to_postgres) = (Pipe::to(redis.port).await?, Pipe::to(postgres.port).await?);
        let mut plan = Plan::new(&workspace, "gateway", &args.gateway, upstream().await?);
        // The ledger goes past the pipe.
        let ledger = Ledger::at(&format!("postgres://tollgate@127.0.0.1:{}/postgres", postgres.port))?;
        plan.database = Some(format!("postgres://tollgate@{}/postgres?sslmode=disable", to_postgres.address));
        plan.redis = Some(format!("redis://{}", to_redis.address));
        let node = plan.start(&workspace).await?;
        let limited = json!({"rpm_limit": 1_000_000_000, "tpm_limit": 1_000_000_000});
        let mut rich = limited.clone();
        rich["max_budget"] = json!(1_000_000.0);
        let keys = [node.new_key(&limited).await?, node.new_key(&rich).await?];
        let mut unseen = Vec::new();
        for _ in 0..8 * UNSEEN {
            unseen.push(node.new_key(&json!({})).await?);
        }
        let seen = Arc::default();
        let (redis, postgres) = ((redis, to_redis), (postgres, to_postgres));
        Ok(Self { node: Arc::new(node), redis, postgres, ledger, keys, unseen, seen, _workspace: workspace })
    }

    /// Calls with both keys, until they are aborted.
    fn load(&self, args: &StoresArgs, workers: &Mutex<JoinSet<()>>) {
        let Ok(mut workers) = workers.lock() else { return };
        for number in 0..args.connections {
            let (mut caller, keys, seen) = (self.node.caller(), self.keys.clone(), Arc::clone(&self.seen));
            let mut rng = Rng::with_seed(number as u64);
            workers.spawn(async move {
                loop {
                    for (place, key) in keys.iter().enumerate() {
                        let call = Call { stream: rng.u8(0..100) < 20, ..Call::of(TOKENS) };
                        let answer = caller.call(key, &call).await;
                        seen.note(&answer, place == 1);
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            });
        }
    }

    /// What known keys meet for so long. `may_close`: hard budgets may be refused.
    async fn measure(&self, name: &str, time: Duration, may_close: bool) -> Result<Line> {
        self.seen.take();
        tokio::time::sleep(time).await;
        Ok(self.seen.take().line(name, may_close, ""))
    }

    /// One fault: what is met while it lasts, and how soon all is well again.
    async fn endure(&mut self, store: Store, fault: Fault, time: Duration) -> Result<Line> {
        let time = if fault == Fault::Hanging { time.max(SHORTEST_HANG) } else { time };
        let unseen = self.unseen.split_off(self.unseen.len().saturating_sub(UNSEEN));
        self.seen.take();
        self.set(store, Some(fault)).await?;
        let is_away = store == Store::Postgres && fault != Fault::Slow;
        let strangers = Strangers::new(&self.node, unseen, is_away);
        let strangers = tokio::spawn(strangers.run(Instant::now() + time));
        tokio::time::sleep(time).await;
        let during = self.seen.take();
        let ended = Instant::now();
        self.set(store, None).await?;
        let recovery = self.recover(ended).await;
        let strangers = strangers.await?;
        let after = self.seen.take();
        let may_close = store == Store::Redis;
        let recovered = match &recovery {
            Ok(after) => format!("well again after {:.1} s", after.as_secs_f64()),
            Err(error) => format!("NOT WELL AGAIN: {error}"),
        };
        let mut line = during.line(&name(store, fault), may_close, &format!("; {recovered}; {}", strangers.to_text()));
        if after.refused > 0 {
            line.text.push_str(&format!("; AFTERWARDS REFUSED {}: {:?}", after.refused, after.first_refusal));
        }
        line.is_violated |= recovery.is_err() || !strangers.wrong.is_empty() || after.refused > 0;
        Ok(line)
    }

    async fn set(&mut self, store: Store, fault: Option<Fault>) -> Result<()> {
        let ((server, pipe), delay) = match store {
            Store::Redis => (&mut self.redis, SLOW_REDIS),
            Store::Postgres => (&mut self.postgres, SLOW_POSTGRES),
        };
        match fault {
            Some(Fault::Refused) => {
                pipe.set(Manner::Refuses);
                server.stop();
            }
            Some(Fault::Hanging) => server.signal("STOP")?,
            Some(Fault::Slow) => pipe.set(Manner::Slow(delay)),
            Some(Fault::Garbage) => pipe.set(Manner::Garbage),
            None => {
                server.signal("CONT")?;
                if !server.is_running() {
                    server.start().await?;
                }
                pipe.set(Manner::Passes);
            }
        }
        Ok(())
    }

    /// Until both stores are found, a budget is open again, a new key is told what it is, and the journal is moved.
    async fn recover(&self, ended: Instant) -> Result<Duration> {
        let is = async |name: &str, value: f64| self.node.metric(name).await.filter(|is| *is == value).map(drop);
        eventually("Redis", RECOVERY_LIMIT, async || is("tollgate_redis_up", 1.0).await).await?;
        eventually("the store", RECOVERY_LIMIT, async || is("tollgate_store_up", 1.0).await).await?;
        let open = async || self.node.caller().call(&self.keys[1], &Call::of(TOKENS)).await;
        eventually("the budget", RECOVERY_LIMIT, async || self.seen.own(&open().await)).await?;
        let told = async || {
            let stranger = format!("sk-stranger-{:x}", crate::process::nanos());
            let answer = self.node.caller().call(&stranger, &Call::of(TOKENS)).await;
            (answer.status == 401).then_some(())
        };
        eventually("strangers to be told", RECOVERY_LIMIT, told).await?;
        Ok(ended.elapsed())
    }

    async fn compare(&self) -> Result<Line> {
        let acknowledged = self.seen.acknowledged.lock().map(|known| known.clone()).unwrap_or_default();
        let rows = async || {
            let mut rows = Vec::new();
            for key in &self.keys {
                rows.extend(self.ledger.entries(&digest(key)).await.ok()?);
            }
            Some(rows)
        };
        let lost = async || {
            let rows = rows().await?;
            let known: BTreeSet<&str> = rows.iter().filter(|row| row.cost == CENT).map(|row| &*row.call_id).collect();
            Some(acknowledged.iter().filter(|id| !known.contains(id.as_str())).count())
        };
        let begun = Instant::now();
        let _late = eventually("all rows", RECOVERY_LIMIT, async || lost().await.filter(|lost| *lost == 0)).await;
        let waited = begun.elapsed().as_secs_f64();
        let (lost, rows) = (lost().await.unwrap_or(acknowledged.len()), rows().await.unwrap_or_default());
        let (mut sum, mut counted) = (0, 0);
        for key in &self.keys {
            sum += self.ledger.sum(&digest(key)).await?;
            counted += self.ledger.counted(&digest(key)).await?;
        }
        let is_violated = lost > 0 || sum != counted;
        let text = format!(
            "ledger: {} calls acknowledged, {} rows, {lost} lost ({waited:.1} s waited); rows {sum} pico-dollars, \
             budgets {counted}: {}",
            acknowledged.len(),
            rows.len(),
            if is_violated { "VIOLATION" } else { "ok" }
        );
        Ok(Line { text, is_violated })
    }
}

impl Seen {
    fn note(&self, answer: &Answer, has_budget: bool) {
        let Ok(mut tally) = self.tally.lock() else { return };
        if self.own(answer).is_some() {
            tally.served += 1;
            return tally.latencies.record(answer.took);
        }
        let error = answer.error();
        if has_budget && answer.status == 503 && error.contains("budget_unavailable") {
            tally.closed += 1;
            return;
        }
        tally.refused += 1;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        tally.first_refusal.get_or_insert_with(|| format!("{} {body}", answer.status));
    }

    /// Remembers a call that was answered.
    fn own(&self, answer: &Answer) -> Option<()> {
        if !answer.is_acknowledged() {
            return None;
        }
        self.acknowledged.lock().ok()?.insert(answer.call_id.clone());
        Some(())
    }

    fn take(&self) -> Tally {
        self.tally.lock().map(|mut tally| std::mem::take(&mut *tally)).unwrap_or_default()
    }
}

impl Tally {
    fn line(&self, name: &str, may_close: bool, more: &str) -> Line {
        let Self { served, closed, refused, .. } = *self;
        let is_violated = refused > 0 || (closed > 0 && !may_close) || served == 0;
        let (p50, p99) = (self.latencies.percentile(50.0), self.latencies.percentile(99.0));
        let why = self.first_refusal.as_ref().map(|why| format!(", first: {why}")).unwrap_or_default();
        let verdict = if is_violated { "VIOLATION" } else { "ok" };
        let text = format!(
            "{name:<17}: {served:>6} served, p50 {p50:.2} ms, p99 {p99:.2} ms, {refused} refused{why}, {closed} budget \
             closed{more}: {verdict}"
        );
        Line { text, is_violated }
    }
}

/// Keys that the gateway has not seen.
struct Strangers {
    node: Arc<Node>,
    /// Good ones.
    unseen: Vec<String>,
    /// Whether nobody can know them.
    is_away: bool,
}

#[derive(Default)]
struct Met {
    /// 503.
    waits: usize,
    /// 200 or 401.
    told: usize,
    wrong: Vec<String>,
}

impl Strangers {
    fn new(node: &Arc<Node>, unseen: Vec<String>, is_away: bool) -> Self {
        Self { node: Arc::clone(node), unseen, is_away }
    }

    /// Calls with good and bad keys until the fault ends.
    async fn run(mut self, end: Instant) -> Met {
        let mut calls = JoinSet::new();
        let mut is_good = false;
        while Instant::now() < end {
            is_good = !is_good;
            let known = if is_good { self.unseen.pop() } else { None };
            let is_known = known.is_some();
            let key = known.unwrap_or_else(|| format!("sk-stranger-{:x}", crate::process::nanos()));
            let node = Arc::clone(&self.node);
            calls.spawn(async move {
                let answer = node.caller().call(&key, &Call::of(TOKENS)).await;
                (answer, is_known, Instant::now())
            });
            tokio::time::sleep(STRANGERS_EVERY).await;
        }
        let mut met = Met::default();
        while let Some(call) = calls.join_next().await {
            let Ok((answer, is_known, at)) = call else { continue };
            let is_told = answer.status == if is_known { 200 } else { 401 };
            match answer.status {
                503 => met.waits += 1,
                // One that was asked for during the fault may be answered after it.
                _ if is_told && (!self.is_away || at >= end) => met.told += 1,
                status => met.wrong.push(format!("{status} {} for a key that is good: {is_known}", answer.error())),
            }
        }
        met
    }
}

impl Met {
    fn to_text(&self) -> String {
        let wrong = self.wrong.first().map(|first| format!(", {} WRONG: {first}", self.wrong.len()));
        format!("unseen keys: {} told, {} asked to wait{}", self.told, self.waits, wrong.unwrap_or_default())
    }
}
