//! `simple-shuffle`: at random, in proportion to the weights.

use super::{Candidates, Draws, Member};

/// A member with weight zero is chosen only if no other one can be.
pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    let table = &candidates.level.table;
    candidates.draw(draws, |draws| table.draw(draws), |member| member.weight)
}
