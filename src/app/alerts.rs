//! Budget alerts (`general_settings.alerting`): on a thread of its own this looks at what is spent, and tells the
//! operator of each budget that has crossed a limit, once in each window, on one of the nodes that share a store.
//!
//! A request knows nothing of it. An alert that finds the queue full, or the store away, is told with a later look.

mod deliver;
mod describe;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use tokio::sync::mpsc;

use crate::clock::unix_millis;
use crate::config::Alerting;
use crate::governance::alarms::Alarm;
use crate::proxy::Shared;
use crate::store::alerts::{Claim, Crossing};
use crate::store::{Failure, Store};
use crate::telemetry::alert::Alert;

/// Between two looks at what is spent.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two times that what was told of windows that are over is forgotten.
const FORGET_EVERY: u64 = 3_600;
/// How long the last alerts of a process that ends may take.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What this node knows that somebody has told, and since when, in milliseconds since 1970.
type Told = HashMap<Crossing, i64>;

/// The recurring job.
pub struct Alerts {
    shared: Arc<Shared>,
    store: Store,
    places: Alerting,
}

impl Alerts {
    /// Tells at these places. `store` knows what was told.
    pub fn new(shared: Arc<Shared>, store: Store, places: Alerting) -> Self {
        Self { shared, store, places }
    }

    async fn look_again_and_again(&self, queue: &mpsc::Sender<Alert>) {
        let mut told = Told::new();
        let mut was_away = false;
        for round in 0_u64.. {
            tokio::time::sleep(LOOK_EVERY).await;
            let looked = self.look(queue, &mut told).await;
            let is_away = looked.is_err();
            if let (Err(error), false) = (&looked, was_away) {
                tracing::warn!(%error, "alerts wait for the store");
            }
            was_away = is_away;
            if round % FORGET_EVERY == 0 && !is_away {
                // What is not forgotten now is with a later round.
                let _later = self.store.forget_old_alerts(unix_millis() / 1_000).await;
            }
        }
    }

    /// Tells of what is new.
    async fn look(&self, queue: &mpsc::Sender<Alert>, told: &mut Told) -> Result<(), Failure> {
        let alarms = self.shared.live.alarms(unix_millis() / 1_000);
        let crossings: Vec<Crossing> = alarms.iter().map(crossing).collect();
        self.forget(told, &crossings).await?;
        for (alarm, crossing) in alarms.iter().zip(crossings) {
            if told.contains_key(&crossing) {
                continue;
            }
            let Ok(place) = queue.try_reserve() else {
                self.shared.metrics.alerts_deferred.inc();
                return Ok(());
            };
            // Before it is claimed: what is claimed and not sent, nobody sends.
            let alert = describe::describe(alarm, &self.shared.live).await;
            match self.store.claim_alert(&crossing, unix_millis()).await? {
                Claim::Ours => place.send(alert),
                Claim::Told => {}
                Claim::NotYet => continue,
            };
            told.insert(crossing, unix_millis());
        }
        Ok(())
    }

    /// What is crossed no longer: the window is over, or what was spent was set back, and may be crossed once more.
    async fn forget(&self, told: &mut Told, crossed: &[Crossing]) -> Result<(), Failure> {
        let crossed: HashSet<&Crossing> = crossed.iter().collect();
        let over = told.iter().filter(|(crossing, _)| !crossed.contains(crossing));
        let over: Vec<(Crossing, i64)> = over.map(|(crossing, since)| (crossing.clone(), *since)).collect();
        for (crossing, since) in over {
            if self.is_set_back(&crossing) {
                self.store.forget_alert(&crossing, since).await?;
            }
            told.remove(&crossing);
        }
        Ok(())
    }

    /// Whether less is spent in this very window than when it was told.
    fn is_set_back(&self, crossing: &Crossing) -> bool {
        let kind = crate::limiter::Kind::named(crossing.scope);
        let scope = kind.and_then(|kind| self.shared.live.scope(kind, &crossing.id));
        let Some(scope) = scope else { return false };
        let budget = scope.budget(&crossing.budget);
        budget.is_some_and(|budget| {
            let is_same = budget.resets_at().unwrap_or_default() == crossing.resets_at;
            is_same && budget.spent() < crossing.first()
        })
    }
}

fn crossing(alarm: &Alarm) -> Crossing {
    Crossing {
        scope: alarm.kind.as_str(),
        id: alarm.id.clone(),
        budget: alarm.budget.clone(),
        event: alarm.event.as_str(),
        amount: alarm.limit(),
        resets_at: alarm.resets_at.unwrap_or_default(),
    }
}

#[async_trait]
impl BackgroundService for Alerts {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let (queue, waiting) = mpsc::channel(deliver::QUEUE);
        let metrics = Arc::clone(&self.shared.metrics);
        let mut delivery = Box::pin(deliver::deliver(waiting, self.places.clone(), metrics));
        tokio::select! {
            () = self.look_again_and_again(&queue) => {}
            () = &mut delivery => {}
            _ = shutdown.changed() => {}
        }
        drop(queue);
        if tokio::time::timeout(LAST_WAIT, delivery).await.is_err() {
            tracing::warn!("the last alerts were not sent");
        }
    }
}
