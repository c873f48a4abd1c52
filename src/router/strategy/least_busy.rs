//! `least-busy`: the fewest requests in flight.

use super::{Candidates, Draws, Member};

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    candidates.cheapest(draws, 0.0, |member| f64::from(member.state.in_flight()))
}
