//! `latency-based-routing`: the lowest expected wait, which is the peak-EWMA latency times the requests that would be in
//! flight (the cost function of Finagle's and linkerd's balancers).

use super::{Candidates, DeploymentState, Draws, Member};
use crate::clock::Instant;

/// Latency that is assumed of a deployment without a sample while its first request is under way, in seconds. Without
/// it, every request would go there until the first answer is back.
const UNSEEN_SECONDS: f64 = 1.0;

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    candidates.cheapest(draws, cost)
}

/// Zero for an unseen deployment at rest: it is tried first.
fn cost(state: &DeploymentState, now: Instant) -> f64 {
    let in_flight = f64::from(state.in_flight());
    match state.latency_seconds(now) {
        Some(seconds) => f64::from(seconds) * (in_flight + 1.0),
        None => UNSEEN_SECONDS * in_flight,
    }
}
