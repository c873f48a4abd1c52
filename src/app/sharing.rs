//! Limits that are shared with other gateways, on a thread of their own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use super::lending::Lending;
use crate::store::redis::Leases;
use crate::telemetry::metrics::Metrics;

/// Between two looks at how Redis does.
const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// The recurring job.
pub struct Sharing {
    /// What is borrowed.
    pub leases: Arc<Leases>,
    /// Deployments that others use too.
    pub lending: Lending,
    /// Where it is told.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl BackgroundService for Sharing {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let stop = async {
            let told = async { while !*shutdown.borrow() && shutdown.changed().await.is_ok() {} };
            tokio::select! {
                () = told => {}
                () = self.lending.lend() => {}
                () = self.lending.tell_openings() => {}
            }
            self.lending.give_back().await;
        };
        tokio::select! {
            () = Arc::clone(&self.leases).run(stop) => {}
            () = self.measure() => {}
        }
    }
}

impl Sharing {
    async fn measure(&self) {
        let (cluster, health, metrics) = (self.leases.cluster(), self.leases.health(), &self.metrics);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        loop {
            metrics.redis_up.set(i64::from(cluster.is_up()));
            metrics.nodes.set(number(cluster.nodes()));
            metrics.redis_failures.set(number(health.failures()));
            metrics.redis_calls.set(number(health.calls()));
            metrics.lease_waits.set(number(health.waits()));
            tokio::time::sleep(MEASURE_EVERY).await;
        }
    }
}
