//! Phase 1: is this connection's next request one that is looked at? Limits on the client's side of the connection, the
//! call id, the address.
//!
//! Pingora's defaults are not those of an edge: after the first request a connection may idle for ever and a header may
//! take for ever. So every session gets its limits here, before anything of it is read.

use std::time::Duration;

use http::HeaderValue;
use pingora_proxy::Session;

use super::context::Context;
use super::gateway::Shared;
use super::reply::CALL_ID;
use crate::auth::allow_list::client_address;
use crate::error::{Error, Kind};

/// A client's own call id may be so long; a longer one is replaced.
const CALL_ID_LIMIT: usize = 128;
/// What `Retry-After` says to a client that is refused because too many are being served.
const OVERLOADED_PAUSE: Duration = Duration::from_secs(1);
/// Headers of a request; Pingora itself stops at 256 headers and 1 MiB.
const HEADER_BYTES_LIMIT: usize = 64 * 1024;

/// What LiteLLM's own header lines begin with.
const OWN_HEADERS: &str = "x-litellm-";

/// Sets the limits of the session and takes over the client's call id.
pub fn limit(session: &mut Session, ctx: &mut Context) {
    let timeouts = &ctx.snapshot.settings.timeouts;
    let downstream = &mut session.downstream_session;
    if downstream.get_keepalive().is_some() {
        downstream.set_keepalive(Some(timeouts.client_keepalive.as_secs().max(1)));
    }
    downstream.set_read_timeout(Some(timeouts.client_body));
    downstream.set_write_timeout(Some(timeouts.client_write));
    downstream.set_total_drain_timeout(Some(timeouts.client_body));
    downstream.set_pipelining_enabled(true);
    if let Some(id) = session.get_header(&CALL_ID).and_then(call_id) {
        ctx.call_id = id.to_owned();
        ctx.has_clients_id = true;
    }
}

/// May this address call, and is the header of a bearable size?
///
/// # Errors
/// [`Kind::IpNotAllowed`], [`Kind::InvalidParameter`].
pub fn admit(session: &Session, ctx: &mut Context) -> Result<(), Error> {
    let headers = &session.req_header().headers;
    let settings = &ctx.snapshot.settings;
    if !settings.allow_list.is_open() {
        let peer = session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip());
        settings.allow_list.check(client_address(peer, headers, settings.use_x_forwarded_for))?;
    }
    let (mut size, mut has_own) = (0, false);
    for (name, value) in headers {
        let name = name.as_str();
        size += name.len() + value.len();
        has_own |= name.starts_with(OWN_HEADERS);
    }
    ctx.has_own_headers = has_own;
    if size > HEADER_BYTES_LIMIT {
        return Err(Error::new(Kind::InvalidParameter, "Request headers are too large."));
    }
    Ok(())
}

/// Is there room for one more call of a model, and where there is not much, for one more of this key?
///
/// # Errors
/// [`Kind::Overloaded`] above `max_in_flight`, and near it above the key's share. Health and metrics are answered all the
/// same.
pub fn make_room(ctx: &mut Context, shared: &Shared) -> Result<(), Error> {
    let seat = ctx.caller.as_ref().and_then(|caller| caller.seat.as_ref());
    let part = shared.shares.enter(seat.map_or(&shared.keyless, |seat| &seat.share));
    let (in_flight, most) = (shared.metrics.in_flight(), ctx.snapshot.settings.max_in_flight);
    let text = if in_flight > most {
        "The gateway is at its limit of requests. Try again in a moment."
    } else if !part.is_fair(in_flight.unsigned_abs(), most.unsigned_abs()) {
        "The gateway is near its limit of requests, and this key has its share of them. Try again in a moment."
    } else {
        ctx.outcome.part = Some(part);
        return Ok(());
    };
    shared.metrics.overloaded.inc();
    Err(Error::new(Kind::Overloaded, text).retry_after(Some(OVERLOADED_PAUSE)))
}

fn call_id(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (!text.is_empty() && text.len() <= CALL_ID_LIMIT && text.bytes().all(plain)).then_some(text)
}
