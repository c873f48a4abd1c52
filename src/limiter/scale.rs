//! What a limit makes of times: positions, and back.

use std::time::Duration;

use crate::clock::Instant;

const MINUTE: u128 = 60_000_000_000;
/// The largest limit, about 10^12 a minute; a larger one means the same.
pub(super) const MOST: u64 = 1 << 40;
/// The largest position that a bucket may have.
pub(super) const LAST: u64 = u64::MAX - 1;
/// Binary places of [`Scale::speed`].
const PLACES: u32 = 36;

/// What the limit makes of positions and times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Tokens a minute.
    pub(super) limit: u64,
    /// Units of one token.
    pub(super) cost: u64,
    /// Units refilled per nanosecond, times 2^PLACES, rounded up: after a minute the bucket is full to the last unit.
    speed: u64,
}

impl Scale {
    pub(super) fn of(limit: u64) -> Self {
        let limit = limit.min(MOST);
        // 2^39 < limit * cost <= 2^40: fine steps, and positions that last for thirty years.
        let cost = (MOST / limit.max(1)).checked_ilog2().map_or(1, |places| 1 << places);
        // Time passes at a limit of 0 too.
        let speed = ((u128::from(limit.max(1) * cost)) << PLACES).div_ceil(MINUTE);
        Self { limit, cost, speed: clamp(speed) }
    }

    /// Units in a full bucket.
    pub(super) fn bucket(&self) -> u64 {
        self.limit * self.cost
    }

    pub(super) fn position(&self, now: Instant) -> u64 {
        clamp((u128::from(now.nanos()) * u128::from(self.speed)) >> PLACES)
    }

    /// The position here that is at the same time as `position` there, rounded up.
    pub(super) fn translated(&self, position: u64, there: Scale) -> u64 {
        let here = (u128::from(position) * u128::from(self.speed)).div_ceil(u128::from(there.speed));
        clamp(here).min(LAST)
    }

    /// The time from now until this position.
    pub(super) fn until(&self, now: Instant, position: u64) -> Duration {
        let at = (u128::from(position) << PLACES).div_ceil(u128::from(self.speed));
        Duration::from_nanos(clamp(at).saturating_sub(now.nanos()))
    }
}

fn clamp(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}
