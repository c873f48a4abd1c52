//! What is known of one deployment right now: atomics that every request may touch, no lock.
//!
//! - *in flight*: incremented by [`InFlight`], decremented when that is dropped, so that neither a panic nor a cancelled
//!   future can leak a count.
//! - *latency*: an exponentially weighted moving average that is sensitive to peaks. A worse sample counts in full at
//!   once, a better one by the time that has passed; and the figure fades while no sample comes, so that a deployment
//!   that was avoided for being slow is tried again. The rule is Finagle's "peak EWMA".
//! - *this minute*: successes and failures since the last full minute, for the cooldown rules.
//! - *cooldown*: the instant until which the deployment is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Instant;

/// Time after which 63 % of an old latency is forgotten.
pub const LATENCY_DECAY: Duration = Duration::from_secs(10);

const NANOS_PER_MINUTE: u64 = 60_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A deployment's counters. Aligned so that two busy deployments do not share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct DeploymentState {
    in_flight: AtomicU32,
    /// See [`Latency`].
    latency: AtomicU64,
    /// See [`Minute`].
    minute: AtomicU64,
    /// Nanoseconds on the clock's time line; zero = never cooled.
    cooldown_until: AtomicU64,
}

impl DeploymentState {
    /// Requests that are on their way right now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Peak-EWMA latency as it stands at `now`; zero as long as there was no sample.
    pub fn latency(&self, now: Instant) -> Duration {
        Duration::from_secs_f32(self.latency_seconds(now).unwrap_or(0.0))
    }

    /// The same in seconds, for comparisons; `None` as long as there was no sample.
    pub(super) fn latency_seconds(&self, now: Instant) -> Option<f32> {
        let latency = Latency::unpack(self.latency.load(Relaxed));
        (latency.seconds > 0.0).then(|| latency.at(now))
    }

    /// Adds a latency sample.
    pub fn observe_latency(&self, now: Instant, sample: Duration) {
        let add = |packed| Some(Latency::unpack(packed).with_sample(now, sample.as_secs_f32()).pack());
        // The closure never returns `None`, so there is no failure to look at.
        let _ = self.latency.fetch_update(Relaxed, Relaxed, add);
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
        let until = self.cooldown_until.load(Relaxed);
        if until <= now.nanos() { None } else { Some(Duration::from_nanos(until - now.nanos())) }
    }

    /// Leaves it alone until then; a longer cooldown that already runs stays.
    pub fn cool_down(&self, until: Instant) {
        self.cooldown_until.fetch_max(until.nanos(), Relaxed);
    }
}

/// One request on its way to a deployment. Dropping it ends the count.
#[derive(Debug)]
pub struct InFlight(Arc<DeploymentState>);

impl InFlight {
    /// Counts a request that starts now.
    pub fn start(state: &Arc<DeploymentState>) -> Self {
        state.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Average and the time of its last sample, packed into one word so that they change together: seconds as the bits of
/// an `f32` (zero = no sample yet) above the clock's milliseconds modulo 2³².
#[derive(Clone, Copy)]
struct Latency {
    seconds: f32,
    stamp: u32,
}

impl Latency {
    fn unpack(packed: u64) -> Self {
        Self { seconds: f32::from_bits((packed >> 32) as u32), stamp: packed as u32 }
    }

    fn pack(self) -> u64 {
        (u64::from(self.seconds.to_bits()) << 32) | u64::from(self.stamp)
    }

    fn at(self, now: Instant) -> f32 {
        self.seconds * kept(self.age(now))
    }

    fn with_sample(self, now: Instant, sample: f32) -> Self {
        let age = self.age(now);
        let kept = kept(age);
        let seconds = if sample >= self.seconds { sample } else { self.seconds * kept + sample * (1.0 - kept) };
        Self { seconds: seconds.max(f32::MIN_POSITIVE), stamp: self.stamp.wrapping_add(age) }
    }

    /// Milliseconds since the last sample; none for a thread that read the clock before that. Modulo 2³² ms, a
    /// deployment that had no request for 25 days may show its old figure once more: harmless.
    fn age(self, now: Instant) -> u32 {
        let age = ((now.nanos() / NANOS_PER_MILLI) as u32).wrapping_sub(self.stamp);
        if age > u32::MAX / 2 { 0 } else { age }
    }
}

/// The part of an old figure that still counts after so many milliseconds.
fn kept(age: u32) -> f32 {
    (-(age as f32) / LATENCY_DECAY.as_millis() as f32).exp()
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

    fn latency_after(samples: &[(f64, f64)], now: f64) -> f64 {
        let state = DeploymentState::default();
        for &(when, sample) in samples {
            state.observe_latency(at(when), Duration::from_secs_f64(sample));
        }
        state.latency(at(now)).as_secs_f64()
    }

    fn check(samples: &[(f64, f64)], now: f64, expected: f64) {
        let got = latency_after(samples, now);
        assert!((got - expected).abs() < expected * 1e-3 + 1e-9, "{samples:?} at {now}: {got}, not {expected}");
    }

    #[test]
    fn latency_jumps_up_and_fades_down() {
        let e = std::f64::consts::E;
        check(&[], 5.0, 0.0);
        check(&[(1.0, 0.3)], 1.0, 0.3);
        // A worse sample counts in full, at once.
        check(&[(1.0, 0.3), (1.0, 2.0)], 1.0, 2.0);
        // A better one by the time that has passed: here one decay time.
        check(&[(0.0, 2.0), (10.0, 1.0)], 10.0, 2.0 / e + 1.0 * (1.0 - 1.0 / e));
        // Nothing is known any more of a deployment that was not asked for a long time.
        check(&[(0.0, 2.0)], 10.0, 2.0 / e);
        assert!(latency_after(&[(0.0, 60.0)], 200.0) < 1e-6);
    }

    #[test]
    fn a_fast_deployment_is_never_mistaken_for_an_unseen_one() {
        let state = DeploymentState::default();
        assert_eq!(state.latency_seconds(at(0.0)), None);
        state.observe_latency(at(0.0), Duration::ZERO);
        assert!(state.latency_seconds(at(0.0)).is_some());
    }

    #[test]
    fn a_sample_of_a_thread_with_an_older_clock_reading_does_no_harm() {
        check(&[(5.0, 1.0), (4.9, 0.5)], 5.0, 1.0);
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
        let held = InFlight::start(&state);
        let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = InFlight::start(&state);
            panic!("in the middle of an attempt");
        }));
        assert!(panicking.is_err());
        let cancelled = {
            let held = InFlight::start(&state);
            async move { drop(held) }
        };
        assert_eq!(state.in_flight(), 2);
        drop(cancelled);
        drop(held);
        assert_eq!(state.in_flight(), 0);
    }
}
