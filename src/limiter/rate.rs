//! So many a minute: a token bucket in one atomic word (the generic cell rate algorithm).
//!
//! The bucket holds one minute's worth and refills evenly. So within any span the taken, less the given back, is at most
//! `limit` (the full bucket) plus what the span refilled: no window has an edge at which two bursts could meet. LiteLLM
//! counts in fixed windows of a minute, where they do.
//!
//! Time is a position: the amount that was refilled since the clock's start, in units of which one token has
//! [`Rate::cost`] (a power of two, so that every limit is exact to 10^-11). The word is the position at which the bucket
//! will be full again. Taking moves it onwards, at most a full bucket ahead of now; giving back moves it towards now.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use crate::clock::Instant;

const MINUTE: u128 = 60_000_000_000;
/// The largest limit, about 10^12 a minute; a larger one means the same.
const MOST: u64 = 1 << 40;
/// Binary places of [`Rate::speed`].
const PLACES: u32 = 36;

/// A limit per minute and how much of it is used.
#[derive(Debug)]
pub struct Rate {
    limit: u64,
    /// Units of one token.
    cost: u64,
    /// Units refilled per nanosecond, times 2^PLACES, rounded up: after a minute the bucket is full to the last unit.
    speed: u64,
    /// The position at which the bucket is full.
    full_at: AtomicU64,
}

/// What was taken; [`Rate::give_back`] wants to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    /// The position by which all of it is refilled.
    refilled_at: u64,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It will be there after this time, if nobody else takes it.
    For(Duration),
    /// It is more than the limit itself.
    Forever,
}

impl Rate {
    /// A full bucket. A limit of 0 lets nothing pass.
    pub fn per_minute(limit: u64) -> Self {
        let limit = limit.min(MOST);
        // 2^39 < limit * cost <= 2^40: fine steps, and positions that last for thirty years.
        let cost = (MOST / limit.max(1)).checked_ilog2().map_or(1, |places| 1 << places);
        let speed = ((u128::from(limit * cost)) << PLACES).div_ceil(MINUTE);
        Self { limit, cost, speed: clamp(speed), full_at: AtomicU64::new(0) }
    }

    /// Tokens a minute.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes `n`, all or nothing.
    ///
    /// # Errors
    /// [`Wait`] says when it would be possible.
    pub fn try_take(&self, now: Instant, n: u64) -> Result<Taken, Wait> {
        if n > self.limit {
            return Err(Wait::Forever);
        }
        let here = self.position(now);
        let ahead = here.saturating_add(self.bucket());
        let mut seen = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = seen.max(here).saturating_add(n * self.cost);
            // Nothing is there for everybody who asks for nothing, unless the bucket is in debt.
            if next > ahead {
                return Err(Wait::For(self.until(now, next - self.bucket())));
            }
            match self.full_at.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Taken { refilled_at: next }),
                Err(other) => seen = other,
            }
        }
    }

    /// Gives back `n` of what was taken, but nothing that has been refilled meanwhile: it is there already, and would
    /// come a second time.
    pub fn give_back(&self, now: Instant, taken: Taken, n: u64) {
        let not_yet_refilled = taken.refilled_at.saturating_sub(self.position(now));
        let units = n.saturating_mul(self.cost).min(not_yet_refilled);
        let less = |at: u64| Some(at.saturating_sub(units));
        // `fetch_update` fails only when its closure returns None.
        let _always = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Takes `n` that were used already. There may be less; then the bucket is in debt, and nothing is to be had until
    /// that is refilled.
    pub fn charge(&self, now: Instant, n: u64) {
        let here = self.position(now);
        let units = n.saturating_mul(self.cost);
        let more = |at: u64| Some(at.max(here).saturating_add(units));
        let _always = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whole tokens that are there.
    pub fn remaining(&self, now: Instant) -> u64 {
        let here = self.position(now);
        let full_at = self.full_at.load(Ordering::Relaxed).max(here);
        here.saturating_add(self.bucket()).saturating_sub(full_at) / self.cost
    }

    /// Until the bucket is full, if nobody takes from it.
    pub fn reset_after(&self, now: Instant) -> Duration {
        self.until(now, self.full_at.load(Ordering::Relaxed))
    }

    /// Units in a full bucket.
    fn bucket(&self) -> u64 {
        self.limit * self.cost
    }

    fn position(&self, now: Instant) -> u64 {
        clamp((u128::from(now.nanos()) * u128::from(self.speed)) >> PLACES)
    }

    /// The time from now until this position.
    fn until(&self, now: Instant, position: u64) -> Duration {
        // A limit of 0 never moves.
        let at = (u128::from(position) << PLACES).div_ceil(u128::from(self.speed.max(1)));
        Duration::from_nanos(clamp(at).saturating_sub(now.nanos()))
    }
}

fn clamp(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// How many of `tries` single takes succeed at this time.
    fn takes(rate: &Rate, millis: u64, tries: u64) -> usize {
        (0..tries).filter(|_| rate.try_take(at(millis), 1).is_ok()).count()
    }

    #[test]
    fn a_burst_is_the_limit_and_a_minute_brings_it_back() {
        for limit in [1, 2, 3, 7, 60, 100, 999, 1_000, 4_096] {
            let rate = Rate::per_minute(limit);
            for minute in [0, 60_000, 120_000] {
                assert_eq!(takes(&rate, minute, limit + 5), usize::try_from(limit).unwrap(), "{limit} at {minute}");
                assert_eq!(rate.remaining(at(minute)), 0);
                assert_eq!(rate.reset_after(at(minute)), Duration::from_secs(60), "{limit}");
            }
            // One nanosecond less than a minute is too early for the last one.
            let early = Instant::from_nanos(180_000 * 1_000_000 - 1);
            assert!(rate.try_take(early, limit).is_err(), "{limit}");
            assert!(rate.try_take(at(180_000), limit).is_ok(), "{limit}");
        }
    }

    #[test]
    fn refusals_say_when_and_it_is_then() {
        let rate = Rate::per_minute(60);
        assert_eq!(rate.try_take(at(0), 61), Err(Wait::Forever));
        let _first = rate.try_take(at(0), 60).unwrap();
        assert_eq!(rate.try_take(at(0), 1), Err(Wait::For(Duration::from_secs(1))));
        assert_eq!(rate.try_take(at(500), 30), Err(Wait::For(Duration::from_millis(29_500))));
        assert_eq!(Rate::per_minute(0).try_take(at(0), 1), Err(Wait::Forever));
        assert_eq!(Rate::per_minute(u64::MAX).remaining(at(5)), MOST);
    }

    #[test]
    fn no_two_bursts_meet_at_an_edge() {
        let rate = Rate::per_minute(60);
        assert_eq!(takes(&rate, 59_000, 100), 60);
        assert_eq!(takes(&rate, 61_000, 100), 2);
    }

    #[test]
    fn what_is_given_back_is_there_again_once() {
        let rate = Rate::per_minute(600);
        let taken = rate.try_take(at(0), 500).unwrap();
        rate.give_back(at(0), taken, 400);
        assert_eq!(rate.remaining(at(0)), 500);
        // All are out. Half a minute later 300 are refilled, and only the other 300 can come back.
        let taken = rate.try_take(at(0), 500).unwrap();
        assert_eq!(rate.remaining(at(30_000)), 300);
        rate.give_back(at(30_000), taken, 500);
        assert_eq!(rate.remaining(at(30_000)), 600);
        // What is long refilled cannot be given back at the cost of what others took since.
        let other = rate.try_take(at(60_000), 600).unwrap();
        rate.give_back(at(60_000), taken, 500);
        assert_eq!(rate.remaining(at(60_000)), 0);
        rate.give_back(at(90_000), other, 600);
        assert_eq!(rate.remaining(at(90_000)), 600);
    }

    #[test]
    fn debt_is_worked_off() {
        let rate = Rate::per_minute(60);
        rate.charge(at(0), 90);
        assert_eq!(rate.remaining(at(0)), 0);
        assert_eq!(rate.try_take(at(0), 1), Err(Wait::For(Duration::from_secs(31))));
        assert_eq!(rate.remaining(at(40_000)), 10);
    }

    #[test]
    fn threads_share_exactly_the_limit() {
        for limit in [1, 10, 1_000] {
            let rate = Rate::per_minute(limit);
            let taken: usize = std::thread::scope(|threads| {
                let workers: Vec<_> = (0..4).map(|_| threads.spawn(|| takes(&rate, 5, 2 * limit))).collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            });
            assert_eq!(taken, usize::try_from(limit).unwrap());
        }
    }

    proptest! {
        #[test]
        fn waiting_as_told_is_enough_and_not_too_much(
            limit in 1_u64..2_000_000, start in 0_u64..1 << 60, first in 0.0..1.0_f64, second in 0.0..1.0_f64,
        ) {
            let part = |share: f64| ((limit as f64 * share) as u64).max(1);
            let rate = Rate::per_minute(limit);
            let now = Instant::from_nanos(start);
            rate.charge(now, part(first));
            if let Err(Wait::For(wait)) = rate.try_take(now, part(second)) {
                prop_assert!(wait <= Duration::from_secs(60));
                let just_before = now + (wait - Duration::from_nanos(1));
                prop_assert!(rate.try_take(just_before, part(second)).is_err());
                prop_assert!(rate.try_take(now + wait, part(second)).is_ok());
            }
        }

        #[test]
        fn no_span_takes_more_than_a_bucket_and_its_refill(
            limit in 1_u64..500, steps in prop::collection::vec((0_u64..5_000, 1_u64..50), 1..200),
        ) {
            let rate = Rate::per_minute(limit);
            let (mut millis, mut log) = (0, Vec::new());
            for (pause, n) in steps {
                millis += pause;
                if rate.try_take(at(millis), n).is_ok() {
                    log.push((millis, n));
                }
                let mut sum = 0;
                for &(then, n) in log.iter().rev() {
                    sum += n;
                    prop_assert!(sum * 60_000 <= limit * (60_000 + millis - then), "{sum} in {} ms", millis - then);
                }
            }
        }
    }
}
