//! A scope that is shared, as the store sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::{Account, Call, MoneyReply, Next, RateReply};
use super::{Allowance, Cluster};
use crate::clock::Instant;
use crate::limiter::budget::Budget;
use crate::limiter::reservation::Ask;
use crate::limiter::scope::{Meter, Scope};

/// What ties a scope to the store. Scopes of other limits and the same counters share it.
#[derive(Debug)]
pub(in crate::limiter) struct Link {
    pub cluster: Arc<Cluster>,
    pub requests: Allowance,
    pub tokens: Allowance,
    serial: u64,
    is_urgent: AtomicBool,
    is_changed: AtomicBool,
    was_used: AtomicBool,
}

impl Link {
    pub fn new(cluster: &Arc<Cluster>) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            requests: Allowance::new(),
            tokens: Allowance::new(),
            serial: cluster.next_serial(),
            is_urgent: AtomicBool::new(false),
            is_changed: AtomicBool::new(false),
            was_used: AtomicBool::new(false),
        }
    }

    /// What is borrowed of a rate; requests in flight are nobody's but this node's.
    pub fn allowance(&self, meter: Meter) -> Option<&Allowance> {
        match meter {
            Meter::Requests => Some(&self.requests),
            Meter::Tokens => Some(&self.tokens),
            Meter::Parallel => None,
        }
    }

    /// There is little left for this scope: more should be borrowed soon.
    pub fn hurry(&self, scope: &Arc<Scope>) {
        self.queue(&self.is_urgent, scope, true);
    }

    /// Something was used, to be reported some time.
    pub fn note(&self, scope: &Arc<Scope>) {
        if !self.was_used.load(Ordering::Relaxed) {
            self.was_used.store(true, Ordering::Relaxed);
        }
        self.queue(&self.is_changed, scope, false);
    }

    fn queue(&self, is_queued: &AtomicBool, scope: &Arc<Scope>, is_urgent: bool) {
        let is_new = !is_queued.load(Ordering::Relaxed) && !is_queued.swap(true, Ordering::AcqRel);
        if is_new && !self.cluster.queue(Arc::clone(scope), is_urgent) {
            is_queued.store(false, Ordering::Release);
        }
    }
}

/// What the store's side needs of a scope.
impl Scope {
    /// Asks the store for what this request lacks here. Whether it lacks anything that a lease may bring.
    pub fn want(&self, ask: &Ask) -> bool {
        let Some(link) = &self.link else { return false };
        let mut wants = false;
        for (meter, count) in [(Meter::Requests, 1), (Meter::Tokens, ask.tokens)] {
            let fits = self.rate(meter).is_some_and(|rate| count <= rate.limit());
            wants |= fits && link.allowance(meter).is_some_and(|allowance| allowance.want(ask.now, count));
        }
        for budget in self.budgets() {
            wants |= budget.want(ask.cost, ask.now);
        }
        wants
    }

    /// What is to be said to the store now. `wall` in seconds since 1970. A scope that is idle gives back what it has.
    pub fn calls(&self, now: Instant, wall: i64, is_idle: bool) -> Vec<(Account, Call)> {
        let Some(link) = &self.link else { return Vec::new() };
        let nodes = link.cluster.nodes();
        let rates = [(Account::Requests, Meter::Requests), (Account::Tokens, Meter::Tokens)];
        let rates = rates.into_iter().filter_map(|(account, meter)| {
            let limit = self.rate(meter)?.limit();
            let call = link.allowance(meter)?.call(limit, nodes, now, is_idle).filter(|_| limit > 0)?;
            Some((account, Call::Rate(call)))
        });
        let money = self.budgets().iter().enumerate().filter_map(|(place, budget)| {
            let call = budget.call(now, wall, is_idle)?;
            Some((Account::Budget(place), Call::Money(call)))
        });
        rates.chain(money).collect()
    }

    /// The store's answer about a rate.
    pub fn hear_rate(&self, account: Account, call: &super::RateCall, reply: &RateReply, now: Instant) {
        let Some(link) = &self.link else { return };
        match account {
            Account::Requests => link.requests.apply(call, reply, now),
            Account::Tokens => link.tokens.apply(call, reply, now),
            Account::Budget(_) => {}
        }
    }

    /// The store's answer about a budget.
    pub fn hear_money(&self, place: usize, call: &super::MoneyCall, reply: &MoneyReply, now: Instant) -> Next {
        self.budgets().get(place).map_or(Next::Nothing, |budget| budget.apply(call, reply, now))
    }

    /// Whether it was used since this was asked last.
    pub fn take_used(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.was_used.swap(false, Ordering::Relaxed))
    }

    /// Whether it holds anything that the store has lent, or has anything to report.
    pub fn is_lessee(&self) -> bool {
        let rates = |link: &Link| link.requests.is_held() || link.tokens.is_held();
        self.link.as_ref().is_some_and(|link| rates(link)) || self.budgets().iter().any(Budget::is_held)
    }

    /// Its number among those of this node that borrow; scopes of the same counters have the same.
    pub fn lessee(&self) -> Option<u64> {
        self.link.as_ref().map(|link| link.serial)
    }

    pub(super) fn is_heard(&self, was_urgent: bool) {
        if let Some(link) = &self.link {
            let queued = if was_urgent { &link.is_urgent } else { &link.is_changed };
            queued.store(false, Ordering::Release);
        }
    }
}
