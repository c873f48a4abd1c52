//! What a request carries from phase to phase, in groups.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attribution::Attribution;
use super::snapshot::Snapshot;
use super::uncounted::Delivered;
use super::worth::Weight;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::ResponseHeader;

use crate::clock;
use crate::drawing::Drawing;
use crate::error::{Envelope, Error, Kind};
use crate::governance::Caller;
use crate::limiter::share::Part;
use crate::limiter::{Reservation, Scope};
use crate::pricing::Cost;
use crate::providers::Operation;
use crate::telemetry::metrics::InFlightRequest;
use crate::wire::openai::images;
use crate::wire::openai::request::Request;
use crate::wire::usage::Usage;

/// The state of one request.
pub struct Context {
    /// Configuration and router as they were when the request began; a reload does not touch it.
    pub snapshot: Arc<Snapshot>,
    /// When the request's header was complete.
    pub started: Instant,
    /// The same in milliseconds since 1970: all that is told of the request in the calendar's time is counted from it.
    pub started_ms: i64,
    /// `x-litellm-call-id`.
    pub call_id: String,
    /// Whether the client has chosen it.
    pub has_clients_id: bool,
    /// Whether the request has any of LiteLLM's own header lines, `x-litellm-*`; set by admit.
    pub has_own_headers: bool,
    /// Path pattern for log and metrics.
    pub route: &'static str,
    /// In which JSON the caller wants to hear of errors; set with the route.
    pub envelope: Envelope,
    /// Who calls; set by authenticate.
    pub caller: Option<Caller>,
    /// What is asked of a model; set by intake.
    pub task: Option<Task>,
    /// For whom and what it is; set by reserve.
    pub attribution: Attribution,
    /// What it may use; set by reserve, given back when it is dropped.
    pub reservation: Option<Reservation>,
    /// Whose limit it met, and when; set by reserve.
    pub limited_by: Option<(Arc<Scope>, clock::Instant)>,
    /// What its answer may cost of the budgets of its deployment and provider; from the attempt that answered.
    pub outlay: Option<Reservation>,
    /// Whether what it costs can be written down; set by reserve, where deployments have budgets.
    pub is_accountable: bool,
    /// Whether the spend journal is still to hear of it; set by reserve.
    pub unbilled: bool,
    /// What became of it; read by settle.
    pub outcome: Outcome,
}

impl Context {
    /// Milliseconds since 1970 at an instant since the request began.
    pub fn wall_ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started).as_millis();
        self.started_ms.cast_unsigned().saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// The text of one of LiteLLM's own header lines, if it is one and not empty.
    pub fn own_header<'a>(&self, headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
        if !self.has_own_headers {
            return None;
        }
        headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }
}

/// A request to a model.
pub struct Task {
    /// Which endpoint.
    pub operation: Operation,
    /// The body as it came, and what was read of it.
    pub request: Request,
    /// The client's own headers for a provider that speaks its dialect.
    pub forwarded: Vec<(&'static str, HeaderValue)>,
    /// Gemini's `alt=sse`; without it a stream is a JSON array.
    pub wants_events: bool,
    weight: Option<Weight>,
}

impl Task {
    /// A client's request.
    pub fn new(
        operation: Operation,
        request: Request,
        forwarded: Vec<(&'static str, HeaderValue)>,
        wants_events: bool,
    ) -> Self {
        Self { operation, request, forwarded, wants_events, weight: None }
    }

    /// What it sends, as far as money is set aside for it.
    pub fn weight(&self) -> Cow<'_, Weight> {
        self.weight.as_ref().map_or_else(|| Cow::Owned(Weight::of(&self.request)), Cow::Borrowed)
    }

    /// Was weighed: the body stays as it is, so once is enough.
    pub fn weighed(&mut self, weight: Weight) {
        self.weight = Some(weight);
    }

    /// Which pictures are asked for, if any.
    pub fn drawing(&self) -> Option<Drawing> {
        (self.operation == Operation::ImageGenerations).then(|| images::asked(&self.request))
    }

    /// A request of the gateway's own.
    pub fn own(operation: Operation, request: Request) -> Self {
        Self::new(operation, request, Vec::new(), true)
    }
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Miss {
    /// Index of the deployment.
    pub deployment: usize,
    /// Why.
    pub kind: Kind,
    /// How long it took.
    pub took: Duration,
}

/// What became of a request.
#[derive(Default)]
pub struct Outcome {
    /// Status the client got; 0 while there is none.
    pub status: u16,
    /// Why it failed.
    pub error: Option<Error>,
    /// The header of the provider's last refusal, passed on with the error.
    pub refusal: Option<Box<ResponseHeader>>,
    /// Index of the model group that was asked for.
    pub group: Option<u32>,
    /// Index of the deployment that answered, or failed last.
    pub deployment: Option<usize>,
    /// Requests sent upstream.
    pub attempts: u32,
    /// The ones that failed, in their order.
    pub misses: Vec<Miss>,
    /// Pico-dollars of answers that broke, after which another deployment went on.
    pub parts_cost: i64,
    /// How many retries the last failure was worth.
    pub max_retries: Option<u32>,
    /// Models that were asked after the first one.
    pub hops: u32,
    /// The name of the model that answered, where it is not the one that was asked for.
    pub answers_as: Option<String>,
    /// The answer's own id.
    pub answer_id: Option<String>,
    /// When the last attempt had its answer.
    pub answered: Option<Instant>,
    /// Time spent with upstreams.
    pub upstream_time: Option<Duration>,
    /// Until the first body byte of a stream.
    pub first_token: Option<Duration>,
    /// Token counts as the provider told them.
    pub usage: Option<Usage>,
    /// What reached the client, where the provider has not counted all of it.
    pub delivered: Option<Delivered>,
    /// What they cost, where the model has a price.
    pub cost: Option<Cost>,
    /// Its part of its key's requests in flight; set by `make_room`.
    pub part: Option<Part>,
    /// Counts the request as in flight until it is dropped, so that a panic cannot leave it counted.
    pub in_flight: Option<InFlightRequest>,
}

/// A fresh `x-litellm-call-id`: a UUID of the time and 74 random bits, so that rows which are keyed by it are written side
/// by side. It names a call, it guards nothing, so the generator need not be cryptographic.
pub fn new_call_id(now_ms: i64) -> String {
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let id = uuid::Builder::from_unix_timestamp_millis(now_ms.cast_unsigned(), &random).into_uuid();
    let mut text = [0_u8; uuid::fmt::Hyphenated::LENGTH];
    id.as_hyphenated().encode_lower(&mut text).to_owned()
}
