//! Background health checks (`background_health_checks`): every deployment is looked at again and again
//! (`proxy/checkup.rs`), by pingora-load-balancing's health checks. One that fails gets no requests until it passes; where
//! nobody else is left, it gets them all the same (`router/busy.rs`).

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora_core::protocols::l4::socket::SocketAddr as PeerAddr;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use pingora_core::{Error, ErrorType};
use pingora_load_balancing::discovery::ServiceDiscovery;
use pingora_load_balancing::health_check::HealthCheck;
use pingora_load_balancing::{Backend, Backends};
use tokio::sync::Semaphore;

use crate::config::HealthChecks;
use crate::proxy::Shared;
use crate::proxy::checkup;
use crate::proxy::snapshot::Snapshot;

/// Looks that run at one time.
const LOOKS_AT_ONCE: usize = 16;
/// The first round begins within this time, at random: many gateways that start together do not look together.
const START_MAX: Duration = Duration::from_secs(10);
/// Rounds are apart by this part more or less of what is configured, for the same reason.
const JITTER: f64 = 0.1;
/// Those that failed are looked at again after this time, if the next round is not sooner.
const FAILED_AGAIN: Duration = Duration::from_secs(15);
/// The shortest time between two rounds.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// The rounds.
pub struct Checks {
    backends: Backends,
    interval: Duration,
    shared: Arc<Shared>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    only_failed: Arc<AtomicBool>,
}

impl Checks {
    /// Of all deployments that are served, those of later snapshots too.
    pub fn new(settings: &HealthChecks, snapshot: Arc<ArcSwap<Snapshot>>, shared: Arc<Shared>) -> Self {
        let only_failed = Arc::new(AtomicBool::new(false));
        let mut backends = Backends::new(Box::new(Served(Arc::clone(&snapshot))));
        backends.set_health_check(Box::new(Look {
            snapshot: Arc::clone(&snapshot),
            shared: Arc::clone(&shared),
            routing: settings.routing,
            at_once: Semaphore::new(LOOKS_AT_ONCE),
            only_failed: Arc::clone(&only_failed),
        }));
        Self { backends, interval: settings.interval.max(INTERVAL_MIN), shared, snapshot, only_failed }
    }

    async fn rounds(&self) {
        tokio::time::sleep(self.interval.min(START_MAX).mul_f64(fastrand::f64())).await;
        loop {
            self.round(false).await;
            let interval = self.interval.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
            let next = tokio::time::Instant::now() + interval;
            while self.has_failed() && tokio::time::Instant::now() + FAILED_AGAIN < next {
                tokio::time::sleep(FAILED_AGAIN).await;
                self.round(true).await;
            }
            tokio::time::sleep_until(next).await;
        }
    }

    async fn round(&self, only_failed: bool) {
        self.only_failed.store(only_failed, Relaxed);
        if let Err(error) = self.backends.update(|_| {}).await {
            tracing::error!(%error, "deployments cannot be listed for their health checks");
        }
        self.backends.run_health_check(true).await;
        let snapshot = self.snapshot.load();
        self.shared.checkups.keep(|id| snapshot.state(id).is_some());
    }

    fn has_failed(&self) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.targets.iter().any(|target| self.shared.checkups.of(&target.id).is_some_and(|found| found.is_err()))
    }
}

#[async_trait]
impl BackgroundService for Checks {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.rounds() => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// The deployments of the snapshot of the moment, as backends.
struct Served(Arc<ArcSwap<Snapshot>>);

#[async_trait]
impl ServiceDiscovery for Served {
    async fn discover(&self) -> pingora_core::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let snapshot = self.0.load();
        let checked = snapshot.targets.iter().filter(|target| target.is_checked);
        Ok((checked.map(|target| backend(&target.id)).collect(), HashMap::new()))
    }
}

/// The id of a backend's deployment.
#[derive(Clone)]
struct Id(Arc<str>);

/// Backends are told apart by their addresses, and several deployments may have one: so each gets one that stands for its id,
/// from a range that leads nowhere (RFC 6666). Nobody connects to it.
fn backend(id: &Arc<str>) -> Backend {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let address = Ipv6Addr::from_bits((0x0100_u128 << 112) | u128::from(hasher.finish()));
    let mut ext = http::Extensions::new();
    ext.insert(Id(Arc::clone(id)));
    Backend { addr: PeerAddr::Inet(SocketAddr::new(address.into(), 0)), weight: 1, ext }
}

/// One look, and what follows from it.
struct Look {
    snapshot: Arc<ArcSwap<Snapshot>>,
    shared: Arc<Shared>,
    routing: bool,
    at_once: Semaphore,
    only_failed: Arc<AtomicBool>,
}

#[async_trait]
impl HealthCheck for Look {
    async fn check(&self, backend: &Backend) -> pingora_core::Result<()> {
        let snapshot = self.snapshot.load_full();
        let Some(Id(id)) = backend.ext.get::<Id>() else { return Ok(()) };
        let Some(target) = snapshot.targets.iter().find(|target| target.id == *id) else { return Ok(()) };
        if self.only_failed.load(Relaxed) && self.shared.checkups.of(id) == Some(Ok(())) {
            return Ok(());
        }
        let _permit = self.at_once.acquire().await;
        let found = checkup::look(target, &self.shared).await.map_err(|error| target.redact(error));
        if let (true, Some(state)) = (self.routing, snapshot.state(id)) {
            state.places().set_out(found.is_err());
        }
        self.shared.checkups.note(id, found.clone());
        found.map_err(|error| Error::explain(ErrorType::ConnectError, error))
    }

    async fn health_status_change(&self, backend: &Backend, is_healthy: bool) {
        let id = backend.ext.get::<Id>().map(|Id(id)| &**id);
        match is_healthy {
            true => tracing::info!(id, "a deployment passes its health check again"),
            false => {
                let why = id.and_then(|id| self.shared.checkups.of(id)).and_then(Result::err);
                tracing::warn!(id, why, "a deployment has failed its health check");
            }
        }
    }

    /// One look decides: the next one may be minutes away.
    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}
