//! `rate-limit-aware`: the most left of the limits that the provider itself counts, as its answers tell.

use super::{Candidates, Draws, Member};

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    let now = candidates.filter.now;
    let used = |member: &Member| 1.0 - member.state.headroom.share(now, member.state.in_flight());
    candidates.cheapest(draws, 0.0, |member| f64::from(used(member)))
}
