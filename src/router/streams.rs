//! A stream, as the router is told of it: when it begins, and when it is over.
//!
//! The first event says how fast the deployment answers, and that it does: that closes a half-open breaker. Whether its
//! answers are worth anything is known at their end: only then it counts as a success, or, if it broke, as a failure, in a
//! row of its own (`breaker.rs`). A stream whose client leaves was neither.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::plan::{DeploymentIx, GroupIx};
use super::state::DeploymentState;
use super::{Router, cooldown};
use crate::clock::Instant;
use crate::error::Kind;

/// A stream that has begun. Dropping it means that it is over, whatever became of it.
#[derive(Debug)]
pub struct Running {
    state: Arc<DeploymentState>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.running.fetch_sub(1, Relaxed);
    }
}

impl Router {
    /// A good answer that is whole. `latency`: from the start of the attempt to its first useful byte.
    pub fn on_success(&self, deployment: DeploymentIx, now: Instant, latency: Duration) {
        if let Some(state) = self.state(deployment) {
            begun(state, now, latency);
            state.ended(now);
        }
    }

    /// A stream has begun. `latency`: as above. `None`: there is no such deployment.
    pub fn on_begun(&self, deployment: DeploymentIx, now: Instant, latency: Duration) -> Option<Running> {
        let state = self.state(deployment)?;
        begun(state, now, latency);
        state.running.fetch_add(1, Relaxed);
        Some(Running { state: Arc::clone(state) })
    }

    /// It has come to its end.
    pub fn on_ended(&self, deployment: DeploymentIx, now: Instant) {
        if let Some(state) = self.state(deployment) {
            state.ended(now);
        }
    }

    /// It broke: it was cut, fell silent, or said that it failed. Returns the cooldown that this started, if it did. How
    /// fast it had begun stays true.
    pub fn on_broken(
        &self,
        group: GroupIx,
        deployment: DeploymentIx,
        now: Instant,
        kind: Kind,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let spec = self.deployments.get(deployment.0 as usize)?;
        // What was begun and cut is a lost connection.
        let kind = if kind == Kind::BrokenStream { Kind::Connection } else { kind };
        if !cooldown::counts(kind) {
            return None;
        }
        let in_a_row = if cooldown::is_break(kind) { spec.state.broke() } else { 0 };
        self.count_failure(group, spec, now, kind, retry_after, in_a_row)
    }
}

fn begun(state: &DeploymentState, now: Instant, latency: Duration) {
    state.answered(now);
    state.observe_latency(now, latency);
    state.concurrency().succeeded(now, latency, state.in_flight());
}

#[cfg(test)]
mod tests {
    use super::super::Phase;
    use super::super::cooldown::{DEFAULT_COOLDOWN, IN_A_ROW};
    use super::super::plan::{CooldownPolicy, DeploymentSpec, GroupSpec, MemberSpec, RouterPlan};
    use super::*;

    const GROUP: GroupIx = GroupIx(0);
    const ONE: DeploymentIx = DeploymentIx(0);
    const QUICK: Duration = Duration::from_millis(10);

    fn router(cooldown: CooldownPolicy) -> Router {
        let members = vec![MemberSpec::even(ONE), MemberSpec::even(DeploymentIx(1))];
        let groups = vec![GroupSpec { name: "g".into(), members, retry: None }];
        let deployments = vec![DeploymentSpec::default(), DeploymentSpec::default()];
        Router::new(RouterPlan { deployments, groups, cooldown, ..RouterPlan::default() }).unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// A stream that begins and breaks.
    fn breaks(router: &Router, millis: u64, kind: Kind) -> Option<Duration> {
        drop(router.on_begun(ONE, at(millis), QUICK));
        router.on_broken(GROUP, ONE, at(millis), kind, None)
    }

    #[test]
    fn streams_that_begin_well_and_break_open_the_breaker() {
        for kind in [Kind::BrokenStream, Kind::Timeout, Kind::GarbledAnswer, Kind::ProviderOverloaded] {
            let router = router(CooldownPolicy::default());
            for earlier in 1..IN_A_ROW {
                assert_eq!(breaks(&router, u64::from(earlier), kind), None);
            }
            assert_eq!(breaks(&router, 100, kind), Some(DEFAULT_COOLDOWN), "{kind:?}");
        }
    }

    #[test]
    fn one_that_comes_to_its_end_ends_the_row() {
        let router = router(CooldownPolicy::default());
        for round in 0..10 {
            // The good ones are as many as the others, else the minute's share would open it.
            for _ in 1..IN_A_ROW {
                router.on_ended(ONE, at(round));
                assert_eq!(breaks(&router, round, Kind::BrokenStream), None);
            }
        }
        assert_eq!(router.state(ONE).unwrap().this_minute(at(10)).failures, 20);
    }

    #[test]
    fn a_client_that_leaves_and_other_words_are_neither() {
        let router = router(CooldownPolicy::default());
        for kind in [Kind::ClientGone, Kind::OtherWords, Kind::ContentPolicy] {
            (0..50).for_each(|_| assert_eq!(breaks(&router, 1, kind), None));
        }
        drop(router.on_begun(ONE, at(1), QUICK));
        let minute = router.state(ONE).unwrap().this_minute(at(1));
        assert_eq!((minute.successes, minute.failures), (0, 0));
        assert!(!router.state(ONE).unwrap().is_failing());
    }

    #[test]
    fn the_first_event_of_a_probe_closes_and_the_next_break_opens_at_once() {
        let router = router(CooldownPolicy::default());
        assert_eq!((0..IN_A_ROW).filter_map(|_| breaks(&router, 0, Kind::BrokenStream)).count(), 1);
        let phase = |millis| router.state(ONE).unwrap().phase(at(millis));
        assert_eq!((phase(4_999), phase(5_000)), (Phase::Open, Phase::HalfOpen));
        let probe = router.on_begun(ONE, at(5_001), QUICK);
        assert_eq!(phase(5_001), Phase::Closed);
        assert!(router.state(ONE).unwrap().is_failing(), "what its streams come to is not known");
        drop(probe);
        assert_eq!(router.on_broken(GROUP, ONE, at(5_100), Kind::BrokenStream, None), Some(DEFAULT_COOLDOWN));
        // One that comes to its end makes the row begin anew.
        drop(router.on_begun(ONE, at(10_200), QUICK));
        (0..5).for_each(|_| router.on_ended(ONE, at(10_300)));
        assert!(!router.state(ONE).unwrap().is_failing());
        assert_eq!(breaks(&router, 10_400, Kind::BrokenStream), None);
    }

    #[test]
    fn streams_that_still_run_are_no_failures() {
        let fail_five = |running: usize| {
            let router = router(CooldownPolicy::default());
            let begin = |millis| router.on_begun(ONE, at(millis), QUICK);
            let _running: Vec<_> = (0..running).map(|_| begin(0)).collect();
            // Each failure has a good beginning before it, so that there is no row.
            let opened = (1..=5).filter_map(|millis| {
                drop(begin(millis));
                router.on_failure(GROUP, ONE, at(millis), Kind::InternalServer, None)
            });
            opened.count()
        };
        assert_eq!((fail_five(0), fail_five(5)), (1, 0));
    }

    #[test]
    fn an_operators_count_holds_for_broken_streams_too() {
        let router = router(CooldownPolicy { allowed_fails: Some(1), ..CooldownPolicy::default() });
        assert_eq!([0, 1].map(|millis| breaks(&router, millis, Kind::BrokenStream)), [None, Some(DEFAULT_COOLDOWN)]);
    }
}
