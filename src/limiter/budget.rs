//! Money that may be spent, reserved before it is.
//!
//! A request reserves what it may cost at most; when it has ended, the reservation is replaced by what it did cost. Spent
//! plus reserved never exceeds the budget, whatever runs at once, so a budget cannot be overspent by requests that keep
//! to their estimates. One that did cost more is counted in full: it was spent.
//!
//! What a budget is can change at any time: [`Budget::relimited`] makes another one of the same counters.

use std::sync::Arc;

use super::Pico;
use super::lease::Grant;
use super::message;
use super::purse::{NEVER, NOT_BEGUN, Purse};
use super::terms::{Measure, OnExceeded};
use super::window::{Window, Zone};

/// What a budget is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Tells the budgets of one scope apart, and finds the counters again when limits change: `daily`, `30d`; empty for
    /// the only one.
    pub name: Box<str>,
    /// Not to be exceeded; at it, nothing more is admitted. `None`: money is only counted.
    pub max: Option<Pico>,
    /// From here on somebody should be told. Stops nothing.
    pub soft: Option<Pico>,
    /// After which spending starts at 0; `None`: never.
    pub window: Option<Window>,
    /// Whose midnight it is.
    pub zone: Zone,
    /// What becomes of a request that does not fit.
    pub on_exceeded: OnExceeded,
    /// What is counted.
    pub measure: Measure,
}

/// A budget and what is gone of it.
#[derive(Debug)]
pub struct Budget {
    pub(super) limits: BudgetLimits,
    pub(super) purse: Arc<Purse>,
    /// The maximum as answers tell it.
    pub(super) shown_max: Option<http::HeaderValue>,
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
    fn of(limits: BudgetLimits, purse: Arc<Purse>) -> Self {
        Self { shown_max: limits.max.and_then(message::header_value), limits, purse }
    }

    /// Nothing spent.
    pub fn new(limits: BudgetLimits) -> Self {
        let purse = Arc::new(Purse::new(limits.max.is_some(), first_reset(&limits), None));
        Self::of(limits, purse)
    }

    /// Nothing spent, and shared with other nodes: it has no more room than what is borrowed.
    pub(super) fn shared(limits: BudgetLimits) -> Self {
        let grant = Some(Box::new(Grant::new()));
        let purse = Arc::new(Purse::new(limits.max.is_some(), first_reset(&limits), grant));
        Self::of(limits, purse)
    }

    /// Another budget of the same money: what is spent and reserved counts in both. If the window is another one, it
    /// begins with the next request and keeps what is spent; requests that are still at the old budget at this moment
    /// may begin it with the old one's end.
    #[must_use]
    pub fn relimited(&self, limits: BudgetLimits) -> Self {
        let purse = Arc::clone(&self.purse);
        if limits.max.is_some() {
            purse.cap();
        }
        if (limits.window, &limits.zone) != (self.limits.window, &self.limits.zone) {
            purse.reset_at(first_reset(&limits));
        }
        Self::of(limits, purse)
    }

    /// The same money, which stops nothing.
    #[must_use]
    pub fn counting_only(&self) -> Self {
        Self::of(BudgetLimits { max: None, ..self.limits.clone() }, Arc::clone(&self.purse))
    }

    /// Reserves `amount` (a negative one is none) at this time, in seconds since 1970. Without a maximum nothing needs
    /// to be reserved.
    ///
    /// # Errors
    /// [`Over`] if it does not fit, or if the budget is used up: spent to the last cent is over, as with LiteLLM.
    pub fn try_reserve(&self, amount: Pico, wall: i64) -> Result<(), Over> {
        self.roll_over(wall);
        let Some(max) = self.limits.max else { return Ok(()) };
        self.purse.commit_within(amount.max(0), max).map_err(|committed| self.over(committed, max))
    }

    /// Whether [`Budget::try_reserve`] would reserve so much at this moment.
    pub fn has_room(&self, amount: Pico, wall: i64) -> bool {
        self.roll_over(wall);
        let Some(max) = self.limits.max else { return true };
        let committed = self.purse.committed();
        committed < max && committed.saturating_add(amount.max(0)) <= max
    }

    /// Reserves what does not fit too.
    pub(super) fn reserve_beyond(&self, amount: Pico) {
        if self.limits.max.is_some() {
            self.purse.commit(amount.max(0));
        }
    }

    /// The request that reserved this has ended and did cost `actual`, which may be more.
    pub fn settle(&self, reserved: Pico, actual: Pico) {
        let (reserved, actual) = (reserved.max(0), actual.max(0));
        match self.limits.max {
            Some(_) => self.purse.settle(reserved, actual),
            None if actual > 0 => self.purse.count(actual),
            None => {}
        }
    }

    /// The request that reserved this did cost nothing.
    pub fn refund(&self, reserved: Pico) {
        self.settle(reserved, 0);
    }

    /// Others have spent too: no less than this, in the window that ends then. Another window's money is not looked at,
    /// nor that of a budget of which a shared store tells.
    pub fn raise(&self, spent: Pico, resets_at: Option<i64>) {
        let more = spent.saturating_sub(self.purse.spent());
        if more > 0 && resets_at == self.resets_at() && self.purse.grant().is_none() {
            self.purse.settle(0, more);
        }
    }

    /// Puts in what was spent before this process started: the money of the window that ends at `resets_at` (`None`:
    /// of the one that is now). Replaces what is spent so far; reservations stay.
    pub fn restore(&self, spent: Pico, resets_at: Option<i64>) {
        if let (Some(resets_at), true) = (resets_at, self.limits.window.is_some()) {
            self.purse.reset_at(resets_at);
        }
        match self.purse.grant() {
            None => _ = self.purse.set_spent(spent),
            // All nodes together have spent it; the store knows better, and will say so.
            Some(grant) => grant.hear_of_others(spent.saturating_sub(self.purse.spent()), grant.others_held()),
        }
    }

    /// Replaces what is spent in this window, and says what it was: between the two nothing is lost. For a budget that is
    /// not shared. Reservations stay.
    pub fn set_back(&self, spent: Pico) -> Pico {
        self.purse.set_spent(spent)
    }

    /// Spent after all, whatever the room; a negative amount is not.
    pub fn put_back(&self, amount: Pico) {
        self.purse.count(amount);
    }

    /// Begins anew now, before the window is over. Reservations stay.
    pub fn reset(&self, wall: i64) {
        if let Some(window) = self.limits.window {
            self.purse.reset_at(window.next_reset(wall, &self.limits.zone));
        }
        self.purse.empty();
    }

    /// Begins a new window if the old one is over. Reservations of requests in flight stay, and are settled into the
    /// new window. A clock that is set back begins nothing anew.
    pub fn roll_over(&self, wall: i64) {
        let due = self.purse.resets_at();
        if wall < due {
            return;
        }
        let Some(window) = self.limits.window else { return };
        let next = window.next_reset(wall, &self.limits.zone);
        // One of many wins; the others may find the old sum for another moment.
        if self.purse.advance(due, next) && due != NOT_BEGUN {
            self.purse.empty();
        }
    }

    /// What it is.
    pub fn limits(&self) -> &BudgetLimits {
        &self.limits
    }

    /// Spent in this window, or in the last one if nobody has asked since. By all nodes, as heard last.
    pub fn spent(&self) -> Pico {
        self.purse.spent().saturating_add(self.purse.grant().map_or(0, Grant::others_spent))
    }

    /// Reserved by requests in flight. Exact when nothing changes at this moment.
    pub fn reserved(&self) -> Pico {
        self.purse.reserved()
    }

    /// Seconds since 1970 at which it starts anew; `None`: never, or not begun.
    pub fn resets_at(&self) -> Option<i64> {
        let at = self.purse.resets_at();
        (at != NEVER && at != NOT_BEGUN).then_some(at)
    }

    /// Whether somebody should be told.
    pub fn is_past_soft(&self) -> bool {
        self.limits.soft.is_some_and(|soft| self.spent() >= soft)
    }

    pub(super) fn over(&self, committed: Pico, max: Pico) -> Over {
        let reserved = committed.saturating_sub(self.purse.spent()).max(0);
        let others = self.purse.grant().map_or(0, |grant| grant.others_held().saturating_sub(grant.others_spent()));
        Over { spent: self.spent(), reserved: reserved.saturating_add(others), max, resets_at: self.resets_at() }
    }
}

fn first_reset(limits: &BudgetLimits) -> i64 {
    if limits.window.is_some() { NOT_BEGUN } else { NEVER }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};

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
        assert_eq!(budget.try_reserve(Pico::MAX, 0), Ok(()));
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

    #[test]
    fn other_limits_count_the_same_money() {
        let free = Budget::new(BudgetLimits::default());
        free.settle(0, 30 * CENT);
        let capped = free.relimited(BudgetLimits { max: Some(DOLLAR), ..BudgetLimits::default() });
        assert_eq!((capped.spent(), capped.reserved()), (30 * CENT, 0));
        // One that was admitted without a maximum ends.
        free.settle(50 * CENT, 20 * CENT);
        assert_eq!(capped.try_reserve(50 * CENT, 0), Ok(()));
        assert!(capped.try_reserve(1, 0).is_err());
        let wider = capped.relimited(BudgetLimits { max: Some(2 * DOLLAR), ..BudgetLimits::default() });
        assert_eq!(wider.try_reserve(DOLLAR, 0), Ok(()));
        capped.settle(50 * CENT, 10 * CENT);
        wider.refund(DOLLAR);
        let free = wider.relimited(BudgetLimits::default());
        free.settle(DOLLAR, CENT);
        assert_eq!((free.spent(), free.reserved(), capped.spent()), (61 * CENT, 0, 61 * CENT));
    }

    #[test]
    fn another_window_begins_with_the_next_request_and_keeps_the_spent() {
        let daily = budget(DOLLAR, "1d");
        daily.restore(10 * CENT, Some(DAY));
        let hourly = daily.relimited(BudgetLimits { window: Window::parse("1h"), ..daily.limits().clone() });
        assert_eq!(hourly.resets_at(), None);
        hourly.roll_over(10);
        assert_eq!((hourly.spent(), hourly.resets_at()), (10 * CENT, Some(3_600)));
        let endless = hourly.relimited(BudgetLimits { window: None, ..daily.limits().clone() });
        endless.roll_over(10 * DAY);
        assert_eq!((endless.spent(), endless.resets_at()), (10 * CENT, None));
    }

    #[test]
    fn room_is_what_could_be_reserved() {
        let budget = budget(DOLLAR, "1d");
        for (amount, fits) in [(60 * CENT, true), (41 * CENT, false), (40 * CENT, true), (0, false)] {
            assert_eq!((budget.has_room(amount, 10), budget.try_reserve(amount, 10).is_ok()), (fits, fits), "{amount}");
        }
        budget.settle(DOLLAR, DOLLAR);
        assert!(!budget.has_room(0, DAY - 1) && budget.has_room(DOLLAR, DAY), "a new day");
        assert!(Budget::new(BudgetLimits::default()).has_room(Pico::MAX, 0));
    }

    #[test]
    fn a_reset_begins_a_window_now() {
        let budget = budget(DOLLAR, "1d");
        budget.restore(DOLLAR, Some(DAY));
        budget.reset(3 * DAY + 5);
        assert_eq!((budget.spent(), budget.resets_at()), (0, Some(4 * DAY)));
        assert_eq!(budget.try_reserve(CENT, 3 * DAY + 6), Ok(()));
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
