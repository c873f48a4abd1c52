//! What waiting for a place would be like.

use std::sync::Arc;

use super::places::Bell;
use super::plan::GroupIx;
use super::{PickInput, Router};
use crate::clock::Instant;

/// What a group's deployments can do together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Requests in flight at most.
    pub places: u64,
    /// Whether all limits are stated or were found out; else `places` is a guess that still grows.
    pub is_known: bool,
    /// Places that become free in a second; `None` as long as nobody knows.
    pub rate: Option<f64>,
}

impl Router {
    /// Where nobody else is left, what health checks have found is set aside until they look again. Whether that brings
    /// anybody back.
    pub(super) fn readmit(&self, group: GroupIx, input: &PickInput<'_>) -> bool {
        let members = self.levels_above(group, input.above_order).flat_map(|level| &level.members);
        let out = members.filter(|member| member.state.places.is_out());
        out.inspect(|member| member.state.places.set_out(false)).count() > 0
    }

    /// Who is told of places of this group's deployments that become free.
    pub fn hang(&self, group: GroupIx, bell: &Arc<dyn Bell>) {
        let members = self.levels_above(group, None).flat_map(|level| &level.members);
        members.for_each(|member| member.state.places.hang(Arc::clone(bell)));
    }

    /// Whether any deployment of the group has a place now.
    pub fn has_room(&self, group: GroupIx, now: Instant) -> bool {
        let mut members = self.levels_above(group, None).flat_map(|level| &level.members);
        members.any(|member| member.is_available(now))
    }

    /// What waiting for a place of this group would be like: its deployments that are not in cooldown.
    pub fn capacity(&self, group: GroupIx, now: Instant) -> Capacity {
        let members = self.levels_above(group, None).flat_map(|level| &level.members);
        let start = Capacity { places: 0, is_known: true, rate: Some(0.0) };
        let serving = members.filter(|member| member.state.cooling(now).is_none() && !member.state.places.is_out());
        serving.fold(start, |sum, member| {
            let places = member.state.places();
            let limit = places.concurrency.limit();
            let rate = sum.rate.zip(places.hold()).map(|(rate, hold)| rate + f64::from(limit) / hold);
            Capacity {
                places: sum.places + u64::from(limit),
                is_known: sum.is_known && places.concurrency.is_known(),
                rate,
            }
        })
    }
}

#[cfg(test)]
mod tests;
