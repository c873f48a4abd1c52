//! What must hold, counted by somebody who believes nobody.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::router::Probe;

use super::setup::Setup;
use crate::clock::Instant;
use crate::router::Phase;
use crate::router::budget::{BURST, HEDGE_BURST, RETRY_PERCENT};
use crate::router::plan::{DeploymentIx, GroupIx};

const MINUTE: u64 = 60_000_000_000;

/// What a schedule has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Whole,
    Streamed,
    Refused,
    Left,
    OverBudget,
    Retried,
    RetryRefused,
    Hopped,
    Probed,
    Opened,
    Waited,
    TurnedAway,
    Hedged,
    SecondWon,
    Cancelled,
    BothFailed,
    Broken,
    TakenOver,
    WentOn,
    BeganAgain,
    OtherWords,
    Unrescued,
}

const SEEN: usize = Seen::Unrescued as usize + 1;

/// How often.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<Seen, u64>);

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        other.0.iter().for_each(|(seen, count)| *self.0.entry(*seen).or_default() += count);
    }

    pub(super) fn has_all(&self) -> bool {
        self.0.len() == SEEN
    }
}

/// What has become of an answer that somebody was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fortune {
    /// Nothing yet, or its client did not wait for it.
    Open,
    Failed,
    /// Its beginning has reached the client.
    Begun,
    /// It lost a race.
    Cancelled,
}

#[derive(Debug)]
struct Asked {
    key: usize,
    fortune: Fortune,
    billed: u32,
}

/// Until when a deployment's probe keeps others away, if one is under way.
type Lease = Rc<Cell<Option<Instant>>>;

/// A probe under way: whoever has it ends the lease with it.
pub(super) struct UnderWay {
    _probe: Probe,
    lease: Lease,
    until: Option<Instant>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.lease.get() == self.until {
            self.lease.set(None);
        }
    }
}

#[derive(Default)]
struct Watched {
    probe_until: Lease,
    minute: u64,
    sent: u64,
}

#[derive(Default)]
struct Account {
    begun: u64,
    /// Retries at failing deployments that were not put back.
    out: u64,
    hedged: u64,
}

/// See the file.
pub(super) struct Books {
    deployments: Vec<Watched>,
    accounts: Vec<Account>,
    asked: Vec<Asked>,
    /// For each key, what its answers have cost.
    spent: Vec<i64>,
    pub(super) tally: Tally,
}

impl Books {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            deployments: setup.deployments.iter().map(|_| Watched::default()).collect(),
            accounts: setup.groups.iter().map(|_| Account::default()).collect(),
            asked: Vec::new(),
            spent: vec![0; setup.keys.len()],
            tally: Tally::default(),
        }
    }

    pub(super) fn saw(&mut self, seen: Seen) {
        *self.tally.0.entry(seen).or_default() += 1;
    }

    /// A deployment was chosen; how its breaker stood before.
    pub(super) fn picked(&mut self, setup: &Setup, deployment: DeploymentIx, before: Phase, now: Instant) {
        let index = deployment.0 as usize;
        assert_ne!(before, Phase::Open, "{deployment:?} was chosen although its breaker is open");
        if before == Phase::HalfOpen {
            let probe = self.deployments[index].probe_until.get().filter(|until| *until > now);
            assert_eq!(probe, None, "{deployment:?} has two probes at once");
            self.deployments[index].probe_until.set(Some(now + setup.deployments[index].lease));
            self.saw(Seen::Probed);
        }
        let watched = &mut self.deployments[index];
        let minute = now.nanos() / MINUTE;
        if watched.minute != minute {
            (watched.minute, watched.sent) = (minute, 0);
        }
        watched.sent += 1;
        assert!(watched.sent <= setup.deployments[index].rpm, "{deployment:?} got more than its rpm");
    }

    /// The deployment is asked as its probe.
    pub(super) fn probes(&self, deployment: DeploymentIx, probe: Probe) -> UnderWay {
        let lease = Rc::clone(&self.deployments[deployment.0 as usize].probe_until);
        UnderWay { _probe: probe, until: lease.get(), lease }
    }

    /// What was chosen just now is not asked: another one may be.
    pub(super) fn not_asked(&mut self, setup: &Setup, deployment: DeploymentIx, now: Instant) {
        self.unsent(deployment, now);
        let state = setup.router.state(deployment).unwrap();
        if state.phase(now) == Phase::HalfOpen {
            assert_eq!(state.cooling(now), None, "a probe that asks nobody keeps others away");
            self.deployments[deployment.0 as usize].probe_until.set(None);
        }
    }

    /// What was chosen then was not sent, or did not arrive.
    pub(super) fn unsent(&mut self, deployment: DeploymentIx, then: Instant) {
        let watched = &mut self.deployments[deployment.0 as usize];
        if watched.minute == then.nanos() / MINUTE {
            watched.sent -= 1;
        }
    }

    /// The router was told something of a deployment.
    pub(super) fn told(&mut self, setup: &Setup, deployment: DeploymentIx, now: Instant) {
        if setup.router.state(deployment).unwrap().phase(now) != Phase::HalfOpen {
            self.deployments[deployment.0 as usize].probe_until.set(None);
        }
    }

    /// A request begins.
    pub(super) fn begun(&mut self, group: GroupIx) {
        self.accounts[group.0 as usize].begun += 1;
    }

    /// A retry at a failing deployment.
    pub(super) fn charged(&mut self, group: GroupIx) {
        let account = &mut self.accounts[group.0 as usize];
        account.out += 1;
        let most = u64::from(BURST) * 100 + u64::from(RETRY_PERCENT) * account.begun;
        assert!(account.out * 100 <= most, "{} retries for {} requests", account.out, account.begun);
    }

    /// So many were worth it.
    pub(super) fn refunded(&mut self, group: GroupIx, count: u64) {
        self.accounts[group.0 as usize].out -= count;
    }

    /// A second request.
    pub(super) fn hedged(&mut self, setup: &Setup, group: GroupIx) {
        self.saw(Seen::Hedged);
        let percent = setup.groups[group.0 as usize].hedging.expect("a group that does not hedge has hedged");
        let account = &mut self.accounts[group.0 as usize];
        account.hedged += 1;
        assert!(account.hedged * 100 <= u64::from(HEDGE_BURST) * 100 + u64::from(percent) * account.begun);
    }

    /// Somebody is asked for an answer: its number.
    pub(super) fn ask(&mut self, key: usize) -> usize {
        self.asked.push(Asked { key, fortune: Fortune::Open, billed: 0 });
        self.asked.len() - 1
    }

    /// What became of it.
    pub(super) fn became(&mut self, answer: usize, fortune: Fortune) {
        assert_eq!(self.asked[answer].fortune, Fortune::Open, "answer {answer} had an end already");
        self.asked[answer].fortune = fortune;
    }

    /// It has a line in the books.
    pub(super) fn billed(&mut self, answer: usize, cost: i64) {
        let asked = &mut self.asked[answer];
        asked.billed += 1;
        assert_eq!(asked.billed, 1, "answer {answer} is billed twice");
        assert!(matches!(asked.fortune, Fortune::Begun | Fortune::Cancelled), "{asked:?} was no answer");
        self.spent[asked.key] += cost;
    }

    /// After every step.
    pub(super) fn check(&self, setup: &Setup) {
        for (index, deployment) in setup.deployments.iter().enumerate() {
            let state = setup.router.state(DeploymentIx(index as u32)).unwrap();
            assert!(state.in_flight() <= deployment.parallel, "deployment {index} has more than it may");
        }
        for key in &setup.keys {
            for budget in key.budgets() {
                let most = budget.limits().max.unwrap_or(i64::MAX);
                assert!(budget.spent() + budget.reserved() <= most, "more than the budget: {budget:?}");
            }
        }
    }

    /// When everybody has gone home.
    pub(super) fn close(&self, setup: &Setup) {
        for (index, asked) in self.asked.iter().enumerate() {
            let is_due = matches!(asked.fortune, Fortune::Begun | Fortune::Cancelled);
            assert_eq!(asked.billed, u32::from(is_due), "answer {index}: {asked:?}");
        }
        for (key, spent) in setup.keys.iter().zip(&self.spent) {
            for budget in key.budgets() {
                assert_eq!((budget.spent(), budget.reserved()), (*spent, 0), "the budget and the books differ");
            }
        }
        for index in 0..setup.deployments.len() {
            let state = setup.router.state(DeploymentIx(index as u32)).unwrap();
            assert_eq!((state.in_flight(), state.streams()), (0, 0), "something is left at deployment {index}");
        }
    }
}
