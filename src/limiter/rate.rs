//! So many a minute: a token bucket in one atomic word (the generic cell rate algorithm).
//!
//! The bucket holds one minute's worth and refills evenly. So within any span the taken, less the given back, is at most
//! `limit` (the full bucket) plus what the span refilled: no window has an edge at which two bursts could meet. LiteLLM
//! counts in fixed windows of a minute, where they do.
//!
//! Who asks for more than a whole bucket gets a whole one, when it is full: what it really used is charged afterwards, as
//! a debt. So a request that is larger than the limit passes, and the next ones wait until it is worked off.
//!
//! Time is a position: the amount that was refilled since the clock's start, in units of which one token has
//! `Scale::cost` (a power of two, so that every limit is exact to 10^-11). The word is the position at which the bucket
//! will be full again. Taking moves it onwards, at most a full bucket ahead of now; giving back moves it towards now.
//!
//! Each limit has its own units, so a limit that changes is a new [`Rate`]: the old word is swapped for a mark in the same
//! step in which its value is carried over, and who finds the mark goes on to the new one. No taking is lost or doubled.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use super::atomic::{AtomicU64, Ordering};
use super::scale::{LAST, Scale};
use crate::clock::Instant;

/// In place of a position: another [`Rate`] counts on.
const MOVED: u64 = u64::MAX;

/// One change of a limit at a time; takers never wait for it.
static MOVING: Mutex<()> = Mutex::new(());

/// A limit per minute and how much of it is used.
#[derive(Debug)]
pub struct Rate {
    scale: Scale,
    /// The limit as answers tell it.
    shown: HeaderValue,
    /// The position at which the bucket is full.
    full_at: AtomicU64,
    /// Who counts on, if this one is [`MOVED`].
    next: OnceLock<Arc<Rate>>,
}

/// What was taken; [`Rate::give_back`] wants to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    /// So many; less than were asked for where a bucket holds less.
    pub count: u64,
    /// The position by which all of it is refilled.
    refilled_at: u64,
    /// The limit in whose units that is.
    limit: u64,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It will be there after this time, if nobody else takes it.
    For(Duration),
    /// The limit is 0.
    Forever,
}

impl Rate {
    /// A full bucket. A limit of 0 lets nothing pass.
    pub fn per_minute(limit: u64) -> Self {
        let scale = Scale::of(limit);
        let shown = HeaderValue::from(scale.limit);
        Self { scale, shown, full_at: AtomicU64::new(0), next: OnceLock::new() }
    }

    /// Another limit, used to the same share: of 100 a minute with 80 used, 200 with 160 used. The time at which the
    /// bucket is full again stays. This one passes everything on from now on, so that whoever still holds it takes
    /// from the new limit and gives back to it.
    #[must_use]
    pub fn relimited(self: &Arc<Self>, limit: u64) -> Arc<Self> {
        let _one_at_a_time = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        if last.scale.limit == Scale::of(limit).limit {
            return Arc::clone(last);
        }
        let next = Arc::clone(last.next.get_or_init(|| Arc::new(Self::per_minute(limit))));
        // Nobody looks at the new word before the old one says that it has moved.
        let moved = |at: u64| {
            next.full_at.store(next.scale.translated(at, last.scale), Ordering::Relaxed);
            Some(MOVED)
        };
        let _always = last.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
        next
    }

    /// Tokens a minute.
    pub fn limit(&self) -> u64 {
        self.current().0.scale.limit
    }

    /// Takes `n`, all or nothing; of more than a whole bucket, a whole one.
    ///
    /// # Errors
    /// [`Wait`] says when it would be possible.
    pub fn try_take(&self, now: Instant, n: u64) -> Result<Taken, Wait> {
        let (rate, mut seen) = self.current();
        let scale = rate.scale;
        if n > 0 && scale.limit == 0 {
            return Err(Wait::Forever);
        }
        let count = n.min(scale.limit);
        let here = scale.position(now);
        let ahead = here.saturating_add(scale.bucket());
        loop {
            if seen == MOVED {
                return rate.try_take(now, n);
            }
            let next = seen.max(here).saturating_add(count * scale.cost).min(LAST);
            // Nothing is there for everybody who asks for nothing, unless the bucket is in debt.
            if next > ahead {
                return Err(Wait::For(scale.until(now, next - scale.bucket())));
            }
            match rate.full_at.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(Taken { count, refilled_at: next, limit: scale.limit }),
                Err(other) => seen = other,
            }
        }
    }

    /// Gives back `n` of what was taken, but nothing that has been refilled meanwhile: it is there already, and would
    /// come a second time. What was taken under another limit comes back as the share that it was.
    pub fn give_back(&self, now: Instant, taken: Taken, n: u64) {
        self.change(|scale, at| {
            let (mut units, mut refilled_at) = (n.saturating_mul(scale.cost), taken.refilled_at);
            if taken.limit != scale.limit {
                let then = Scale::of(taken.limit);
                // Rounded up it would be more than was taken.
                units = scale.translated(n.saturating_mul(then.cost), then).saturating_sub(1);
                refilled_at = scale.translated(refilled_at, then).saturating_sub(1);
            }
            at.saturating_sub(units.min(refilled_at.saturating_sub(scale.position(now))))
        });
    }

    /// Takes `n` that were used already. There may be less; then the bucket is in debt, and nothing is to be had until
    /// that is refilled.
    pub fn charge(&self, now: Instant, n: u64) {
        self.change(|scale, at| at.max(scale.position(now)).saturating_add(n.saturating_mul(scale.cost)));
    }

    /// Whole tokens that are there.
    pub fn remaining(&self, now: Instant) -> u64 {
        self.shown(now).2
    }

    /// [`Rate::limit`], the same as the value of a header, and [`Rate::remaining`], all at one moment.
    pub fn shown(&self, now: Instant) -> (u64, &HeaderValue, u64) {
        let (Rate { scale, shown, .. }, full_at) = self.current();
        let here = scale.position(now);
        let remaining = here.saturating_add(scale.bucket()).saturating_sub(full_at.max(here)) / scale.cost;
        (scale.limit, shown, remaining)
    }

    /// Until the bucket is full, if nobody takes from it.
    pub fn reset_after(&self, now: Instant) -> Duration {
        let (rate, full_at) = self.current();
        rate.scale.until(now, full_at)
    }

    /// Who counts now, and where its bucket is full.
    fn current(&self) -> (&Rate, u64) {
        let mut rate = self;
        loop {
            match (rate.full_at.load(Ordering::Acquire), rate.next.get()) {
                (MOVED, Some(next)) => rate = next,
                (at, _) => return (rate, at),
            }
        }
    }

    /// Changes the position at which the bucket is full, wherever that is counted now.
    fn change(&self, to: impl Fn(&Scale, u64) -> u64) {
        let (rate, _) = self.current();
        let next = |at: u64| (at != MOVED).then(|| to(&rate.scale, at).min(LAST));
        if rate.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_err() {
            rate.change(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scale::MOST;
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
    fn more_than_a_bucket_is_a_whole_one_and_a_debt() {
        let rate = Rate::per_minute(10);
        let taken = rate.try_take(at(0), 18).unwrap();
        assert_eq!((taken.count, rate.remaining(at(0))), (10, 0));
        rate.charge(at(0), 18 - taken.count);
        assert_eq!(rate.try_take(at(0), 1), Err(Wait::For(Duration::from_secs(54))));
        // As much as a bucket is there when all of it is refilled, and not before.
        assert_eq!(rate.try_take(at(54_000), 99), Err(Wait::For(Duration::from_secs(54))));
        let taken = rate.try_take(at(108_000), 99).unwrap();
        rate.give_back(at(108_000), taken, taken.count);
        assert_eq!(rate.remaining(at(108_000)), 10);
        assert_eq!(Rate::per_minute(0).try_take(at(0), u64::MAX), Err(Wait::Forever));
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

    #[test]
    fn another_limit_is_used_to_the_same_share() {
        for (limit, used, other, remaining) in [(100, 80, 200, 40), (100, 80, 50, 10), (100, 0, 7, 7), (3, 3, 9_999, 0)]
        {
            let old = Arc::new(Rate::per_minute(limit));
            let _taken = old.try_take(at(7_777), used).unwrap();
            let new = old.relimited(other);
            assert!(remaining - new.remaining(at(7_777)) <= 1, "{limit} to {other}");
            assert_eq!((old.limit(), old.remaining(at(7_777))), (other, new.remaining(at(7_777))));
            assert_eq!(new.remaining(at(67_778)), other);
        }
    }

    #[test]
    fn who_holds_the_old_limit_takes_and_gives_back_at_the_new_one() {
        let old = Arc::new(Rate::per_minute(100));
        let before = old.try_take(at(0), 40).unwrap();
        let new = old.relimited(1_000);
        let after = old.try_take(at(0), 500).unwrap();
        assert_eq!(new.try_take(at(0), 100), Err(Wait::For(Duration::from_nanos(1))), "rounded against the taker");
        assert!(new.try_take(at(0), 99).is_ok());
        // 40 of 100 were 400 of 1,000.
        old.give_back(at(0), before, 40);
        assert_eq!(new.remaining(at(0)), 400);
        old.give_back(at(0), after, 500);
        assert_eq!(new.remaining(at(0)), 900);
        old.charge(at(0), 900);
        assert_eq!(new.remaining(at(0)), 0);
        assert!(Arc::ptr_eq(&old.relimited(1_000), &new), "the same limit is the same counter");
    }

    #[test]
    fn a_limit_that_was_nothing_for_a_while_forgets_nothing() {
        let first = Arc::new(Rate::per_minute(100));
        let _taken = first.try_take(at(0), 90).unwrap();
        let none = first.relimited(0);
        assert_eq!(first.try_take(at(0), 1), Err(Wait::Forever));
        assert_eq!(none.remaining(at(0)), 0);
        let again = first.relimited(100);
        assert!((9..=10).contains(&again.remaining(at(0))));
        assert_eq!(again.remaining(at(60_000)), 100);
    }

    /// Takers at the oldest counter while the limit goes back and forth between two: never more than the larger.
    #[test]
    fn changes_of_the_limit_lose_and_double_nothing() {
        for round in 0..50_u64 {
            let rate = Arc::new(Rate::per_minute(1_000));
            let taken: usize = std::thread::scope(|threads| {
                let workers: Vec<_> = (0..3).map(|_| threads.spawn(|| takes(&rate, 5, 2_000))).collect();
                for change in 0..20 {
                    let _newest = rate.relimited(1_000 + (change + round) % 2);
                }
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            });
            // Each of 20 changes may round one token away.
            assert!((980..=1_001).contains(&taken), "{taken}");
            assert_eq!(rate.remaining(at(120_000)), rate.limit());
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
            limit in 1_u64..500, steps in prop::collection::vec((0_u64..20_000, 1_u64..50), 1..200),
        ) {
            let rate = Rate::per_minute(limit);
            let (mut millis, mut log) = (0, Vec::new());
            for (pause, n) in steps {
                millis += pause;
                if let Ok(taken) = rate.try_take(at(millis), n) {
                    log.push((millis, taken.count));
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
