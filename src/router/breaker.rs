//! A deployment's circuit breaker: closed, open until an instant, then half-open. One word of state, and the time until
//! which a probe is waited for.
//!
//! | state | what gets through | what ends it |
//! |---|---|---|
//! | closed | everything | [`Breaker::open`] |
//! | open | nothing | time |
//! | half-open | one request, the probe; another one when its lease has passed without a word from it | a good answer closes, a failure opens again |
//!
//! The lease is there because a probe may never be heard of again: its client may leave. A good answer that arrives while
//! the breaker is open was asked for before it opened, and changes nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Nanoseconds on the clock's time line until which it is open, or, when they have passed, was; zero = closed.
    open_until: AtomicU64,
    /// Until when the answer of a probe is waited for.
    probe_until: AtomicU64,
    /// Failures since the last good answer.
    in_a_row: AtomicU32,
    /// The last answer was a failure, one of those that are no break included.
    is_failing: AtomicBool,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// A probe.
    HalfOpen,
}

impl Breaker {
    /// Which state it is in.
    pub(super) fn phase(&self, now: Instant) -> Phase {
        match self.open_until.load(Relaxed) {
            0 => Phase::Closed,
            until if until > now.nanos() => Phase::Open,
            _ => Phase::HalfOpen,
        }
    }

    /// How long nobody gets through; `None` if somebody may.
    pub(super) fn closed_for(&self, now: Instant) -> Option<Duration> {
        let open_until = self.open_until.load(Relaxed);
        if open_until == 0 {
            return None;
        }
        let until = open_until.max(self.probe_until.load(Relaxed));
        (until > now.nanos()).then(|| Duration::from_nanos(until - now.nanos()))
    }

    /// Goes through, as the probe if it is half-open; `false`: somebody else is the probe.
    pub(super) fn enter(&self, now: Instant, lease: Duration) -> bool {
        match self.phase(now) {
            Phase::Closed => true,
            Phase::Open => false,
            Phase::HalfOpen => {
                let leased = self.probe_until.load(Relaxed);
                let until = (now + lease).nanos();
                leased <= now.nanos() && self.probe_until.compare_exchange(leased, until, Relaxed, Relaxed).is_ok()
            }
        }
    }

    /// Leaves the deployment alone until then; what is longer already stays.
    pub(super) fn open(&self, until: Instant) {
        self.open_until.fetch_max(until.nanos(), Relaxed);
        self.probe_until.store(0, Relaxed);
    }

    /// A good answer, or one that shows that somebody is there.
    pub(super) fn answered(&self, now: Instant) {
        if self.is_failing.load(Relaxed) {
            self.is_failing.store(false, Relaxed);
            self.in_a_row.store(0, Relaxed);
        }
        let open_until = self.open_until.load(Relaxed);
        if open_until != 0 && open_until <= now.nanos() {
            // Lost to whoever opens it again at this moment.
            let _ = self.open_until.compare_exchange(open_until, 0, Relaxed, Relaxed);
        }
    }

    /// One more failure; how many breaks there are without a good answer between.
    pub(super) fn failed(&self, is_break: bool) -> u32 {
        self.is_failing.store(true, Relaxed);
        if is_break { self.in_a_row.fetch_add(1, Relaxed).saturating_add(1) } else { 0 }
    }

    /// Whether the last answer was a failure.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn at(seconds: f64) -> Instant {
        Instant::default() + Duration::from_secs_f64(seconds)
    }

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        breaker.open(at(5.0));
        breaker
    }

    #[test]
    fn it_is_closed_open_and_half_open_in_its_time() {
        let breaker = Breaker::default();
        assert_eq!((breaker.phase(at(0.0)), breaker.closed_for(at(0.0))), (Phase::Closed, None));
        assert!(breaker.enter(at(0.0), LEASE) && breaker.enter(at(0.0), LEASE));
        breaker.open(at(5.0));
        breaker.open(at(3.0));
        assert_eq!(breaker.phase(at(4.9)), Phase::Open);
        assert_eq!(breaker.closed_for(at(2.0)), Some(Duration::from_secs(3)));
        assert!(!breaker.enter(at(4.9), LEASE));
        assert_eq!((breaker.phase(at(5.0)), breaker.closed_for(at(5.0))), (Phase::HalfOpen, None));
    }

    #[test]
    fn one_probe_at_a_time() {
        let breaker = opened();
        assert!(breaker.enter(at(6.0), LEASE));
        assert!(!breaker.enter(at(6.0), LEASE));
        assert_eq!(breaker.closed_for(at(7.0)), Some(Duration::from_secs(4)));
        // Nothing was heard of the first.
        assert!(breaker.enter(at(11.0), LEASE) && !breaker.enter(at(11.0), LEASE));
    }

    #[test]
    fn a_good_probe_closes_and_a_bad_one_opens_again() {
        let breaker = opened();
        assert!(breaker.enter(at(6.0), LEASE));
        breaker.open(at(11.0));
        assert_eq!(breaker.phase(at(10.0)), Phase::Open);
        assert!(breaker.enter(at(11.0), LEASE));
        breaker.answered(at(12.0));
        assert_eq!(breaker.phase(at(12.0)), Phase::Closed);
        assert!(breaker.enter(at(12.0), LEASE) && breaker.enter(at(12.0), LEASE));
    }

    #[test]
    fn an_old_answer_does_not_close_an_open_breaker() {
        let breaker = opened();
        breaker.answered(at(4.0));
        assert_eq!(breaker.phase(at(4.0)), Phase::Open);
    }

    #[test]
    fn failures_in_a_row_end_with_a_good_answer() {
        let breaker = Breaker::default();
        assert_eq!([true, false, true].map(|is_break| breaker.failed(is_break)), [1, 0, 2]);
        assert!(breaker.is_failing());
        breaker.answered(at(0.0));
        assert!(!breaker.is_failing());
        assert_eq!(breaker.failed(true), 1);
    }

    #[test]
    fn many_threads_have_one_probe() {
        let breaker = opened();
        let entered = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        entered.fetch_add(u32::from(breaker.enter(at(6.0), LEASE)), Relaxed);
                    }
                });
            }
        });
        assert_eq!(entered.load(Relaxed), 1);
    }
}
