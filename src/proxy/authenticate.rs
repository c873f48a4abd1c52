//! Phase 2: key → caller: a hash and a look-up without a lock. Only a key that was never seen before is asked of the
//! store.

use std::time::Duration;

use pingora_proxy::Session;

use super::context::Context;
use super::gateway::Shared;
use crate::auth::present::{Places, Presented, presented};
use crate::auth::{KeyDigest, refusals};
use crate::error::{Envelope, Error, Kind};
use crate::governance::{Caller, Found, Live};
use crate::store::Failure;

/// What `Retry-After` says to a client whose key cannot be looked up.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Finds the caller of a request that needs one.
///
/// # Errors
/// LiteLLM's refusals of a missing, malformed, unknown, blocked or expired key; [`Kind::KeysUnavailable`] where nobody
/// can tell.
pub async fn authenticate(session: &Session, ctx: &mut Context, shared: &Shared) -> Result<(), Error> {
    let live = &shared.live;
    if live.is_open() {
        ctx.caller = Some(Live::anybody());
        return Ok(());
    }
    let settings = &ctx.snapshot.settings;
    let header = session.req_header();
    let google_query = header.uri.query().filter(|_| ctx.envelope == Envelope::Google);
    let places = Places { key_header: settings.key_header.as_ref(), google_query };
    let key = match presented(&header.headers, places) {
        Presented::Key(key) => key,
        Presented::Malformed => return Err(refusals::malformed_key()),
        Presented::Nothing => return Err(refusals::no_key()),
    };
    let now = ctx.started_ms;
    let caller = holder(live, key, now / 1000).await?;
    if let Some(seat) = &caller.seat {
        seat.access.holds(now).map_err(|denied| refusals::denied(denied, settings.compat, now, "", &[]))?;
    }
    ctx.caller = Some(caller);
    Ok(())
}

async fn holder(live: &Live, key: &str, now: i64) -> Result<Caller, Error> {
    let digest = KeyDigest::of(key);
    match live.find(digest, now) {
        Found::Caller(caller) => Ok(caller),
        // What cannot be a key never reaches the store.
        _ if !key.starts_with(refusals::KEY_PREFIX) => Err(refusals::malformed_key()),
        Found::Unknown => Err(refusals::unknown_key(digest, live.has_keys())),
        Found::NotSeen => match Box::pin(live.load(digest, now)).await {
            Ok(Some(caller)) => Ok(caller),
            Ok(None) => Err(refusals::unknown_key(digest, live.has_keys())),
            Err(failure) => Err(unavailable(&failure)),
        },
    }
}

/// Never 401: the key may be good.
pub fn unavailable(failure: &Failure) -> Error {
    let text = "Service Unavailable: the key cannot be looked up at the moment. Try again in a moment.";
    Error::new(Kind::KeysUnavailable, text).detail(failure.to_string()).retry_after(Some(STORE_PAUSE))
}
