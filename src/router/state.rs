//! What is known of one deployment right now: atomics that every request may touch, no lock.
//!
//! - *in flight*: counted in [`places`](super::places), as long as an [`InFlight`] lives, so that neither a panic nor a
//!   cancelled future can leak a count.
//! - *latency*: averages that are sensitive to peaks (`peak.rs`): to the first useful byte of any answer, to the first
//!   event of a stream, and for each token of an answer.
//! - *this minute*: answers that came to their end and failures since the last full minute, for the cooldown rules.
//! - *breaker*: whether the deployment is left alone (`breaker.rs`).
//! - *usual first token*: what the first events of its streams take at most, as a rule (`patience.rs`).
//! - *usage*, *headroom*: what was used of its `rpm` and `tpm` (`usage.rs`), what of them this gateway was lent where
//!   several share them (`lot.rs`), and what its provider says is left (`headroom.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::breaker::{Breaker, Entered, Phase};
use super::concurrency::{Concurrency, Parallel};
use super::headroom::Headroom;
use super::patience::FirstToken;
use super::peak::PeakAverage;
use super::places::Places;
use super::usage::Usage;
use crate::clock::Instant;
use crate::error::Kind;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// Tokens that a failure's latency counts for, where latencies are compared by the token.
const FAILURE_TOKENS: f32 = 100.0;

/// A deployment's counters. Aligned so that two busy deployments do not share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct DeploymentState {
    /// Requests in flight, and for how many there is room.
    pub(super) places: Places,
    latency: PeakAverage,
    /// Seconds to the first event of a stream.
    pub(super) first_token: PeakAverage,
    /// Seconds for each token of an answer.
    pub(super) per_token: PeakAverage,
    pub(super) usage: Usage,
    pub(super) headroom: Headroom,
    /// See [`Minute`].
    minute: AtomicU64,
    breaker: Breaker,
    /// Streams that have begun and are not over.
    pub(super) running: AtomicU32,
    usual_first_token: FirstToken,
}

impl DeploymentState {
    /// Requests that are on their way right now.
    pub fn in_flight(&self) -> u32 {
        self.places.taken()
    }

    /// The limit of requests in flight.
    pub fn concurrency(&self) -> &Concurrency {
        &self.places.concurrency
    }

    /// Takes the configuration's word on how many requests it may have in flight.
    pub fn set_parallel(&self, parallel: Parallel) {
        self.places.concurrency.set(parallel);
    }

    /// Places for requests.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Peak-EWMA latency as it stands at `now`; zero as long as there was no sample.
    pub fn latency(&self, now: Instant) -> Duration {
        Duration::from_secs_f32(self.latency.at(now).unwrap_or(0.0))
    }

    /// Adds a latency sample.
    pub fn observe_latency(&self, now: Instant, sample: Duration) {
        self.latency.observe(now, sample.as_secs_f32());
    }

    /// Counts a failure as this latency in all averages, however fast it came.
    pub fn observe_failure(&self, now: Instant, latency: Duration) {
        let seconds = latency.as_secs_f32();
        self.latency.observe(now, seconds);
        self.first_token.observe(now, seconds);
        self.per_token.observe(now, seconds / FAILURE_TOKENS);
    }

    /// Successes and failures in the current minute.
    pub fn this_minute(&self, now: Instant) -> Minute {
        Minute::unpack(self.minute.load(Relaxed)).at(now)
    }

    /// Counts a success.
    pub fn count_success(&self, now: Instant) {
        self.count(now, |minute| minute.successes = Minute::plus_one(minute.successes));
    }

    /// Counts a failure; returns the minute with it.
    pub fn count_failure(&self, now: Instant) -> Minute {
        self.count(now, |minute| minute.failures = Minute::plus_one(minute.failures))
    }

    fn count(&self, now: Instant, change: impl Fn(&mut Minute)) -> Minute {
        let mut counted = Minute::default();
        let _ = self.minute.fetch_update(Relaxed, Relaxed, |packed| {
            counted = Minute::unpack(packed).at(now);
            change(&mut counted);
            Some(counted.pack())
        });
        counted
    }

    /// How long it is still to be left alone; `None` if it may be used.
    pub fn cooling(&self, now: Instant) -> Option<Duration> {
        self.breaker.closed_for(now)
    }

    /// Whether its breaker is closed, open or half-open.
    pub fn phase(&self, now: Instant) -> Phase {
        self.breaker.phase(now)
    }

    /// Leaves it alone until then; a longer cooldown that already runs stays.
    pub fn cool_down(&self, until: Instant) {
        self.breaker.open(until);
    }

    /// Until when its breaker is open.
    pub(super) fn open_until(&self, now: Instant) -> Option<Instant> {
        self.breaker.open_until(now)
    }

    /// Leaves it alone until then if its breaker is closed; whether it was.
    pub(super) fn open_if_closed(&self, until: Instant) -> bool {
        self.breaker.open_if_closed(until)
    }

    /// Goes through its breaker; `lease` is how long a probe is waited for.
    pub(super) fn enter(&self, now: Instant, lease: Duration) -> Option<Entered> {
        self.breaker.enter(now, lease)
    }

    /// Who went through asks nobody after all.
    pub(super) fn leave(&self, entered: Entered) {
        self.breaker.leave(entered);
    }

    /// Somebody is there.
    pub(super) fn answered(&self, now: Instant) {
        self.breaker.answered(now);
    }

    /// One more failure; how many breaks there are since the last good answer.
    pub(super) fn failed(&self, is_break: bool) -> u32 {
        self.breaker.failed(is_break)
    }

    /// Streams that have begun and are not over.
    pub fn streams(&self) -> u32 {
        self.running.load(Relaxed)
    }

    /// An answer has come to its end.
    pub(super) fn ended(&self, now: Instant) {
        self.breaker.ended();
        self.count_success(now);
    }

    /// A stream broke; how many have since the last answer that came to its end.
    pub(super) fn broke(&self) -> u32 {
        self.breaker.broke()
    }

    /// Whether its last answer was a failure, or its last stream that is over broke.
    pub fn is_failing(&self) -> bool {
        self.breaker.is_failing()
    }

    /// A stream's first event took so long.
    pub(super) fn observe_first_token(&self, sample: Duration) {
        self.usual_first_token.observe(sample);
    }

    /// What 95 of 100 first events took at most, as far as it is known.
    pub fn first_token_percentile(&self) -> Option<Duration> {
        self.usual_first_token.percentile()
    }
}

/// One request on its way to a deployment. Dropping it ends the count, and calls one that waits for the place.
#[derive(Debug)]
pub struct InFlight {
    state: Arc<DeploymentState>,
    since: Instant,
}

impl InFlight {
    /// Counts a request that starts now, if the deployment has a place for it.
    pub fn start(state: &Arc<DeploymentState>, now: Instant) -> Option<Self> {
        state.places.take().then(|| Self { state: Arc::clone(state), since: now })
    }

    /// Ends it after a good answer: how long that kept the place tells those that will wait for one.
    pub fn end(self, now: Instant) {
        self.state.places.observe_hold(now.saturating_since(self.since));
    }

    /// Ends it after a failure: some mean that the deployment has too much to do.
    pub fn fail(self, now: Instant, kind: Kind) {
        let (concurrency, in_flight) = (self.state.concurrency(), self.state.in_flight());
        match kind {
            Kind::RateLimited | Kind::ServiceUnavailable | Kind::ProviderOverloaded => {
                concurrency.refused(now, in_flight);
            }
            Kind::Timeout => concurrency.timed_out(now, now.saturating_since(self.since), in_flight),
            _ => {}
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.places.free();
    }
}

/// Successes and failures of one clock minute. Each count stops at 2²⁰ - 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    number: u64,
    /// Answers that were good.
    pub successes: u32,
    /// Failures that count towards a cooldown.
    pub failures: u32,
}

impl Minute {
    const COUNT_MAX: u32 = (1 << 20) - 1;
    const NUMBER_MAX: u64 = (1 << 24) - 1;

    fn plus_one(count: u32) -> u32 {
        (count + 1).min(Self::COUNT_MAX)
    }

    fn unpack(packed: u64) -> Self {
        let count = |shift: u32| (packed >> shift) as u32 & Self::COUNT_MAX;
        Self { number: packed >> 40, successes: count(20), failures: count(0) }
    }

    fn pack(self) -> u64 {
        (self.number << 40) | (u64::from(self.successes) << 20) | u64::from(self.failures)
    }

    /// Itself while its minute lasts, then an empty one.
    fn at(self, now: Instant) -> Self {
        let number = (now.nanos() / NANOS_PER_MINUTE) & Self::NUMBER_MAX;
        if number == self.number { self } else { Self { number, ..Self::default() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::default() + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_minute_counts_until_the_next_one_begins() {
        let state = DeploymentState::default();
        state.count_failure(at(10.0));
        state.count_success(at(59.9));
        let Minute { failures, successes, .. } = state.count_failure(at(59.9));
        assert_eq!((failures, successes), (2, 1));
        let Minute { failures, successes, .. } = state.this_minute(at(60.0));
        assert_eq!((failures, successes), (0, 0));
        assert_eq!(state.count_failure(at(60.0)).failures, 1);
    }

    #[test]
    fn a_count_stops_at_its_limit() {
        let full = Minute { number: 3, successes: Minute::COUNT_MAX, failures: Minute::COUNT_MAX };
        assert_eq!(Minute::unpack(full.pack()), full);
        assert_eq!(Minute::plus_one(full.failures), Minute::COUNT_MAX);
    }

    #[test]
    fn the_longer_cooldown_wins() {
        let state = DeploymentState::default();
        assert_eq!(state.cooling(at(0.0)), None);
        state.cool_down(at(5.0));
        state.cool_down(at(3.0));
        assert_eq!(state.cooling(at(2.0)), Some(Duration::from_secs(3)));
        assert_eq!(state.cooling(at(5.0)), None);
    }

    #[test]
    fn in_flight_survives_a_panic_and_a_cancelled_future() {
        let state = Arc::new(DeploymentState::default());
        let held = InFlight::start(&state, at(0.0)).unwrap();
        let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = InFlight::start(&state, at(0.0)).unwrap();
            panic!("in the middle of an attempt");
        }));
        assert!(panicking.is_err());
        let cancelled = {
            let held = InFlight::start(&state, at(0.0)).unwrap();
            async move { drop(held) }
        };
        assert_eq!(state.in_flight(), 2);
        drop(cancelled);
        drop(held);
        assert_eq!(state.in_flight(), 0);
    }
}
