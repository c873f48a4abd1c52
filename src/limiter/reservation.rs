//! One request's share of everything that limits it: taken at once or not at all, and never lost.
//!
//! Money is asked for before counts, in all scopes: LiteLLM checks budgets first, and a caller who is over both reads
//! about the budget. Within that the scopes are asked in the order given. Each taking is written down before the next
//! is tried, and what is written down is given back by `Drop`: on a refusal, on a panic, when a task is cancelled.
//!
//! A refused request leaves no trace. One that was admitted counts as a request whatever becomes of it (LiteLLM counts
//! it too); its tokens, its money and its place are given back unless it is settled.

use std::sync::Arc;

use super::Pico;
use super::budget::Budget;
use super::scope::{Meter, Refusal, Scope};
use super::taking::Taking;
use crate::clock::Instant;

/// What a request wants to use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// An estimate, best an upper bound.
    pub tokens: u64,
    /// An upper bound, if the budget is to hold exactly.
    pub cost: Pico,
    pub now: Instant,
    /// Seconds since 1970: budgets follow the calendar.
    pub wall: i64,
    /// For the cheaper model that a budget has named: a budget that names one only warns.
    pub downgraded: bool,
}

/// What a request did use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actual {
    pub tokens: u64,
    pub cost: Pico,
    pub now: Instant,
}

/// What a request holds. Dropped: its tokens, money and places are given back.
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    ask: Ask,
    held: Vec<Held>,
}

/// What it holds of one scope.
#[derive(Debug)]
struct Held {
    scope: Arc<Scope>,
    /// At how many of the scope's budgets, from the first.
    budgets: usize,
    /// The first budget that it did not fit into, and that only warns.
    warning: Option<usize>,
    inside: bool,
    request: Option<Taking>,
    tokens: Option<Taking>,
}

/// Takes what the request asks for from all scopes. One allocation.
///
/// # Errors
/// The first [`Refusal`]; then nothing is taken anywhere.
pub fn admit(scopes: &[Arc<Scope>], ask: &Ask) -> Result<Reservation, Refusal> {
    admit_from(scopes, ask, false)
}

/// As [`admit`], for a request to which the store of shared limits did not answer: rates are this node's own.
///
/// # Errors
/// As [`admit`].
pub fn admit_alone(scopes: &[Arc<Scope>], ask: &Ask) -> Result<Reservation, Refusal> {
    admit_from(scopes, ask, true)
}

fn admit_from(scopes: &[Arc<Scope>], ask: &Ask, is_alone: bool) -> Result<Reservation, Refusal> {
    let mut reservation = Reservation { ask: *ask, held: Vec::with_capacity(scopes.len()) };
    match reservation.take_all(scopes, is_alone) {
        Ok(()) => Ok(reservation),
        Err(refusal) => {
            reservation.forget_requests();
            Err(refusal)
        }
    }
}

impl Reservation {
    fn take_all(&mut self, scopes: &[Arc<Scope>], is_alone: bool) -> Result<(), Refusal> {
        let ask = self.ask;
        for scope in scopes.iter().filter(|scope| scope.is_limited()) {
            self.held.push(Held::nothing_of(Arc::clone(scope)));
            self.held.last_mut().map_or(Ok(()), |held| held.reserve(&ask))?;
        }
        self.held.iter_mut().try_for_each(|held| held.take(&ask, is_alone))
    }

    /// The scopes that limit this request, or count what it costs.
    pub fn scopes(&self) -> impl Iterator<Item = &Arc<Scope>> {
        self.held.iter().map(|held| &held.scope)
    }

    /// The budgets that this request does not fit into, and that only warn: the first one of each scope.
    pub fn warnings(&self) -> impl Iterator<Item = (&Arc<Scope>, &Budget)> {
        self.held.iter().filter_map(|held| Some((&held.scope, held.scope.budgets().get(held.warning?)?)))
    }

    /// What was asked for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The request has ended, and what it used is not known yet: its places are free, its tokens and money stay taken.
    pub fn leave(&mut self) {
        self.held.iter_mut().for_each(Held::leave);
    }

    /// The request has ended: what it did use takes the place of what it asked for. Also when that is more.
    pub fn settle(mut self, actual: &Actual) {
        // Taken out one by one, so that each is either settled here or given back by `Drop`.
        while let Some(mut held) = self.held.pop() {
            held.end(&self.ask, actual);
        }
    }

    /// For a request that was refused: it does not count.
    fn forget_requests(&mut self) {
        for held in &mut self.held {
            if let Some(taken) = held.request.take() {
                held.scope.give_back(Meter::Requests, self.ask.now, taken, 1);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Nobody says what time it is; that of the admission gives back most.
        let nothing = Actual { now: self.ask.now, ..Actual::default() };
        for held in &mut self.held {
            held.end(&self.ask, &nothing);
        }
    }
}

impl Held {
    fn nothing_of(scope: Arc<Scope>) -> Self {
        Self { scope, budgets: 0, warning: None, inside: false, request: None, tokens: None }
    }

    fn reserve(&mut self, ask: &Ask) -> Result<(), Refusal> {
        for budget in self.scope.budgets() {
            if self.scope.reserve(budget, ask)? && self.warning.is_none() {
                self.warning = Some(self.budgets);
            }
            self.budgets += 1;
        }
        Ok(())
    }

    fn take(&mut self, ask: &Ask, is_alone: bool) -> Result<(), Refusal> {
        self.scope.enter(ask.now)?;
        self.inside = true;
        self.request = Some(self.scope.take(Meter::Requests, ask.now, 1, is_alone)?);
        self.tokens = Some(self.scope.take(Meter::Tokens, ask.now, ask.tokens, is_alone)?);
        Ok(())
    }

    fn end(&mut self, ask: &Ask, actual: &Actual) {
        for budget in self.scope.budgets().iter().take(std::mem::take(&mut self.budgets)) {
            budget.settle(ask.cost, actual.cost);
        }
        if let Some(taken) = self.tokens.take() {
            self.scope.correct_tokens(actual.now, taken, ask.tokens, actual.tokens);
        }
        self.leave();
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.inside) {
            self.scope.leave();
        }
        self.scope.note();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{BudgetLimits, Kind, Limits, OnExceeded, Reason};
    use super::*;

    fn scope(kind: Kind, requests: u64, tokens: u64, parallel: u64, max: Pico) -> Arc<Scope> {
        let budget = BudgetLimits { max: Some(max), ..BudgetLimits::default() };
        let limits = Limits {
            requests: Some(requests),
            tokens: Some(tokens),
            parallel: Some(parallel),
            budgets: vec![budget.clone(), budget],
        };
        Arc::new(Scope::new(kind, "x", limits))
    }

    fn remaining(scope: &Scope) -> Vec<u64> {
        scope.standings(Instant::default()).map(|standing| standing.remaining).collect()
    }

    fn money(scope: &Scope) -> Vec<(Pico, Pico)> {
        scope.budgets().iter().map(|budget| (budget.spent(), budget.reserved())).collect()
    }

    const ASK: Ask = Ask { tokens: 40, cost: 7, now: Instant::from_nanos(0), wall: 0, downgraded: false };

    #[test]
    fn settled_and_dropped_requests_leave_what_they_should() {
        let scope = scope(Kind::Key, 10, 100, 5, 100);
        let scopes = [Arc::clone(&scope)];
        let first = admit(&scopes, &ASK).unwrap();
        let second = admit(&scopes, &ASK).unwrap();
        assert_eq!(remaining(&scope), [8, 20, 3]);
        assert_eq!(money(&scope), [(0, 14), (0, 14)]);
        first.settle(&Actual { tokens: 45, cost: 3, now: ASK.now });
        assert_eq!(remaining(&scope), [8, 15, 4]);
        assert_eq!(money(&scope), [(3, 7), (3, 7)]);
        drop(second);
        assert_eq!(remaining(&scope), [8, 55, 5], "the request stays counted");
        assert_eq!(money(&scope), [(3, 0), (3, 0)]);
    }

    /// The second scope refuses; nothing is left behind at the first.
    fn refused(key: [i64; 4], meter: Option<Meter>, wait: Option<Duration>) {
        let team = scope(Kind::Team, 10, 100, 5, 100);
        let [requests, tokens, parallel, max] = key;
        let count = |value: i64| value.try_into().unwrap();
        let key = scope(Kind::Key, count(requests), count(tokens), count(parallel), max);
        let scopes = [Arc::clone(&team), Arc::clone(&key)];
        let before = (remaining(&team), money(&team), money(&key), remaining(&key));
        let refusal = admit(&scopes, &ASK).map(drop).unwrap_err();
        assert_eq!(refusal.scope.kind(), Kind::Key);
        let met = match refusal.reason {
            Reason::Limit(standing) | Reason::TooLarge(standing) => Some(standing.meter),
            Reason::Budget(_) | Reason::BudgetUnknown(_) => None,
        };
        assert_eq!((met, refusal.retry_after), (meter, wait));
        assert_eq!((remaining(&team), money(&team), money(&key), remaining(&key)), before);
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        refused([0, 100, 5, 100], Some(Meter::Requests), None);
        refused([10, 39, 5, 100], Some(Meter::Tokens), None);
        refused([10, 100, 0, 100], Some(Meter::Parallel), None);
        refused([10, 100, 5, 6], None, None);
        // Over everything: it reads about the money.
        refused([0, 0, 0, 0], None, None);
    }

    #[test]
    fn who_has_left_is_settled_later() {
        let scope = scope(Kind::Key, 10, 100, 5, 100);
        let mut held = admit(&[Arc::clone(&scope)], &ASK).unwrap();
        held.leave();
        held.leave();
        assert_eq!((remaining(&scope), money(&scope)), (vec![9, 60, 5], vec![(0, 7), (0, 7)]));
        held.settle(&Actual { tokens: 45, cost: 3, now: ASK.now });
        assert_eq!((remaining(&scope), money(&scope)), (vec![9, 55, 5], vec![(3, 0), (3, 0)]));
    }

    #[test]
    fn a_panic_gives_everything_back() {
        let scope = scope(Kind::Key, 10, 100, 5, 100);
        let scopes = [Arc::clone(&scope)];
        let worker = std::thread::spawn(move || {
            let _held = admit(&scopes, &ASK).unwrap();
            panic!("on purpose");
        });
        assert!(worker.join().is_err());
        assert_eq!((remaining(&scope), money(&scope)), (vec![9, 100, 5], vec![(0, 0), (0, 0)]));
    }

    #[test]
    fn what_is_held_of_old_limits_comes_back_under_the_new_ones() {
        let old = scope(Kind::Key, 10, 100, 5, 100);
        let first = admit(&[Arc::clone(&old)], &ASK).unwrap();
        let second = admit(&[Arc::clone(&old)], &ASK).unwrap();
        let budget = BudgetLimits { max: Some(1_000), ..BudgetLimits::default() };
        let limits =
            Limits { requests: Some(20), tokens: Some(200), parallel: Some(2), budgets: vec![budget.clone(), budget] };
        let new = old.relimited(&limits, Some("new".into()));
        assert_eq!((new.id(), new.label(), old.label()), ("x", Some("new"), None));
        assert_eq!(remaining(&new), [16, 40, 0]);
        assert_eq!(money(&new), [(0, 14), (0, 14)]);
        assert!(admit(&[Arc::new(new.relimited(&new_limits(2), None))], &ASK).is_err());
        first.settle(&Actual { tokens: 50, cost: 3, now: ASK.now });
        drop(second);
        assert_eq!(money(&new), [(3, 0), (3, 0)]);
        assert_eq!(new.standings(ASK.now).last().unwrap().remaining, 2);
    }

    /// Two at once and nothing else.
    fn new_limits(parallel: u64) -> Limits {
        Limits { parallel: Some(parallel), ..Limits::default() }
    }

    #[test]
    fn budgets_that_are_over_do_as_they_say() {
        let over = |on_exceeded| {
            let budget = BudgetLimits { max: Some(5), on_exceeded, ..BudgetLimits::default() };
            [Arc::new(Scope::new(Kind::Key, "x", Limits { budgets: vec![budget], ..Limits::default() }))]
        };
        let scopes = over(OnExceeded::Warn);
        let held = admit(&scopes, &ASK).unwrap();
        assert_eq!(
            held.warnings().map(|(scope, budget)| (scope.id(), budget.reserved())).collect::<Vec<_>>(),
            [("x", 7)]
        );
        held.settle(&Actual { cost: 6, ..Actual::default() });
        assert_eq!(money(&scopes[0]), [(6, 0)]);
        let scopes = over(OnExceeded::Downgrade("small".into()));
        let refusal = admit(&scopes, &ASK).map(drop).unwrap_err();
        assert_eq!(refusal.instead.as_deref(), Some("small"));
        let held = admit(&scopes, &Ask { downgraded: true, ..ASK }).unwrap();
        assert_eq!(held.warnings().count(), 1);
        drop(held);
        assert_eq!(money(&scopes[0]), [(0, 0)]);
        assert_eq!(admit(&over(OnExceeded::Block), &ASK).map(drop).unwrap_err().instead, None);
    }

    #[test]
    fn money_without_a_maximum_is_counted() {
        let limits = Limits { budgets: vec![BudgetLimits::default()], ..Limits::default() };
        let scope = Arc::new(Scope::new(Kind::Key, "x", limits));
        let held = admit(&[Arc::clone(&scope)], &ASK).unwrap();
        assert_eq!(money(&scope), [(0, 0)]);
        held.settle(&Actual { cost: 9, ..Actual::default() });
        assert_eq!(scope.spent(), 9);
        assert!(scope.restore("", 5, None) && !scope.restore("1d", 5, None));
        assert_eq!(scope.spent(), 5);
        scope.set_spent(4);
        assert_eq!(scope.spent(), 4);
        scope.reset(0);
        assert_eq!(scope.spent(), 0);
    }

    #[test]
    fn scopes_without_limits_are_not_held() {
        let scopes = [Arc::new(Scope::new(Kind::Global, "", Limits::default()))];
        assert_eq!(admit(&scopes, &ASK).unwrap().scopes().count(), 0);
    }
}
