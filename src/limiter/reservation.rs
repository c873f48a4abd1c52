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
use super::rate::Taken;
use super::scope::{Refusal, Scope};
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
    inside: bool,
    request: Option<Taken>,
    tokens: Option<Taken>,
}

/// Takes what the request asks for from all scopes. One allocation.
///
/// # Errors
/// The first [`Refusal`]; then nothing is taken anywhere.
pub fn admit(scopes: &[Arc<Scope>], ask: &Ask) -> Result<Reservation, Refusal> {
    let mut reservation = Reservation { ask: *ask, held: Vec::with_capacity(scopes.len()) };
    match reservation.take_all(scopes) {
        Ok(()) => Ok(reservation),
        Err(refusal) => {
            reservation.forget_requests();
            Err(refusal)
        }
    }
}

impl Reservation {
    fn take_all(&mut self, scopes: &[Arc<Scope>]) -> Result<(), Refusal> {
        let ask = self.ask;
        for scope in scopes.iter().filter(|scope| scope.is_limited()) {
            self.held.push(Held::nothing_of(Arc::clone(scope)));
            self.held.last_mut().map_or(Ok(()), |held| held.reserve(&ask))?;
        }
        self.held.iter_mut().try_for_each(|held| held.take(&ask))
    }

    /// The scopes that limit this request.
    pub fn scopes(&self) -> impl Iterator<Item = &Arc<Scope>> {
        self.held.iter().map(|held| &held.scope)
    }

    /// What was asked for.
    pub fn ask(&self) -> &Ask {
        &self.ask
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
                held.scope.give_back_request(self.ask.now, taken);
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
        Self { scope, budgets: 0, inside: false, request: None, tokens: None }
    }

    fn reserve(&mut self, ask: &Ask) -> Result<(), Refusal> {
        for budget in self.scope.budgets() {
            self.scope.reserve(budget, ask)?;
            self.budgets += 1;
        }
        Ok(())
    }

    fn take(&mut self, ask: &Ask) -> Result<(), Refusal> {
        self.scope.enter(ask.now)?;
        self.inside = true;
        self.request = Some(self.scope.take_request(ask.now)?);
        self.tokens = Some(self.scope.take_tokens(ask.now, ask.tokens)?);
        Ok(())
    }

    fn end(&mut self, ask: &Ask, actual: &Actual) {
        for budget in self.scope.budgets().iter().take(std::mem::take(&mut self.budgets)) {
            budget.settle(ask.cost, actual.cost);
        }
        if let Some(taken) = self.tokens.take() {
            self.scope.correct_tokens(actual.now, taken, ask.tokens, actual.tokens);
        }
        if std::mem::take(&mut self.inside) {
            self.scope.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{BudgetLimits, Kind, Limits, Meter, Reason};
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

    const ASK: Ask = Ask { tokens: 40, cost: 7, now: Instant::from_nanos(0), wall: 0 };

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
            Reason::Budget(_) => None,
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
    fn scopes_without_limits_are_not_held() {
        let scopes = [Arc::new(Scope::new(Kind::Global, "", Limits::default()))];
        assert_eq!(admit(&scopes, &ASK).unwrap().scopes().count(), 0);
    }
}
