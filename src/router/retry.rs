//! Whether a failed attempt is followed by another one in the same group, and how soon: LiteLLM's rules.
//!
//! What is tried again: 408, 429, 5xx and lost connections; 401 and 403 only if another deployment can be asked; 400, 404
//! and 422 never, unless `retry_policy` names their class. How soon: at once if another deployment can be asked, else
//! after the provider's Retry-After or an exponential pause. Where another group can take over, a silent deployment is not
//! asked again, and no longer pause is made than [`PATIENCE_WITH_FALLBACK`].

use std::time::Duration;

use super::draws::Draws;
use super::plan::PerErrorClass;
use crate::error::{Compat, Kind, Retry};

/// LiteLLM's `DEFAULT_MAX_RETRIES`.
pub const DEFAULT_NUM_RETRIES: u32 = 2;

/// The longest Retry-After that a request waits for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// The longest pause before a retry in place where another group could take over.
pub const PATIENCE_WITH_FALLBACK: Duration = Duration::from_secs(3);

/// The pause before the first retry in place; it grows with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How much each pause is longer than the one before, unless `backoff_factor` says.
const BACKOFF_FACTOR: f64 = 2.0;

/// Where the growth stops.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// The part of the pause that is random at most, so that clients that failed together do not return together.
const JITTER: f64 = 0.75;

/// `num_retries`, `retry_policy` and `retry_after` of `router_settings`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub num_retries: u32,
    /// `retry_policy`: per class of error, instead of `num_retries`.
    pub per_class: PerErrorClass,
    /// `retry_after`: the shortest pause before a retry that has to wait.
    pub retry_after: Duration,
    /// `backoff_factor` of a tutorial's `retry_policy`: each pause is so many times the one before.
    pub backoff_factor: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            num_retries: DEFAULT_NUM_RETRIES,
            per_class: PerErrorClass::default(),
            retry_after: Duration::ZERO,
            backoff_factor: BACKOFF_FACTOR,
        }
    }
}

/// An attempt that failed before the first byte went to the client.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Why it failed.
    pub kind: Kind,
    /// Attempts made so far in this group, this one included: at least 1.
    pub attempts_so_far: u32,
    /// Whether another deployment of the group could be asked right now.
    pub other_healthy: bool,
    /// Whether another group takes over if this one gives up.
    pub has_fallback: bool,
    /// The provider's Retry-After.
    pub retry_after: Option<Duration>,
    /// For the jitter.
    pub random: u64,
}

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// No further attempt in this group; fallbacks are another matter.
    GiveUp,
    /// At once.
    Now,
    /// After this pause.
    After(Duration),
}

/// Decides what comes after a failed attempt.
pub fn decide(attempt: &Attempt, policy: &RetryPolicy) -> Next {
    if attempt.attempts_so_far > worth(attempt, policy) {
        Next::GiveUp
    } else if attempt.other_healthy {
        Next::Now
    } else {
        let pause = pause(attempt, policy);
        let is_futile = attempt.kind == Kind::Timeout || pause > PATIENCE_WITH_FALLBACK;
        if attempt.has_fallback && is_futile { Next::GiveUp } else { Next::After(pause) }
    }
}

/// How many retries this kind of failure is worth.
pub fn worth(attempt: &Attempt, policy: &RetryPolicy) -> u32 {
    let named = policy.per_class.of(attempt.kind);
    let general = policy.per_class.default.unwrap_or(policy.num_retries);
    // The class does not depend on the release that is imitated.
    match attempt.kind.row(Compat::default()).retry {
        Retry::Anywhere => named.unwrap_or(general),
        Retry::Elsewhere if attempt.other_healthy => named.unwrap_or(general),
        Retry::Elsewhere => 0,
        Retry::Never => named.unwrap_or(0),
    }
}

fn pause(attempt: &Attempt, policy: &RetryPolicy) -> Duration {
    let asked_for = attempt.retry_after.filter(|pause| *pause > Duration::ZERO && *pause <= RETRY_AFTER_MAX);
    asked_for.unwrap_or_else(|| backoff(attempt, policy.backoff_factor)).max(policy.retry_after)
}

/// Grows from [`FIRST_PAUSE`] to [`PAUSE_MAX`]; a random part is taken away, never added.
fn backoff(attempt: &Attempt, factor: f64) -> Duration {
    let earlier = attempt.attempts_so_far.saturating_sub(1).min(64);
    let grown = FIRST_PAUSE.as_secs_f64() * factor.max(1.0).powi(earlier.cast_signed());
    let full = Duration::try_from_secs_f64(grown).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
    full.mul_f64(1.0 - JITTER * Draws::new(attempt.random).unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(kind: Kind, attempts_so_far: u32, other_healthy: bool) -> Attempt {
        Attempt { kind, attempts_so_far, other_healthy, has_fallback: false, retry_after: None, random: 1 }
    }

    fn check(kind: Kind, attempts_so_far: u32, other_healthy: bool, policy: &RetryPolicy, goes_on: bool) {
        let attempt = attempt(kind, attempts_so_far, other_healthy);
        assert_eq!(decide(&attempt, policy) != Next::GiveUp, goes_on, "{attempt:?} {policy:?}");
    }

    #[test]
    fn the_kind_says_what_is_tried_again() {
        let policy = RetryPolicy::default();
        for kind in [
            Kind::RateLimited,
            Kind::InternalServer,
            Kind::ServiceUnavailable,
            Kind::ProviderOverloaded,
            Kind::Connection,
            Kind::Timeout,
            Kind::GarbledAnswer,
        ] {
            check(kind, 1, false, &policy, true);
            check(kind, 2, true, &policy, true);
            check(kind, 3, true, &policy, false);
        }
        for kind in [Kind::Authentication, Kind::PermissionDenied] {
            check(kind, 1, false, &policy, false);
            check(kind, 1, true, &policy, true);
            check(kind, 3, true, &policy, false);
        }
        for kind in [
            Kind::BadRequest,
            Kind::NotFound,
            Kind::Unprocessable,
            Kind::ContextWindow,
            Kind::ContentPolicy,
            Kind::BrokenStream,
            Kind::ClientGone,
            Kind::Internal,
        ] {
            check(kind, 1, true, &policy, false);
        }
    }

    #[test]
    fn retry_policy_overrides_num_retries() {
        let per_class = PerErrorClass {
            internal_server: Some(0),
            rate_limit: Some(4),
            bad_request: Some(1),
            default: Some(3),
            ..PerErrorClass::default()
        };
        let policy = RetryPolicy { per_class, ..RetryPolicy::default() };
        check(Kind::InternalServer, 1, true, &policy, false);
        check(Kind::RateLimited, 4, false, &policy, true);
        check(Kind::RateLimited, 5, false, &policy, false);
        check(Kind::Timeout, 3, false, &policy, true);
        check(Kind::Timeout, 4, false, &policy, false);
        // Named by the operator, so tried again although it is a 400.
        check(Kind::BadRequest, 1, false, &policy, true);
        // `default` names no class: a 404 stays a 404.
        check(Kind::NotFound, 1, false, &policy, false);
        let never = RetryPolicy { num_retries: 0, ..RetryPolicy::default() };
        check(Kind::Timeout, 1, true, &never, false);
    }

    fn pause_of(attempts_so_far: u32, retry_after: Option<Duration>, random: u64, floor: Duration) -> Duration {
        let policy = RetryPolicy { num_retries: u32::MAX, retry_after: floor, ..RetryPolicy::default() };
        let attempt = Attempt { retry_after, random, ..attempt(Kind::RateLimited, attempts_so_far, false) };
        match decide(&attempt, &policy) {
            Next::After(pause) => pause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_eight_seconds_with_jitter() {
        for (attempts, full) in [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 8.0), (4_000_000_000, 8.0)] {
            let pauses: Vec<f64> =
                (0..1_000).map(|random| pause_of(attempts, None, random, Duration::ZERO).as_secs_f64()).collect();
            let (low, high) = pauses.iter().fold((f64::MAX, 0.0_f64), |(l, h), &p| (l.min(p), h.max(p)));
            assert!(low >= full * 0.25 && low < full * 0.3, "{attempts}: {low}");
            assert!(high <= full && high > full * 0.95, "{attempts}: {high}");
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_minute_and_has_a_floor() {
        let secs = Duration::from_secs;
        assert_eq!(pause_of(1, Some(secs(7)), 1, Duration::ZERO), secs(7));
        assert_eq!(pause_of(1, Some(secs(60)), 1, Duration::ZERO), secs(60));
        assert!(pause_of(1, Some(secs(61)), 1, Duration::ZERO) <= secs(8));
        assert!(pause_of(1, Some(secs(0)), 1, Duration::ZERO) > secs(0));
        assert_eq!(pause_of(1, None, 1, secs(9)), secs(9));
        assert_eq!(pause_of(1, Some(secs(7)), 1, secs(9)), secs(9));
    }

    #[test]
    fn another_healthy_deployment_is_asked_at_once() {
        let attempt = Attempt { retry_after: Some(Duration::from_secs(7)), ..attempt(Kind::RateLimited, 1, true) };
        assert_eq!(decide(&attempt, &RetryPolicy::default()), Next::Now);
    }

    #[test]
    fn where_another_group_takes_over_silence_and_long_pauses_end_the_retries() {
        let next = |kind, seconds: Option<u64>, has_fallback| {
            let retry_after = seconds.map(Duration::from_secs);
            let attempt = Attempt { retry_after, has_fallback, ..attempt(kind, 1, false) };
            decide(&attempt, &RetryPolicy::default())
        };
        assert_eq!(next(Kind::Timeout, None, true), Next::GiveUp);
        assert_ne!(next(Kind::Timeout, None, false), Next::GiveUp);
        assert_eq!(next(Kind::RateLimited, Some(2), true), Next::After(Duration::from_secs(2)));
        assert_eq!(next(Kind::RateLimited, Some(4), true), Next::GiveUp);
        assert_eq!(next(Kind::RateLimited, Some(4), false), Next::After(Duration::from_secs(4)));
    }

    #[test]
    fn pauses_grow_by_the_configured_factor() {
        let pause = |factor, attempts_so_far| {
            let policy = RetryPolicy { num_retries: 9, backoff_factor: factor, ..RetryPolicy::default() };
            match decide(&attempt(Kind::InternalServer, attempts_so_far, false), &policy) {
                Next::After(pause) => pause.as_secs_f64(),
                other => panic!("{other:?}"),
            }
        };
        assert!((pause(3.0, 2) / pause(3.0, 1) - 3.0).abs() < 1e-6);
        assert_eq!(pause(1.0, 5), pause(1.0, 1));
    }
}
