//! `least-busy`: the fewest requests in flight.

use super::{Candidates, Draws, Member};

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    candidates.cheapest(draws, |state, _| f64::from(state.in_flight()))
}
