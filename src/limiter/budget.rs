//! Money that may be spent, reserved before it is.
//!
//! A request reserves what it may cost at most; when it has ended, the reservation is replaced by what it did cost. Spent
//! plus reserved never exceeds the budget, whatever runs at once, so a budget cannot be overspent by requests that keep
//! to their estimates. One that did cost more is counted in full: it was spent.
//!
//! Two words. `committed` is spent plus reserved and is what admission compares and swaps; `spent` is for the reader. Each
//! change goes to `committed` first when it grows and last when a new window empties it, so that `committed` is never
//! less than what is spent and reserved: an unlucky reader sees too little room for a moment, never too much.

use super::Pico;
use super::atomic::{AtomicI64, Ordering};
use super::window::{Window, Zone};

/// `resets_at` of a budget that never starts anew.
const NEVER: i64 = i64::MAX;

/// What a budget is.
#[derive(Clone, Debug, Default)]
pub struct BudgetLimits {
    /// Not to be exceeded; at it, nothing more is admitted. `None`: money is only counted.
    pub max: Option<Pico>,
    /// From here on somebody should be told. Stops nothing.
    pub soft: Option<Pico>,
    /// After which spending starts at 0; `None`: never.
    pub window: Option<Window>,
    /// Whose midnight it is.
    pub zone: Zone,
}

/// A budget and what is gone of it.
#[derive(Debug)]
pub struct Budget {
    limits: BudgetLimits,
    /// Spent plus reserved.
    committed: AtomicI64,
    spent: AtomicI64,
    /// Seconds since 1970. 0: the first request begins the first window.
    resets_at: AtomicI64,
}

/// Why nothing was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub spent: Pico,
    /// By requests that have not ended.
    pub reserved: Pico,
    pub max: Pico,
    /// Seconds since 1970; `None`: never.
    pub resets_at: Option<i64>,
}

impl Budget {
    /// Nothing spent.
    pub fn new(limits: BudgetLimits) -> Self {
        let resets_at = if limits.window.is_some() { 0 } else { NEVER };
        Self { limits, committed: AtomicI64::new(0), spent: AtomicI64::new(0), resets_at: AtomicI64::new(resets_at) }
    }

    /// Reserves `amount` (a negative one is none) at this time, in seconds since 1970.
    ///
    /// # Errors
    /// [`Over`] if it does not fit, or if the budget is used up: spent to the last cent is over, as with LiteLLM.
    pub fn try_reserve(&self, amount: Pico, wall: i64) -> Result<(), Over> {
        self.roll_over(wall);
        let amount = amount.max(0);
        let fits = |committed: Pico| {
            let next = committed.saturating_add(amount);
            let fits = self.limits.max.is_none_or(|max| committed < max && next <= max);
            fits.then_some(next)
        };
        match self.committed.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(_) => Ok(()),
            Err(committed) => Err(self.over(committed)),
        }
    }

    /// The request that reserved this has ended and did cost `actual`, which may be more.
    pub fn settle(&self, reserved: Pico, actual: Pico) {
        let (reserved, actual) = (reserved.max(0), actual.max(0));
        add(&self.committed, actual.saturating_sub(reserved));
        add(&self.spent, actual);
    }

    /// The request that reserved this did cost nothing.
    pub fn refund(&self, reserved: Pico) {
        add(&self.committed, -reserved.max(0));
    }

    /// Puts in what was spent before this process started: the money of the window that ends at `resets_at` (`None`:
    /// of the one that is now). Replaces what is spent so far; reservations stay.
    pub fn restore(&self, spent: Pico, resets_at: Option<i64>) {
        if let (Some(resets_at), true) = (resets_at, self.limits.window.is_some()) {
            self.resets_at.store(resets_at, Ordering::Release);
        }
        add(&self.committed, spent);
        let before = self.spent.swap(spent, Ordering::AcqRel);
        add(&self.committed, before.saturating_neg());
    }

    /// Begins a new window if the old one is over. Reservations of requests in flight stay, and are settled into the
    /// new window. A clock that is set back begins nothing anew.
    pub fn roll_over(&self, wall: i64) {
        let due = self.resets_at.load(Ordering::Acquire);
        if wall < due {
            return;
        }
        let Some(window) = self.limits.window else { return };
        let next = window.next_reset(wall, &self.limits.zone);
        // One of many wins; the others may find the old sum for another moment.
        if self.resets_at.compare_exchange(due, next, Ordering::AcqRel, Ordering::Acquire).is_ok() && due != 0 {
            let before = self.spent.swap(0, Ordering::AcqRel);
            add(&self.committed, before.saturating_neg());
        }
    }

    /// What it is.
    pub fn limits(&self) -> &BudgetLimits {
        &self.limits
    }

    /// Spent in this window, or in the last one if nobody has asked since.
    pub fn spent(&self) -> Pico {
        self.spent.load(Ordering::Acquire)
    }

    /// Reserved by requests in flight. Exact when nothing changes at this moment.
    pub fn reserved(&self) -> Pico {
        let spent = self.spent();
        self.committed.load(Ordering::Acquire).saturating_sub(spent)
    }

    /// Seconds since 1970 at which it starts anew; `None`: never, or not begun.
    pub fn resets_at(&self) -> Option<i64> {
        let at = self.resets_at.load(Ordering::Acquire);
        (at != NEVER && at != 0).then_some(at)
    }

    /// Whether somebody should be told.
    pub fn is_past_soft(&self) -> bool {
        self.limits.soft.is_some_and(|soft| self.spent() >= soft)
    }

    fn over(&self, committed: Pico) -> Over {
        let spent = self.spent();
        Over {
            spent,
            reserved: committed.saturating_sub(spent).max(0),
            max: self.limits.max.unwrap_or(Pico::MAX),
            resets_at: self.resets_at(),
        }
    }
}

/// Adds without wrapping round: 9 million dollars are the end of the scale, not its beginning.
fn add(word: &AtomicI64, amount: Pico) {
    let more = |old: Pico| Some(old.saturating_add(amount));
    // `fetch_update` fails only when its closure returns None.
    let _always = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU64;

    use super::*;

    const CENT: Pico = 10_000_000_000;
    const DOLLAR: Pico = 100 * CENT;
    const DAY: i64 = 86_400;

    fn budget(max: Pico, window: &str) -> Budget {
        Budget::new(BudgetLimits { max: Some(max), window: Window::parse(window), ..BudgetLimits::default() })
    }

    #[test]
    fn spent_and_reserved_stay_within_the_maximum() {
        let budget = budget(DOLLAR, "");
        assert_eq!(budget.try_reserve(60 * CENT, 0), Ok(()));
        let over = Over { spent: 0, reserved: 60 * CENT, max: DOLLAR, resets_at: None };
        assert_eq!(budget.try_reserve(41 * CENT, 0), Err(over));
        assert_eq!(budget.try_reserve(40 * CENT, 0), Ok(()));
        // To the last cent is over, also for what costs nothing.
        assert!(budget.try_reserve(0, 0).is_err());
        budget.refund(40 * CENT);
        budget.settle(60 * CENT, 25 * CENT);
        assert_eq!((budget.spent(), budget.reserved()), (25 * CENT, 0));
        // More than reserved is counted, not cut.
        assert_eq!(budget.try_reserve(75 * CENT, 0), Ok(()));
        budget.settle(75 * CENT, 2 * DOLLAR);
        assert_eq!((budget.spent(), budget.reserved()), (225 * CENT, 0));
        assert!(budget.try_reserve(0, 0).is_err());
    }

    #[test]
    fn a_budget_without_maximum_counts_and_the_soft_one_tells() {
        let budget = Budget::new(BudgetLimits { soft: Some(CENT), ..BudgetLimits::default() });
        assert_eq!(budget.try_reserve(Pico::MAX, 0), Ok(()));
        assert_eq!(budget.try_reserve(Pico::MAX, 0), Ok(()), "saturated");
        budget.settle(0, CENT - 1);
        assert!(!budget.is_past_soft());
        budget.settle(0, 1);
        assert!(budget.is_past_soft());
    }

    #[test]
    fn a_new_window_forgets_the_spent_and_keeps_the_reserved() {
        let budget = budget(DOLLAR, "1d");
        assert_eq!(budget.try_reserve(50 * CENT, 10), Ok(()));
        assert_eq!(budget.resets_at(), Some(DAY));
        assert_eq!(budget.try_reserve(50 * CENT, 20), Ok(()));
        budget.settle(50 * CENT, 50 * CENT);
        assert!(budget.try_reserve(1, DAY - 1).is_err());
        assert_eq!(budget.try_reserve(50 * CENT, DAY), Ok(()));
        assert_eq!((budget.spent(), budget.reserved(), budget.resets_at()), (0, DOLLAR, Some(2 * DAY)));
        // A clock set back does not begin anything.
        budget.roll_over(5);
        assert_eq!(budget.resets_at(), Some(2 * DAY));
    }

    #[test]
    fn what_was_spent_before_the_start_is_put_back() {
        let restored = |resets_at| {
            let budget = budget(DOLLAR, "1d");
            budget.restore(DOLLAR, resets_at);
            budget
        };
        assert!(restored(Some(DAY)).try_reserve(CENT, 5).is_err());
        assert!(restored(None).try_reserve(CENT, 5).is_err());
        assert_eq!(restored(Some(DAY)).try_reserve(CENT, DAY), Ok(()), "the window ended while we were away");
        let twice = restored(Some(DAY));
        twice.restore(CENT, Some(DAY));
        assert_eq!((twice.spent(), twice.reserved()), (CENT, 0));
    }

    /// 1,000 calls of a cent at a budget of a dollar, on as many threads as are sensible, which begin together.
    #[test]
    fn a_thousand_calls_cannot_spend_more_than_the_dollar() {
        for seed in 0..20 {
            let budget = budget(DOLLAR, "");
            let (start, accepted) = (Barrier::new(8), AtomicU64::new(0));
            std::thread::scope(|threads| {
                for worker in 0..8_u64 {
                    let (budget, start, accepted) = (&budget, &start, &accepted);
                    threads.spawn(move || {
                        let mut random = fastrand::Rng::with_seed(seed * 8 + worker);
                        let mut held = 0;
                        start.wait();
                        for _ in 0..125 {
                            if budget.try_reserve(CENT, 0).is_ok() {
                                held += 1;
                                accepted.fetch_add(1, Ordering::Relaxed);
                            }
                            if random.bool() && held > 0 {
                                held -= 1;
                                budget.settle(CENT, CENT);
                            }
                            assert!(budget.spent() <= DOLLAR);
                        }
                        (0..held).for_each(|_| budget.settle(CENT, CENT));
                    });
                }
            });
            assert_eq!(accepted.into_inner(), 100, "seed {seed}");
            assert_eq!((budget.spent(), budget.reserved()), (DOLLAR, 0), "seed {seed}");
        }
    }
}
