//! `latency-based-routing` and `lar1`: the lowest expected wait, which is the latency times the requests that would be in
//! flight (the cost function of Finagle's and linkerd's balancers). A stream's latency is the time to its first event, that
//! of a whole answer the time for each of its tokens, so that long answers do not make a deployment look slow.

use std::time::Duration;

use super::{Candidates, Draws, Member};
use crate::clock::Instant;
use crate::router::peak::PeakAverage;
use crate::router::plan::LatencyArgs;
use crate::router::state::DeploymentState;

/// Latency that is assumed of a deployment without a sample while its first request is under way, in seconds. Without
/// it, every request would go there until the first answer is back.
const UNSEEN_SECONDS: f64 = 1.0;

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws, args: LatencyArgs) -> Option<&'a Member> {
    let (now, stream) = (candidates.filter.now, candidates.filter.needs.stream);
    candidates.cheapest(draws, args.buffer, |member| {
        let state = &member.state;
        let average = if stream { &state.first_token } else { &state.per_token };
        cost(state, average, now, args.ttl)
    })
}

/// Zero for an unseen deployment at rest: it is tried first.
fn cost(state: &DeploymentState, average: &PeakAverage, now: Instant, ttl: Duration) -> f64 {
    let in_flight = f64::from(state.in_flight());
    match average.within(now, ttl) {
        Some(seconds) => f64::from(seconds) * (in_flight + 1.0),
        None => UNSEEN_SECONDS * in_flight,
    }
}
