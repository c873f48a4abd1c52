//! Time as the pure parts of the crate see it: a number that is passed in.
//!
//! Router, limiter and their tests never ask what time it is. The data plane reads its [`Clock`] where a request
//! arrives or an attempt ends and hands the [`Instant`] down; a simulation counts nanoseconds instead.

use std::ops::Add;
use std::time::Duration;

/// A point on the process's monotonic time line: nanoseconds since its [`Clock`] was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The point that lies this many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// How much later this is than `earlier`; zero if it is not later.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates: the time line ends 584 years after the start.
    fn add(self, span: Duration) -> Instant {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

/// Milliseconds since 1970, for what follows the calendar.
pub fn unix_millis() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads the operating system's monotonic clock. One per process, so that all its instants can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// A time line that begins now.
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.at(std::time::Instant::now())
    }

    /// A reading of the operating system's clock, on this time line: a reading that is there need not be made again.
    pub fn at(&self, reading: std::time::Instant) -> Instant {
        Instant::default() + reading.saturating_duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_add_and_subtract_without_wrapping() {
        let early = Instant::from_nanos(5);
        let late = early + Duration::from_secs(2);
        assert_eq!(late.saturating_since(early), Duration::from_secs(2));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
        assert_eq!((late + Duration::MAX).nanos(), u64::MAX);
    }

    #[test]
    fn a_clock_does_not_run_backwards() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
