//! Writing to the client: response headers, whole bodies, and the headers that LiteLLM adds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pingora_core::{ErrorType, OrErr};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::context::Context;
use super::lines;
use super::sheet::{Guess, Sheet};
use super::target::ProviderKey;
use crate::error::Compat;

pub static CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
static VERSION: HeaderName = HeaderName::from_static("x-litellm-version");
static REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

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
    pub template: Option<&'a HeaderMap>,
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
/// The lines are put on a [`Sheet`] and not into Pingora's header, which spells and reads each name anew.
///
/// # Errors
/// When `head.status` is not an HTTP status.
pub fn header(session: &Session, ctx: &Context, head: &Head<'_>) -> pingora_core::Result<Box<ResponseHeader>> {
    let mut guess = Guess::of(alike(ctx, head));
    let mut lines = guess.sheet();
    match head.template {
        Some(template) => template.iter().for_each(|(name, value)| lines.add(name, value.clone())),
        None => lines.set(&VERSION, HeaderValue::from_static(ctx.snapshot.settings.compat.version())),
    }
    lines.set(&header::CONTENT_TYPE, HeaderValue::from_static(head.content_type));
    match head.content_length {
        Some(length) => lines.set(&header::CONTENT_LENGTH, lines::count(length as u64)),
        None => {
            // A client of HTTP/1.0 knows no chunks: the end of the connection ends the body.
            if session.req_header().version != http::Version::HTTP_10 {
                lines.set(&header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            lines.set(&header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            lines.set(&ACCEL_BUFFERING, HeaderValue::from_static("no"));
        }
    }
    if let Ok(id) = HeaderValue::from_str(&ctx.call_id) {
        lines.set(&CALL_ID, id);
    }
    if let Some(upstream) = head.upstream {
        pass_on(upstream, head.hidden, &mut lines);
    }
    lines::told(ctx, head.template.is_some(), &mut lines);
    let written = lines.written();
    let status = StatusCode::from_u16(head.status).explain_err(ErrorType::InvalidHTTPHeader, |_| "status")?;
    let (mut parts, ()) = http::Response::new(()).into_parts();
    (parts.status, parts.headers) = (status, guess.into_map(written));
    Ok(Box::new(ResponseHeader::from(parts)))
}

/// A number for answers that have the same lines, mostly: of one deployment, under limits of the same sorts.
fn alike(ctx: &Context, head: &Head<'_>) -> usize {
    let deployment = ctx.outcome.deployment.filter(|_| head.template.is_some()).map_or(0, |index| index + 1);
    let upstream = head.upstream.map_or(0, |upstream| upstream.headers.len());
    let own =
        [deployment, upstream, usize::from(head.content_length.is_some()), usize::from(ctx.outcome.cost.is_some())];
    // An odd factor; the upper bits are mixed best.
    let mix = |number: usize, part: usize| (number ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut number = own.into_iter().fold(0, mix);
    if let Some(reservation) = &ctx.reservation {
        number = reservation.scopes().fold(number, |number, scope| mix(number, scope.sort()));
    }
    number >> 32
}

/// The lines that every answer has.
pub fn base(compat: Compat) -> HeaderMap {
    let mut lines = HeaderMap::new();
    lines.insert(&VERSION, HeaderValue::from_static(compat.version()));
    lines
}

/// The provider's lines, each as `llm_provider-<name>`; its rate limits also under their own names, its request id also as
/// `request-id`. Cookies and what concerns one connection only stay here.
fn pass_on(upstream: &ResponseHeader, hidden: Option<&ProviderKey>, lines: &mut Sheet<'_>) {
    for (name, value) in &upstream.headers {
        if is_private(name) || hidden.is_some_and(|key| key.is_in(value.as_bytes())) {
            continue;
        }
        lines.add(&spelling(name), value.clone());
        if name.as_str().starts_with("x-ratelimit-") {
            lines.set(name, value.clone());
        } else if name == "x-request-id" {
            lines.set(&REQUEST_ID, value.clone());
        }
    }
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

fn spelling(name: &HeaderName) -> Cow<'static, HeaderName> {
    match SPELLINGS.get(name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(HeaderName::try_from(format!("{PREFIX}{name}")).unwrap_or_else(|_| name.clone())),
    }
}
