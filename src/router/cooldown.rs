//! Whether a failure sends its deployment into cooldown, and for how long: LiteLLM's rules.
//!
//! | failure | without `allowed_fails` | with `allowed_fails: N` |
//! |---|---|---|
//! | 401, 404 | at once: trying again will not help | when the minute has more than N failures |
//! | 429 | at once, if the group has another deployment | the same |
//! | 408, 5xx | when more than half of at least 5 requests of the minute failed; a group's only deployment when all of at least 1,000 did | the same |
//! | other 4xx, a stream that broke | never | never |

use std::time::Duration;

use super::plan::CooldownPolicy;
use super::state::Minute;
use crate::error::{Compat, Kind, Retry};

/// `cooldown_time` where neither the configuration nor the provider names one.
pub const DEFAULT_COOLDOWN: Duration = Duration::from_secs(5);

/// The longest cooldown that a provider's Retry-After can bring about: after that, one request finds out.
pub const RETRY_AFTER_COOLDOWN_MAX: Duration = Duration::from_secs(60);

/// Requests in a minute before the share of failures says anything.
const RATIO_MIN_REQUESTS: u32 = 5;

/// The same for a deployment that has no other to take its place.
const SINGLE_MIN_REQUESTS: u32 = 1_000;

/// A failure, with what is known of its deployment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The provider's Retry-After.
    pub(super) retry_after: Option<Duration>,
    /// The deployment's current minute, this failure included.
    pub(super) minute: Minute,
    /// Deployments in the group.
    pub(super) group_size: usize,
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

/// How long the deployment is left alone; `None` = it stays.
pub(super) fn decide(failure: &Failure, policy: &CooldownPolicy) -> Option<Duration> {
    if policy.disabled || !counts(failure.kind) {
        return None;
    }
    let asked_for = failure.retry_after.map(|pause| pause.min(RETRY_AFTER_COOLDOWN_MAX));
    let time = failure.own_time.or(policy.cooldown_time).or(asked_for).unwrap_or(DEFAULT_COOLDOWN);
    let by_policy = policy.allowed_fails_policy.of(failure.kind);
    let cools = match failure.own_allowed_fails.or(by_policy).or(policy.allowed_fails) {
        Some(allowed) => failure.minute.failures > allowed,
        None => cools_by_kind_or_ratio(failure),
    };
    cools.then_some(time)
}

fn cools_by_kind_or_ratio(failure: &Failure) -> bool {
    let alone = failure.group_size <= 1;
    if failure.kind == Kind::RateLimited && !alone {
        return true;
    }
    // The class does not depend on the release that is imitated.
    if failure.kind.row(Compat::default()).retry != Retry::Anywhere {
        return true;
    }
    let Minute { failures, successes, .. } = failure.minute;
    let requests = failures + successes;
    if alone {
        requests >= SINGLE_MIN_REQUESTS && successes == 0
    } else {
        requests >= RATIO_MIN_REQUESTS && failures > successes
    }
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

    fn failure(kind: Kind, group_size: usize, failures: u32, successes: u32) -> Failure {
        let minute = minute(failures, successes);
        Failure { kind, retry_after: None, minute, group_size, own_time: None, own_allowed_fails: None }
    }

    fn check(kind: Kind, group_size: usize, failures: u32, successes: u32, expected: Option<Duration>) {
        let failure = failure(kind, group_size, failures, successes);
        assert_eq!(decide(&failure, &CooldownPolicy::default()), expected, "{failure:?}");
    }

    #[test]
    fn without_allowed_fails_kind_and_ratio_decide() {
        check(Kind::Authentication, 1, 1, 0, DEFAULT);
        check(Kind::NotFound, 2, 1, 99, DEFAULT);
        check(Kind::RateLimited, 2, 1, 99, DEFAULT);
        check(Kind::RateLimited, 1, 1, 0, NONE);
        check(Kind::InternalServer, 2, 4, 0, NONE);
        check(Kind::InternalServer, 2, 5, 0, DEFAULT);
        check(Kind::Timeout, 2, 5, 5, NONE);
        check(Kind::Connection, 2, 6, 5, DEFAULT);
        check(Kind::ServiceUnavailable, 1, 999, 0, NONE);
        check(Kind::ServiceUnavailable, 1, 1_000, 0, DEFAULT);
        check(Kind::ServiceUnavailable, 1, 2_000, 1, NONE);
        for kind in [Kind::BadRequest, Kind::PermissionDenied, Kind::Unprocessable, Kind::ContextWindow] {
            check(kind, 2, 50, 0, NONE);
        }
        check(Kind::BrokenStream, 2, 50, 0, NONE);
        check(Kind::ClientGone, 2, 50, 0, NONE);
    }

    #[test]
    fn allowed_fails_counts_every_kind_and_the_closest_setting_wins() {
        let decide_with = |own: Option<u32>, timeouts: Option<u32>, all: Option<u32>, failures| {
            let failure = Failure { own_allowed_fails: own, ..failure(Kind::Timeout, 1, failures, 0) };
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
    fn the_time_is_configured_or_asked_for_or_five_seconds() {
        let secs = Duration::from_secs;
        let time = |own, configured, retry_after| {
            let failure = Failure { own_time: own, retry_after, ..failure(Kind::RateLimited, 2, 1, 0) };
            decide(&failure, &CooldownPolicy { cooldown_time: configured, ..CooldownPolicy::default() })
        };
        assert_eq!(time(None, None, None), DEFAULT);
        assert_eq!(time(None, None, Some(secs(7))), Some(secs(7)));
        assert_eq!(time(None, None, Some(secs(86_400))), Some(RETRY_AFTER_COOLDOWN_MAX));
        assert_eq!(time(None, Some(secs(3)), Some(secs(7))), Some(secs(3)));
        assert_eq!(time(Some(secs(1)), Some(secs(3)), Some(secs(7))), Some(secs(1)));
    }

    #[test]
    fn cooldowns_can_be_switched_off() {
        let policy = CooldownPolicy { disabled: true, ..CooldownPolicy::default() };
        assert_eq!(decide(&failure(Kind::Authentication, 2, 9, 0), &policy), None);
    }
}
