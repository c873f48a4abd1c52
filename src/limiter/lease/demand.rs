//! Who waits for more than is borrowed, and what the store said to them.

use super::KEPT_FOR;
use crate::clock::Instant;
use crate::limiter::atomic::{AtomicI64, AtomicU64, Ordering};

/// What is asked for and not there.
#[derive(Debug)]
pub(super) struct Demand {
    sum: AtomicI64,
    least: AtomicI64,
}

/// The demand up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// By all who wait; 0: nobody does.
    pub sum: i64,
    /// By the most modest of them. Less would help nobody.
    pub least: i64,
}

impl Demand {
    pub fn new() -> Self {
        Self { sum: AtomicI64::new(0), least: AtomicI64::new(i64::MAX) }
    }

    pub fn add(&self, amount: i64) {
        let amount = amount.max(1);
        self.least.fetch_min(amount, Ordering::AcqRel);
        let more = |sum: i64| Some(sum.saturating_add(amount));
        // `fetch_update` fails only when its closure returns None.
        let _always = self.sum.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }

    /// Puts back what was taken and not served.
    pub fn restore(&self, wanted: Wanted) {
        if wanted.sum > 0 {
            self.add(wanted.sum);
            self.least.fetch_min(wanted.least, Ordering::AcqRel);
        }
    }

    pub fn take(&self) -> Wanted {
        let sum = self.sum.swap(0, Ordering::AcqRel);
        let least = self.least.swap(i64::MAX, Ordering::AcqRel);
        // Somebody may be between the two words.
        if sum == 0 { Wanted::default() } else { Wanted { sum, least: least.min(sum) } }
    }
}

/// When something was borrowed last.
#[derive(Debug)]
pub(super) struct Borrowed(AtomicU64);

impl Borrowed {
    pub fn never() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn at(&self, now: Instant) {
        self.0.store(now.nanos(), Ordering::Release);
    }

    /// Whether that is so long ago that nobody is on the way to take it.
    pub fn is_stale(&self, now: Instant) -> bool {
        now > Instant::from_nanos(self.0.load(Ordering::Acquire)) + KEPT_FOR
    }
}

/// The store's last no.
#[derive(Debug)]
pub(super) struct No {
    until: AtomicU64,
    amount: AtomicI64,
}

impl No {
    pub fn unsaid() -> Self {
        Self { until: AtomicU64::new(0), amount: AtomicI64::new(0) }
    }

    /// As much as this is not there, until then.
    pub fn say(&self, amount: i64, until: Instant) {
        self.amount.store(amount, Ordering::Release);
        self.until.store(until.nanos(), Ordering::Release);
    }

    /// There may be something again.
    pub fn forget(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether it answers who wants this much now.
    pub fn answers(&self, amount: i64, now: Instant) -> bool {
        now.nanos() < self.until.load(Ordering::Acquire) && amount >= self.amount.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_is_summed_and_taken_once() {
        let demand = Demand::new();
        assert_eq!(demand.take(), Wanted::default());
        demand.add(5);
        demand.add(3);
        let wanted = demand.take();
        assert_eq!(wanted, Wanted { sum: 8, least: 3 });
        assert_eq!(demand.take(), Wanted::default());
        demand.restore(wanted);
        assert_eq!(demand.take(), wanted);
    }

    #[test]
    fn a_no_answers_who_wants_as_much_for_a_while() {
        let (no, now) = (No::unsaid(), Instant::from_nanos(5));
        assert!(!no.answers(1, now));
        no.say(10, Instant::from_nanos(8));
        assert!(no.answers(10, now) && no.answers(11, now));
        assert!(!no.answers(9, now) && !no.answers(10, Instant::from_nanos(8)));
        no.forget();
        assert!(!no.answers(10, now));
    }
}
