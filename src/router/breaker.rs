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
//!
//! A stream is a good answer when its first event comes: a probe whose end were waited for would keep everybody out for
//! minutes. But streams that break have a row of their own, which only one that comes to its end puts an end to. So where
//! each stream begins well and breaks, the probe lets traffic in again, and the next break opens at once.

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
    /// Streams that broke since the last one that came to its end, or other answer that was whole.
    broken_in_a_row: AtomicU32,
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

/// Somebody who went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// The end of its lease; zero: it is no probe.
    probe_until: u64,
}

impl Entered {
    /// Whether it is the probe.
    pub(super) fn is_probe(self) -> bool {
        self.probe_until != 0
    }
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

    /// Until when it is open.
    pub(super) fn open_until(&self, now: Instant) -> Option<Instant> {
        Some(self.open_until.load(Relaxed)).filter(|until| *until > now.nanos()).map(Instant::from_nanos)
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

    /// Goes through, as the probe if it is half-open; `None`: somebody else is the probe.
    pub(super) fn enter(&self, now: Instant, lease: Duration) -> Option<Entered> {
        match self.phase(now) {
            Phase::Closed => Some(Entered { probe_until: 0 }),
            Phase::Open => None,
            Phase::HalfOpen => {
                let leased = self.probe_until.load(Relaxed);
                let until = (now + lease).nanos();
                let is_free = leased <= now.nanos();
                let entered = is_free && self.probe_until.compare_exchange(leased, until, Relaxed, Relaxed).is_ok();
                entered.then_some(Entered { probe_until: until })
            }
        }
    }

    /// Who went through asks nobody after all: if it was the probe, another one may be.
    pub(super) fn leave(&self, entered: Entered) {
        if entered.is_probe() {
            // Lost to whoever has opened it, or become the probe, since.
            let _ = self.probe_until.compare_exchange(entered.probe_until, 0, Relaxed, Relaxed);
        }
    }

    /// Leaves the deployment alone until then; what is longer already stays.
    pub(super) fn open(&self, until: Instant) {
        self.open_until.fetch_max(until.nanos(), Relaxed);
        self.probe_until.store(0, Relaxed);
    }

    /// The same, if it is closed; whether it was.
    pub(super) fn open_if_closed(&self, until: Instant) -> bool {
        let is_opened = self.open_until.compare_exchange(0, until.nanos(), Relaxed, Relaxed).is_ok();
        if is_opened {
            self.probe_until.store(0, Relaxed);
        }
        is_opened
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

    /// An answer has come to its end.
    pub(super) fn ended(&self) {
        if self.broken_in_a_row.load(Relaxed) != 0 {
            self.broken_in_a_row.store(0, Relaxed);
        }
    }

    /// A stream broke after it had begun; how many have without one between that came to its end.
    pub(super) fn broke(&self) -> u32 {
        self.broken_in_a_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Whether the last answer was a failure, or the last stream that is over broke.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Relaxed) || self.broken_in_a_row.load(Relaxed) != 0
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
        assert!(breaker.enter(at(0.0), LEASE).is_some() && breaker.enter(at(0.0), LEASE).is_some());
        breaker.open(at(5.0));
        breaker.open(at(3.0));
        assert_eq!(breaker.phase(at(4.9)), Phase::Open);
        assert_eq!(breaker.closed_for(at(2.0)), Some(Duration::from_secs(3)));
        assert!(breaker.enter(at(4.9), LEASE).is_none());
        assert_eq!((breaker.phase(at(5.0)), breaker.closed_for(at(5.0))), (Phase::HalfOpen, None));
    }

    #[test]
    fn one_probe_at_a_time() {
        let breaker = opened();
        assert!(breaker.enter(at(6.0), LEASE).is_some());
        assert!(breaker.enter(at(6.0), LEASE).is_none());
        assert_eq!(breaker.closed_for(at(7.0)), Some(Duration::from_secs(4)));
        // Nothing was heard of the first.
        assert!(breaker.enter(at(11.0), LEASE).is_some() && breaker.enter(at(11.0), LEASE).is_none());
    }

    #[test]
    fn a_probe_that_asks_nobody_leaves_it_to_the_next() {
        let breaker = opened();
        let probe = breaker.enter(at(6.0), LEASE).unwrap();
        breaker.leave(probe);
        let next = breaker.enter(at(6.0) + Duration::from_nanos(1), LEASE);
        assert!(next.is_some());
        breaker.leave(probe);
        assert!(breaker.enter(at(6.1), LEASE).is_none(), "the first one has nothing to leave any more");
    }

    #[test]
    fn a_good_probe_closes_and_a_bad_one_opens_again() {
        let breaker = opened();
        assert!(breaker.enter(at(6.0), LEASE).is_some());
        breaker.open(at(11.0));
        assert_eq!(breaker.phase(at(10.0)), Phase::Open);
        assert!(breaker.enter(at(11.0), LEASE).is_some());
        breaker.answered(at(12.0));
        assert_eq!(breaker.phase(at(12.0)), Phase::Closed);
        assert!(breaker.enter(at(12.0), LEASE).is_some() && breaker.enter(at(12.0), LEASE).is_some());
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
    fn broken_streams_have_a_row_of_their_own() {
        let breaker = Breaker::default();
        assert_eq!((breaker.broke(), breaker.failed(true)), (1, 1));
        breaker.answered(at(0.0));
        assert!(breaker.is_failing(), "that a stream begins says nothing about its end");
        assert_eq!((breaker.broke(), breaker.failed(true)), (2, 1));
        breaker.ended();
        assert_eq!((breaker.broke(), breaker.failed(true)), (1, 2));
    }

    #[test]
    fn many_threads_have_one_probe() {
        let breaker = opened();
        let entered = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        entered.fetch_add(u32::from(breaker.enter(at(6.0), LEASE).is_some()), Relaxed);
                    }
                });
            }
        });
        assert_eq!(entered.load(Relaxed), 1);
    }
}
