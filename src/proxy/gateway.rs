//! What all requests share, and the guard that keeps a request's count right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use pingora_core::connectors::TransportConnector;
use tokio::sync::Semaphore;

use super::checkup::Checkups;
use super::control::ControlPlane;
use super::conversations::Conversations;
use super::counting::Counting;
use super::loans::Loans;
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::governance::Live;
use crate::limiter::share::{Share, Shares};
use crate::store::journal::Journal;
use crate::store::redis::Leases;
use crate::telemetry::access_line::AccessLog;
use crate::telemetry::metrics::Metrics;

/// The data plane: implements Pingora's phases (see `proxy/mod.rs`).
pub struct Gateway {
    /// The configuration of the moment.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Everything else.
    pub shared: Arc<Shared>,
}

/// What outlives a change of configuration.
pub struct Shared {
    /// Opens connections to upstreams.
    pub connector: TransportConnector,
    /// Every metric.
    pub metrics: Arc<Metrics>,
    /// Where finished requests are written.
    pub access_log: Arc<AccessLog>,
    /// Who may call, and what they have left.
    pub live: Arc<Live>,
    /// Answers management calls, where there is a store for them.
    pub control: Option<Arc<dyn ControlPlane>>,
    /// The process's time line.
    pub clock: Clock,
    /// Counts tokens where no provider does.
    pub counting: Counting,
    /// Borrows from the limits that several gateways share; `None`: nothing is shared.
    pub leases: Option<Arc<Leases>>,
    /// Who waits for a part of what they lend of deployments' limits.
    pub loans: Loans,
    /// Every finished call, until the store has it.
    pub journal: Arc<Journal>,
    /// Conversations that no provider keeps.
    pub conversations: Arc<Conversations>,
    /// What background checks of the deployments have found.
    pub checkups: Arc<Checkups>,
    /// Who has how many requests in flight.
    pub shares: Arc<Shares>,
    /// The share of requests without a key of their own: the master key's, and everybody's where no key is needed.
    pub keyless: Arc<Share>,
    /// Whose turn it is to read the page of metrics.
    pub pages: Arc<Semaphore>,
    /// Set when the process is about to stop: readiness says so, connections are not kept.
    pub draining: AtomicBool,
}

impl Shared {
    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
