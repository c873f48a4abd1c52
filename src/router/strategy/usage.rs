//! `usage-based-routing` and its second version: the fewest tokens this minute. Prompts on their way are among them, so that
//! requests that come at once do not all go to the same one.

use super::{Candidates, Draws, Member};

pub(super) fn choose<'a>(candidates: Candidates<'a, '_>, draws: &mut Draws) -> Option<&'a Member> {
    let minute = candidates.filter.minute;
    candidates.cheapest(draws, 0.0, |member| member.state.usage.tokens(minute) as f64)
}
