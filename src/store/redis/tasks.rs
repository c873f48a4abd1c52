//! What goes on in the background: being connected, being counted, serving scopes that have little left or something to
//! report, giving back what nobody uses.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::leases::Leases;
use crate::limiter::Scope;

/// Between two signs of life.
pub const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Between two tries to find Redis again.
pub const SEEK_EVERY: Duration = Duration::from_millis(200);
/// Between two looks for scopes that have little left.
pub const SERVE_EVERY: Duration = Duration::from_millis(10);
/// Between two looks for scopes that have something to report, in looks for the others.
const REPORT_EVERY: u32 = 25;
/// Between two looks for scopes that nobody uses, or that must be heard of, likewise: a second.
const SWEEP_EVERY: u32 = 100;
/// A scope that was not used for so many sweeps gives back what it has.
const IDLE_SWEEPS: u32 = 2;
/// Conversations at a time; requests that wait begin theirs all the same.
const AT_ONCE: usize = 256;
/// How long giving back may take at the end.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(2);

impl Leases {
    /// Speaks with Redis until `stop`; then gives back what is borrowed and not used.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.stay_connected() => {}
            () = self.serve() => {}
        }
        // What is not given back in time is lost for the rest of its window, as if the node had died.
        if timeout(LEAVE_WITHIN, self.leave()).await.is_err() {
            tracing::warn!("not all leases could be given back");
        }
    }

    async fn stay_connected(&self) {
        loop {
            let is_well = (self.connection.get().is_some() || self.connect().await) && self.live().await;
            let pause = if is_well { BEAT_EVERY } else { SEEK_EVERY };
            tokio::select! {
                () = sleep(pause) => {}
                // At once, but not more often than Redis is sought.
                () = self.connection.broken.notified(), if is_well => {}
            }
        }
    }

    async fn connect(&self) -> bool {
        let mut connection = match self.connection.connect().await {
            Ok(connection) => connection,
            Err(error) => {
                self.health.failed();
                tracing::debug!(why = error.category(), "Redis cannot be reached");
                return false;
            }
        };
        self.health.connected();
        for script in self.scripts.all() {
            if self.understood(script.load_async(&mut connection).await).is_none() {
                return false;
            }
        }
        true
    }

    async fn live(&self) -> bool {
        let Some(nodes) = self.beat(true).await else { return false };
        self.cluster.set_nodes(nodes);
        if !self.cluster.is_up() {
            self.cluster.set_up(true);
            tracing::info!(nodes, "Redis answers: limits are shared");
        }
        true
    }

    async fn serve(self: &Arc<Self>) {
        let mut ticks = interval(SERVE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut count, mut era) = (0_u32, self.cluster.era());
        let mut swept = Vec::new().into_iter();
        loop {
            ticks.tick().await;
            count = count.wrapping_add(1);
            if !self.cluster.is_up() {
                continue;
            }
            self.launch(|| Some((self.cluster.next_urgent()?, false)));
            if count.is_multiple_of(REPORT_EVERY) {
                self.launch(|| Some((self.cluster.next_changed()?, false)));
            }
            // Redis may have lost what it knew of requests in flight.
            let is_new = std::mem::replace(&mut era, self.cluster.era()) != era;
            if is_new || count.is_multiple_of(SWEEP_EVERY) && swept.len() == 0 {
                swept = self.sweep().into_iter();
            }
            self.launch(|| swept.next());
        }
    }

    /// Begins conversations without waiting for them: one may take as long as the database. Who finds no place is served
    /// at the next look. `true`: the scope is idle.
    fn launch(self: &Arc<Self>, mut next: impl FnMut() -> Option<(Arc<Scope>, bool)>) {
        let mut busy = Vec::new();
        while self.flights.len() < AT_ONCE {
            let Some((scope, is_idle)) = next() else { break };
            if self.flights.has(&scope) {
                busy.push(scope);
            } else {
                let _nobody_waits = self.fly(&scope, is_idle);
            }
        }
        // What they have to say may have come too late for the conversation that is on its way.
        busy.iter().for_each(Scope::hurry);
    }

    /// Lessees that nobody has used for a while, and those that must be heard of. Forgets those that have nothing any more.
    fn sweep(&self) -> Vec<(Arc<Scope>, bool)> {
        self.lessees.retain(|_, (scope, _)| scope.is_lessee());
        let (mut swept, now) = (Vec::new(), self.clock.now());
        for mut lessee in self.lessees.iter_mut() {
            let (scope, sweeps) = lessee.value_mut();
            *sweeps = if scope.take_used() { 0 } else { *sweeps + 1 };
            let is_idle = *sweeps >= IDLE_SWEEPS;
            if is_idle || scope.is_due(now) {
                swept.push((Arc::clone(scope), is_idle));
            }
        }
        swept
    }

    async fn leave(self: &Arc<Self>) {
        let lessees: Vec<_> = self.lessees.iter().map(|lessee| Arc::clone(&lessee.value().0)).collect();
        for some in lessees.chunks(AT_ONCE) {
            let flights: Vec<_> = some.iter().filter_map(|scope| self.fly(scope, true)).collect();
            join_all(flights.into_iter().map(|landing| landing.wait())).await;
        }
        self.beat(false).await;
    }
}
