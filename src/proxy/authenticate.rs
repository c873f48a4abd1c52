//! Phase 2: key → caller, from an immutable snapshot: a hash and a comparison, no lock, no store.

use pingora_proxy::Session;

use super::context::Context;
use crate::auth::present::{Places, presented};
use crate::error::{Envelope, Error};

/// Finds the caller of a request that needs one.
///
/// # Errors
/// LiteLLM's refusals of a missing, malformed or unknown key.
pub fn authenticate(session: &Session, ctx: &mut Context) -> Result<(), Error> {
    let settings = &ctx.snapshot.settings;
    let header = session.req_header();
    let google_query = header.uri.query().filter(|_| ctx.envelope == Envelope::Google);
    let places = Places { key_header: settings.key_header.as_ref(), google_query };
    let caller = ctx.snapshot.keys.authenticate(presented(&header.headers, places))?;
    ctx.caller = Some(caller);
    Ok(())
}
