//! Spend's way from the journal to the store, on a thread of its own; and what was spent long ago, forgotten.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use crate::clock::unix_millis;
use crate::config::General;
use crate::store::journal::Lanes;
use crate::store::spend::mover::{self, LAST_WAIT, Mover};
use crate::store::spend::{Status, retention};
use crate::store::{Failure, Store};
use crate::telemetry::metrics::Metrics;

/// Between two looks at how far the mover is.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// The priority of the thread that moves spend, in nice's words: beside a thread of ordinary priority that never waits it
/// gets a tenth of a processor.
const MOVERS_NICE: i32 = 10;

/// The journal and where it leads.
pub struct Spend {
    /// The journals of this data directory.
    pub lanes: Arc<Lanes>,
    store: Store,
    settings: mover::Settings,
    /// Whether the journals hear of anything.
    keeps_spend: bool,
    /// How long single calls stay in the store; `None`: for ever.
    kept: Option<Duration>,
    retention_every: Duration,
    /// How far the mover is, once there is one.
    status: OnceLock<Arc<Status>>,
}

impl Spend {
    /// Of this configuration.
    pub fn new(general: &General, lanes: Arc<Lanes>, store: Store) -> Self {
        Self {
            lanes,
            store,
            settings: mover::Settings { keeps_logs: !general.disable_spend_logs },
            keeps_spend: !general.disable_spend_updates,
            kept: general.spend_logs_retention,
            status: OnceLock::new(),
            retention_every: general.spend_logs_retention_interval.unwrap_or(retention::LOOK_EVERY),
        }
    }

    /// Takes over all that is in the journals now: before counters are read, and at the end of the process.
    ///
    /// # Errors
    /// [`Failure`]: the store is away; the rest stays where it is.
    pub async fn drain(&self) -> Result<(), Failure> {
        self.mover(&self.store).drain().await
    }

    /// Whether the store knows of every call that has ended here.
    pub fn is_told(&self) -> bool {
        self.keeps_spend && self.status.get().is_some_and(|status| status.pending_records() == 0)
    }

    /// Whether other nodes may write to the same store.
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// The last calls of a process that ends, in a runtime of their own. What is not taken in time the next process takes.
    pub fn finish(&self) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let last = async {
            // The connections of the runtimes that have ended are dead.
            self.store.disconnect().await;
            self.drain().await
        };
        let drained = runtime.block_on(async { tokio::time::timeout(LAST_WAIT, last).await });
        if !matches!(drained, Ok(Ok(()))) {
            tracing::warn!("spend is left to the next process");
        }
        if let Err(error) = self.lanes.own().journal.sync() {
            tracing::error!(%error, "the spend journal cannot be synced to disk");
        }
    }

    fn mover(&self, store: &Store) -> Mover {
        Mover::new(store.clone(), Arc::clone(&self.lanes), self.settings)
    }
}

/// The recurring job.
pub struct Moving {
    /// What is moved.
    pub spend: Arc<Spend>,
    /// Where it is told.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl BackgroundService for Moving {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        step_back();
        let mover = self.spend.mover(&self.spend.store.apart(1));
        let status = mover.status();
        // There is one such job.
        let _first = self.spend.status.set(Arc::clone(&status));
        let stop = async { while !*shutdown.borrow() && shutdown.changed().await.is_ok() {} };
        let spend = &self.spend;
        tokio::select! {
            () = mover.run(stop) => {}
            () = self.measure(&status) => {}
            () = retention::run(spend.store.clone(), spend.kept, spend.retention_every) => {}
        }
        self.tell(&status);
    }
}

/// This thread, and those that it starts, work when those that serve requests do not need the processor. Where that is
/// forbidden they compete.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, MOVERS_NICE) {
        tracing::debug!(%error, "the thread that moves spend has the priority of all others");
    }
}

impl Moving {
    async fn measure(&self, status: &Status) {
        loop {
            self.tell(status);
            tokio::time::sleep(MEASURE_EVERY).await;
        }
    }

    fn tell(&self, status: &Status) {
        let metrics = &self.metrics;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.spend_pending.set(number(status.pending_records()));
        metrics.spend_journal_bytes.set(number(status.journal_bytes()));
        metrics.spend_lag.set(number(status.lag_seconds(unix_millis().cast_unsigned())));
        metrics.spend_moved.set(number(status.moved.load(Ordering::Relaxed)));
        metrics.spend_failures.set(number(status.failures.load(Ordering::Relaxed)));
        let refused = self.spend.lanes.own().journal.counters().refused.load(Ordering::Relaxed);
        metrics.spend_refused.inc_by(refused.saturating_sub(metrics.spend_refused.get()));
    }
}
