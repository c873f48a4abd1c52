//! What a deployment counts.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::list::List;

/// LiteLLM's labels of a deployment.
const DEPLOYMENT_LABELS: &[&str] = &["litellm_model_name", "model_id", "api_base", "api_provider"];

/// Counters of one deployment, resolved when the configuration is loaded.
pub struct DeploymentHandles {
    /// Attempts sent.
    pub total: IntCounter,
    /// Attempts answered with success.
    pub success: IntCounter,
    /// Attempts that failed.
    pub failure: IntCounter,
    /// Times it was put into cooldown.
    pub cooled_down: IntCounter,
    /// 0 healthy, 1 partial outage, 2 complete outage.
    pub state: IntGauge,
    /// Seconds per completion token.
    pub latency_per_output_token: Histogram,
    /// Requests in flight at most; 0: no limit.
    pub concurrency_limit: IntGauge,
    /// Requests in flight.
    pub in_flight: IntGauge,
    /// 0: the last background health check has failed.
    pub healthy: IntGauge,
}

/// The vectors behind the handles.
pub(super) struct DeploymentVectors {
    total: IntCounterVec,
    success: IntCounterVec,
    failure: IntCounterVec,
    cooled_down: IntCounterVec,
    state: IntGaugeVec,
    latency_per_output_token: HistogramVec,
    concurrency_limit: IntGaugeVec,
    in_flight: IntGaugeVec,
    healthy: IntGaugeVec,
}

impl DeploymentVectors {
    /// Registers them.
    pub(super) fn register(list: &List<'_>) -> prometheus::Result<Self> {
        let counters = |name, help| list.counters(name, help, DEPLOYMENT_LABELS);
        let gauges = |name, help| list.gauges(name, help, DEPLOYMENT_LABELS);
        Ok(Self {
            total: counters("litellm_deployment_total_requests_total", "Attempts sent.")?,
            success: counters("litellm_deployment_success_responses_total", "Attempts answered.")?,
            failure: counters("litellm_deployment_failure_responses_total", "Attempts failed.")?,
            cooled_down: counters("litellm_deployment_cooled_down_total", "Cooldowns begun.")?,
            state: gauges("litellm_deployment_state", "0 healthy, 1 partial outage, 2 outage.")?,
            concurrency_limit: gauges(
                "tollgate_deployment_concurrency_limit",
                "Requests in flight at most; 0: no limit.",
            )?,
            in_flight: gauges("tollgate_deployment_in_flight", "Requests in flight.")?,
            healthy: gauges("tollgate_deployment_healthy", "0: the last background health check has failed.")?,
            latency_per_output_token: list.histograms(
                "litellm_deployment_latency_per_output_token",
                "Seconds per completion token.",
                DEPLOYMENT_LABELS,
            )?,
        })
    }

    /// The handles of a deployment.
    pub(super) fn resolve(&self, model: &str, id: &str, api_base: &str, provider: &str) -> DeploymentHandles {
        let values = [model, id, api_base, provider];
        DeploymentHandles {
            total: self.total.with_label_values(&values),
            success: self.success.with_label_values(&values),
            failure: self.failure.with_label_values(&values),
            cooled_down: self.cooled_down.with_label_values(&values),
            state: self.state.with_label_values(&values),
            latency_per_output_token: self.latency_per_output_token.with_label_values(&values),
            concurrency_limit: self.concurrency_limit.with_label_values(&values),
            in_flight: self.in_flight.with_label_values(&values),
            healthy: self.healthy.with_label_values(&values),
        }
    }
}
