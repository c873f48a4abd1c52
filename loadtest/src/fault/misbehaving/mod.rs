//! Upstreams that break HTTP, its framing, their dialect or their word: each with a healthy fallback, and alone.
//!
//! [`table`] says what each does and what is right, [`wire`] makes the bytes, [`raw`] sends them, [`judge`] judges.

mod judge;
mod raw;
mod table;
mod wire;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::card::{Line, Mark, Verdict};
use super::gateway;
use super::scale::Scale;
use super::stage::{Role, Stage};
use super::transcript::{BACKUP_WORD, PRIMARY_WORD, Transcript};
use crate::Result;
use crate::mock::settings::Settings;
use crate::process::Workspace;
use crate::proof::caller::{Answer, request};
use crate::proof::node::{MASTER, Node};
use judge::Record;
use raw::{Manners, Raw};
use table::{Ask, Right, Row};

/// Seconds that a client waits for the end of an answer.
const PATIENCE: f64 = 60.0;
/// So many play at a time: they are there to be strange, not to be many.
const AT_ONCE: usize = 16;
/// Letters of a request that does not fit into what the kernel buffers.
const LARGE: usize = 2 << 20;
/// The gateway may not have had more memory than this, in KiB.
const MOST_MEMORY: u64 = 768 << 10;
/// Fallbacks: with a word of its own, and with the primary's.
const WELL: &str = "well";
const WELL_TOO: &str = "well-too";

/// Plays those whose id begins with one of `only`; all of them if there is none.
///
/// # Errors
/// Something could not be started.
pub async fn play(binary: &Path, only: &[String], scale: Scale) -> Result<Vec<Line>> {
    let chosen: Vec<usize> = (0..table::count()).filter(|number| super::is_chosen(&id(*number), only)).collect();
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let workspace = Workspace::new()?;
    let mut upstreams = Vec::new();
    for number in chosen {
        upstreams.push(Upstream::open(number, scale).await?);
    }
    let well = Stage::open([healthy(WELL, BACKUP_WORD), healthy(WELL_TOO, PRIMARY_WORD)].into()).await?;
    let config = config(&upstreams, &well, scale);
    let node = Arc::new(Node::launch(&workspace, binary, &workspace.path().join("gateway"), &config).await?);
    let mut running = JoinSet::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    for upstream in upstreams {
        let (node, places) = (Arc::clone(&node), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire().await;
            upstream.play(&node, scale).await
        });
    }
    let mut lines = Vec::new();
    while let Some(line) = running.join_next().await {
        lines.push(line?);
    }
    lines.push(process(&node, &workspace));
    Ok(lines)
}

fn id(number: usize) -> String {
    format!("U{:02}", number + 1)
}

fn healthy(name: &str, word: &'static str) -> (String, Arc<Role>) {
    let answer = move |_| Settings { tokens: wire::TOKENS, word: word.to_owned(), ..Settings::default() };
    (name.to_owned(), Arc::new(Role::new(answer)))
}

fn config(upstreams: &[Upstream], well: &Stage, scale: Scale) -> Value {
    let deployment =
        |name: &str, api_base: &str| gateway::deployment(name, &format!("openai/{name}"), api_base, &Value::Null);
    let mut models: Vec<Value> = [WELL, WELL_TOO].iter().map(|name| deployment(name, &well.api_base())).collect();
    for upstream in upstreams {
        let api_base = format!("http://{}/v1", upstream.raw.address);
        models.extend([deployment(&upstream.id, &api_base), deployment(&upstream.alone(), &api_base)]);
    }
    let fallbacks = gateway::fallbacks(upstreams.iter().map(|it| (it.id.clone(), it.fallback().to_owned())));
    let mut config = gateway::config(&models, &fallbacks);
    gateway::quicken(&mut config, scale);
    config
}

/// One that misbehaves.
struct Upstream {
    id: String,
    row: Row,
    raw: Raw,
}

impl Upstream {
    async fn open(number: usize, scale: Scale) -> Result<Self> {
        let mut row = None;
        let raw = Raw::open(|own| {
            let found = table::rows(own).into_iter().nth(number);
            let (steps, hears) = found.as_ref().map(|row| (row.steps.clone(), row.hears)).unwrap_or_default();
            row = found;
            Manners { steps, hears, scale: scale.0 }
        })
        .await?;
        Ok(Self { id: id(number), row: row.ok_or("no such row")?, raw })
    }

    /// What was delivered must fit to what the fallback says.
    fn fallback(&self) -> &'static str {
        if self.row.right == Right::Rescued { WELL_TOO } else { WELL }
    }

    /// The model of the same upstream that has no fallback.
    fn alone(&self) -> String {
        format!("{}-alone", self.id)
    }

    async fn play(self, node: &Node, scale: Scale) -> Line {
        let begun = Instant::now();
        let asked = json!({"model": self.id});
        let alone = json!({"model": self.alone(), "num_retries": 0});
        let (with_fallback, alone) = tokio::join!(self.ask(node, asked, scale), self.ask(node, alone, scale));
        let took = begun.elapsed();
        let afterwards = self.ask(node, json!({"model": WELL}), scale).await;
        let patience = scale.limit(PATIENCE);
        let record = Record {
            is_injected: judge::is_injected(&with_fallback.head) || judge::is_injected(&alone.head),
            with_fallback: Transcript::of(&with_fallback, patience),
            alone: Transcript::of(&alone, patience),
            afterwards: Transcript::of(&afterwards, patience),
            was_followed: self.raw.was_asked_for("/followed"),
            taken: self.raw.written(),
        };
        let verdict = judge::verdict(&self.row, &record);
        Line { id: self.id.clone(), title: self.row.what.to_owned(), verdict, took }
    }

    async fn ask(&self, node: &Node, mut body: Value, scale: Scale) -> Answer {
        let is_large = self.row.ask == Ask::Large;
        let text = if is_large { "many words ".repeat(LARGE / 11) } else { "hi".to_owned() };
        body["messages"] = json!([{"role": "user", "content": text}]);
        if self.row.ask == Ask::Stream {
            body["stream"] = json!(true);
        }
        let wire = request("POST", "/v1/chat/completions", MASTER, "", &body);
        node.caller().exchange(&wire, scale.limit(PATIENCE)).await
    }
}

/// How the gateway's process has taken it all.
fn process(node: &Node, workspace: &Workspace) -> Line {
    let log = workspace.path().join(format!("gateway-{}.log", node.address().port()));
    let panics = fs::read_to_string(log).unwrap_or_default().matches("panicked").count();
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    let peak: u64 = peak.unwrap_or_default();
    let verdict = Verdict::pass()
        .noting(format!("peak memory {} MiB", peak >> 10))
        .unless(peak > 0, Mark::Fail, || "it has ended".to_owned())
        .unless(peak <= MOST_MEMORY, Mark::Fail, || format!("more than {} MiB", MOST_MEMORY >> 10))
        .unless(panics == 0, Mark::Fail, || format!("{panics} panics"));
    Line { id: "U99".to_owned(), title: "the process afterwards".to_owned(), verdict, took: std::time::Duration::ZERO }
}
