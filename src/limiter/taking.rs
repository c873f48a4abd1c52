//! What a reservation does with a scope: takes, and gives back. `reservation` keeps the account.

use std::sync::Arc;
use std::time::Duration;

use super::Pico;
use super::budget::{Budget, Over};
use super::lease::{Leased, Link, Reserved};
use super::parallel::{Parallel, Room};
use super::rate::{Rate, Taken, Wait};
use super::reservation::Ask;
use super::scope::{Meter, Reason, Refusal, Scope, Standing};
use super::terms::{Measure, OnExceeded};
use crate::clock::Instant;

/// What was taken of a rate, and where.
#[derive(Debug)]
#[must_use]
pub(super) enum Taking {
    /// There is no limit.
    Nothing,
    /// From this node's own bucket, so many for one.
    Own(Taken, u64),
    /// From what is borrowed, so many.
    Leased(Leased, u64),
}

impl Scope {
    /// Takes a place; alone: without asking for one that is borrowed.
    pub(super) fn enter(self: &Arc<Self>, now: Instant, is_alone: bool) -> Result<(), Refusal> {
        let Some(parallel) = &self.parallel else { return Ok(()) };
        let Some(link) = self.link.as_deref() else {
            return parallel.enter(Room::Part(1)).then_some(()).ok_or_else(|| self.full(parallel, false));
        };
        let at = link.moment(now);
        let is_shared = link.cluster.is_up() && !is_alone;
        let room = if is_shared { Room::Lent(at.era) } else { Room::Part(link.cluster.parts()) };
        if !parallel.enter(room) {
            return Err(self.full(parallel, is_shared && link.places.may_be_lent(at.era)));
        }
        // Who has come in without the store is told to it.
        if !is_shared || link.places.is_low(at) {
            link.hurry(self);
        }
        Ok(())
    }

    /// Gives the place back, to other nodes too.
    pub(super) fn leave(self: &Arc<Self>) {
        let Some(parallel) = &self.parallel else { return };
        parallel.leave();
        if let Some(link) = &self.link
            && link.cluster.is_up()
            && link.places.has_surplus(link.cluster.nodes())
        {
            link.hurry(self);
        }
    }

    fn full(self: &Arc<Self>, parallel: &Parallel, is_leasable: bool) -> Refusal {
        let standing = Standing { meter: Meter::Parallel, limit: parallel.limit(), remaining: 0 };
        Refusal { is_leasable, ..self.refusal(Reason::Limit(standing), None) }
    }

    /// Takes so many requests or tokens, of more than a minute has a whole minute's; alone: without asking for what is
    /// borrowed.
    pub(super) fn take(
        self: &Arc<Self>,
        meter: Meter,
        now: Instant,
        count: u64,
        is_alone: bool,
    ) -> Result<Taking, Refusal> {
        let Some(rate) = self.rate(meter) else { return Ok(Taking::Nothing) };
        match self.link.as_deref() {
            Some(link) if link.cluster.is_up() && !is_alone => self.take_leased(link, rate, meter, now, count),
            link => {
                let times = link.map_or(1, |link| link.cluster.times(rate.limit(), count));
                let taken = rate.try_take(now, count.saturating_mul(times));
                let taken = taken.map_err(|wait| self.refused(meter, now, Some(wait)))?;
                Ok(Taking::Own(taken, times))
            }
        }
    }

    fn take_leased(
        self: &Arc<Self>,
        link: &Link,
        rate: &Rate,
        meter: Meter,
        now: Instant,
        count: u64,
    ) -> Result<Taking, Refusal> {
        let (limit, nodes) = (rate.limit(), link.cluster.nodes());
        if count > 0 && limit == 0 {
            return Err(self.refused(meter, now, Some(Wait::Forever)));
        }
        let count = count.min(limit);
        let Some(allowance) = link.allowance(meter) else { return Ok(Taking::Nothing) };
        let taken = allowance.try_take(now, count);
        if allowance.is_low(now, limit, nodes) && allowance.may_be_leased(now, 1) {
            link.hurry(self);
        }
        taken.map(|(leased, _)| Taking::Leased(leased, count)).ok_or_else(|| {
            let refusal = self.refused(meter, now, allowance.wait(now).map(Wait::For));
            Refusal { is_leasable: allowance.may_be_leased(now, count), ..refusal }
        })
    }

    /// Puts the true count in place of the taken one: what was not used comes back, what was used beyond it is a debt.
    pub(super) fn correct(&self, meter: Meter, now: Instant, taking: Taking, actual: u64) {
        let Some(rate) = self.rate(meter) else { return };
        match (taking, self.link.as_ref().and_then(|link| link.allowance(meter))) {
            (Taking::Own(taken, times), _) => match actual.saturating_mul(times) {
                used if used > taken.count => rate.charge(now, used - taken.count),
                used => rate.give_back(now, taken, taken.count - used),
            },
            (Taking::Leased(_, count), Some(allowance)) if actual > count => allowance.charge(actual - count),
            (Taking::Leased(leased, count), Some(allowance)) => {
                allowance.give_back(now, leased, count - actual, rate.limit());
            }
            _ => {}
        }
    }

    /// Something was used, to be told to the store if there is one.
    pub(super) fn note(self: &Arc<Self>) {
        let reporter = self.reported_by.as_ref().unwrap_or(self);
        if let Some(link) = &reporter.link {
            link.note(reporter);
        }
    }

    /// Reserves at one of its budgets. `true`: it does not fit, and the budget only warns.
    pub(super) fn reserve(self: &Arc<Self>, budget: &Budget, ask: &Ask) -> Result<bool, Refusal> {
        let asked = budget.asked(ask);
        let (over, is_leasable) = match self.try_reserve(budget, ask) {
            Ok(()) => return Ok(false),
            Err(no) => no,
        };
        let instead = match &budget.limits().on_exceeded {
            OnExceeded::Block => None,
            OnExceeded::Downgrade(model) if !ask.downgraded => Some(Arc::clone(model)),
            OnExceeded::Warn | OnExceeded::Downgrade(_) => {
                budget.reserve_beyond(asked);
                // What is not borrowed yet may well be there.
                return Ok(over.is_known(asked));
            }
        };
        let is_away = self.link.as_ref().is_some_and(|link| !link.cluster.is_up());
        let reason = match budget.limits().measure {
            _ if is_away && !over.is_known(asked) => Reason::BudgetUnknown(over),
            Measure::Money => Reason::Budget(over),
            Measure::Tokens => Reason::Limit(over.in_tokens()),
        };
        let seconds = over.resets_at.and_then(|at| u64::try_from(at.saturating_sub(ask.wall)).ok());
        let refusal = self.refusal(reason, seconds.map(Duration::from_secs));
        Err(Refusal { instead, is_leasable, ..refusal })
    }

    /// Why not, and whether a lease may help.
    fn try_reserve(self: &Arc<Self>, budget: &Budget, ask: &Ask) -> Result<(), (Over, bool)> {
        let asked = budget.asked(ask);
        let Some((link, grant)) = self.link.as_ref().zip(budget.grant()) else {
            return budget.try_reserve(asked, ask.wall).map_err(|over| (over, false));
        };
        match budget.reserve_leased(grant, asked, ask.wall, link.cluster.is_open_for_money()) {
            Reserved::Left(left) => {
                if budget.is_low(left) {
                    link.hurry(self);
                }
                Ok(())
            }
            Reserved::No(over) => {
                let is_leasable = link.cluster.is_up() && budget.may_be_leased(grant, asked, ask.now);
                if is_leasable {
                    link.hurry(self);
                }
                Err((over, is_leasable))
            }
        }
    }

    /// Whether a small call would pass, as far as is known here; what may be borrowed counts as there.
    pub fn may_pass(&self, now: Instant, wall: i64) -> bool {
        let is_shared = self.link.as_ref().is_some_and(|link| link.cluster.is_up());
        let is_paced = |meter| meter != Meter::Parallel;
        let has_count = || self.standings(now).all(|it| it.remaining > 0 || !is_paced(it.meter));
        let is_hard = |budget: &&Budget| budget.is_money() && budget.limits().on_exceeded == OnExceeded::Block;
        (is_shared || has_count())
            && self.budgets().iter().filter(is_hard).all(|budget| self.has_room(budget, 1, now, wall))
    }

    /// Whether all its budgets of money have so much, as far as is known here. Nothing is taken.
    pub fn affords(&self, cost: Pico, now: Instant, wall: i64) -> bool {
        self.budgets().iter().filter(|budget| budget.is_money()).all(|budget| self.has_room(budget, cost, now, wall))
    }

    fn has_room(&self, budget: &Budget, cost: Pico, now: Instant, wall: i64) -> bool {
        match self.link.as_ref().zip(budget.grant()) {
            Some((link, grant)) => budget.may_reserve(grant, &link.cluster, cost, now, wall),
            None => budget.has_room(cost, wall),
        }
    }

    /// Whether nobody can say if it has so much: the store is away, what is borrowed here does not cover it, and what is
    /// known to be spent and held leaves room.
    pub fn is_unsure(&self, cost: Pico, now: Instant, wall: i64) -> bool {
        let is_known = |budget: &Budget| {
            let max = budget.limits().max;
            max.is_some_and(|max| budget.over(budget.purse.committed(), max).is_known(cost))
        };
        let is_away = self.link.as_ref().is_some_and(|link| !link.cluster.is_up());
        is_away
            && !self.affords(cost, now, wall)
            && !self.budgets().iter().filter(|budget| budget.is_money()).any(is_known)
    }

    pub(super) fn refused(self: &Arc<Self>, meter: Meter, now: Instant, wait: Option<Wait>) -> Refusal {
        let standing = self.standing(meter, now).unwrap_or(Standing { meter, limit: 0, remaining: 0 });
        let retry_after = match wait {
            Some(Wait::For(wait)) => Some(wait),
            Some(Wait::Forever) | None => None,
        };
        self.refusal(Reason::Limit(standing), retry_after)
    }

    fn refusal(self: &Arc<Self>, reason: Reason, retry_after: Option<Duration>) -> Refusal {
        Refusal { scope: Arc::clone(self), reason, retry_after, instead: None, is_leasable: false }
    }
}

impl Over {
    /// Whether this much is known not to fit.
    fn is_known(&self, amount: Pico) -> bool {
        let committed = self.spent.saturating_add(self.reserved);
        committed >= self.max || committed.saturating_add(amount.max(0)) > self.max
    }
}
