//! An average that is sensitive to peaks. A worse sample counts in full at once, a better one by the time that has
//! passed; and the figure fades while no sample comes, so that a deployment that was avoided for being slow is tried
//! again. The rule is Finagle's "peak EWMA".

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Instant;

/// Time after which 63 % of an old figure is forgotten.
pub const DECAY: Duration = Duration::from_secs(10);

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The average and the time of its last sample, in one word so that they change together.
#[derive(Debug, Default)]
pub(super) struct PeakAverage(AtomicU64);

impl PeakAverage {
    /// The figure as it stands at `now`; `None` as long as there was no sample.
    pub(super) fn at(&self, now: Instant) -> Option<f32> {
        let figure = self.load();
        figure.is_known().then(|| figure.at(now))
    }

    /// The same, but a figure whose last sample is older than `ttl` is not known any more.
    pub(super) fn within(&self, now: Instant, ttl: Duration) -> Option<f32> {
        let figure = self.load();
        (figure.is_known() && u128::from(figure.age(now)) <= ttl.as_millis()).then(|| figure.at(now))
    }

    /// Adds a sample.
    pub(super) fn observe(&self, now: Instant, sample: f32) {
        let add = |packed| Some(Figure::unpack(packed).with_sample(now, sample).pack());
        // The closure never returns `None`, so there is no failure to look at.
        let _ = self.0.fetch_update(Relaxed, Relaxed, add);
    }

    fn load(&self) -> Figure {
        Figure::unpack(self.0.load(Relaxed))
    }
}

/// The average as the bits of an `f32` (zero = no sample yet) above the clock's milliseconds modulo 2³².
#[derive(Clone, Copy)]
struct Figure {
    average: f32,
    stamp: u32,
}

impl Figure {
    fn unpack(packed: u64) -> Self {
        Self { average: f32::from_bits((packed >> 32) as u32), stamp: packed as u32 }
    }

    fn pack(self) -> u64 {
        (u64::from(self.average.to_bits()) << 32) | u64::from(self.stamp)
    }

    fn is_known(self) -> bool {
        self.average > 0.0
    }

    fn at(self, now: Instant) -> f32 {
        self.average * kept(self.age(now))
    }

    fn with_sample(self, now: Instant, sample: f32) -> Self {
        let age = self.age(now);
        let kept = kept(age);
        let average = if sample >= self.average { sample } else { self.average * kept + sample * (1.0 - kept) };
        Self { average: average.max(f32::MIN_POSITIVE), stamp: self.stamp.wrapping_add(age) }
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
    (-(age as f32) / DECAY.as_millis() as f32).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::default() + Duration::from_secs_f64(seconds)
    }

    fn after(samples: &[(f64, f32)], now: f64) -> f32 {
        let average = PeakAverage::default();
        for &(when, sample) in samples {
            average.observe(at(when), sample);
        }
        average.at(at(now)).unwrap_or_default()
    }

    fn check(samples: &[(f64, f32)], now: f64, expected: f32) {
        let got = after(samples, now);
        assert!((got - expected).abs() < expected * 1e-3 + 1e-9, "{samples:?} at {now}: {got}, not {expected}");
    }

    #[test]
    fn it_jumps_up_and_fades_down() {
        let e = std::f32::consts::E;
        check(&[], 5.0, 0.0);
        check(&[(1.0, 0.3)], 1.0, 0.3);
        // A worse sample counts in full, at once.
        check(&[(1.0, 0.3), (1.0, 2.0)], 1.0, 2.0);
        // A better one by the time that has passed: here one decay time.
        check(&[(0.0, 2.0), (10.0, 1.0)], 10.0, 2.0 / e + 1.0 * (1.0 - 1.0 / e));
        // Nothing is known any more of a deployment that was not asked for a long time.
        check(&[(0.0, 2.0)], 10.0, 2.0 / e);
        assert!(after(&[(0.0, 60.0)], 200.0) < 1e-6);
    }

    #[test]
    fn a_fast_deployment_is_never_mistaken_for_an_unseen_one() {
        let average = PeakAverage::default();
        assert_eq!(average.at(at(0.0)), None);
        average.observe(at(0.0), 0.0);
        assert!(average.at(at(0.0)).is_some());
    }

    #[test]
    fn a_sample_counts_as_long_as_its_time_to_live() {
        let average = PeakAverage::default();
        average.observe(at(1.0), 0.5);
        let ttl = Duration::from_secs(60);
        assert!(average.within(at(61.0), ttl).is_some());
        assert_eq!(average.within(at(61.1), ttl), None);
    }

    #[test]
    fn a_sample_of_a_thread_with_an_older_clock_reading_does_no_harm() {
        check(&[(5.0, 1.0), (4.9, 0.5)], 5.0, 1.0);
    }
}
