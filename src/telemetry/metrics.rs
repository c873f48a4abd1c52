//! Every metric of the gateway, in one list, with LiteLLM's names and labels where LiteLLM has the metric.
//!
//! A label look-up hashes a dozen strings. So a request looks its handles up once, by small numbers, in a lock-free read
//! of [`Metrics::handles`]; the label strings are built the first time only.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// Seconds; from a gateway's own overhead to a reasoning model's answer.
const LATENCY_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 120.0, 300.0,
];

/// LiteLLM's labels of a request. What does not exist here yet is the text `None`, as LiteLLM writes it.
const REQUEST_LABELS: &[&str] = &[
    "end_user",
    "hashed_api_key",
    "api_key_alias",
    "requested_model",
    "team",
    "team_alias",
    "user",
    "user_email",
    "route",
    "status_code",
    "exception_class",
    "model_id",
    "api_provider",
];
/// LiteLLM's labels of a deployment.
const DEPLOYMENT_LABELS: &[&str] = &["litellm_model_name", "model_id", "api_base", "api_provider"];

/// Linux's page on the platforms that are built for.
const PAGE_BYTES: f64 = 4096.0;

/// Most label sets that are kept; past it a request counts under the set `other`, so that nobody can fill the memory.
const HANDLES_LIMIT: usize = 20_000;

/// What tells one set of request labels from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandleKey {
    /// Index of the deployment that answered; `u32::MAX` for none.
    pub deployment: u32,
    /// Index of the model group; `u32::MAX` for none.
    pub group: u32,
    /// Index of the key's digest, from its first bytes; 0 for none.
    pub key: u64,
    /// Which route.
    pub route: &'static str,
    /// Status to the client.
    pub status: u16,
    /// LiteLLM's exception class, if it failed.
    pub exception: Option<&'static str>,
}

/// The label texts behind a [`HandleKey`].
#[derive(Clone, Debug)]
pub struct HandleLabels<'a> {
    /// SHA-256 of the key in hex.
    pub hashed_api_key: &'a str,
    /// Model group.
    pub requested_model: &'a str,
    /// `model_info.id`.
    pub model_id: &'a str,
    /// Provider name.
    pub api_provider: &'a str,
}

/// The counters that one kind of request moves, resolved.
pub struct RequestHandles {
    proxy_total: IntCounter,
    proxy_failed: Option<IntCounter>,
    requests: Option<IntCounter>,
    total_tokens: IntCounter,
    input_tokens: IntCounter,
    output_tokens: IntCounter,
    total_latency: Histogram,
    api_latency: Histogram,
    first_token: Histogram,
    overhead: Histogram,
}

/// What a finished request adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// `usage.prompt_tokens`.
    pub prompt_tokens: u64,
    /// `usage.completion_tokens`.
    pub completion_tokens: u64,
    /// Whole request.
    pub total: Duration,
    /// From the first byte sent upstream to the last byte received.
    pub upstream: Option<Duration>,
    /// Streams only: until the first event.
    pub first_token: Option<Duration>,
}

impl RequestHandles {
    /// Counts one finished request.
    pub fn observe(&self, measured: &Measured) {
        self.proxy_total.inc();
        if let Some(failed) = &self.proxy_failed {
            failed.inc();
        }
        if let Some(requests) = &self.requests {
            requests.inc();
        }
        if measured.prompt_tokens + measured.completion_tokens > 0 {
            self.total_tokens.inc_by(measured.prompt_tokens + measured.completion_tokens);
            self.input_tokens.inc_by(measured.prompt_tokens);
            self.output_tokens.inc_by(measured.completion_tokens);
        }
        self.total_latency.observe(measured.total.as_secs_f64());
        if let Some(upstream) = measured.upstream {
            self.api_latency.observe(upstream.as_secs_f64());
            self.overhead.observe(measured.total.saturating_sub(upstream).as_secs_f64());
        }
        if let Some(first_token) = measured.first_token {
            self.first_token.observe(first_token.as_secs_f64());
        }
    }
}

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
}

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
    in_flight: IntGauge,
    /// Access lines that found the queue full.
    pub access_lines_dropped: IntCounter,
    /// Upstream connections opened.
    pub connections_opened: IntCounter,
    /// Requests sent over a kept connection.
    pub connections_reused: IntCounter,
    /// Requests whose client left before the answer was complete.
    pub clients_gone: IntCounter,
    /// Retries after a failed attempt.
    pub retries: IntCounter,
    /// Panics caught; any is a bug.
    pub panics: IntCounter,
    resident_memory: Gauge,
}

struct RequestVectors {
    proxy_total: IntCounterVec,
    proxy_failed: IntCounterVec,
    requests: IntCounterVec,
    total_tokens: IntCounterVec,
    input_tokens: IntCounterVec,
    output_tokens: IntCounterVec,
    total_latency: HistogramVec,
    api_latency: HistogramVec,
    first_token: HistogramVec,
    overhead: HistogramVec,
}

struct DeploymentVectors {
    total: IntCounterVec,
    success: IntCounterVec,
    failure: IntCounterVec,
    cooled_down: IntCounterVec,
    state: IntGaugeVec,
    latency_per_output_token: HistogramVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a mistake in this file, caught by its test.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let list = List(&registry);
        let request = REQUEST_LABELS;
        let requests = RequestVectors {
            proxy_total: list.counters(
                "litellm_proxy_total_requests_metric_total",
                "Requests made to the proxy.",
                request,
            )?,
            proxy_failed: list.counters(
                "litellm_proxy_failed_requests_metric_total",
                "Requests that the proxy answered with an error.",
                request,
            )?,
            requests: list.counters("litellm_requests_metric_total", "Calls answered by a model.", request)?,
            total_tokens: list.counters("litellm_total_tokens_metric_total", "Input and output tokens.", request)?,
            input_tokens: list.counters("litellm_input_tokens_metric_total", "Input tokens.", request)?,
            output_tokens: list.counters("litellm_output_tokens_metric_total", "Output tokens.", request)?,
            total_latency: list.histograms("litellm_request_total_latency_metric", "Seconds, whole request.")?,
            api_latency: list.histograms("litellm_llm_api_latency_metric", "Seconds, the provider's part.")?,
            first_token: list
                .histograms("litellm_llm_api_time_to_first_token_metric", "Seconds until a stream's first event.")?,
            overhead: list.histograms("litellm_overhead_latency_metric", "Seconds, the gateway's part.")?,
        };
        let deployment = DEPLOYMENT_LABELS;
        let deployments = DeploymentVectors {
            total: list.counters("litellm_deployment_total_requests_total", "Attempts sent.", deployment)?,
            success: list.counters("litellm_deployment_success_responses_total", "Attempts answered.", deployment)?,
            failure: list.counters("litellm_deployment_failure_responses_total", "Attempts failed.", deployment)?,
            cooled_down: list.counters("litellm_deployment_cooled_down_total", "Cooldowns begun.", deployment)?,
            state: list.gauges("litellm_deployment_state", "0 healthy, 1 partial outage, 2 outage.", deployment)?,
            latency_per_output_token: list.deployment_histograms(
                "litellm_deployment_latency_per_output_token",
                "Seconds per completion token.",
                deployment,
            )?,
        };
        Ok(Self {
            in_flight: list.gauge("litellm_in_flight_requests", "Requests being served now.")?,
            access_lines_dropped: list.counter("tollgate_access_lines_dropped_total", "Access lines not written.")?,
            connections_opened: list.counter("tollgate_upstream_connections_opened_total", "New connections.")?,
            connections_reused: list.counter("tollgate_upstream_connections_reused_total", "Kept connections used.")?,
            clients_gone: list.counter("tollgate_clients_gone_total", "Clients that left before their answer.")?,
            retries: list.counter("tollgate_retries_total", "Attempts after a failed one.")?,
            panics: list.counter("tollgate_panics_total", "Panics caught; any is a bug.")?,
            resident_memory: list.float_gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            handles: DashMap::default(),
            registry,
            requests,
            deployments,
        })
    }

    /// The handles of a request; `labels` is called only for a set that was not seen before.
    pub fn handles<'a>(&self, key: HandleKey, labels: impl FnOnce() -> HandleLabels<'a>) -> Arc<RequestHandles> {
        if let Some(handles) = self.handles.get(&key) {
            return Arc::clone(&handles);
        }
        if self.handles.len() >= HANDLES_LIMIT {
            let other = HandleLabels {
                hashed_api_key: "other",
                requested_model: "other",
                model_id: "other",
                api_provider: "other",
            };
            return Arc::new(self.resolve(&key, &other));
        }
        let handles = Arc::new(self.resolve(&key, &labels()));
        self.handles.insert(key, Arc::clone(&handles));
        handles
    }

    fn resolve(&self, key: &HandleKey, labels: &HandleLabels<'_>) -> RequestHandles {
        let none = "None";
        let status = key.status.to_string();
        let values = [
            none,
            labels.hashed_api_key,
            none,
            labels.requested_model,
            none,
            none,
            none,
            none,
            key.route,
            &status,
            key.exception.unwrap_or(none),
            labels.model_id,
            labels.api_provider,
        ];
        let vectors = &self.requests;
        let failed = key.exception.is_some();
        RequestHandles {
            proxy_total: vectors.proxy_total.with_label_values(&values),
            proxy_failed: failed.then(|| vectors.proxy_failed.with_label_values(&values)),
            requests: (!failed).then(|| vectors.requests.with_label_values(&values)),
            total_tokens: vectors.total_tokens.with_label_values(&values),
            input_tokens: vectors.input_tokens.with_label_values(&values),
            output_tokens: vectors.output_tokens.with_label_values(&values),
            total_latency: vectors.total_latency.with_label_values(&values),
            api_latency: vectors.api_latency.with_label_values(&values),
            first_token: vectors.first_token.with_label_values(&values),
            overhead: vectors.overhead.with_label_values(&values),
        }
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
        let values = [model, id, api_base, provider];
        let vectors = &self.deployments;
        DeploymentHandles {
            total: vectors.total.with_label_values(&values),
            success: vectors.success.with_label_values(&values),
            failure: vectors.failure.with_label_values(&values),
            cooled_down: vectors.cooled_down.with_label_values(&values),
            state: vectors.state.with_label_values(&values),
            latency_per_output_token: vectors.latency_per_output_token.with_label_values(&values),
        }
    }

    /// Everything in Prometheus text format.
    ///
    /// # Errors
    /// When a metric cannot be encoded.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Makes a metric and registers it.
struct List<'a>(&'a Registry);

impl List<'_> {
    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let metric = IntCounter::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let metric = IntGauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn float_gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let metric = Gauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn histograms(&self, name: &str, help: &str) -> prometheus::Result<HistogramVec> {
        self.deployment_histograms(name, help, REQUEST_LABELS)
    }

    fn deployment_histograms(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec());
        let metric = HistogramVec::new(options, labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HandleKey =
        HandleKey { deployment: 0, group: 0, key: 1, route: "/v1/chat/completions", status: 200, exception: None };

    fn labels() -> HandleLabels<'static> {
        HandleLabels { hashed_api_key: "88dc", requested_model: "gpt-4o", model_id: "d1", api_provider: "p" }
    }

    #[test]
    fn a_request_shows_under_litellms_names() {
        let metrics = Metrics::new().unwrap();
        let measured = Measured { prompt_tokens: 11, completion_tokens: 7, ..Measured::default() };
        metrics.handles(KEY, labels).observe(&measured);
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        let line = |name: &str| text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap().to_owned();
        assert!(line("litellm_proxy_total_requests_metric_total").ends_with(" 1"));
        assert!(line("litellm_total_tokens_metric_total").ends_with(" 18"));
        assert!(line("litellm_requests_metric_total").contains("requested_model=\"gpt-4o\""));
        assert!(!text.contains("litellm_proxy_failed_requests_metric_total{"));
    }

    #[test]
    fn labels_are_built_once() {
        let metrics = Metrics::new().unwrap();
        let _first = metrics.handles(KEY, labels);
        let _second = metrics.handles(KEY, || unreachable!("known set"));
    }
}
