//! `cost-based-routing`: the cheapest that may be chosen; equals at random.

use super::{Candidates, Draws, Member};

/// The members stand in the order of their cost, so that the first one that may be chosen is the one.
pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    let level = candidates.level;
    level.by_cost.iter().find_map(|equals| {
        let (before, after) = equals.split_at(draws.below(equals.len()));
        let mut members = after.iter().chain(before).filter_map(|index| level.members.get(*index as usize));
        members.find(|member| candidates.admits(member))
    })
}
