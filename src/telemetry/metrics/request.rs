//! What a finished request counts, and the handles through which it counts.
//!
//! A label look-up hashes a dozen strings, so a request finds its handles by small numbers ([`HandleKey`]); the label
//! strings are needed only for a set that was not seen before.

use std::time::Duration;

use prometheus::{Counter, CounterVec, Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::list::List;

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
    "exception_status",
    "model_id",
    "api_provider",
];
/// What tells one set of request labels from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandleKey {
    /// Index of the deployment that answered; `u32::MAX` for none.
    pub deployment: u32,
    /// Index of the model group; `u32::MAX` for none.
    pub group: u32,
    /// A number for the key and its names; 0 for none.
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
    /// What people call the key.
    pub api_key_alias: Option<&'a str>,
    /// Id of its team.
    pub team: Option<&'a str>,
    /// What people call the team.
    pub team_alias: Option<&'a str>,
    /// Id of its user.
    pub user: Option<&'a str>,
    /// The user's address.
    pub user_email: Option<&'a str>,
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
    spend: Counter,
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
    /// Pico-dollars.
    pub cost: i64,
    /// Whole request.
    pub total: Duration,
    /// From the first byte sent upstream to the last byte received.
    pub upstream: Option<Duration>,
    /// Streams only: until the first event.
    pub first_token: Option<Duration>,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a counter of doubles is what Prometheus has")]
    fn dollars(&self) -> f64 {
        self.cost as f64 / 1e12
    }
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
        if measured.cost > 0 {
            self.spend.inc_by(measured.dollars());
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

/// The vectors behind the handles.
pub(super) struct RequestVectors {
    proxy_total: IntCounterVec,
    proxy_failed: IntCounterVec,
    requests: IntCounterVec,
    total_tokens: IntCounterVec,
    input_tokens: IntCounterVec,
    output_tokens: IntCounterVec,
    spend: CounterVec,
    total_latency: HistogramVec,
    api_latency: HistogramVec,
    first_token: HistogramVec,
    overhead: HistogramVec,
}

impl RequestVectors {
    /// Registers them.
    pub(super) fn register(list: &List<'_>) -> prometheus::Result<Self> {
        let counters = |name, help| list.counters(name, help, REQUEST_LABELS);
        let histograms = |name, help| list.histograms(name, help, REQUEST_LABELS);
        Ok(Self {
            proxy_total: counters("litellm_proxy_total_requests_metric_total", "Requests made to the proxy.")?,
            proxy_failed: counters(
                "litellm_proxy_failed_requests_metric_total",
                "Requests that the proxy answered with an error.",
            )?,
            requests: counters("litellm_requests_metric_total", "Calls answered by a model.")?,
            total_tokens: counters("litellm_total_tokens_metric_total", "Input and output tokens.")?,
            input_tokens: counters("litellm_input_tokens_metric_total", "Input tokens.")?,
            output_tokens: counters("litellm_output_tokens_metric_total", "Output tokens.")?,
            spend: list.float_counters("litellm_spend_metric_total", "Dollars.", REQUEST_LABELS)?,
            total_latency: histograms("litellm_request_total_latency_metric", "Seconds, whole request.")?,
            api_latency: histograms("litellm_llm_api_latency_metric", "Seconds, the provider's part.")?,
            first_token: histograms(
                "litellm_llm_api_time_to_first_token_metric",
                "Seconds until a stream's first event.",
            )?,
            overhead: histograms("litellm_overhead_latency_metric", "Seconds, the gateway's part.")?,
        })
    }

    /// The handles of one set of labels.
    pub(super) fn resolve(&self, key: &HandleKey, labels: &HandleLabels<'_>) -> RequestHandles {
        let none = "None";
        let status = key.status.to_string();
        let values = [
            none,
            labels.hashed_api_key,
            labels.api_key_alias.unwrap_or(none),
            labels.requested_model,
            labels.team.unwrap_or(none),
            labels.team_alias.unwrap_or(none),
            labels.user.unwrap_or(none),
            labels.user_email.unwrap_or(none),
            key.route,
            &status,
            key.exception.unwrap_or(none),
            if key.exception.is_some() { &status } else { none },
            labels.model_id,
            labels.api_provider,
        ];
        let failed = key.exception.is_some();
        RequestHandles {
            proxy_total: self.proxy_total.with_label_values(&values),
            proxy_failed: failed.then(|| self.proxy_failed.with_label_values(&values)),
            requests: (!failed).then(|| self.requests.with_label_values(&values)),
            total_tokens: self.total_tokens.with_label_values(&values),
            input_tokens: self.input_tokens.with_label_values(&values),
            output_tokens: self.output_tokens.with_label_values(&values),
            spend: self.spend.with_label_values(&values),
            total_latency: self.total_latency.with_label_values(&values),
            api_latency: self.api_latency.with_label_values(&values),
            first_token: self.first_token.with_label_values(&values),
            overhead: self.overhead.with_label_values(&values),
        }
    }
}
