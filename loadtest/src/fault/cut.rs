//! `loadtest cut`: clients that leave a stream, one behind each of its tokens.
//!
//! Promise 15: the provider's connection is closed within a second, and what is charged is what was delivered. Each token
//! of these streams is one word that every tokeniser takes for one token, so that a price tells how many were counted.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::gateway;
use super::promise::Promises;
use super::stage::{Role, Stage};
use crate::Result;
use crate::mock::settings::Settings;
use crate::process::Workspace;
use crate::proof::caller::request;
use crate::proof::eventually;
use crate::proof::ledger::{Entry, Ledger};
use crate::proof::node::{Node, digest};
use crate::run::say;

/// One token in every tokeniser.
const WORD: &str = " data";
/// From token to token: long enough that the gateway has nothing in hand that its client has not.
const PACE: Duration = Duration::from_millis(60);
/// Tokens that the provider has left when the last client leaves.
const REST: usize = 40;
/// Pico-dollars of a token.
const TOKEN: i64 = 1_000_000_000;
/// The provider notices within this time that its client has gone.
const CLOSED_LIMIT: Duration = Duration::from_secs(1);
/// How long anything may take that is waited for here.
const LIMIT: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Arguments of `loadtest cut`.
#[derive(Clone, Debug, clap::Args)]
pub struct CutArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// Clients leave after 0, 1, … so many tokens
    #[arg(long, default_value_t = 16)]
    pub tokens: usize,
}

/// A client that leaves.
struct Leaver {
    /// The provider's dialect: `openai`, `anthropic`.
    provider: &'static str,
    /// After so many tokens.
    after: usize,
    role: Arc<Role>,
}

/// What it saw.
struct Left {
    provider: &'static str,
    name: String,
    /// Tokens that it had when it left.
    delivered: usize,
    /// From then until the provider's connection was closed.
    closed: Option<Duration>,
}

impl Leaver {
    fn new(provider: &'static str, after: usize) -> Self {
        let answer = move |_| Settings {
            word: WORD.to_owned(),
            same: true,
            tokens: after + REST,
            pace: PACE,
            // Who leaves before the first one must have the time to do so.
            delay: if after == 0 { LIMIT } else { Duration::ZERO },
            ..Settings::default()
        };
        Self { provider, after, role: Arc::new(Role::new(answer)) }
    }

    fn name(&self) -> String {
        format!("cut-{}-{:02}", self.provider, self.after)
    }

    /// Calls, reads so many tokens, leaves.
    async fn leave(self, node: std::net::SocketAddr, key: String) -> Result<Left> {
        let name = self.name();
        let body = json!({"model": name, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
        let mark = format!("x-litellm-session-id: {name}\r\n");
        let mut stream = TcpStream::connect(node).await?;
        stream.write_all(&request("POST", "/v1/chat/completions", &key, &mark, &body)).await?;
        let delivered = timeout(LIMIT, self.read(&mut stream)).await??;
        drop(stream);
        let gone = Instant::now();
        while gone.elapsed() < LIMIT {
            let ended = self.role.arrivals().first().and_then(|arrival| arrival.ended.filter(|_| arrival.is_gone));
            if let Some(ended) = ended {
                let closed = Some(ended.saturating_duration_since(gone));
                return Ok(Left { provider: self.provider, name, delivered, closed });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(Left { provider: self.provider, name, delivered, closed: None })
    }

    async fn read(&self, stream: &mut TcpStream) -> Result<usize> {
        while self.after == 0 && self.role.count() == 0 {
            sleep(LOOK_EVERY).await;
        }
        let mut seen = Vec::new();
        let mut delivered = 0;
        while delivered < self.after {
            if stream.read_buf(&mut seen).await? == 0 {
                return Err(format!("{}: {}", self.name(), String::from_utf8_lossy(&seen)).into());
            }
            delivered = String::from_utf8_lossy(&seen).matches(&format!("\"{WORD}\"")).count();
        }
        Ok(delivered)
    }
}

fn config(leavers: &[Leaver], stage: &Stage) -> Value {
    let prices = json!({"input_cost_per_token": 0, "output_cost_per_token": 0.001});
    let one = |leaver: &Leaver| {
        let base = if leaver.provider == "openai" { stage.api_base() } else { format!("http://{}", stage.address) };
        gateway::deployment(&leaver.name(), &format!("{}/{}", leaver.provider, leaver.name()), &base, &prices)
    };
    gateway::config(&leavers.iter().map(one).collect::<Vec<_>>(), &json!({}))
}

/// One client for each token and dialect, and what was promised.
///
/// # Errors
/// A promise does not hold, or something could not be started.
pub async fn command(args: CutArgs) -> Result<()> {
    let workspace = Workspace::new()?;
    let dialects = ["openai", "anthropic"];
    let leavers: Vec<Leaver> =
        dialects.iter().flat_map(|dialect| (0..=args.tokens).map(|after| Leaver::new(dialect, after))).collect();
    let cast: HashMap<String, Arc<Role>> =
        leavers.iter().map(|leaver| (leaver.name(), Arc::clone(&leaver.role))).collect();
    let stage = Stage::open(cast).await?;
    let home = workspace.path().join("gateway");
    let node = Node::launch(&workspace, &args.gateway, &home, &config(&leavers, &stage)).await?;
    let ledger = Ledger::at(&format!("sqlite://{}?mode=rw", home.join("data").join("tollgate.db").display()))?;
    let key = node.new_key(&json!({})).await?;
    say(&format!("clients leave after 0 to {} tokens, of each dialect", args.tokens))?;
    let mut running = JoinSet::new();
    for leaver in leavers {
        running.spawn(leaver.leave(node.address(), key.clone()));
    }
    let mut all = Vec::new();
    while let Some(left) = running.join_next().await {
        all.push(left??);
    }
    let is_moved = async || node.metric("tollgate_spend_pending").await.filter(|pending| *pending == 0.0);
    let paid = |entries: &[Entry]| all.iter().all(|left| left.delivered == 0 || charged(entries, left).is_some());
    let has_all = async || ledger.entries(&digest(&key)).await.ok().filter(|entries| paid(entries)).map(drop);
    // What is missing is told below.
    let _late = eventually("all rows", LIMIT, has_all).await;
    eventually("the journal to be empty", LIMIT, is_moved).await?;
    let entries = ledger.entries(&digest(&key)).await?;
    let mut promises = Promises::default();
    for dialect in dialects {
        check(dialect, &all, &entries, &mut promises)?;
    }
    promises.verdict()
}

/// Tokens that a row charges for.
fn charged(entries: &[Entry], left: &Left) -> Option<usize> {
    let entry = entries.iter().find(|entry| entry.mark == left.name)?;
    usize::try_from(entry.cost / TOKEN).ok()
}

fn check(dialect: &str, all: &[Left], entries: &[Entry], promises: &mut Promises) -> Result<()> {
    let of_dialect: Vec<&Left> = all.iter().filter(|left| left.provider == dialect).collect();
    let slowest = of_dialect.iter().filter_map(|left| left.closed).max().unwrap_or_default();
    let unclosed = of_dialect.iter().filter(|left| left.closed.is_none()).count();
    let measured = format!("slowest {} ms, {unclosed} never", slowest.as_millis());
    let what = format!("{dialect}: the provider's connection is closed within a second");
    promises.check(&what, &measured, unclosed == 0 && slowest <= CLOSED_LIMIT)?;
    // One token may have been on its way.
    let is_right = |left: &Left| match charged(entries, left) {
        Some(tokens) => tokens == left.delivered || tokens == left.delivered + 1,
        None => left.delivered == 0,
    };
    let wrong: Vec<String> = (of_dialect.iter().filter(|left| !is_right(left)))
        .map(|left| format!("{} delivered, {:?} charged", left.delivered, charged(entries, left)))
        .collect();
    let measured = format!("{} of {} {}", of_dialect.len() - wrong.len(), of_dialect.len(), wrong.join("; "));
    promises.check(&format!("{dialect}: charged is what was delivered"), measured.trim(), wrong.is_empty())
}
