//! `weighted_round_robin`: in turn, in exact proportion to the weights. The turn of a member that may not be chosen is
//! skipped, which leaves the others' proportions as they are.

use super::{Candidates, Draws, Member, shuffle};

/// Turns that may be skipped before one is drawn at random: few are left then, or all that have a weight are gone.
const TURNS_MAX: usize = 64;

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    if let Some(schedule) = &candidates.level.schedule {
        for _ in 0..TURNS_MAX {
            let member = candidates.level.members.get(schedule.turn())?;
            if candidates.admits(member) {
                return Some(member);
            }
        }
    }
    shuffle::choose(candidates, draws)
}
