//! Every metric of the gateway, with LiteLLM's names and labels where LiteLLM has the metric.

mod budgets;
mod deployment;
mod list;
mod queue;
mod remaining;
mod request;

use std::sync::Arc;

use dashmap::DashMap;
use prometheus::{Encoder, Gauge, IntCounter, IntGauge, Registry, TextEncoder};

pub use budgets::{BUDGETS_SHOWN, BudgetLine, Holdings, ModelLine, Owner};
pub use deployment::DeploymentHandles;
use deployment::DeploymentVectors;
use list::List;
pub use queue::QueueHandles;
use queue::QueueVectors;
pub use remaining::Remaining;
use remaining::RemainingVector;
use request::RequestVectors;
pub use request::{HandleKey, HandleLabels, Measured, RequestHandles};

/// Linux's page on the platforms that are built for.
const PAGE_BYTES: f64 = 4096.0;

/// Most label sets that are kept; past it a request counts under the set `other`, so that nobody can fill the memory. A set
/// is a hundred lines of `/metrics`, 40 kB.
const HANDLES_LIMIT: usize = 2_000;

/// A request that is being served; dropping it ends the count, after a panic too.
pub struct InFlightRequest(IntGauge);

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The registry and every vector in it.
pub struct Metrics {
    registry: Registry,
    handles: DashMap<HandleKey, Arc<RequestHandles>, foldhash::fast::RandomState>,
    requests: RequestVectors,
    deployments: DeploymentVectors,
    queues: QueueVectors,
    remaining: RemainingVector,
    in_flight: IntGauge,
    /// Access lines that found the queue full.
    pub access_lines_dropped: IntCounter,
    /// Upstream connections opened.
    pub connections_opened: IntCounter,
    /// Upstream connections that wait for the next request.
    pub connections_idle: IntGauge,
    /// Requests sent over a kept connection.
    pub connections_reused: IntCounter,
    /// Requests whose client left before the answer was complete.
    pub clients_gone: IntCounter,
    /// Retries after a failed attempt.
    pub retries: IntCounter,
    /// Attempts that were not made because the group's account of retries was empty.
    pub retries_refused: IntCounter,
    /// Requests handed over to another model.
    pub fallbacks: IntCounter,
    /// Second requests beside one that was late to begin.
    pub hedged: IntCounter,
    /// Streams that broke and went on with another answer.
    pub rescued: IntCounter,
    /// Streams that broke and could not go on.
    pub unrescued: IntCounter,
    /// Requests refused because the gateway has as many as it can take.
    pub overloaded: IntCounter,
    /// Requests refused because a limit of their caller's was reached.
    pub limited: IntCounter,
    /// Requests whose tokens were counted here, because the provider did not count them, or not to the end.
    pub usage_estimated: IntCounter,
    /// Of these, the ones that found the tokenizer's queue full and are told by their length.
    pub tokenizer_queue_full: IntCounter,
    /// Attempts whose request was translated into another dialect.
    pub translations: IntCounter,
    /// Readers of this page who waited too long for those before them.
    pub pages_refused: IntCounter,
    /// Panics caught; any is a bug.
    pub panics: IntCounter,
    /// Requests that were let through over a budget that only warns.
    pub budget_warnings: IntCounter,
    /// Calls that the spend journal did not take: full, or the disk refused.
    pub spend_refused: IntCounter,
    /// Calls that are in the spend journal and not in the store yet.
    pub spend_pending: IntGauge,
    /// Bytes of the spend journal on disk.
    pub spend_journal_bytes: IntGauge,
    /// Seconds for which the oldest of the pending calls has waited.
    pub spend_lag: IntGauge,
    /// Calls that were written to the store.
    pub spend_moved: IntGauge,
    /// Batches of calls that the store did not take.
    pub spend_failures: IntGauge,
    /// 1: Redis answers, and limits are shared.
    pub redis_up: IntGauge,
    /// Gateways that share their limits, this one included.
    pub nodes: IntGauge,
    /// Commands that Redis did not answer, and connections that it refused.
    pub redis_failures: IntGauge,
    /// Commands sent to Redis.
    pub redis_calls: IntGauge,
    /// Requests that waited for a lease.
    pub lease_waits: IntGauge,
    /// Breakers that opened because another gateway's did.
    pub breakers_heard: IntCounter,
    /// 1: the store answers.
    pub store_up: IntGauge,
    /// Questions that the store did not answer.
    pub store_failures: IntCounter,
    /// Keys that are held in memory.
    pub seats: IntGauge,
    /// Limited things that are held in memory.
    pub scopes: IntGauge,
    /// Messages of budgets that were sent.
    pub alerts_sent: IntCounter,
    /// Messages of budgets that nobody took, after all tries.
    pub alerts_failed: IntCounter,
    /// Looks at budgets that ended because too many messages were waiting.
    pub alerts_deferred: IntCounter,
    resident_memory: Gauge,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a mistake in this file, caught by its test.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let list = List(&registry);
        Ok(Self {
            in_flight: list.gauge("litellm_in_flight_requests", "Requests being served now.")?,
            alerts_sent: list.counter("tollgate_alerts_sent_total", "Messages of budgets that were sent.")?,
            alerts_failed: list.counter("tollgate_alerts_failed_total", "Messages of budgets that nobody took.")?,
            alerts_deferred: list
                .counter("tollgate_alerts_deferred_total", "Looks at budgets that found too many messages waiting.")?,
            access_lines_dropped: list.counter("tollgate_access_lines_dropped_total", "Access lines not written.")?,
            connections_opened: list.counter("tollgate_upstream_connections_opened_total", "New connections.")?,
            connections_idle: list.gauge("tollgate_upstream_connections_idle", "Connections waiting in the pools.")?,
            connections_reused: list.counter("tollgate_upstream_connections_reused_total", "Kept connections used.")?,
            clients_gone: list.counter("tollgate_clients_gone_total", "Clients that left before their answer.")?,
            retries_refused: list
                .counter("tollgate_retries_refused_total", "Attempts not made: the group's retry budget was empty.")?,
            fallbacks: list.counter("tollgate_fallbacks_total", "Requests handed over to another model group.")?,
            hedged: list.counter("tollgate_hedged_requests_total", "Second requests beside one that was late.")?,
            rescued: list
                .counter("tollgate_streams_rescued_total", "Broken streams that went on with another answer.")?,
            unrescued: list.counter("tollgate_streams_broken_total", "Broken streams that ended in an error event.")?,
            retries: list.counter("tollgate_retries_total", "Attempts after a failed one.")?,
            overloaded: list.counter("tollgate_overloaded_total", "Requests refused above max_in_flight.")?,
            limited: list.counter("tollgate_limited_total", "Requests refused by a limit of their caller.")?,
            usage_estimated: list
                .counter("tollgate_usage_estimated_total", "Requests whose tokens were counted here.")?,
            tokenizer_queue_full: list.counter(
                "tollgate_tokenizer_queue_full_total",
                "Requests whose tokens were guessed by their length.",
            )?,
            translations: list
                .counter("tollgate_translations_total", "Requests sent in another dialect than they came.")?,
            pages_refused: list.counter("tollgate_metrics_pages_refused_total", "Readers of this page sent away.")?,
            panics: list.counter("tollgate_panics_total", "Panics caught; any is a bug.")?,
            budget_warnings: list.counter("tollgate_budget_warnings_total", "Requests over a budget that warns.")?,
            spend_refused: list
                .counter("tollgate_spend_refused_total", "Calls that the spend journal did not take.")?,
            spend_pending: list.gauge("tollgate_spend_pending", "Calls in the spend journal and not in the store.")?,
            spend_journal_bytes: list.gauge("tollgate_spend_journal_bytes", "Bytes of the spend journal on disk.")?,
            spend_lag: list.gauge("tollgate_spend_lag_seconds", "How long the oldest pending call has waited.")?,
            spend_moved: list.gauge("tollgate_spend_moved", "Calls written to the store since the start.")?,
            spend_failures: list.gauge("tollgate_spend_failures", "Batches the store did not take since the start.")?,
            redis_up: list.gauge("tollgate_redis_up", "1: Redis answers, and limits are shared.")?,
            nodes: list.gauge("tollgate_nodes", "Gateways that share their limits; 0: limits are not shared.")?,
            redis_failures: list.gauge("tollgate_redis_failures", "Commands unanswered by Redis since the start.")?,
            redis_calls: list.gauge("tollgate_redis_calls", "Commands sent to Redis since the start.")?,
            breakers_heard: list
                .counter("tollgate_breakers_heard_total", "Breakers that opened because another gateway's did.")?,
            lease_waits: list.gauge("tollgate_lease_waits", "Requests that waited for a lease since the start.")?,
            store_up: list.gauge("tollgate_store_up", "1: the store answers.")?,
            store_failures: list.counter("tollgate_store_failures_total", "Questions the store did not answer.")?,
            seats: list.gauge("tollgate_keys_held", "Keys held in memory.")?,
            scopes: list.gauge("tollgate_scopes_held", "Limited things held in memory.")?,
            resident_memory: list.float_gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            requests: RequestVectors::register(&list)?,
            deployments: DeploymentVectors::register(&list)?,
            queues: QueueVectors::register(&list)?,
            remaining: RemainingVector::register(&list)?,
            handles: DashMap::default(),
            registry,
        })
    }

    /// The handles of a request; `labels` is called only for a set that was not seen before.
    pub fn handles<'a>(&self, key: HandleKey, labels: impl FnOnce() -> HandleLabels<'a>) -> Arc<RequestHandles> {
        if let Some(handles) = self.handles.get(&key) {
            return Arc::clone(&handles);
        }
        if self.handles.len() >= HANDLES_LIMIT {
            return self.others(key);
        }
        let handles = Arc::new(self.requests.resolve(&key, &labels()));
        self.handles.insert(key, Arc::clone(&handles));
        handles
    }

    /// One set for each route and outcome.
    fn others(&self, key: HandleKey) -> Arc<RequestHandles> {
        let key = HandleKey { deployment: u32::MAX, group: u32::MAX, key: u64::MAX, ..key };
        if let Some(handles) = self.handles.get(&key) {
            return Arc::clone(&handles);
        }
        let labels = HandleLabels {
            hashed_api_key: "other",
            api_key_alias: None,
            team: None,
            team_alias: None,
            user: None,
            user_email: None,
            requested_model: "other",
            model_id: "other",
            api_provider: "other",
        };
        let handles = Arc::new(self.requests.resolve(&key, &labels));
        self.handles.insert(key, Arc::clone(&handles));
        handles
    }

    /// Reads the process's resident memory from `/proc`; elsewhere than on Linux the gauge stays 0.
    pub fn measure_process(&self) {
        let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else { return };
        let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
        self.resident_memory.set(pages.unwrap_or(0.0) * PAGE_BYTES);
    }

    /// Counts a request as in flight as long as the guard lives.
    pub fn request_started(&self) -> InFlightRequest {
        self.in_flight.inc();
        InFlightRequest(self.in_flight.clone())
    }

    /// Requests that are being served now.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// The handles of a deployment.
    pub fn deployment(&self, model: &str, id: &str, api_base: &str, provider: &str) -> DeploymentHandles {
        self.deployments.resolve(model, id, api_base, provider)
    }

    /// The handles of a model group's queue.
    pub fn queue(&self, group: &str) -> QueueHandles {
        self.queues.resolve(group)
    }

    /// What is left of a provider's budget.
    pub fn provider_remaining(&self, provider: &str) -> Remaining {
        self.remaining.of(provider)
    }

    /// Everything in Prometheus text format, and how budgets stand.
    ///
    /// # Errors
    /// When a metric cannot be encoded.
    pub fn render(&self, holdings: &Holdings) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        TextEncoder::new().encode(&budgets::families(holdings)?, &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HandleKey =
        HandleKey { deployment: 0, group: 0, key: 1, route: "/v1/chat/completions", status: 200, exception: None };

    fn labels() -> HandleLabels<'static> {
        HandleLabels {
            hashed_api_key: "88dc",
            api_key_alias: Some("ada's"),
            team: Some("red"),
            team_alias: None,
            user: Some("ada"),
            user_email: Some("ada@x"),
            requested_model: "gpt-4o",
            model_id: "d1",
            api_provider: "p",
        }
    }

    #[test]
    fn a_request_shows_under_litellms_names() {
        let metrics = Metrics::new().unwrap();
        let measured = Measured { prompt_tokens: 11, completion_tokens: 7, cost: 250_000_000, ..Measured::default() };
        metrics.handles(KEY, labels).observe(&measured);
        let text = String::from_utf8(metrics.render(&Holdings::default()).unwrap()).unwrap();
        let line = |name: &str| text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap().to_owned();
        assert!(line("litellm_proxy_total_requests_metric_total").ends_with(" 1"));
        assert!(line("litellm_total_tokens_metric_total").ends_with(" 18"));
        assert!(line("litellm_requests_metric_total").contains("requested_model=\"gpt-4o\""));
        let spend = line("litellm_spend_metric_total");
        assert!(spend.ends_with(" 0.00025"), "{spend}");
        for label in [r#"team="red""#, r#"team_alias="None""#, r#"user_email="ada@x""#, r#"api_key_alias="ada's""#] {
            assert!(spend.contains(label), "{spend}");
        }
        assert!(!text.contains("litellm_proxy_failed_requests_metric_total{"));
    }

    #[test]
    fn labels_are_built_once() {
        let metrics = Metrics::new().unwrap();
        let _first = metrics.handles(KEY, labels);
        let _second = metrics.handles(KEY, || unreachable!("known set"));
    }

    #[test]
    fn sets_beyond_the_limit_are_one() {
        let metrics = Metrics::new().unwrap();
        let of = |key: u64| {
            let digest = format!("{key:x}");
            metrics.handles(HandleKey { key, ..KEY }, || HandleLabels { hashed_api_key: &digest, ..labels() })
        };
        let most = HANDLES_LIMIT as u64;
        (1..=most).for_each(|key| of(key).observe(&Measured::default()));
        assert!(!Arc::ptr_eq(&of(most), &of(1)), "kept apart");
        assert!(Arc::ptr_eq(&of(most + 1), &of(most + 2)), "and beyond the limit not");
        of(most + 3).observe(&Measured::default());
        let text = String::from_utf8(metrics.render(&Holdings::default()).unwrap()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("litellm_requests_metric_total{"));
        assert_eq!(lines.count(), HANDLES_LIMIT + 1);
    }
}
