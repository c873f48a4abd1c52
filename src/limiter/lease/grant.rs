//! What a node has borrowed of a budget.
//!
//! `held` is what the store has lent in this window, spent money included, as far as `left` knows of it; `left` is `held`
//! less what is spent and reserved. Only `left` is looked at when money is reserved. A new window, or a new count in the
//! store, makes `held` a number that was never there before, so that the answer to an older call is recognised.

use super::demand::{Borrowed, Demand, No};
use crate::limiter::Pico;
use crate::limiter::atomic::{AtomicI64, AtomicU64, Ordering};

#[derive(Debug)]
pub(in crate::limiter) struct Grant {
    left: AtomicI64,
    /// Negative: nothing, for the so-manieth time.
    held: AtomicI64,
    /// What the store has said last that it is.
    lent: AtomicI64,
    times: AtomicI64,
    /// Spent by other nodes, and held by them (spent money included), as heard last.
    others_spent: AtomicI64,
    others_held: AtomicI64,
    /// What of the own spending the store has heard.
    reported: AtomicI64,
    epoch: AtomicU64,
    generation: AtomicU64,
    pub(super) demand: Demand,
    pub(super) no: No,
    pub(super) borrowed: Borrowed,
}

impl Grant {
    pub fn new() -> Self {
        Self {
            left: AtomicI64::new(0),
            held: AtomicI64::new(-1),
            lent: AtomicI64::new(0),
            times: AtomicI64::new(1),
            others_spent: AtomicI64::new(0),
            others_held: AtomicI64::new(0),
            reported: AtomicI64::new(0),
            epoch: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            demand: Demand::new(),
            no: No::unsaid(),
            borrowed: Borrowed::never(),
        }
    }

    /// Takes what is there, all or nothing; and says what is left. At the last cent nothing is there for anybody.
    pub fn take(&self, amount: Pico) -> Option<Pico> {
        let less = |left: Pico| (left > 0 && left >= amount).then(|| left - amount);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok().map(|before| before - amount)
    }

    pub fn add(&self, amount: Pico) {
        let more = |left: Pico| Some(left.saturating_add(amount));
        // `fetch_update` fails only when its closure returns None.
        let _always = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }

    pub fn left(&self) -> Pico {
        self.left.load(Ordering::Acquire)
    }

    /// What the store has lent; negative: nothing.
    pub fn held(&self) -> Pico {
        self.held.load(Ordering::Acquire)
    }

    /// What the store has said last.
    pub fn lent(&self) -> Pico {
        self.lent.load(Ordering::Acquire)
    }

    /// The store says what it has lent, to a call that was written when `seen` was. `false`: too late.
    pub fn set_held(&self, seen: Pico, held: Pico) -> bool {
        let is_in_time = self.held.compare_exchange(seen, held, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if is_in_time {
            self.lent.store(held, Ordering::Release);
            self.add(held.saturating_sub(seen.max(0)));
        }
        is_in_time
    }

    /// Takes up to `amount` out of what is left, in whole thousands, so that it can be given back. What is held then; `None`:
    /// nothing was there.
    pub fn withdraw(&self, amount: Pico) -> Option<Pico> {
        let surplus = |left: Pico| amount.min(left) / 1_000 * 1_000;
        let less = |left: Pico| (surplus(left) > 0).then(|| left - surplus(left));
        let surplus = surplus(self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?);
        let fewer = |held: Pico| (held >= surplus).then(|| held - surplus);
        match self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer) {
            Ok(before) => Some(before - surplus),
            Err(_) => {
                // A new window has taken it already.
                self.add(surplus);
                None
            }
        }
    }

    /// Nothing is borrowed any more.
    pub fn let_go(&self) {
        let none = -self.times.fetch_add(1, Ordering::AcqRel) - 1;
        let held = self.held.swap(none, Ordering::AcqRel);
        self.add(-held.max(0));
        self.lent.store(0, Ordering::Release);
        self.reported.store(0, Ordering::Release);
        self.no.forget();
    }

    /// As [`Grant::let_go`], for good: whatever comes next is somebody else's. `false`: there is a new window since `seen`.
    pub fn let_go_of(&self, seen: Pico) -> bool {
        let none = -self.times.fetch_add(1, Ordering::AcqRel) - 1;
        let is_it = self.held.compare_exchange(seen, none, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if is_it {
            self.add(-seen.max(0));
            self.lent.store(0, Ordering::Release);
            self.reported.store(0, Ordering::Release);
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        is_it
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub fn others_spent(&self) -> Pico {
        self.others_spent.load(Ordering::Acquire)
    }

    pub fn others_held(&self) -> Pico {
        self.others_held.load(Ordering::Acquire).max(self.others_spent())
    }

    pub fn hear_of_others(&self, spent: Pico, held: Pico) {
        self.others_spent.store(spent, Ordering::Release);
        self.others_held.store(held, Ordering::Release);
    }

    pub fn reported(&self) -> Pico {
        self.reported.load(Ordering::Acquire)
    }

    pub fn report(&self, amount: Pico) {
        self.reported.store(amount, Ordering::Release);
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }
}
