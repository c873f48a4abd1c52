//! Whether a failure opens its deployment's breaker, and for how long: LiteLLM's rules, and those that protect where
//! LiteLLM's do not.
//!
//! | failure | without `allowed_fails` | with `allowed_fails: N` |
//! |---|---|---|
//! | 401, 404 | at once: trying again will not help | when the minute has more than N failures |
//! | 429 | at once, if there is another deployment or group to ask; else never | the same |
//! | 408, 5xx, lost connections | after [`IN_A_ROW`] failures without a good answer between, or when more than half of the minute's requests failed | the same |
//! | the same, where there is nobody else to ask | after [`IN_A_ROW_ALONE`] | the same |
//! | the same, of a probe | at once | at once |
//! | a stream that broke after it had begun | as a lost connection, in a row of its own | as a lost connection |
//! | other 4xx | never | never |
//!
//! LiteLLM opens for 408 and 5xx by the share of failures alone, and for a group's only deployment not below a thousand
//! failures a minute, so that each request of an outage pays for all of its retries.

use std::time::Duration;

use super::plan::CooldownPolicy;
use super::state::Minute;
use crate::error::{Compat, Kind, Retry};

/// `cooldown_time` where neither the configuration nor the provider names one.
pub const DEFAULT_COOLDOWN: Duration = Duration::from_secs(5);

/// The longest cooldown that a provider's Retry-After can bring about: after that, one request finds out.
pub const RETRY_AFTER_COOLDOWN_MAX: Duration = Duration::from_secs(60);

/// Failures without a good answer between (LiteLLM's `allowed_fails`, 3).
pub const IN_A_ROW: u32 = 3;

/// The same where nobody else can be asked: all attempts of several requests, so that one request that no provider can
/// answer does not close the door for all others.
pub const IN_A_ROW_ALONE: u32 = 10;

/// Requests in a minute before the share of failures says anything.
const RATIO_MIN_REQUESTS: u32 = 5;

/// The same for a deployment that has no other to take its place.
const ALONE_MIN_REQUESTS: u32 = 20;

/// A failure, with what is known of its deployment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The provider's Retry-After.
    pub(super) retry_after: Option<Duration>,
    /// The deployment's current minute, this failure included.
    pub(super) minute: Minute,
    /// Failures without a good answer between, this one included.
    pub(super) in_a_row: u32,
    /// Streams that run: what becomes of them nobody knows yet, and they have begun well.
    pub(super) running: u32,
    /// It was the probe of a half-open breaker, or came while the breaker was one.
    pub(super) of_probe: bool,
    /// Nobody else can be asked: no other deployment in the group, and no fallback.
    pub(super) alone: bool,
    /// The deployment's own `cooldown_time` and `allowed_fails`.
    pub(super) own_time: Option<Duration>,
    pub(super) own_allowed_fails: Option<u32>,
}

/// Whether a failure says something about the deployment, so that it is counted at all.
pub(super) fn counts(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Authentication
            | Kind::NotFound
            | Kind::RateLimited
            | Kind::InternalServer
            | Kind::ServiceUnavailable
            | Kind::ProviderOverloaded
            | Kind::Connection
            | Kind::Timeout
            | Kind::GarbledAnswer
    )
}

/// Whether it is a break: a provider that counts requests is well.
pub(super) fn is_break(kind: Kind) -> bool {
    counts(kind) && kind != Kind::RateLimited
}

/// How long the deployment is left alone; `None` = it stays.
pub(super) fn decide(failure: &Failure, policy: &CooldownPolicy) -> Option<Duration> {
    if policy.disabled || !counts(failure.kind) {
        return None;
    }
    let asked_for = failure.retry_after.map(|pause| pause.min(RETRY_AFTER_COOLDOWN_MAX));
    let time = failure.own_time.or(policy.cooldown_time).unwrap_or(if asked_for.is_some() {
        Duration::ZERO
    } else {
        DEFAULT_COOLDOWN
    });
    let time = time.max(asked_for.unwrap_or_default()).max(Duration::from_millis(1));
    let by_policy = policy.allowed_fails_policy.of(failure.kind);
    let opens = match failure.own_allowed_fails.or(by_policy).or(policy.allowed_fails) {
        _ if failure.of_probe && failure.kind != Kind::RateLimited => true,
        Some(allowed) => failure.minute.failures > allowed,
        None => opens_by_itself(failure),
    };
    opens.then_some(time)
}

fn opens_by_itself(failure: &Failure) -> bool {
    if failure.kind == Kind::RateLimited {
        return !failure.alone;
    }
    // The class does not depend on the release that is imitated.
    if failure.kind.row(Compat::default()).retry != Retry::Anywhere {
        return true;
    }
    let Minute { failures, successes, .. } = failure.minute;
    let (in_a_row, enough) =
        if failure.alone { (IN_A_ROW_ALONE, ALONE_MIN_REQUESTS) } else { (IN_A_ROW, RATIO_MIN_REQUESTS) };
    let well = successes.saturating_add(failure.running);
    failure.in_a_row >= in_a_row || (failures + successes >= enough && failures > well)
}

#[cfg(test)]
mod tests {
    use super::super::plan::PerErrorClass;
    use super::super::state::DeploymentState;
    use super::*;
    use crate::clock::Instant;

    const NONE: Option<Duration> = None;
    const DEFAULT: Option<Duration> = Some(DEFAULT_COOLDOWN);

    fn minute(failures: u32, successes: u32) -> Minute {
        let state = DeploymentState::default();
        (0..failures).for_each(|_| {
            state.count_failure(Instant::default());
        });
        (0..successes).for_each(|_| state.count_success(Instant::default()));
        state.this_minute(Instant::default())
    }

    /// The last of so many failures of a minute; with good answers between them, the first after one.
    fn failure(kind: Kind, alone: bool, failures: u32, successes: u32) -> Failure {
        Failure {
            kind,
            retry_after: None,
            minute: minute(failures, successes),
            in_a_row: if successes == 0 { failures } else { 1 },
            running: 0,
            of_probe: false,
            alone,
            own_time: None,
            own_allowed_fails: None,
        }
    }

    fn check(kind: Kind, alone: bool, failures: u32, successes: u32, expected: Option<Duration>) {
        let failure = failure(kind, alone, failures, successes);
        assert_eq!(decide(&failure, &CooldownPolicy::default()), expected, "{failure:?}");
    }

    #[test]
    fn without_allowed_fails_kind_row_and_ratio_decide() {
        check(Kind::Authentication, true, 1, 0, DEFAULT);
        check(Kind::NotFound, false, 1, 99, DEFAULT);
        check(Kind::RateLimited, false, 1, 99, DEFAULT);
        check(Kind::RateLimited, true, 50, 0, NONE);
        check(Kind::InternalServer, false, 2, 0, NONE);
        check(Kind::InternalServer, false, 3, 0, DEFAULT);
        check(Kind::Timeout, false, 5, 5, NONE);
        check(Kind::Connection, false, 6, 5, DEFAULT);
        check(Kind::ServiceUnavailable, true, 9, 0, NONE);
        check(Kind::ServiceUnavailable, true, 10, 0, DEFAULT);
        check(Kind::ServiceUnavailable, true, 10, 9, NONE);
        check(Kind::ServiceUnavailable, true, 11, 9, DEFAULT);
        for kind in [Kind::BadRequest, Kind::PermissionDenied, Kind::Unprocessable, Kind::ContextWindow] {
            check(kind, false, 50, 0, NONE);
        }
        check(Kind::BrokenStream, false, 50, 0, NONE);
        check(Kind::OtherWords, false, 50, 0, NONE);
        check(Kind::ClientGone, false, 50, 0, NONE);
    }

    #[test]
    fn a_probe_that_fails_opens_again() {
        let probe = Failure { of_probe: true, ..failure(Kind::Timeout, true, 1, 0) };
        assert_eq!(decide(&probe, &CooldownPolicy::default()), DEFAULT);
        let lenient = CooldownPolicy { allowed_fails: Some(50), ..CooldownPolicy::default() };
        assert_eq!(decide(&probe, &lenient), DEFAULT);
        assert_eq!(decide(&Failure { kind: Kind::RateLimited, ..probe }, &CooldownPolicy::default()), NONE);
    }

    #[test]
    fn allowed_fails_counts_every_kind_and_the_closest_setting_wins() {
        let decide_with = |own: Option<u32>, timeouts: Option<u32>, all: Option<u32>, failures| {
            let failure = Failure { own_allowed_fails: own, ..failure(Kind::Timeout, true, failures, 0) };
            let allowed_fails_policy = PerErrorClass { timeout: timeouts, ..PerErrorClass::default() };
            let policy = CooldownPolicy { allowed_fails: all, allowed_fails_policy, ..CooldownPolicy::default() };
            decide(&failure, &policy).is_some()
        };
        assert!(!decide_with(None, None, Some(1), 1));
        assert!(decide_with(None, None, Some(1), 2));
        assert!(!decide_with(None, Some(3), Some(1), 3));
        assert!(decide_with(Some(0), Some(3), Some(1), 1));
    }

    #[test]
    fn the_time_is_configured_or_five_seconds_and_never_shorter_than_asked_for() {
        let secs = Duration::from_secs;
        let time = |own, configured, retry_after| {
            let failure = Failure { own_time: own, retry_after, ..failure(Kind::RateLimited, false, 1, 0) };
            decide(&failure, &CooldownPolicy { cooldown_time: configured, ..CooldownPolicy::default() })
        };
        assert_eq!(time(None, None, None), DEFAULT);
        assert_eq!(time(None, None, Some(secs(7))), Some(secs(7)));
        assert_eq!(time(None, None, Some(secs(2))), Some(secs(2)));
        assert_eq!(time(None, None, Some(secs(86_400))), Some(RETRY_AFTER_COOLDOWN_MAX));
        assert_eq!(time(None, Some(secs(3)), Some(secs(7))), Some(secs(7)));
        assert_eq!(time(None, Some(secs(9)), Some(secs(7))), Some(secs(9)));
        assert_eq!(time(Some(secs(1)), Some(secs(3)), None), Some(secs(1)));
    }

    #[test]
    fn cooldowns_can_be_switched_off() {
        let policy = CooldownPolicy { disabled: true, ..CooldownPolicy::default() };
        assert_eq!(decide(&failure(Kind::Authentication, false, 9, 0), &policy), None);
    }
}
