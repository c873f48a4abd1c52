//! Small recurring jobs, on a thread of their own: write the access lines, close idle upstream connections, look upstream
//! names up again, measure the process.

use std::fs::{File, OpenOptions};
use std::io::{Stdout, Write, stdout};
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

    fn flush(&self, output: &mut Output) {
        let flushed = match output {
            Output::Standard(stdout) => self.shared.access_log.flush(&mut stdout.lock()),
            Output::File(file) => self.shared.access_log.flush(file),
        };
        if let Err(error) = flushed {
            tracing::error!(%error, "access lines cannot be written");
        }
    }

    fn open_output(&self) -> Output {
        let AccessLog::File(path) = &self.access_log else { return Output::Standard(stdout()) };
        match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => Output::File(file),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "access lines go to standard output instead");
                Output::Standard(stdout())
            }
        }
    }
}

enum Output {
    Standard(Stdout),
    File(File),
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut output = self.open_output();
        let mut flush = ticks(FLUSH_EVERY);
        let mut sweep = ticks(SWEEP_EVERY);
        let mut resolve = ticks(RESOLVE_EVERY);
        while !*shutdown.borrow() {
            tokio::select! {
                _ = flush.tick() => self.flush(&mut output),
                _ = sweep.tick() => {
                    self.snapshot.load().upstreams().iter().for_each(|upstream| upstream.pool.sweep());
                    self.shared.metrics.measure_process();
                }
                _ = resolve.tick() => {
                    for upstream in self.snapshot.load_full().upstreams() {
                        upstream.refresh().await;
                    }
                }
                _ = shutdown.changed() => {}
            }
        }
        self.flush(&mut output);
        if let Output::File(file) = &mut output {
            let _disk_is_full = file.flush();
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
