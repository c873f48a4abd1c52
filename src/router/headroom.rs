//! What a provider says is left of its own limits: requests and tokens, each until the time when the limit is whole again.
//! After that time nothing is known, which is taken for all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::allowance::{Left, RateLimits};
use crate::clock::Instant;

/// How long a provider is believed that does not say when its limit is whole again: most count by the minute.
pub const UNTOLD_RESET: Duration = Duration::from_secs(60);

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Headroom {
    requests: Kept,
    tokens: Kept,
}

impl Headroom {
    /// Keeps what an answer said.
    pub(super) fn hear(&self, now: Instant, told: &RateLimits) {
        self.requests.hear(now, told.requests);
        self.tokens.hear(now, told.tokens);
    }

    /// Whether the provider said that nothing is left.
    pub(super) fn is_exhausted(&self, now: Instant) -> bool {
        self.requests.remaining(now) == Some(0) || self.tokens.remaining(now) == Some(0)
    }

    /// What is left, from 0 to 1: of the limit that is nearer to its end. Requests in flight are not in what the provider
    /// said, so they are taken off.
    pub(super) fn share(&self, now: Instant, in_flight: u32) -> f32 {
        self.requests.share(now, in_flight).min(self.tokens.share(now, 0))
    }
}

/// One limit. The two words may be of two answers for a moment; both are true.
#[derive(Debug, Default)]
struct Kept {
    /// Remaining above the limit, 32 bits each.
    counts: AtomicU64,
    /// Nanoseconds on the clock's time line.
    until: AtomicU64,
}

impl Kept {
    fn hear(&self, now: Instant, left: Option<Left>) {
        let Some(left) = left else { return };
        let narrow = |count: u64| u64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let remaining = narrow(left.remaining);
        let limit = narrow(left.limit.unwrap_or(left.remaining)).max(remaining);
        self.counts.store((remaining << 32) | limit, Relaxed);
        self.until.store((now + left.reset.unwrap_or(UNTOLD_RESET)).nanos(), Relaxed);
    }

    fn remaining(&self, now: Instant) -> Option<u32> {
        (self.until.load(Relaxed) > now.nanos()).then(|| (self.counts.load(Relaxed) >> 32) as u32)
    }

    fn share(&self, now: Instant, taken: u32) -> f32 {
        let Some(remaining) = self.remaining(now) else { return 1.0 };
        let limit = self.counts.load(Relaxed) as u32;
        if limit == 0 {
            return 0.0;
        }
        remaining.saturating_sub(taken) as f32 / limit as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    fn left(remaining: u64, limit: u64, seconds: u64) -> Option<Left> {
        Some(Left { remaining, limit: Some(limit), reset: Some(Duration::from_secs(seconds)) })
    }

    #[test]
    fn what_is_left_counts_until_its_reset() {
        let headroom = Headroom::default();
        assert_eq!((headroom.share(at(0), 9), headroom.is_exhausted(at(0))), (1.0, false));
        headroom.hear(at(0), &RateLimits { requests: left(50, 100, 10), tokens: left(200, 1_000, 5) });
        assert!((headroom.share(at(1), 0) - 0.2).abs() < 1e-6);
        assert!((headroom.share(at(6), 10) - 0.4).abs() < 1e-6, "the tokens are whole again");
        assert_eq!(headroom.share(at(10), 0), 1.0);
    }

    #[test]
    fn nothing_left_of_either_is_nothing_left() {
        for told in [
            RateLimits { requests: left(0, 10, 5), tokens: None },
            RateLimits { requests: left(5, 10, 5), tokens: left(0, 9, 5) },
        ] {
            let headroom = Headroom::default();
            headroom.hear(at(0), &told);
            assert!(headroom.is_exhausted(at(4)) && !headroom.is_exhausted(at(5)), "{told:?}");
            assert_eq!(headroom.share(at(4), 0), 0.0, "{told:?}");
        }
    }

    #[test]
    fn what_a_provider_does_not_say_is_not_guessed_against_it() {
        let headroom = Headroom::default();
        let left = Left { remaining: 7, limit: None, reset: None };
        headroom.hear(at(0), &RateLimits { requests: Some(left), tokens: None });
        assert_eq!(headroom.share(at(59), 0), 1.0);
        headroom.hear(at(0), &RateLimits { requests: Some(Left { remaining: 0, ..left }), tokens: None });
        assert!(headroom.is_exhausted(at(59)) && !headroom.is_exhausted(at(60)));
    }
}
