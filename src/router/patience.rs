//! How long the first event of a stream is waited for where nobody has said so, and there is somebody else to ask.
//!
//! The limit is [`FLOOR`], or four times the 95th percentile of what the deployment took by now, whichever is longer; a
//! prompt of many tokens is given more. A model that thinks before it speaks has [`THINKING`] until enough of its own
//! answers were seen.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The shortest limit.
pub const FLOOR: Duration = Duration::from_secs(10);
/// The limit of a model that thinks, until its own times are known.
pub const THINKING: Duration = Duration::from_secs(120);
/// The longest limit that comes of what was seen.
pub const CEILING: Duration = Duration::from_secs(300);
/// How long a stream that has begun may be silent, where somebody else could go on with it.
pub const STALL: Duration = Duration::from_secs(20);
/// Answers before the percentile is believed.
const ENOUGH: u32 = 20;
/// How many times the percentile is waited for.
const TIMES: u32 = 4;
/// Bytes of a request for which one second is added: some 5,000 tokens.
const BYTES_A_SECOND: u64 = 20 * 1024;
/// How far one sample moves the estimate.
const STEP: f32 = 0.1;
const QUANTILE: f32 = 0.95;

/// A running 95th percentile in one word: seconds as the bits of an `f32` above the number of samples. It is moved up by a
/// sample above it and down by one below it, in the proportion 95 to 5, so that it rests where one in twenty is above.
#[derive(Debug, Default)]
pub(super) struct FirstToken(AtomicU64);

impl FirstToken {
    /// Takes a sample.
    pub(super) fn observe(&self, sample: Duration) {
        let sample = sample.as_secs_f32().max(f32::MIN_POSITIVE);
        let add = |packed: u64| {
            let (seconds, count) = unpack(packed);
            let moved = match count {
                0 => sample,
                _ if sample > seconds => seconds * (1.0 + STEP * QUANTILE),
                _ => seconds * (1.0 - STEP * (1.0 - QUANTILE)),
            };
            Some(pack(moved, count.saturating_add(1)))
        };
        // The closure never returns `None`, so there is no failure to look at.
        let _ = self.0.fetch_update(Relaxed, Relaxed, add);
    }

    /// The percentile, once it can be believed.
    pub(super) fn percentile(&self) -> Option<Duration> {
        let (seconds, count) = unpack(self.0.load(Relaxed));
        (count >= ENOUGH).then(|| Duration::try_from_secs_f32(seconds).unwrap_or(CEILING))
    }
}

/// The limit for a request of so many bytes.
pub(super) fn limit(percentile: Option<Duration>, thinks: bool, request_bytes: usize) -> Duration {
    let own = match percentile {
        Some(seen) => seen.saturating_mul(TIMES).clamp(FLOOR, CEILING),
        None if thinks => THINKING,
        None => FLOOR,
    };
    own + Duration::from_secs(request_bytes as u64 / BYTES_A_SECOND)
}

fn unpack(packed: u64) -> (f32, u32) {
    (f32::from_bits((packed >> 32) as u32), packed as u32)
}

fn pack(seconds: f32, count: u32) -> u64 {
    (u64::from(seconds.to_bits()) << 32) | u64::from(count)
}

#[cfg(test)]
mod tests {
    use super::super::draws::Draws;
    use super::*;

    #[test]
    fn the_percentile_has_one_in_twenty_above_it() {
        for seed in 0..16 {
            let (mut draws, seen) = (Draws::new(seed), FirstToken::default());
            assert_eq!(seen.percentile(), None);
            let mut above = 0;
            for round in 0..20_000 {
                let sample = Duration::from_secs_f64(0.2 + draws.unit());
                if round >= 2_000 && sample > seen.percentile().unwrap() {
                    above += 1;
                }
                seen.observe(sample);
            }
            assert!((540..1_300).contains(&above), "seed {seed}: {above} of 18000");
        }
    }

    #[test]
    fn it_follows_a_change() {
        let seen = FirstToken::default();
        (0..100).for_each(|_| seen.observe(Duration::from_millis(200)));
        (0..100).for_each(|_| seen.observe(Duration::from_secs(20)));
        assert!(seen.percentile().unwrap() > Duration::from_secs(15));
    }

    #[test]
    fn the_limit_is_long_enough_for_everybody() {
        let secs = Duration::from_secs;
        assert_eq!(limit(None, false, 1_000), FLOOR);
        assert_eq!(limit(None, true, 1_000), THINKING);
        assert_eq!(limit(Some(secs(1)), true, 1_000), FLOOR);
        assert_eq!(limit(Some(secs(20)), false, 1_000), secs(80));
        assert_eq!(limit(Some(secs(200)), false, 1_000), CEILING);
        assert_eq!(limit(None, false, 400 * 1024), secs(30));
    }
}
