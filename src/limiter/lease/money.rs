//! How a budget borrows from the store: [`MoneyCall`] and its answer.
//!
//! The store counts in nano-dollars, in numbers that are exact up to 2^53 of them. What is spent is rounded up, a maximum
//! down; since the counts of a window are told and not their changes, all roundings together are below a nano-dollar.

use super::call::{MoneyCall, MoneyReply, Next};
use super::demand::Wanted;
use super::{Cluster, Grant, high_water, low_water, money_size, no_until};
use crate::clock::Instant;
use crate::limiter::Pico;
use crate::limiter::budget::{Budget, Over};

/// Pico-dollars of a nano-dollar.
const NANO: Pico = 1_000;
/// The largest number of the store that is exact.
const LARGEST: u64 = 1 << 53;

/// How a budget takes part of a lease.
pub(in crate::limiter) enum Reserved {
    /// It is there, and so much is left.
    Left(Pico),
    /// It is not there.
    No(Over),
}

impl Budget {
    /// Reserves from what is borrowed; `is_open`: from the maximum, as far as this node knows what others have of it.
    pub(in crate::limiter) fn reserve_leased(&self, grant: &Grant, amount: Pico, wall: i64, is_open: bool) -> Reserved {
        self.roll_over(wall);
        let Some(max) = self.limits.max else { return Reserved::Left(Pico::MAX) };
        let amount = amount.max(0);
        if is_open {
            let room = max.saturating_sub(grant.others_held());
            return match self.purse.commit_within(amount, room) {
                Ok(()) => Reserved::Left(Pico::MAX),
                Err(committed) => Reserved::No(self.over(committed, max)),
            };
        }
        // The maximum may have been larger when it was lent.
        let fits = self.purse.committed().saturating_add(amount) <= max;
        match fits.then(|| self.purse.commit_leased(grant, amount)).flatten() {
            Some(left) => Reserved::Left(left),
            None => Reserved::No(self.over(self.purse.committed(), max)),
        }
    }

    /// Whether so much is there, or may be had from the store, as far as this node knows.
    pub(in crate::limiter) fn may_reserve(
        &self,
        grant: &Grant,
        cluster: &Cluster,
        amount: Pico,
        now: Instant,
        wall: i64,
    ) -> bool {
        self.roll_over(wall);
        let Some(max) = self.limits.max else { return true };
        let (amount, committed) = (amount.max(1), self.purse.committed());
        let fits = |others: Pico| committed.saturating_add(others).saturating_add(amount) <= max;
        if cluster.is_open_for_money() {
            return fits(grant.others_held());
        }
        let is_leasable = || cluster.is_up() && self.may_be_leased(grant, amount, now);
        fits(grant.others_spent()) && (grant.left() >= amount || is_leasable())
    }

    pub(in crate::limiter) fn grant(&self) -> Option<&Grant> {
        self.purse.grant()
    }

    /// Whether more should be borrowed when so much is left.
    pub(in crate::limiter) fn is_low(&self, left: Pico) -> bool {
        self.limits.max.is_some_and(|max| left < low_water(money_size(max)))
    }

    /// Whether the store may have this much for us.
    pub(in crate::limiter) fn may_be_leased(&self, grant: &Grant, amount: Pico, now: Instant) -> bool {
        self.limits.max.is_some_and(|max| max > 0 && amount <= max) && !grant.no.answers(amount, now)
    }

    /// Asks for this much, unless it is there or the store has said no. Whether a lease may help.
    pub(in crate::limiter) fn want(&self, amount: Pico, now: Instant) -> bool {
        let Some(grant) = self.purse.grant() else { return false };
        let amount = amount.max(1);
        let wants = grant.left() < amount && self.may_be_leased(grant, amount, now);
        if wants {
            grant.demand.add(amount);
        }
        wants
    }

    /// What is to be said to the store now, if anything is. An idle node keeps nothing but what is reserved.
    pub(in crate::limiter) fn call(&self, now: Instant, wall: i64, is_idle: bool) -> Option<MoneyCall> {
        let (max, grant) = self.limits.max.zip(self.purse.grant())?;
        self.roll_over(wall);
        let wanted = grant.demand.take();
        let (mut seen, left, size) = (grant.held(), grant.left(), money_size(max));
        let spent = self.purse.spent();
        let (mut target, mut floor) = (seen.max(0), seen.max(0));
        let lacks = wanted.sum > 0 || (left < low_water(size) && !is_idle);
        if lacks {
            target = target.saturating_add(wanted.sum.saturating_add(size).saturating_sub(left).max(1));
            floor = floor.saturating_add(wanted.least.saturating_sub(left).max(1));
        } else if (is_idle || left > high_water(size) && grant.borrowed.is_stale(now))
            && let Some(held) = grant.withdraw(if is_idle { left } else { left - size })
        {
            (seen, target, floor) = (held, held, held);
        }
        let has_changed = lacks || target != grant.lent() || spent != grant.reported();
        let call = MoneyCall {
            epoch: grant.epoch(),
            generation: grant.generation(),
            window: self.resets_at().unwrap_or(0),
            span: self.limits.window,
            // A maximum below the store's unit is one of them there: here it is exact.
            max: nano_down(max).max(u64::from(max > 0)),
            spent: nano_up(spent),
            target: nano_up(target),
            floor: nano_up(floor),
            farewell: false,
            wanted,
            seen,
            reported: spent,
        };
        if has_changed { Some(call) } else { is_idle.then(|| self.farewell(grant, call)).flatten() }
    }

    /// If the store has heard all, and lent nothing that is not spent: the others' from now on.
    fn farewell(&self, grant: &Grant, call: MoneyCall) -> Option<MoneyCall> {
        let is_settled = call.seen >= 0 && call.seen == pico(call.spent) && grant.let_go_of(call.seen);
        is_settled.then(|| {
            self.purse.retire(call.reported);
            let others = (grant.others_spent(), grant.others_held());
            grant.hear_of_others(others.0.saturating_add(call.seen), others.1.saturating_add(call.seen));
            MoneyCall { farewell: true, ..call }
        })
    }

    /// What the store said to that.
    pub(in crate::limiter) fn apply(&self, call: &MoneyCall, reply: &MoneyReply, now: Instant) -> Next {
        let Some(grant) = self.purse.grant() else { return Next::Nothing };
        match *reply {
            MoneyReply::Held { .. } if call.farewell => Next::Nothing,
            MoneyReply::Held { held, spent, total } => {
                self.hold(grant, call, held, now);
                let others_spent = pico(spent.saturating_sub(call.spent));
                grant.hear_of_others(others_spent, pico(total.saturating_sub(held)));
                Next::Nothing
            }
            MoneyReply::Epoch { epoch, spent, total } => {
                if grant.epoch() == 0 {
                    // Whatever this node has spent before, it is in the database from which the count began.
                    self.purse.empty();
                } else {
                    let reported = grant.reported().min(self.purse.spent());
                    grant.let_go();
                    self.purse.retire(reported);
                }
                grant.set_epoch(epoch);
                grant.hear_of_others(pico(spent), pico(total));
                self.again(grant, call.wanted)
            }
            MoneyReply::Window(resets_at) => {
                if self.resets_at() != Some(resets_at) {
                    self.purse.reset_at(resets_at);
                    self.purse.empty();
                }
                self.again(grant, call.wanted)
            }
            MoneyReply::Absent => {
                grant.demand.restore(call.wanted);
                Next::Begin
            }
            MoneyReply::Stale => Next::Nothing,
        }
    }

    /// Whether something is borrowed, or not yet reported.
    pub(in crate::limiter) fn is_held(&self) -> bool {
        self.purse.grant().is_some_and(|grant| grant.held() > 0 || self.purse.spent() != grant.reported())
            && self.limits.max.is_some()
    }

    fn hold(&self, grant: &Grant, call: &MoneyCall, held: u64, now: Instant) {
        if grant.set_held(call.seen, pico(held)) {
            grant.report(call.reported);
            if pico(held) > call.seen {
                grant.borrowed.at(now);
            }
        }
        if held < call.floor {
            grant.no.say(call.wanted.least.max(1), no_until(now));
        }
    }

    fn again(&self, grant: &Grant, wanted: Wanted) -> Next {
        grant.demand.restore(wanted);
        Next::Again
    }
}

fn nano_up(amount: Pico) -> u64 {
    nano_down(amount.saturating_add(NANO - 1))
}

fn nano_down(amount: Pico) -> u64 {
    (amount.max(0) / NANO).unsigned_abs().min(LARGEST)
}

fn pico(nano: u64) -> Pico {
    i64::try_from(nano).unwrap_or(i64::MAX).saturating_mul(NANO)
}
