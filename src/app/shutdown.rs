//! When to stop: SIGTERM finishes what is under way, SIGINT does not wait.
//!
//! Pingora's own watcher sleeps the whole grace period, even when nothing is under way. This one watches: readiness turns
//! to 503 at once, and the process ends as soon as the last request has.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::proxy::Shared;

/// Requests under way get so long to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at the number of requests under way.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for the signal to stop.
pub struct Signals {
    /// Told that the process drains, asked how many requests are under way.
    pub shared: Arc<Shared>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()))
        else {
            return ShutdownSignal::FastShutdown;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
        }
        self.shared.draining.store(true, Ordering::Relaxed);
        let _not_under_systemd = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
        tracing::info!(requests = self.shared.metrics.in_flight(), "draining");
        let deadline = Instant::now() + DRAIN_LIMIT;
        while self.shared.metrics.in_flight() > 0 && Instant::now() < deadline {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
            }
        }
        ShutdownSignal::GracefulTerminate
    }
}

fn listen(kind: SignalKind) -> std::io::Result<Signal> {
    signal(kind).inspect_err(|error| tracing::error!(%error, "signals cannot be watched"))
}
