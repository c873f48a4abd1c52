//! Paths that the data plane does not know are the control plane's: authenticated here, but for those that need no key, and answered there.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use pingora_proxy::Session;

use super::authenticate::authenticate;
use super::context::Context;
use super::gateway::Shared;
use super::intake;
use super::receive::Received;
use super::reply::{self, Head};
use crate::error::{Error, Kind};
use crate::governance::Caller;

/// The longest management call, the store's waits included.
const LONGEST_CALL: Duration = Duration::from_secs(60);
/// The name of all its paths in log and metrics.
const ROUTE: &str = "management";

/// What answers a management call.
#[async_trait]
pub trait ControlPlane: Send + Sync {
    /// Whether it has this path.
    fn serves(&self, path: &str) -> bool;

    /// Whether a request of this method and path needs no key.
    fn is_open(&self, method: &Method, path: &str) -> bool;

    /// Answers a caller who is known; `None`: one who was not asked for a key.
    async fn answer(&self, request: Request<Bytes>, caller: Option<Caller>) -> Response<Bytes>;
}

/// Hands a request over; the inner error is for the client.
///
/// # Errors
/// When the client is gone.
pub async fn answer(session: &mut Session, ctx: &mut Context, shared: &Shared) -> pingora_core::Result<Received> {
    ctx.route = ROUTE;
    let Some(plane) = &shared.control else { return Ok(Err(Error::new(Kind::NoSuchPath, "Not Found"))) };
    let asked = session.req_header();
    let is_open = plane.is_open(&asked.method, asked.uri.path());
    if !is_open && let Err(error) = authenticate(session, ctx, shared).await {
        return Ok(Err(error));
    }
    let body = if is_open {
        // Nobody without a key takes the place of a call, however slowly it reads.
        ctx.outcome.in_flight = None;
        Bytes::new()
    } else {
        match intake::read(session, ctx.snapshot.settings.max_body).await {
            Ok(body) => body,
            Err(error) => return Ok(Err(error)),
        }
    };
    let caller = ctx.caller.clone();
    if caller.is_none() && !is_open {
        return Ok(Err(Error::new(Kind::Internal, "Internal error.")));
    }
    let asked = session.req_header();
    let mut request = Request::new(body);
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = asked.uri.clone();
    if let Some(content_type) = asked.headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    let Ok(response) = tokio::time::timeout(LONGEST_CALL, plane.answer(request, caller)).await else {
        return Ok(Err(Error::new(Kind::KeysUnavailable, "Service Unavailable: no answer in time.")));
    };
    let mut template = reply::base(ctx.snapshot.settings.compat);
    if let Some(pause) = response.headers().get(header::RETRY_AFTER) {
        template.insert(header::RETRY_AFTER, pause.clone());
    }
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let head = Head {
        status: response.status().as_u16(),
        content_type: if is_page { "text/html; charset=utf-8" } else { "application/json" },
        content_length: None,
        upstream: None,
        hidden: None,
        template: Some(&template),
    };
    reply::whole(session, ctx, head, response.into_body()).await.map(|()| Ok(true))
}
