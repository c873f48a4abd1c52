//! Phase 2: key → caller, from an immutable snapshot: a hash and a comparison, no lock, no store.

use pingora_proxy::Session;

use super::context::Context;
use crate::auth::present::{Places, presented};
use crate::error::Error;

/// Finds the caller of a request that needs one.
///
/// # Errors
/// LiteLLM's refusals of a missing, malformed or unknown key.
pub fn authenticate(session: &Session, ctx: &mut Context) -> Result<(), Error> {
    let settings = &ctx.snapshot.settings;
    let places = Places { key_header: settings.key_header.as_ref(), google_query: None };
    let caller = ctx.snapshot.keys.authenticate(presented(&session.req_header().headers, places))?;
    ctx.caller = Some(caller);
    Ok(())
}
