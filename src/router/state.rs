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
        Duration::from_secs_f32(Latency::unpack(self.latency.load(Relaxed)).at(now))
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
        u64::from(self.seconds.to_bits()) << 32 | u64::from(self.stamp)
    }

    fn at(self, now: Instant) -> f32 {
        self.seconds * self.kept(now)
    }

    /// The part of the old figure that still counts. Modulo 2³² ms, a deployment that had no request for 49 days may
    /// keep its old figure once: harmless.
    fn kept(self, now: Instant) -> f32 {
        let age = millis(now).wrapping_sub(self.stamp);
        // A sample from a thread that read the clock a little later: not 49 days old, but new.
        let age = if age > u32::MAX / 2 { 0 } else { age };
        (-(age as f32) / LATENCY_DECAY.as_millis() as f32).exp()
    }

    fn with_sample(self, now: Instant, sample: f32) -> Self {
        let kept = self.kept(now);
        let seconds = if sample >= self.seconds { sample } else { self.seconds * kept + sample * (1.0 - kept) };
        Self { seconds: seconds.max(f32::MIN_POSITIVE), stamp: millis(now) }
    }
}

fn millis(now: Instant) -> u32 {
    (now.nanos() / NANOS_PER_MILLI) as u32
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
        self.number << 40 | u64::from(self.successes) << 20 | u64::from(self.failures)
    }

    /// Itself while its minute lasts, then an empty one.
    fn at(self, now: Instant) -> Self {
        let number = now.nanos() / NANOS_PER_MINUTE & Self::NUMBER_MAX;
        if number == self.number { self } else { Self { number, ..Self::default() } }
    }
}
