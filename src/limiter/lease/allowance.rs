//! What a node has borrowed of a rate.
//!
//! The store's bucket refills what it has lent, so a lease is good until all of it is refilled there (`refilled_at`): used
//! later it would come a second time. For the same reason a request gives back only what is not refilled yet. A new lease
//! is asked for when half of the old one is used or refilled, so that it is there before the old one is no longer good.

use std::time::Duration;

use super::call::{RateCall, RateReply};
use super::demand::{Borrowed, Demand, No};
use super::{high_water, low_water, no_until, rate_size};
use crate::clock::Instant;
use crate::limiter::atomic::{AtomicI64, AtomicU64, Ordering};

const MINUTE: u128 = 60_000_000_000;

/// What is left of the leases, and what the store said last.
#[derive(Debug)]
pub(in crate::limiter) struct Allowance {
    /// Negative: used beyond what was borrowed.
    left: AtomicI64,
    /// Nanoseconds.
    refilled_at: AtomicU64,
    demand: Demand,
    no: No,
    borrowed: Borrowed,
    /// What the store had left, and when (nanoseconds).
    pool: AtomicU64,
    pool_at: AtomicU64,
    /// When the store expects to have as much as was asked for (nanoseconds).
    free_at: AtomicU64,
}

/// What a request has taken of it.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(in crate::limiter) struct Leased {
    refilled_at: Instant,
}

impl Allowance {
    pub fn new() -> Self {
        Self {
            left: AtomicI64::new(0),
            refilled_at: AtomicU64::new(0),
            demand: Demand::new(),
            no: No::unsaid(),
            borrowed: Borrowed::never(),
            pool: AtomicU64::new(0),
            pool_at: AtomicU64::new(0),
            free_at: AtomicU64::new(0),
        }
    }

    /// Takes `n`, all or nothing; and says how many are left.
    pub fn try_take(&self, now: Instant, n: u64) -> Option<(Leased, i64)> {
        let refilled_at = self.expire(now);
        let n = signed(n);
        let less = |left: i64| (left >= n).then(|| left - n);
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?;
        Some((Leased { refilled_at }, before - n))
    }

    /// Gives back what the store has not refilled yet.
    pub fn give_back(&self, now: Instant, leased: Leased, n: u64, limit: u64) {
        self.add(signed(n.min(unrefilled(leased.refilled_at, now, limit))));
    }

    /// Takes what was used already.
    pub fn charge(&self, n: u64) {
        self.add(-signed(n));
    }

    /// Whether a new lease should come.
    pub fn is_low(&self, now: Instant, limit: u64, nodes: u64) -> bool {
        let low = low_water(signed(rate_size(limit, nodes)));
        let refilled_at = Instant::from_nanos(self.refilled_at.load(Ordering::Acquire));
        // As `unrefilled`, which divides.
        let is_old = || {
            let unrefilled = u128::from(limit) * refilled_at.saturating_since(now).as_nanos();
            unrefilled < u128::from(low.unsigned_abs()) * MINUTE
        };
        self.left.load(Ordering::Acquire) < low || is_old()
    }

    /// Asks for this much, unless it is there or the store has said no. Whether a lease may help.
    pub fn want(&self, now: Instant, n: u64) -> bool {
        let wants = self.may_be_leased(now, n) && self.left.load(Ordering::Acquire) < signed(n);
        if wants {
            self.demand.add(signed(n));
        }
        wants
    }

    /// Whether the store may have it.
    pub fn may_be_leased(&self, now: Instant, n: u64) -> bool {
        !self.no.answers(signed(n), now)
    }

    /// After which the store expects to have it.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let at = Instant::from_nanos(self.free_at.load(Ordering::Acquire));
        (at > now).then(|| at.saturating_since(now))
    }

    /// What this node may have of the limit: what is left here and, by what was heard last, there.
    pub fn remaining(&self, now: Instant, limit: u64) -> u64 {
        let here = self.left.load(Ordering::Acquire);
        let since = now.saturating_since(Instant::from_nanos(self.pool_at.load(Ordering::Acquire)));
        let refilled = u128::from(limit) * since.as_nanos() / MINUTE;
        let there = u64::try_from(refilled).unwrap_or(u64::MAX).saturating_add(self.pool.load(Ordering::Acquire));
        there.saturating_add_signed(here).min(limit)
    }

    /// Whether something is borrowed.
    pub fn is_held(&self) -> bool {
        self.left.load(Ordering::Acquire) != 0
    }

    /// What is to be said to the store now, if anything is. An idle node keeps nothing.
    pub fn call(&self, limit: u64, nodes: u64, now: Instant, is_idle: bool) -> Option<RateCall> {
        self.forget_refilled(now, limit);
        let size = signed(rate_size(limit, nodes));
        let wanted = self.demand.take();
        let debt = self.left.load(Ordering::Acquire).min(0).unsigned_abs();
        self.add(signed(debt));
        let left = self.left.load(Ordering::Acquire).max(0);
        let mut call = RateCall { limit, charge: debt, ..RateCall::default() };
        if wanted.sum > 0 || (left < low_water(size) && !is_idle) {
            call.want = wanted.sum.saturating_add(size).saturating_sub(left).max(0).unsigned_abs().min(limit);
            call.need = wanted.least.saturating_sub(left).max(1).unsigned_abs().min(call.want);
        } else if left > 0 && (is_idle || left > high_water(size) && self.borrowed.is_stale(now)) {
            let surplus = self.withdraw(if is_idle { left } else { left - size });
            let refilled_at = Instant::from_nanos(self.refilled_at.load(Ordering::Acquire));
            call.give = surplus.min(unrefilled(refilled_at, now, limit));
        }
        (call.charge > 0 || call.want > 0 || call.give > 0).then_some(call)
    }

    /// What the store said to that.
    pub fn apply(&self, call: &RateCall, reply: &RateReply, now: Instant) {
        self.refilled_at.fetch_max((now + reply.full_after).nanos(), Ordering::AcqRel);
        self.add(signed(reply.granted));
        self.pool.store(reply.remaining, Ordering::Release);
        self.pool_at.store(now.nanos(), Ordering::Release);
        if reply.granted > 0 {
            self.borrowed.at(now);
        } else if call.want > 0 {
            self.free_at.store((now + reply.wait).nanos(), Ordering::Release);
            self.no.say(signed(call.need), no_until(now).min(now + reply.wait));
        }
    }

    /// Forgets a lease of which all is refilled in the store. Until when the present one is good.
    fn expire(&self, now: Instant) -> Instant {
        let refilled_at = Instant::from_nanos(self.refilled_at.load(Ordering::Acquire));
        if now > refilled_at {
            let none = |left: i64| (left > 0).then_some(0);
            // Nothing is there to be forgotten.
            let _nothing = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, none);
        }
        refilled_at
    }

    /// Forgets what is refilled in the store of the lease.
    fn forget_refilled(&self, now: Instant, limit: u64) {
        let refilled_at = self.expire(now);
        let (keep, left) = (signed(unrefilled(refilled_at, now, limit)), self.left.load(Ordering::Acquire));
        self.withdraw(left.saturating_sub(keep).max(0));
    }

    /// Takes up to `n` out.
    fn withdraw(&self, n: i64) -> u64 {
        let less = |left: i64| (left > 0).then(|| left - n.min(left));
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        before.map_or(0, |before| n.min(before).max(0).unsigned_abs())
    }

    fn add(&self, n: i64) {
        let more = |left: i64| Some(left.saturating_add(n));
        // `fetch_update` fails only when its closure returns None.
        let _always = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }
}

/// How much the store has yet to refill until then.
fn unrefilled(refilled_at: Instant, now: Instant, limit: u64) -> u64 {
    let tokens = u128::from(limit) * refilled_at.saturating_since(now).as_nanos() / MINUTE;
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 60_000;
    const LEASE: u64 = LIMIT / 20;

    fn millis(after: u64) -> Instant {
        Instant::from_nanos(1) + Duration::from_millis(after)
    }

    fn lend(allowance: &Allowance, call: &RateCall, now: Instant, full_after: Duration) {
        let reply = RateReply { granted: call.want, full_after, ..RateReply::default() };
        allowance.apply(call, &reply, now);
    }

    #[test]
    fn a_new_lease_comes_before_the_old_one_is_no_longer_good() {
        let allowance = Allowance::new();
        let first = allowance.call(LIMIT, 1, millis(0), false).unwrap();
        assert_eq!(first.want, LEASE);
        lend(&allowance, &first, millis(0), Duration::from_secs(3));
        assert!(!allowance.is_low(millis(1_400), LIMIT, 1), "more than half of it is neither used nor refilled");
        assert!(allowance.is_low(millis(1_600), LIMIT, 1));
        let second = allowance.call(LIMIT, 1, millis(1_600), false).unwrap();
        // What the store has refilled it may lend again; here it is forgotten.
        assert_eq!((second.want, second.give), (1_600, 0));
        assert!(allowance.try_take(millis(1_600), LEASE - 1_599).is_none());
        let (_taken, left) = allowance.try_take(millis(1_610), 10).expect("the rest is good while the store is asked");
        assert_eq!(left, 1_390);
        lend(&allowance, &second, millis(1_700), Duration::from_millis(2_900));
        assert!(allowance.try_take(millis(3_100), 2_990).is_some(), "nobody waits when the first lease's time is over");
        assert!(allowance.try_take(millis(5_000), 1).is_none(), "and nothing is good for ever");
    }
}
