//! Small recurring jobs, on a thread of their own: write the access lines, close idle upstream connections, look upstream
//! names up again, measure the process.

use std::fs::{File, OpenOptions};
use std::io::{Stdout, stdout};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::AccessLog;
use crate::proxy::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::telemetry::access_line::FLUSH_EVERY;

/// Between two looks at idle upstream connections.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Between two look-ups of an upstream's name.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);

/// The jobs' inputs.
pub struct Upkeep {
    snapshot: Arc<ArcSwap<Snapshot>>,
    shared: Arc<Shared>,
    access_log: AccessLog,
}

impl Upkeep {
    /// `access_log` says where lines go.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, shared: Arc<Shared>, access_log: &AccessLog) -> Self {
        Self { snapshot, shared, access_log: access_log.clone() }
    }
}

/// Writes the lines of the last requests: at the end of the process the recurring job may have been dropped already.
pub fn write_last_lines(shared: &Shared, access_log: &AccessLog) {
    Output::open(access_log).flush(shared);
}

/// Where access lines go.
enum Output {
    Standard(Stdout),
    File(File),
}

impl Output {
    fn flush(&mut self, shared: &Shared) {
        let flushed = match self {
            Output::Standard(stdout) => shared.access_log.flush(&mut stdout.lock()),
            Output::File(file) => shared.access_log.flush(file),
        };
        if let Err(error) = flushed {
            tracing::error!(%error, "access lines cannot be written");
        }
    }

    fn open(access_log: &AccessLog) -> Self {
        let AccessLog::File(path) = access_log else { return Output::Standard(stdout()) };
        match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => Output::File(file),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "access lines go to standard output instead");
                Output::Standard(stdout())
            }
        }
    }
}

#[async_trait]
impl BackgroundService for Upkeep {
    /// Names are looked up beside the other jobs: a name server that does not answer holds up no access line.
    async fn start(&self, shutdown: ShutdownWatch) {
        futures::join!(self.write_and_sweep(shutdown.clone()), self.look_up_names(shutdown));
    }
}

impl Upkeep {
    async fn look_up_names(&self, mut shutdown: ShutdownWatch) {
        let mut resolve = ticks(RESOLVE_EVERY);
        while !*shutdown.borrow() {
            tokio::select! {
                _ = resolve.tick() => {
                    let upstreams = self.snapshot.load_full().upstreams();
                    futures::future::join_all(upstreams.iter().map(|upstream| upstream.refresh())).await;
                }
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn write_and_sweep(&self, mut shutdown: ShutdownWatch) {
        let mut output = Output::open(&self.access_log);
        let mut flush = ticks(FLUSH_EVERY);
        let mut sweep = ticks(SWEEP_EVERY);
        while !*shutdown.borrow() {
            tokio::select! {
                _ = flush.tick() => output.flush(&self.shared),
                _ = sweep.tick() => {
                    let upstreams = self.snapshot.load().upstreams();
                    upstreams.iter().for_each(|upstream| upstream.pool.sweep());
                    let idle: usize = upstreams.iter().map(|upstream| upstream.pool.len()).sum();
                    self.shared.metrics.connections_idle.set(i64::try_from(idle).unwrap_or(i64::MAX));
                    self.shared.metrics.measure_process();
                }
                _ = shutdown.changed() => {}
            }
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
