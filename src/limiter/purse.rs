//! The counters of a budget. Budgets with other limits may share them.
//!
//! While nothing limits the money, it is counted in one word, `uncapped`. With the first maximum that word is closed for
//! good, and two count on: `committed` is spent plus reserved and is what admission compares and swaps; `spent` is for the
//! reader. Each change goes to `committed` first when it grows and last when a new window empties it, so that
//! `committed` is never less than what is spent and reserved: an unlucky reader sees too little room for a moment, never
//! too much.
//!
//! Where several nodes share the budget, this is one node's part, and what it has borrowed is in [`Grant`].

use super::Pico;
use super::atomic::{AtomicI64, Ordering};
use super::lease::Grant;

/// `resets_at` of a budget that never starts anew.
pub(super) const NEVER: i64 = i64::MAX;
/// `resets_at` of a budget whose first window begins with the next request.
pub(super) const NOT_BEGUN: i64 = 0;
/// In place of an amount: `committed` and `spent` count on.
const CLOSED: Pico = Pico::MIN;

/// What is gone of a budget.
#[derive(Debug)]
pub(super) struct Purse {
    /// Spent while there was no maximum, or [`CLOSED`].
    uncapped: AtomicI64,
    /// Spent plus reserved.
    committed: AtomicI64,
    spent: AtomicI64,
    /// Seconds since 1970.
    resets_at: AtomicI64,
    grant: Option<Box<Grant>>,
}

impl Purse {
    pub(super) fn new(is_capped: bool, resets_at: i64, grant: Option<Box<Grant>>) -> Self {
        Self {
            uncapped: AtomicI64::new(if is_capped { CLOSED } else { 0 }),
            committed: AtomicI64::new(0),
            spent: AtomicI64::new(0),
            resets_at: AtomicI64::new(resets_at),
            grant,
        }
    }

    /// What is borrowed, where several nodes share.
    pub(super) fn grant(&self) -> Option<&Grant> {
        self.grant.as_deref()
    }

    /// There is a maximum from now on: what was spent without one counts against it. To be called before anybody
    /// reserves.
    pub(super) fn cap(&self) {
        let before = self.uncapped.swap(CLOSED, Ordering::AcqRel);
        if before != CLOSED {
            self.settle(0, before);
        }
    }

    /// Commits `amount` if it fits, and says what is committed if it does not. Nothing fits when all is committed.
    pub(super) fn commit_within(&self, amount: Pico, max: Pico) -> Result<(), Pico> {
        let fits = |committed: Pico| {
            let next = committed.saturating_add(amount);
            (committed < max && next <= max).then_some(next)
        };
        self.committed.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)?;
        self.lend(amount);
        Ok(())
    }

    /// Commits `amount` from what is borrowed, and says what is left of that. `None`: it is not there.
    pub(super) fn commit_leased(&self, grant: &Grant, amount: Pico) -> Option<Pico> {
        let left = grant.take(amount)?;
        add(&self.committed, amount);
        Some(left)
    }

    /// Commits whatever the room.
    pub(super) fn commit(&self, amount: Pico) {
        add(&self.committed, amount);
        self.lend(amount);
    }

    /// What is committed is not left.
    fn lend(&self, amount: Pico) {
        if let Some(grant) = &self.grant {
            grant.add(amount.saturating_neg());
        }
    }

    /// Whoever reserved, if anything, did spend this.
    pub(super) fn settle(&self, reserved: Pico, actual: Pico) {
        self.commit(actual.saturating_sub(reserved));
        add(&self.spent, actual);
    }

    /// Somebody else counts this part of what is spent from now on.
    pub(super) fn retire(&self, amount: Pico) {
        add(&self.spent, amount.saturating_neg());
        self.commit(amount.saturating_neg());
    }

    /// Nothing is spent any more, nor borrowed.
    pub(super) fn empty(&self) {
        if let Some(grant) = &self.grant {
            grant.let_go();
            grant.hear_of_others(0, 0);
        }
        self.set_spent(0);
    }

    /// Somebody who reserved nothing did spend this: one atomic addition where there never was a maximum.
    pub(super) fn count(&self, actual: Pico) {
        let more = |old: Pico| (old != CLOSED).then(|| old.saturating_add(actual));
        if self.uncapped.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            self.settle(0, actual);
        }
    }

    /// Replaces what is spent, and says what it was. Reservations stay.
    pub(super) fn set_spent(&self, amount: Pico) -> Pico {
        let replaced = |old: Pico| (old != CLOSED).then_some(amount);
        self.uncapped.fetch_update(Ordering::AcqRel, Ordering::Acquire, replaced).unwrap_or_else(|_| {
            self.commit(amount);
            let before = self.spent.swap(amount, Ordering::AcqRel);
            self.commit(before.saturating_neg());
            before
        })
    }

    pub(super) fn spent(&self) -> Pico {
        match self.uncapped.load(Ordering::Acquire) {
            CLOSED => self.spent.load(Ordering::Acquire),
            uncapped => uncapped,
        }
    }

    /// Spent and reserved, where there is or was a maximum.
    pub(super) fn committed(&self) -> Pico {
        self.committed.load(Ordering::Acquire)
    }

    /// By requests in flight. Exact when nothing changes at this moment.
    pub(super) fn reserved(&self) -> Pico {
        let spent = self.spent.load(Ordering::Acquire);
        self.committed().saturating_sub(spent)
    }

    pub(super) fn resets_at(&self) -> i64 {
        self.resets_at.load(Ordering::Acquire)
    }

    pub(super) fn reset_at(&self, at: i64) {
        self.resets_at.store(at, Ordering::Release);
    }

    /// Moves the end of the window from `due` to `next`. One of many who see the end gets `true`.
    pub(super) fn advance(&self, due: i64, next: i64) -> bool {
        self.resets_at.compare_exchange(due, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Adds without wrapping round: 9 million dollars are the end of the scale, not its beginning.
fn add(word: &AtomicI64, amount: Pico) {
    let more = |old: Pico| Some(old.saturating_add(amount));
    // `fetch_update` fails only when its closure returns None.
    let _always = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
}
