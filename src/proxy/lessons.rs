//! What the router learns of an attempt: how fast the answer came, what its provider has left, what was used.

use std::time::Duration;

use pingora_http::ResponseHeader;

use super::context::Context;
use super::deliver::Committed;
use super::open::Failed;
use crate::allowance::RateLimits;
use crate::clock::{Instant, unix_millis};
use crate::error::Kind;
use crate::router::needs::Needs;
use crate::router::plan::{DeploymentIx, GroupIx};
use crate::router::{Answered, Router, Taken};
use crate::wire::rate_limits;

/// Of which request an attempt was one.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    /// The group that serves it.
    pub group: GroupIx,
    /// What it needs.
    pub needs: &'a Needs,
    /// The deployment that was asked.
    pub deployment: DeploymentIx,
}

/// The attempt will be the answer; `took` is the time to its first useful byte. What is left to be settled later comes
/// back: the tokens of a whole answer are known before it leaves, so that who has read it finds them counted.
pub fn committed(
    router: &Router,
    of: Of<'_>,
    answer: &Committed,
    taken: Option<Taken>,
    now: Instant,
    took: Duration,
) -> Option<Taken> {
    let header = match answer {
        Committed::Whole { answer, usage, .. } => {
            let tokens = usage.filter(|usage| !usage.output_untold).map_or(0, |usage| usage.completion_tokens);
            router.on_answer(of.deployment, now, Answered::Whole(took, tokens));
            if of.needs.stream {
                router.on_answer(of.deployment, now, Answered::FirstEvent(took));
            }
            answer.header()
        }
        Committed::Stream { answer, .. } => {
            router.on_answer(of.deployment, now, Answered::FirstEvent(took));
            answer.header()
        }
    };
    heard(router, of, header, now);
    router.remember(of.group, of.deployment, now, of.needs);
    match (answer, taken) {
        (Committed::Whole { usage: Some(usage), .. }, Some(taken)) if usage.is_told() => {
            taken.settle(now, usage.total_tokens);
            None
        }
        (_, taken) => taken,
    }
}

/// The answer has been delivered, as far as the client took it: what was used takes the place of what was estimated.
pub fn settled(ctx: &Context, taken: Option<Taken>, now: Instant) {
    let Some(taken) = taken else { return };
    match ctx.outcome.usage.filter(|usage| usage.is_told()) {
        Some(usage) => taken.settle(now, usage.total_tokens),
        // Counted by its prompt, as it was when it was sent.
        None => taken.keep(),
    }
}

/// The attempt has failed; the router has been told why.
pub fn failed(router: &Router, of: Of<'_>, taken: Option<Taken>, failed: &Failed, now: Instant) {
    heard(router, of, failed.header.as_deref(), now);
    if let Some(taken) = taken.filter(|_| failed.error.kind == Kind::Connection) {
        taken.unsent();
    }
}

fn heard(router: &Router, of: Of<'_>, header: Option<&ResponseHeader>, now: Instant) {
    let Some(header) = header.filter(|_| router.wanted(of.group).headroom) else { return };
    let told = rate_limits::read(|name| header.headers.get(name)?.to_str().ok(), unix_millis());
    if told != RateLimits::default() {
        router.on_headroom(of.deployment, now, &told);
    }
}
