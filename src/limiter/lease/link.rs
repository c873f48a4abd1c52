//! A scope that is shared, as the store sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::{Account, Call, MoneyReply, Next, PlacesReply, RateReply};
use super::{Allowance, Cluster, Moment, Places};
use crate::clock::Instant;
use crate::limiter::budget::Budget;
use crate::limiter::rate::Rate;
use crate::limiter::reservation::Ask;
use crate::limiter::scope::{Meter, Scope};

/// What ties a scope to the store. Scopes of other limits and the same counters share it.
#[derive(Debug)]
pub(in crate::limiter) struct Link {
    pub cluster: Arc<Cluster>,
    pub requests: Allowance,
    pub tokens: Allowance,
    pub places: Places,
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
            places: Places::new(),
            serial: cluster.next_serial(),
            is_urgent: AtomicBool::new(false),
            is_changed: AtomicBool::new(false),
            was_used: AtomicBool::new(false),
        }
    }

    /// What is borrowed of a rate.
    pub fn allowance(&self, meter: Meter) -> Option<&Allowance> {
        match meter {
            Meter::Requests => Some(&self.requests),
            Meter::Tokens => Some(&self.tokens),
            Meter::Parallel | Meter::TokensPerDay => None,
        }
    }

    /// Where this node stands at this time.
    pub fn moment(&self, now: Instant) -> Moment {
        Moment { now, era: self.cluster.era(), nodes: self.cluster.nodes() }
    }

    /// There is little left for this scope, or a place too much: the store should hear of it soon.
    pub fn hurry(&self, scope: &Arc<Scope>) {
        // Swapped in any case: who takes it out of the queue then sees what was done before.
        if !self.is_urgent.swap(true, Ordering::AcqRel) {
            self.queue(&self.is_urgent, scope, true);
        }
    }

    /// Something was used, to be reported some time.
    pub fn note(&self, scope: &Arc<Scope>) {
        if !self.was_used.load(Ordering::Relaxed) {
            self.was_used.store(true, Ordering::Relaxed);
        }
        if !self.is_changed.load(Ordering::Relaxed) && !self.is_changed.swap(true, Ordering::AcqRel) {
            self.queue(&self.is_changed, scope, false);
        }
    }

    fn queue(&self, is_queued: &AtomicBool, scope: &Arc<Scope>, is_urgent: bool) {
        if !self.cluster.queue(Arc::clone(scope), is_urgent) {
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
            // More than a minute has cannot be lent; of a limit of 0 nothing can.
            let most = self.rate(meter).map_or(0, Rate::limit);
            let is_to_be_had = most > 0 || count == 0;
            wants |= is_to_be_had && link.allowance(meter).is_some_and(|own| own.want(ask.now, count.min(most)));
        }
        for budget in self.budgets() {
            wants |= budget.want(budget.asked(ask), ask.now);
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
        let places = link.places.call(link.moment(now), is_idle).map(|call| (Account::Places, Call::Places(call)));
        let money = self.budgets().iter().enumerate().filter_map(|(place, budget)| {
            let call = budget.call(now, wall, is_idle)?;
            Some((Account::Budget(place), Call::Money(call)))
        });
        rates.chain(places).chain(money).collect()
    }

    /// The store's answer about a rate.
    pub fn hear_rate(&self, account: Account, call: &super::RateCall, reply: &RateReply, now: Instant) {
        let Some(link) = &self.link else { return };
        match account {
            Account::Requests => link.requests.apply(call, reply, now),
            Account::Tokens => link.tokens.apply(call, reply, now),
            Account::Places | Account::Budget(_) => {}
        }
    }

    /// The store's answer about requests at once; `None`: there is none.
    pub fn hear_places(&self, call: &super::PlacesCall, reply: Option<&PlacesReply>, now: Instant) -> Next {
        let Some(link) = &self.link else { return Next::Nothing };
        let at = link.moment(now);
        match reply {
            Some(reply) => link.places.apply(call, reply, at),
            None => link.places.unanswered(),
        }
        // Somebody has left meanwhile.
        if link.places.has_surplus(at.nodes) { Next::Again } else { Next::Nothing }
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
        let is_held = |link: &Link| link.requests.is_held() || link.tokens.is_held() || link.places.is_held();
        self.link.as_ref().is_some_and(|link| is_held(link)) || self.budgets().iter().any(Budget::is_held)
    }

    /// Whether the store should hear of its requests in flight now, whatever it is used for: else it gives up their places.
    pub fn is_due(&self, now: Instant) -> bool {
        self.link.as_ref().is_some_and(|link| link.places.is_due(link.moment(now)))
    }

    /// Whether a place should be asked for.
    pub(super) fn lacks_place(&self, now: Instant) -> bool {
        let link = self.link.as_ref().filter(|_| self.parallel.is_some());
        link.is_some_and(|link| link.places.lacks(link.moment(now)))
    }

    /// The store should hear of it soon, once more: it was asked for while it spoke with the store.
    pub fn hurry(self: &Arc<Self>) {
        self.link.iter().for_each(|link| link.hurry(self));
    }

    /// Its number among those of this node that borrow; scopes of the same counters have the same.
    pub fn lessee(&self) -> Option<u64> {
        self.link.as_ref().map(|link| link.serial)
    }

    pub(super) fn is_heard(&self, was_urgent: bool) {
        if let Some(link) = &self.link {
            let queued = if was_urgent { &link.is_urgent } else { &link.is_changed };
            queued.swap(false, Ordering::AcqRel);
        }
    }
}
