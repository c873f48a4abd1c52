//! Deployments that several gateways use: rounds in which a loan of their `rpm` and `tpm` is asked for before the last one is
//! at its end, and others in which open breakers are told and heard of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::clock;
use crate::proxy::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::router::Router;
use crate::router::lending::{LoanCall, Look};
use crate::router::plan::DeploymentIx;
use crate::store::redis::{LEAVE_WITHIN, Leases, Opening};

/// Between two looks for deployments of which little is lent; a request that finds nothing does not wait for the next one.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two reports of what was used and is not urgent.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// Between two words on open breakers.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// Deployments that are spoken of at a time.
const AT_ONCE: usize = 256;

/// What the rounds need.
pub struct Lending {
    /// The configuration of the moment.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Clock, metrics, and who waits.
    pub shared: Arc<Shared>,
    /// Who is asked.
    pub leases: Arc<Leases>,
}

impl Lending {
    /// Asks for loans, for ever.
    pub async fn lend(&self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.shared.loans.asked() => {}
            }
            let reports = reported.elapsed() >= REPORT_EVERY;
            if reports {
                reported = Instant::now();
            }
            self.round(reports).await;
            self.shared.loans.round_ended();
        }
    }

    async fn round(&self, reports: bool) {
        let snapshot = self.snapshot.load_full();
        let Some(lending) = snapshot.router.lending() else { return };
        let cluster = self.leases.cluster();
        // A question without an answer says more of Redis than that it was well a moment ago.
        if cluster.is_up() && self.ask(&snapshot, reports).await {
            lending.begin();
        } else {
            lending.end(cluster.parts());
        }
    }

    /// Whether all was answered.
    async fn ask(&self, snapshot: &Snapshot, reports: bool) -> bool {
        let look = Look { now: self.shared.clock.now(), nodes: self.leases.cluster().nodes(), reports };
        for some in snapshot.router.loan_calls(look).chunks(AT_ONCE) {
            let answers = join_all(some.iter().map(|call| self.say(snapshot, call))).await;
            if answers.contains(&false) {
                return false;
            }
        }
        true
    }

    /// Gives back what is lent and not used, once: this gateway stops. What is not given back in time is lost for the rest of
    /// its minute.
    pub async fn give_back(&self) {
        let snapshot = self.snapshot.load_full();
        let calls = snapshot.router.loans_back(self.shared.clock.now());
        let said = join_all(calls.iter().map(|call| self.say(&snapshot, call)));
        if timeout(LEAVE_WITHIN, said).await.is_err() {
            tracing::warn!("not all loans of deployments could be given back");
        }
    }

    async fn say(&self, snapshot: &Snapshot, (deployment, call): &(DeploymentIx, LoanCall)) -> bool {
        let Some(target) = snapshot.targets.get(deployment.0 as usize) else { return true };
        let Some(reply) = self.leases.say_minute(&target.id, call).await else { return false };
        snapshot.router.on_loan(*deployment, self.shared.clock.now(), call, &reply);
        true
    }

    /// Tells whose breakers have opened here, and opens those of which others tell, for ever.
    pub async fn tell_openings(&self) {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = HashMap::new();
        loop {
            ticks.tick().await;
            if self.leases.cluster().is_up() {
                self.tell(&mut known).await;
            } else {
                // Redis may come back without what it was told.
                known.clear();
            }
        }
    }

    /// `known`: the ends of openings that need not be told, because Redis knows them.
    async fn tell(&self, known: &mut HashMap<Arc<str>, clock::Instant>) {
        let snapshot = self.snapshot.load_full();
        let (router, now) = (&snapshot.router, self.shared.clock.now());
        known.retain(|_, until| *until > now);
        let mut open = opened(&snapshot, now);
        open.retain(|(id, until)| known.get(id) != Some(until));
        let told: Vec<Opening> = open.iter().map(|(id, until)| (id.to_string(), until.saturating_since(now))).collect();
        let Some(heard) = self.leases.say_openings(&told).await else { return };
        known.extend(open);
        if heard.is_empty() {
            return;
        }
        let now = self.shared.clock.now();
        let rests: HashMap<String, Duration> = heard.into_iter().collect();
        for (index, target) in (0..).zip(&snapshot.targets) {
            let Some(rest) = rests.get(&*target.id) else { continue };
            if router.on_opened_elsewhere(DeploymentIx(index), now, *rest) {
                target.metrics.state.set(2);
                self.shared.metrics.breakers_heard.inc();
                tracing::debug!(deployment = %target.id, "another gateway leaves it alone");
                known.extend(until(router, DeploymentIx(index), now).map(|until| (Arc::clone(&target.id), until)));
            }
        }
    }
}

fn opened(snapshot: &Snapshot, now: clock::Instant) -> Vec<(Arc<str>, clock::Instant)> {
    let open = snapshot.router.openings(now);
    open.filter_map(|(index, until)| Some((Arc::clone(&snapshot.targets.get(index.0 as usize)?.id), until))).collect()
}

fn until(router: &Router, deployment: DeploymentIx, now: clock::Instant) -> Option<clock::Instant> {
    router.openings(now).find(|(open, _)| *open == deployment).map(|(_, until)| until)
}
