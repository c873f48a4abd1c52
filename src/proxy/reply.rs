//! Writing to the client: response headers, whole bodies, and the headers that LiteLLM adds.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::context::{Context, Miss};
use super::target::{ProviderKey, short};
use crate::error::Compat;
use crate::limiter::{Kind, Meter, message};
use crate::pricing::{Cost, Money};

pub const CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
const VERSION: HeaderName = HeaderName::from_static("x-litellm-version");
const RESPONSE_DURATION: HeaderName = HeaderName::from_static("x-litellm-response-duration-ms");
const OVERHEAD_DURATION: HeaderName = HeaderName::from_static("x-litellm-overhead-duration-ms");
const ATTEMPTED_RETRIES: HeaderName = HeaderName::from_static("x-litellm-attempted-retries");
const ATTEMPTED_FALLBACKS: HeaderName = HeaderName::from_static("x-litellm-attempted-fallbacks");
const ROUTE: HeaderName = HeaderName::from_static("x-tollgate-route");
const RESPONSE_COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");
const RESPONSE_COST_ORIGINAL: HeaderName = HeaderName::from_static("x-litellm-response-cost-original");
const RESPONSE_COST_INPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-input");
const RESPONSE_COST_OUTPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-output");
const RESPONSE_COST_CACHE_READ: HeaderName = HeaderName::from_static("x-litellm-response-cost-cache-read");
const RESPONSE_COST_REASONING: HeaderName = HeaderName::from_static("x-litellm-response-cost-reasoning");
const RESPONSE_COST_TOOL_USAGE: HeaderName = HeaderName::from_static("x-litellm-response-cost-tool-usage");
const KEY_SPEND: HeaderName = HeaderName::from_static("x-litellm-key-spend");
const KEY_MAX_BUDGET: HeaderName = HeaderName::from_static("x-litellm-key-max-budget");
const KEY_RPM_LIMIT: HeaderName = HeaderName::from_static("x-litellm-key-rpm-limit");
const KEY_TPM_LIMIT: HeaderName = HeaderName::from_static("x-litellm-key-tpm-limit");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What an answer's header is made of.
pub struct Head<'a> {
    /// Status code.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// Length of the body, if it is known.
    pub content_length: Option<usize>,
    /// The provider's header, whose lines are passed on as `llm_provider-*`.
    pub upstream: Option<&'a ResponseHeader>,
    /// A key that must not be passed on, should the provider have put it into a line.
    pub hidden: Option<&'a ProviderKey>,
    /// The deployment's own lines, prepared when the configuration was loaded.
    pub template: Option<&'a ResponseHeader>,
}

/// Sends the header of a stream.
///
/// # Errors
/// When the client is gone.
pub async fn start(session: &mut Session, ctx: &mut Context, header: Box<ResponseHeader>) -> pingora_core::Result<()> {
    ctx.outcome.status = header.status.as_u16();
    session.downstream_session.write_response_header(header).await
}

/// Sends a whole answer: header and body leave together.
///
/// # Errors
/// When the client is gone.
pub async fn send(
    session: &mut Session,
    ctx: &mut Context,
    header: Box<ResponseHeader>,
    body: Bytes,
) -> pingora_core::Result<()> {
    start(session, ctx, header).await?;
    if session.req_header().method == http::Method::HEAD {
        return Ok(());
    }
    session.downstream_session.write_response_body(body, true).await
}

/// Builds a header and sends it with its body.
///
/// # Errors
/// When the client is gone.
pub async fn whole(
    session: &mut Session,
    ctx: &mut Context,
    mut head: Head<'_>,
    body: Bytes,
) -> pingora_core::Result<()> {
    head.content_length = Some(body.len());
    let header = header(session, ctx, &head)?;
    send(session, ctx, header, body).await
}

/// An answer of the gateway's own, without a provider.
///
/// # Errors
/// When the client is gone.
pub async fn own(
    session: &mut Session,
    ctx: &mut Context,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> pingora_core::Result<()> {
    let head = Head { status: 200, content_type, content_length: None, upstream: None, hidden: None, template: None };
    whole(session, ctx, head, body.into()).await
}

/// Builds the header of an answer.
///
/// # Errors
/// When a line of it is not HTTP.
pub fn header(session: &Session, ctx: &Context, head: &Head<'_>) -> pingora_core::Result<Box<ResponseHeader>> {
    let mut response = match head.template {
        Some(template) => {
            let mut response = template.clone();
            response.set_status(head.status)?;
            response
        }
        None => base(head.status, ctx.snapshot.settings.compat)?,
    };
    response.insert_header(header::CONTENT_TYPE, HeaderValue::from_static(head.content_type))?;
    match head.content_length {
        Some(length) => response.insert_header(header::CONTENT_LENGTH, length)?,
        None => {
            // A client of HTTP/1.0 knows no chunks: the end of the connection ends the body.
            if session.req_header().version != http::Version::HTTP_10 {
                response.insert_header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
            }
            response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))?;
            response.insert_header("x-accel-buffering", HeaderValue::from_static("no"))?;
        }
    }
    response.insert_header(CALL_ID, ctx.call_id.as_str())?;
    if let Some(upstream) = head.upstream {
        pass_on(upstream, head.hidden, &mut response)?;
    }
    if ctx.outcome.attempts > 0 {
        let total = ctx.outcome.answered.map_or_else(|| ctx.started.elapsed(), |answered| answered - ctx.started);
        let overhead = total.saturating_sub(ctx.outcome.upstream_time.unwrap_or_default());
        response.insert_header(RESPONSE_DURATION, milliseconds(total))?;
        response.insert_header(OVERHEAD_DURATION, milliseconds(overhead))?;
        response.insert_header(ATTEMPTED_RETRIES, HeaderValue::from(ctx.outcome.attempts - 1))?;
    }
    way(ctx, head, &mut response)?;
    if let Some(cost) = &ctx.outcome.cost {
        costs(cost, &mut response)?;
    }
    if let Some(reservation) = &ctx.reservation {
        let now = reservation.ask().now;
        for (name, left) in reservation.scopes().flat_map(|scope| message::headers(scope, now)) {
            response.insert_header(name, left)?;
        }
        let key = reservation.scopes().find(|scope| scope.kind() == Kind::Key);
        for standing in key.into_iter().flat_map(|key| key.standings(now)) {
            match standing.meter {
                Meter::Requests => response.insert_header(KEY_RPM_LIMIT, standing.limit)?,
                Meter::Tokens => response.insert_header(KEY_TPM_LIMIT, standing.limit)?,
                Meter::Parallel => {}
            }
        }
        if let Some(budget) = key.and_then(|key| key.budgets().first()) {
            let (spent, max) = message::budget_values(budget);
            response.insert_header(KEY_SPEND, spent)?;
            if let Some(max) = max {
                response.insert_header(KEY_MAX_BUDGET, max)?;
            }
        }
    }
    Ok(Box::new(response))
}

/// The way to the answer, where it was not a straight one: that stands in the deployment's template.
fn way(ctx: &Context, head: &Head<'_>, response: &mut ResponseHeader) -> pingora_core::Result<()> {
    if let Some(tried) = tried(ctx) {
        response.insert_header(ATTEMPTED_FALLBACKS, HeaderValue::from(ctx.outcome.hops))?;
        let chosen = ctx.outcome.deployment.filter(|_| head.template.is_some());
        let chosen = chosen.and_then(|index| ctx.snapshot.targets.get(index)).map_or("", |target| &target.route);
        let joint = if chosen.is_empty() { "" } else { "; " };
        if let Ok(route) = HeaderValue::try_from(format!("{chosen}{joint}tried={tried}")) {
            response.insert_header(ROUTE, route)?;
        }
    }
    Ok(())
}

/// The attempts that failed, and how long each took: `d1:RateLimitError:12ms,d2:Timeout:10001ms; fallbacks=1`.
/// `None`: there was none, and no fallback.
pub fn tried(ctx: &Context) -> Option<String> {
    let outcome = &ctx.outcome;
    if outcome.misses.is_empty() && outcome.hops == 0 {
        return None;
    }
    let miss = |miss: &Miss| {
        let id = ctx.snapshot.targets.get(miss.deployment).map_or("?", |target| short(&target.id));
        // The class does not depend on the release that is imitated.
        let class = miss.kind.row(Compat::default()).exception_class;
        format!("{id}:{class}:{}ms", miss.took.as_millis())
    };
    let misses: Vec<String> = outcome.misses.iter().map(miss).collect();
    Some(format!("{}; fallbacks={}", misses.join(","), outcome.hops))
}

/// What the call cost, in dollars. What is always zero here (discounts, margins) stands in the deployment's template.
fn costs(cost: &Cost, response: &mut ResponseHeader) -> pingora_core::Result<()> {
    let dollars =
        |money: Money| HeaderValue::try_from(money.to_string()).unwrap_or_else(|_| HeaderValue::from_static("0"));
    let total = dollars(cost.total);
    response.insert_header(RESPONSE_COST_ORIGINAL, total.clone())?;
    response.insert_header(RESPONSE_COST, total)?;
    response.insert_header(RESPONSE_COST_INPUT, dollars(cost.input))?;
    response.insert_header(RESPONSE_COST_OUTPUT, dollars(cost.output))?;
    let parts = [
        (RESPONSE_COST_CACHE_READ, cost.cache_read),
        (RESPONSE_COST_REASONING, cost.reasoning),
        (RESPONSE_COST_TOOL_USAGE, cost.tool_usage),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| *part != Money::ZERO) {
        response.insert_header(name, dollars(part))?;
    }
    Ok(())
}

/// The lines that every answer has.
///
/// # Errors
/// When `status` is not an HTTP status.
pub fn base(status: u16, compat: Compat) -> pingora_core::Result<ResponseHeader> {
    let mut response = ResponseHeader::build_no_case(status, Some(32))?;
    let version = match compat {
        Compat::V1_80 => "1.80.10",
        Compat::V1_106 => "1.106.2",
    };
    response.insert_header(VERSION, HeaderValue::from_static(version))?;
    Ok(response)
}

/// The provider's lines, each as `llm_provider-<name>`; its rate limits also under their own names, its request id also as
/// `request-id`. Cookies and what concerns one connection only stay here.
fn pass_on(
    upstream: &ResponseHeader,
    hidden: Option<&ProviderKey>,
    response: &mut ResponseHeader,
) -> pingora_core::Result<()> {
    for (name, value) in &upstream.headers {
        if is_private(name) || hidden.is_some_and(|key| key.is_in(value.as_bytes())) {
            continue;
        }
        response.append_header(spelling(name), value.clone())?;
        if name.as_str().starts_with("x-ratelimit-") {
            response.insert_header(name.clone(), value.clone())?;
        } else if name == "x-request-id" {
            response.insert_header(REQUEST_ID, value.clone())?;
        }
    }
    Ok(())
}

fn is_private(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::SET_COOKIE,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::PROXY_AUTHENTICATE,
    ]
    .contains(name)
        || name == "keep-alive"
}

/// Names that providers send, so that their spelling is not made for each answer; others are spelt when they come.
const KNOWN_NAMES: [&str; 34] = [
    "access-control-expose-headers",
    "alt-svc",
    "cache-control",
    "cf-cache-status",
    "cf-ray",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "openai-model",
    "openai-organization",
    "openai-processing-ms",
    "openai-project",
    "openai-version",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "strict-transport-security",
    "vary",
    "via",
    "x-content-type-options",
    "x-envoy-upstream-service-time",
    "x-groq-region",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
    "x-should-retry",
    "x-stainless-arch",
    "x-trace-id",
];

static SPELLINGS: LazyLock<HashMap<HeaderName, HeaderName, foldhash::fast::RandomState>> = LazyLock::new(|| {
    let pair = |name| Some((HeaderName::from_static(name), HeaderName::try_from(format!("{PREFIX}{name}")).ok()?));
    KNOWN_NAMES.into_iter().filter_map(pair).collect()
});

const PREFIX: &str = "llm_provider-";

fn spelling(name: &HeaderName) -> HeaderName {
    match SPELLINGS.get(name) {
        Some(known) => known.clone(),
        None => HeaderName::try_from(format!("{PREFIX}{name}")).unwrap_or_else(|_| name.clone()),
    }
}

/// With three decimals, as a header value.
fn milliseconds(time: Duration) -> HeaderValue {
    let mut text = String::with_capacity(16);
    let micros = time.as_micros();
    let _infallible = write!(text, "{}.{:03}", micros / 1000, micros % 1000);
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
