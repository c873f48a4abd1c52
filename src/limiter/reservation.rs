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
    /// An estimate, best an upper bound. Of a limit that is lower, a whole minute is taken, and the rest when it is settled.
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
    /// Used by parts of the request that have ended, whatever becomes of the rest.
    used: Actual,
    /// Money that was taken besides what was asked for first.
    extended: Pico,
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
    let mut reservation =
        Reservation { ask: *ask, held: Vec::with_capacity(scopes.len()), used: Actual::default(), extended: 0 };
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

    /// Takes as much money once more: for a second answer in the place of a first one that broke, and is paid all the same.
    /// `false`: a budget has not got it; then nothing is taken.
    pub fn extend(&mut self) -> bool {
        let mut taken: Vec<&Budget> = Vec::new();
        for held in &self.held {
            for budget in held.scope.budgets().iter().take(held.budgets).filter(|budget| budget.is_money()) {
                if held.scope.reserve(budget, &self.ask).is_err() {
                    taken.into_iter().for_each(|budget| budget.settle(self.ask.cost, 0));
                    return false;
                }
                taken.push(budget);
            }
        }
        self.extended = self.extended.saturating_add(self.ask.cost);
        true
    }

    /// So much money in the place of what was asked for: for another model, which takes over where nobody has answered yet.
    ///
    /// # Errors
    /// The [`Refusal`] of the first budget that has not got it; then nothing more is taken.
    pub fn reprice(&mut self, cost: Pico) -> Result<(), Refusal> {
        let more = Ask { cost: cost.saturating_sub(self.ask.cost), ..self.ask };
        // A budget that is used up refuses nothing too, and of this request nothing is missing.
        if more.cost == 0 {
            return Ok(());
        }
        let mut taken: Vec<&Budget> = Vec::new();
        for held in &self.held {
            for budget in held.scope.budgets().iter().take(held.budgets).filter(|budget| budget.is_money()) {
                if more.cost < 0 {
                    budget.settle(more.cost.saturating_neg(), 0);
                } else if let Err(refusal) = held.scope.reserve(budget, &more) {
                    taken.into_iter().for_each(|budget| budget.settle(more.cost, 0));
                    return Err(refusal);
                }
                taken.push(budget);
            }
        }
        self.ask.cost = cost;
        Ok(())
    }

    /// A part of the request has ended that cost this much: it will be counted even if the rest fails.
    pub fn spend(&mut self, tokens: u64, cost: Pico) {
        self.used.tokens = self.used.tokens.saturating_add(tokens);
        self.used.cost = self.used.cost.saturating_add(cost);
    }

    /// The request has ended: what it did use takes the place of what it asked for. Also when that is more.
    pub fn settle(mut self, actual: &Actual) {
        let actual = &Actual {
            tokens: actual.tokens.saturating_add(self.used.tokens),
            cost: actual.cost.saturating_add(self.used.cost),
            now: actual.now,
        };
        // Each is settled here, or given back by `Drop`, which finds nothing in those that were.
        for held in &mut self.held {
            held.end(&self.ask, self.extended, actual);
        }
        self.held.clear();
    }

    /// For a request that was refused: it does not count.
    fn forget_requests(&mut self) {
        for held in &mut self.held {
            if let Some(taken) = held.request.take() {
                held.scope.correct(Meter::Requests, self.ask.now, taken, 0);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Nobody says what time it is; that of the admission gives back most.
        let used = Actual { now: self.ask.now, ..self.used };
        for held in &mut self.held {
            held.end(&self.ask, self.extended, &used);
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
        self.scope.enter(ask.now, is_alone)?;
        self.inside = true;
        self.request = Some(self.scope.take(Meter::Requests, ask.now, 1, is_alone)?);
        self.tokens = Some(self.scope.take(Meter::Tokens, ask.now, ask.tokens, is_alone)?);
        Ok(())
    }

    fn end(&mut self, ask: &Ask, extended: Pico, actual: &Actual) {
        for budget in self.scope.budgets().iter().take(std::mem::take(&mut self.budgets)) {
            let extended = if budget.is_money() { extended } else { 0 };
            budget.settle(budget.asked(ask).saturating_add(extended), budget.used(actual));
        }
        if let Some(taken) = self.tokens.take() {
            self.scope.correct(Meter::Tokens, actual.now, taken, actual.tokens);
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
mod tests;
