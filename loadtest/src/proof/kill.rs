//! `loadtest kill9`: a gateway that is killed under load, again and again, on one data directory.
//!
//! A call is acknowledged when its client has the whole answer. Whatever happens then, it must have exactly one row, of
//! exactly its cost. Other calls may have one too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use tokio::task::JoinSet;

use super::caller::Call;
use super::ledger::{Entry, Ledger, repeated};
use super::node::{Node, Plan, digest, upstream};
use super::servers::Server;
use super::{CENT, TOKENS, eventually};
use crate::Result;
use crate::process::Workspace;
use crate::run::say;

/// How long the last process may take to bring all rows into the database.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// Of a hundred calls so many are streams.
const STREAMS: u8 = 30;

/// Arguments of `loadtest kill9`.
#[derive(Clone, Debug, clap::Args)]
pub struct KillArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// How often it is killed
    #[arg(long, default_value_t = 50)]
    pub kills: u64,
    /// Calls at a time
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// PostgreSQL instead of SQLite
    #[arg(long)]
    pub postgres: bool,
    /// Of the random moments
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The longest life, in milliseconds from its first call on
    #[arg(long, default_value_t = 1_000)]
    pub life_ms: u64,
}

/// Kills, a line each, and compares at the end.
///
/// # Errors
/// A call was lost or is there twice, or something could not be started.
pub async fn command(args: KillArgs) -> Result<()> {
    let workspace = Workspace::new()?;
    let mut plan = Plan::new(&workspace, "gateway", &args.gateway, upstream().await?);
    let postgres = if args.postgres { Some(Server::postgres(&workspace).await?) } else { None };
    plan.database = postgres.as_ref().map(|server| format!("postgres://tollgate@127.0.0.1:{}/postgres", server.port));
    let mut rng = Rng::with_seed(args.seed);
    let seen = Arc::new(Seen::default());
    let mut key = None;
    for life in 1..=args.kills {
        let begun = Instant::now();
        let node = plan.start(&workspace).await?;
        let ready = begun.elapsed();
        let key = match &key {
            Some(key) => String::clone(key),
            None => key.insert(node.new_key(&json!({"max_budget": 1_000_000.0})).await?).clone(),
        };
        let time = Duration::from_millis(rng.u64(1..args.life_ms.max(2)));
        let before = seen.acknowledged();
        live(node, &key, &seen, &args, time, rng.fork()).await?;
        let more = seen.acknowledged() - before;
        let (ready, time) = (ready.as_millis(), time.as_millis());
        say(&format!("kill {life:>3}: ready in {ready} ms, killed after {time} ms, {more} calls acknowledged"))?;
    }
    let last = plan.start(&workspace).await?;
    let key = key.ok_or("nothing was killed")?;
    let verdict = compare(&seen, &last, &key, &Ledger::at(&plan.ledger_url())?).await?;
    say(&verdict.text)?;
    if verdict.is_violated { Err("spend is lost or counted twice".into()) } else { Ok(()) }
}

/// What clients have seen of all lives.
#[derive(Debug, Default)]
struct Seen {
    sent: AtomicU64,
    /// Call id and mark.
    acknowledged: std::sync::Mutex<BTreeMap<String, String>>,
}

impl Seen {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().map(|known| known.len()).unwrap_or_default()
    }
}

/// Load, until the process is killed.
async fn live(node: Node, key: &str, seen: &Arc<Seen>, args: &KillArgs, time: Duration, mut rng: Rng) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..args.connections {
        let (mut caller, key, seen, mut rng) = (node.caller(), key.to_owned(), Arc::clone(seen), rng.fork());
        workers.spawn(async move {
            loop {
                let call = draw(&mut rng, seen.sent.fetch_add(1, Relaxed));
                let answer = caller.call(&key, &call).await;
                if answer.is_acknowledged() {
                    if let Ok(mut known) = seen.acknowledged.lock() {
                        known.insert(answer.call_id, call.mark);
                    }
                } else if answer.status == 0 || answer.status == 200 {
                    // Killed: no answer, or half of one.
                    return None;
                } else {
                    return Some(format!("an answer with {} {}", answer.status, answer.error()));
                }
            }
        });
    }
    tokio::time::sleep(time).await;
    drop(node);
    while let Some(worker) = workers.join_next().await {
        if let Some(surprise) = worker? {
            return Err(surprise.into());
        }
    }
    Ok(())
}

fn draw(rng: &mut Rng, number: u64) -> Call {
    let mut call = Call { mark: format!("call-{number}"), ..Call::of(TOKENS) };
    let kind = rng.u8(0..100);
    if kind < STREAMS {
        (call.stream, call.behaviour) = (true, format!("pace={}", rng.u64(0..3)));
    } else {
        call.behaviour = format!("delay={}", rng.u64(0..4));
    }
    call
}

struct Verdict {
    text: String,
    is_violated: bool,
}

async fn compare(seen: &Seen, last: &Node, key: &str, ledger: &Ledger) -> Result<Verdict> {
    let acknowledged = seen.acknowledged.lock().map(|known| known.clone()).unwrap_or_default();
    let digest = digest(key);
    let is_moved = async || last.metric("tollgate_spend_pending").await.filter(|pending| *pending == 0.0);
    eventually("the journal to be empty", SETTLE_LIMIT, is_moved).await?;
    let has_all = async || {
        let entries = ledger.entries(&digest).await.ok()?;
        missing(&acknowledged, &entries).is_empty().then_some(())
    };
    // Not in time: what is missing is told below.
    let _late = eventually("all rows", SETTLE_LIMIT, has_all).await;
    let entries = ledger.entries(&digest).await?;
    let (lost, twice) = (missing(&acknowledged, &entries), repeated(&entries, |entry| &entry.mark));
    let ids = repeated(&entries, |entry| &entry.call_id);
    let of_acknowledged = entries.iter().filter(|entry| acknowledged.contains_key(&entry.call_id));
    let cost: i64 = of_acknowledged.map(|entry| entry.cost).sum();
    let expected = acknowledged.len() as i64 * CENT;
    let (sum, counted) = (ledger.sum(&digest).await?, ledger.counted(&digest).await?);
    let shown = last.spend(key).await.unwrap_or(f64::NAN);
    let is_shown = (shown - sum as f64 / 1e12).abs() < 1e-6;
    let is_violated =
        !(lost.is_empty() && twice.is_empty() && ids.is_empty() && cost == expected && sum == counted && is_shown);
    let text = format!(
        "{} sent, {} acknowledged, {} rows: {} lost, {} twice; acknowledged calls cost {cost} pico-dollars of \
         {expected} expected; rows {sum}, budget {counted}, /key/info ${shown}: {}{}",
        seen.sent.load(Relaxed),
        acknowledged.len(),
        entries.len(),
        lost.len(),
        twice.len() + ids.len(),
        if is_violated { "VIOLATION" } else { "ok" },
        lost.first().map(|id| format!(", first lost: {id}")).unwrap_or_default(),
    );
    Ok(Verdict { text, is_violated })
}

/// Acknowledged calls without a row of theirs.
fn missing<'a>(acknowledged: &'a BTreeMap<String, String>, entries: &[Entry]) -> Vec<&'a str> {
    let known: BTreeSet<(&str, &str)> = entries.iter().map(|entry| (&*entry.call_id, &*entry.mark)).collect();
    let lost = acknowledged.iter().filter(|(id, mark)| !known.contains(&(id.as_str(), mark.as_str())));
    lost.map(|(id, _)| id.as_str()).collect()
}
