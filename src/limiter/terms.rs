//! A budget's terms: what it counts, and what becomes of a request that does not fit.
//!
//! Tokens a day are a budget too, and no rate: what is used of a day must outlive the process, and starts anew at midnight.

use std::sync::Arc;

use super::Pico;
use super::budget::{Budget, BudgetLimits, Over};
use super::reservation::{Actual, Ask};
use super::scope::{Meter, Standing};

/// The name of the budget that counts tokens a day. No window of money has it: it is no duration.
pub const TOKENS_A_DAY: &str = "tpd";
/// One token in a budget of tokens: the least that a store of shared budgets counts.
pub const TOKEN: Pico = 1_000;

/// What a budget counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Pico-dollars.
    #[default]
    Money,
    /// Tokens, each as [`TOKEN`].
    Tokens,
}

/// What becomes of a request that does not fit into a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnExceeded {
    /// It is refused.
    #[default]
    Block,
    /// It is admitted, and [`Reservation::warnings`](super::Reservation::warnings) say so.
    Warn,
    /// It is refused with the name of a cheaper model. For that one (`Ask::downgraded`) the budget only warns.
    Downgrade(Arc<str>),
}

/// So many tokens in a budget of tokens.
pub fn in_tokens(count: u64) -> Pico {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(TOKEN)
}

/// Which of these limits the tokens of a day, if one does.
pub(super) fn of_day(budgets: &[BudgetLimits]) -> Option<usize> {
    budgets.iter().position(|budget| budget.measure == Measure::Tokens && budget.max.is_some())
}

impl Budget {
    /// Of a budget of tokens with a maximum: how it stands now.
    pub(super) fn standing(&self) -> Option<Standing> {
        let max = self.limits.max.filter(|_| !self.is_money())?;
        Some(self.over(self.purse.committed(), max).in_tokens())
    }

    /// Whether it is one of money.
    pub fn is_money(&self) -> bool {
        self.limits.measure == Measure::Money
    }

    /// What a request asks of it. Of tokens at most all that there are: a request that is larger passes when nothing is
    /// used, and the rest is counted when it is settled.
    pub(super) fn asked(&self, ask: &Ask) -> Pico {
        match self.limits.measure {
            Measure::Money => ask.cost,
            Measure::Tokens => in_tokens(ask.tokens).min(self.limits.max.unwrap_or(Pico::MAX)),
        }
    }

    /// What a request has used of it.
    pub(super) fn used(&self, actual: &Actual) -> Pico {
        match self.limits.measure {
            Measure::Money => actual.cost,
            Measure::Tokens => in_tokens(actual.tokens),
        }
    }
}

impl Over {
    /// Of a budget of tokens: what is left of the day's.
    pub(super) fn in_tokens(self) -> Standing {
        let left = self.max.saturating_sub(self.spent).saturating_sub(self.reserved);
        let tokens = |amount: Pico| u64::try_from(amount / TOKEN).unwrap_or(0);
        Standing { meter: Meter::TokensPerDay, limit: tokens(self.max), remaining: tokens(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BudgetLimits, Kind, Limits, Reason, Scope, Window, admit, message};
    use super::*;
    use crate::clock::Instant;

    const DAY: i64 = 86_400;

    fn scopes(limit: u64) -> [Arc<Scope>; 1] {
        let tokens = BudgetLimits {
            name: TOKENS_A_DAY.into(),
            max: Some(in_tokens(limit)),
            window: Window::parse("1d"),
            measure: Measure::Tokens,
            ..BudgetLimits::default()
        };
        let money = BudgetLimits { max: Some(100), ..BudgetLimits::default() };
        [Arc::new(Scope::new(Kind::Key, "k", Limits { budgets: vec![money, tokens], ..Limits::default() }))]
    }

    fn ask(tokens: u64, wall: i64) -> Ask {
        Ask { tokens, cost: 7, now: Instant::from_nanos(0), wall, downgraded: false }
    }

    #[test]
    fn tokens_of_a_day_are_counted_beside_money() {
        let scopes = scopes(100);
        let held = admit(&scopes, &ask(60, 10)).unwrap();
        let refusal = admit(&scopes, &ask(41, 10)).unwrap_err();
        let standing = Standing { meter: Meter::TokensPerDay, limit: 100, remaining: 40 };
        assert_eq!(refusal.reason, Reason::Limit(standing));
        assert_eq!(message::retry_after(&refusal), 86_390, "until midnight");
        let text = message::text(&refusal, "", 10, message::Wording::Current);
        assert!(
            text.contains("for api_key: k. Limit type: tokens_per_day. Current limit: 100, Remaining: 40."),
            "{text}"
        );
        held.settle(&Actual { tokens: 90, cost: 3, now: Instant::from_nanos(0) });
        let spent: Vec<_> = scopes[0].budgets().iter().map(|budget| (budget.spent(), budget.reserved())).collect();
        assert_eq!(spent, [(3, 0), (in_tokens(90), 0)]);
        assert!(admit(&scopes, &ask(11, DAY - 1)).is_err() && admit(&scopes, &ask(11, DAY)).is_ok(), "a new day");
        assert!(scopes[0].affords(97, Instant::from_nanos(0), 10), "tokens are no money");
    }

    #[test]
    fn answers_tell_how_a_day_stands() {
        let (scopes, now) = (scopes(100), Instant::from_nanos(0));
        let told = || scopes[0].standings(now).collect::<Vec<_>>();
        let standing = |remaining| Standing { meter: Meter::TokensPerDay, limit: 100, remaining };
        assert_eq!(told(), [standing(100)]);
        let held = admit(&scopes, &ask(60, 10)).unwrap();
        assert_eq!(told(), [standing(40)], "with what is reserved");
        held.settle(&Actual { tokens: 130, cost: 3, now });
        assert_eq!(told(), [standing(0)]);
        let money = BudgetLimits { max: Some(100), ..BudgetLimits::default() };
        let money = Scope::new(Kind::Key, "k", Limits { budgets: vec![money], ..Limits::default() });
        assert_eq!(money.standings(now).count(), 0);
        assert_ne!(money.sort(), scopes[0].sort(), "their answers have other lines");
    }

    #[test]
    fn more_than_a_day_has_passes_when_nothing_is_used() {
        let scopes = scopes(10);
        let held = admit(&scopes, &ask(u64::MAX, 10)).unwrap();
        assert!(admit(&scopes, &ask(0, 10)).is_err());
        held.settle(&Actual { tokens: 25, cost: 0, now: Instant::from_nanos(0) });
        assert_eq!(scopes[0].budget(TOKENS_A_DAY).map(Budget::spent), Some(in_tokens(25)));
        assert!(admit(&super::tests::scopes(0), &ask(0, 10)).is_err(), "a limit of 0");
    }
}
