//! Is it ready, and does every deployment answer?

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::attempt::Deadlines;
use super::context::{Context, Task};
use super::gateway::Shared;
use super::open::{self, Ask};
use super::snapshot::Snapshot;
use super::target::Target;
use crate::clock::unix_millis;
use crate::error::Compat;
use crate::providers::Operation;
use crate::wire::openai::request::Request;

/// A probe may take so long.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// Probes that run at one time.
const PROBES_AT_ONCE: usize = 16;

/// LiteLLM's readiness: two fields in 1.106, more in 1.80.
pub fn readiness(ctx: &Context, shared: &Shared) -> Value {
    let is_connected = shared.live.is_connected() == Some(true);
    let db = if is_connected { "connected" } else { "Not connected" };
    match ctx.snapshot.settings.compat {
        Compat::V1_106 => json!({ "status": "healthy", "db": db }),
        Compat::V1_80 => json!({
            "status": if is_connected { db } else { "healthy" }, "db": db, "cache": null, "litellm_version": "1.80.10",
            "success_callbacks": [], "use_aiohttp_transport": true, "last_updated": zoneless(unix_millis()),
        }),
    }
}

/// LiteLLM's readiness with what it told of itself in 1.80.
pub fn details(ctx: &Context, shared: &Shared) -> Value {
    let is_connected = shared.live.is_connected() == Some(true);
    let (db, compat) = (if is_connected { "connected" } else { "Not connected" }, ctx.snapshot.settings.compat);
    json!({
        "status": "healthy", "db": db, "cache": null, "litellm_version": compat.version(),
        "success_callbacks": [], "use_aiohttp_transport": true, "last_updated": zoneless(unix_millis()),
    })
}

/// `2026-11-20T22:42:44.205000`, in UTC.
fn zoneless(unix_millis: i64) -> String {
    let time = Timestamp::from_millisecond(unix_millis).unwrap_or(Timestamp::MAX);
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// Which deployments are asked about; where nothing is said, all.
pub struct Wanted<'a> {
    /// By the name of their group, or their own.
    pub model: Option<Cow<'a, str>>,
    /// By their id.
    pub id: Option<Cow<'a, str>>,
}

impl Wanted<'_> {
    fn admits(&self, target: &Target) -> bool {
        let is_named =
            |name: &str| [&target.model_name, &target.shown_model, &target.full_model].iter().any(|own| *own == name);
        self.model.as_deref().is_none_or(is_named) && self.id.as_deref().is_none_or(|id| *target.id == *id)
    }
}

/// Calls every wanted deployment once and tells which answered.
pub async fn probe_all(ctx: &Context, shared: &Shared, wanted: &Wanted<'_>) -> Value {
    let snapshot = &ctx.snapshot;
    let targets: Vec<&Target> = snapshot.targets.iter().filter(|target| wanted.admits(target)).collect();
    let mut all = Vec::new();
    for targets in targets.chunks(PROBES_AT_ONCE) {
        let probes = targets.iter().map(|target| probe(snapshot, target, shared));
        all.extend(targets.iter().copied().zip(futures::future::join_all(probes).await));
    }
    listed(all)
}

/// What the background checks have found last; deployments that they have not come to yet are left out, as in LiteLLM.
pub fn found(ctx: &Context, shared: &Shared, wanted: &Wanted<'_>) -> Value {
    let targets = ctx.snapshot.targets.iter().filter(|target| wanted.admits(target));
    listed(targets.filter_map(|target| Some((target, shared.checkups.of(&target.id)?))))
}

fn listed<'a>(all: impl IntoIterator<Item = (&'a Target, Result<(), String>)>) -> Value {
    let (mut healthy, mut unhealthy) = (Vec::new(), Vec::new());
    for (target, result) in all {
        let error = result.err();
        let list = if error.is_none() { &mut healthy } else { &mut unhealthy };
        list.push(endpoint(target, error));
    }
    let counts = (healthy.len(), unhealthy.len());
    json!({
        "healthy_endpoints": healthy, "unhealthy_endpoints": unhealthy,
        "healthy_count": counts.0, "unhealthy_count": counts.1,
    })
}

/// LiteLLM's entry of a deployment; without a failure it has no `error`.
fn endpoint(target: &Target, error: Option<String>) -> Value {
    let mut entry = serde_json::Map::from_iter([
        ("model".to_owned(), json!(target.shown_model)),
        ("model_id".to_owned(), json!(&*target.id)),
        ("api_base".to_owned(), json!(target.api_base)),
        ("custom_llm_provider".to_owned(), json!(target.provider.name)),
    ]);
    entry.extend(error.map(|error| ("error".to_owned(), Value::String(error))));
    Value::Object(entry)
}

async fn probe(snapshot: &Snapshot, target: &Target, shared: &Shared) -> Result<(), String> {
    if target.mock_response.is_some() {
        return Ok(());
    }
    let upstream_model = target.health_check_model.as_ref().unwrap_or(&target.upstream_model);
    if upstream_model.contains('*') {
        return Err("A wildcard cannot be probed: say which model with model_info.health_check_model.".to_owned());
    }
    let task = probe_task(target).map_err(|error| error.message)?;
    let now = Instant::now();
    let deadlines =
        Deadlines { first_byte: PROBE_TIMEOUT, between_bytes: PROBE_TIMEOUT, begin: now, end: now + PROBE_TIMEOUT };
    let ask = Ask {
        task: &task,
        target,
        upstream_model,
        always_usage: false,
        owner: None,
        compat: snapshot.settings.compat,
        deadlines,
        answers_as: None,
        hold: 0,
        continuation: None,
    };
    open::open(&ask, shared).await.map(|_answer| ()).map_err(|failed| failed.error.message)
}

/// The smallest call of the deployment's `mode`.
fn probe_task(target: &Target) -> Result<Task, crate::error::Error> {
    let (operation, body) = match target.mode.as_deref() {
        Some("embedding") => (Operation::Embeddings, json!({ "model": target.model_name, "input": ["test"] })),
        Some("moderation") => (Operation::Moderations, json!({ "model": target.model_name, "input": "test" })),
        Some("image_generation") => {
            (Operation::ImageGenerations, json!({ "model": target.model_name, "prompt": "a white square" }))
        }
        Some("completion") => {
            (Operation::Completions, json!({ "model": target.model_name, "prompt": "test", "max_tokens": 5 }))
        }
        _ => (
            Operation::ChatCompletions,
            json!({ "model": target.model_name, "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 5 }),
        ),
    };
    Ok(Task::own(operation, Request::parse(body.to_string().into())?))
}
