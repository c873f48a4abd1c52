//! Accounts of attempts that are made besides the first one of a request, so that a provider's outage does not become a
//! storm, and hedging does not double the bill.
//!
//! Each request puts a share of an attempt into its group's account, up to a limit; an attempt besides takes a whole one
//! out. Of retries, those at a deployment that answered well the last time are free, and those of a request that is answered are
//! put back:
//! where one of several deployments fails no retry is ever refused, and where nothing helps there are fewer than 1.1
//! attempts for each request. (Accounts like this are Finagle's; that what helps is free is ours.)

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Retries that an account holds at most, and begins with.
pub const BURST: u32 = 10;
/// Retries for a hundred requests.
pub const RETRY_PERCENT: u32 = 8;
/// Second requests that an account of hedging holds at most, and begins with.
pub const HEDGE_BURST: u32 = 5;

/// Parts of an attempt.
const WHOLE: u32 = 100;

/// One account, in hundredths of an attempt.
#[derive(Debug)]
pub struct Account {
    held: AtomicU32,
    /// What a request puts in.
    percent: u32,
    most: u32,
}

impl Account {
    /// For retries.
    pub fn of_retries() -> Self {
        Self::new(RETRY_PERCENT, BURST)
    }

    /// So many attempts for a hundred requests, and so many at once at most.
    pub fn new(percent: u32, burst: u32) -> Self {
        let most = burst.saturating_mul(WHOLE);
        Self { held: AtomicU32::new(most), percent, most }
    }

    /// A request begins. Costs a load while the account is full.
    pub fn deposit(&self) {
        self.put(self.percent);
    }

    /// An attempt was worth it.
    pub fn refund(&self) {
        self.put(WHOLE);
    }

    /// Whether one more attempt may be made.
    pub fn withdraw(&self) -> bool {
        self.held.fetch_update(Relaxed, Relaxed, |held| held.checked_sub(WHOLE)).is_ok()
    }

    /// Attempts that are left.
    pub fn left(&self) -> u32 {
        self.held.load(Relaxed) / WHOLE
    }

    fn put(&self, part: u32) {
        if self.held.load(Relaxed) < self.most {
            // The closure never returns `None`, so there is no failure to look at.
            let _ = self.held.fetch_update(Relaxed, Relaxed, |held| Some((held + part).min(self.most)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts of so many requests with up to three attempts each, of which a retry is answered or not.
    fn attempts(requests: u32, retry_is_answered: bool) -> u32 {
        let budget = Account::of_retries();
        let mut attempts = 0;
        for _ in 0..requests {
            budget.deposit();
            attempts += 1;
            while attempts % 3 != 0 && budget.withdraw() {
                attempts += 1;
                if retry_is_answered {
                    budget.refund();
                    break;
                }
            }
        }
        attempts
    }

    #[test]
    fn in_an_outage_a_tenth_is_tried_again_and_a_burst() {
        let attempts = attempts(30_000, false);
        assert!(attempts <= 30_000 * (100 + RETRY_PERCENT) / 100 + BURST, "{attempts}");
        assert!(attempts >= 32_000, "{attempts}");
    }

    #[test]
    fn retries_that_help_are_never_refused() {
        let budget = Account::of_retries();
        for _ in 0..10_000 {
            budget.deposit();
            assert!(budget.withdraw());
            budget.refund();
        }
        assert_eq!(budget.left(), BURST);
    }

    #[test]
    fn hedging_stays_within_its_share() {
        let account = Account::new(3, HEDGE_BURST);
        let hedged = (0..10_000).filter(|_| {
            account.deposit();
            account.withdraw()
        });
        let hedged = u32::try_from(hedged.count()).unwrap();
        assert!((300..=300 + HEDGE_BURST).contains(&hedged), "{hedged}");
    }

    #[test]
    fn an_empty_account_fills_by_parts() {
        let account = Account::of_retries();
        while account.withdraw() {}
        let requests = (1..).find(|_| {
            account.deposit();
            account.withdraw()
        });
        assert_eq!(requests, Some(WHOLE.div_ceil(RETRY_PERCENT)));
        assert!(!account.withdraw());
    }
}
