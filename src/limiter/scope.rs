//! Who is limited, and by what.
//!
//! A scope is one key, one team, one user, ... with everything it may use. It takes part of a request at a time and
//! remembers nothing about the request: `reservation` does, and gives back.
//!
//! A scope's limits never change; [`Scope::relimited`] makes a scope of other limits and the same counters. Requests that
//! hold the old one end as if they held the new one.

use std::sync::Arc;
use std::time::Duration;

use super::Pico;
use super::budget::{Budget, BudgetLimits, OnExceeded, Over};
use super::kind::Kind;
use super::parallel::Parallel;
use super::rate::{Rate, Taken, Wait};
use super::reservation::Ask;
use crate::clock::Instant;

/// What a scope may use; `None`: as much as it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute.
    pub requests: Option<u64>,
    /// Tokens per minute.
    pub tokens: Option<u64>,
    /// Requests at once.
    pub parallel: Option<u64>,
    /// All of them hold, each in its own window.
    pub budgets: Vec<BudgetLimits>,
}

/// One limited thing and its counters.
#[derive(Debug)]
pub struct Scope {
    kind: Kind,
    id: Box<str>,
    label: Option<Box<str>>,
    requests: Option<Arc<Rate>>,
    tokens: Option<Arc<Rate>>,
    parallel: Option<Parallel>,
    budgets: Box<[Budget]>,
}

/// What is counted, apart from money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meter {
    Requests,
    Tokens,
    Parallel,
}

/// How a scope stands with one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub meter: Meter,
    pub limit: u64,
    pub remaining: u64,
}

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A count is used up.
    Limit(Standing),
    /// The request alone asks for more tokens than a minute has.
    TooLarge(Standing),
    /// The money is used up, or what is left does not cover the request.
    Budget(Over),
}

/// A request that is not admitted, and whose limit it met.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub scope: Arc<Scope>,
    pub reason: Reason,
    /// After which it may be tried again; `None`: that depends on others, or it will never do.
    pub retry_after: Option<Duration>,
    /// A cheaper model that the budget would let pass: to be asked for with [`Ask::downgraded`].
    pub instead: Option<Arc<str>>,
}

impl Scope {
    /// Nothing used so far.
    pub fn new(kind: Kind, id: impl Into<Box<str>>, limits: Limits) -> Self {
        Self {
            kind,
            id: id.into(),
            label: None,
            requests: limits.requests.map(|limit| Arc::new(Rate::per_minute(limit))),
            tokens: limits.tokens.map(|limit| Arc::new(Rate::per_minute(limit))),
            parallel: limits.parallel.map(Parallel::new),
            budgets: limits.budgets.into_iter().map(Budget::new).collect(),
        }
    }

    /// With what people read instead of the id where an id would tell them nothing: of a key `alias (sk-...AWOQ)`.
    #[must_use]
    pub fn labelled(self, label: impl Into<Box<str>>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// The same scope with other limits, and its own counters wherever a meter is limited before and after:
    ///
    /// - A rate is used to the same share ([`Rate::relimited`]), by holders of the old scope too.
    /// - Requests in flight stay in flight ([`Parallel::relimited`]).
    /// - A budget finds its money by its name ([`Budget::relimited`]).
    ///
    /// A meter that had no limit starts fresh. If two threads do this to one scope, the later one wins.
    #[must_use]
    pub fn relimited(&self, limits: &Limits, label: Option<Box<str>>) -> Self {
        let rate = |old: &Option<Arc<Rate>>, limit: Option<u64>| {
            let fresh = |limit| Arc::new(Rate::per_minute(limit));
            limit.map(|limit| old.as_ref().map_or_else(|| fresh(limit), |old| old.relimited(limit)))
        };
        let parallel = |limit| self.parallel.as_ref().map_or_else(|| Parallel::new(limit), |old| old.relimited(limit));
        // Of several with one name each finds its own.
        let budget = |(at, of): (usize, &BudgetLimits)| {
            let before = limits.budgets.iter().take(at).filter(|other| other.name == of.name).count();
            let old = self.budgets.iter().filter(|old| old.limits().name == of.name).nth(before);
            old.map_or_else(|| Budget::new(of.clone()), |old| old.relimited(of.clone()))
        };
        Self {
            kind: self.kind,
            id: self.id.clone(),
            label,
            requests: rate(&self.requests, limits.requests),
            tokens: rate(&self.tokens, limits.tokens),
            parallel: limits.parallel.map(parallel),
            budgets: limits.budgets.iter().enumerate().map(budget).collect(),
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its id; of a key the digest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people read instead, if there is something.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// In the order in which they were given.
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// The first budget of this name.
    pub fn budget(&self, name: &str) -> Option<&Budget> {
        self.budgets.iter().find(|budget| &*budget.limits().name == name)
    }

    /// Spent of its first budget; 0 if it has none.
    pub fn spent(&self) -> Pico {
        self.budgets.first().map_or(0, Budget::spent)
    }

    /// Puts in what was spent of one budget before this process started ([`Budget::restore`]). `false`: there is no
    /// such budget.
    pub fn restore(&self, name: &str, spent: Pico, resets_at: Option<i64>) -> bool {
        self.budget(name).map(|budget| budget.restore(spent, resets_at)).is_some()
    }

    /// Replaces what is spent of its first budget, as an administrator says. The window stays.
    pub fn set_spent(&self, spent: Pico) {
        self.budgets.iter().take(1).for_each(|budget| budget.restore(spent, None));
    }

    /// All its budgets begin anew now, in seconds since 1970.
    pub fn reset(&self, wall: i64) {
        self.budgets.iter().for_each(|budget| budget.reset(wall));
    }

    /// Whether it can refuse or count anything; if not, it need not be asked.
    pub fn is_limited(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some() || self.parallel.is_some() || !self.budgets.is_empty()
    }

    /// How it stands with each of its limits, money excepted.
    pub fn standings(&self, now: Instant) -> impl Iterator<Item = Standing> {
        [Meter::Requests, Meter::Tokens, Meter::Parallel].into_iter().filter_map(move |meter| self.standing(meter, now))
    }

    fn standing(&self, meter: Meter, now: Instant) -> Option<Standing> {
        let of_rate = |rate: &Arc<Rate>| (rate.limit(), rate.remaining(now));
        let (limit, remaining) = match meter {
            Meter::Requests => self.requests.as_ref().map(of_rate),
            Meter::Tokens => self.tokens.as_ref().map(of_rate),
            Meter::Parallel => self.parallel.as_ref().map(|p| (p.limit(), p.limit().saturating_sub(p.inside()))),
        }?;
        Some(Standing { meter, limit, remaining })
    }
}

/// What a reservation does with a scope. Who takes gives back; `reservation` keeps the account.
impl Scope {
    pub(super) fn enter(self: &Arc<Self>, now: Instant) -> Result<(), Refusal> {
        match &self.parallel {
            Some(parallel) if !parallel.enter() => Err(self.refused(Meter::Parallel, now, None)),
            _ => Ok(()),
        }
    }

    pub(super) fn leave(&self) {
        self.parallel.iter().for_each(Parallel::leave);
    }

    pub(super) fn take_request(self: &Arc<Self>, now: Instant) -> Result<Taken, Refusal> {
        let taken = self.requests.as_ref().map_or(Ok(Taken::default()), |rate| rate.try_take(now, 1));
        taken.map_err(|wait| self.refused(Meter::Requests, now, Some(wait)))
    }

    pub(super) fn give_back_request(&self, now: Instant, taken: Taken) {
        self.requests.iter().for_each(|rate| rate.give_back(now, taken, 1));
    }

    pub(super) fn take_tokens(self: &Arc<Self>, now: Instant, count: u64) -> Result<Taken, Refusal> {
        let taken = self.tokens.as_ref().map_or(Ok(Taken::default()), |rate| rate.try_take(now, count));
        taken.map_err(|wait| self.refused(Meter::Tokens, now, Some(wait)))
    }

    /// Puts the true count in place of the taken one.
    pub(super) fn correct_tokens(&self, now: Instant, taken: Taken, estimate: u64, actual: u64) {
        let Some(rate) = &self.tokens else { return };
        if actual > estimate {
            rate.charge(now, actual - estimate);
        } else {
            rate.give_back(now, taken, estimate - actual);
        }
    }

    /// Reserves at one of its budgets. `true`: it does not fit, and the budget only warns.
    pub(super) fn reserve(self: &Arc<Self>, budget: &Budget, ask: &Ask) -> Result<bool, Refusal> {
        let Err(over) = budget.try_reserve(ask.cost, ask.wall) else { return Ok(false) };
        let instead = match &budget.limits().on_exceeded {
            OnExceeded::Block => None,
            OnExceeded::Downgrade(model) if !ask.downgraded => Some(Arc::clone(model)),
            OnExceeded::Warn | OnExceeded::Downgrade(_) => {
                budget.reserve_beyond(ask.cost);
                return Ok(true);
            }
        };
        let seconds = over.resets_at.and_then(|at| u64::try_from(at.saturating_sub(ask.wall)).ok());
        let refusal = self.refusal(Reason::Budget(over), seconds.map(Duration::from_secs));
        Err(Refusal { instead, ..refusal })
    }

    fn refused(self: &Arc<Self>, meter: Meter, now: Instant, wait: Option<Wait>) -> Refusal {
        let standing = self.standing(meter, now).unwrap_or(Standing { meter, limit: 0, remaining: 0 });
        match wait {
            // A limit of 0 is a limit like others, not a request that is too large.
            Some(Wait::Forever) if standing.limit > 0 => self.refusal(Reason::TooLarge(standing), None),
            Some(Wait::For(wait)) => self.refusal(Reason::Limit(standing), Some(wait)),
            _ => self.refusal(Reason::Limit(standing), None),
        }
    }

    fn refusal(self: &Arc<Self>, reason: Reason, retry_after: Option<Duration>) -> Refusal {
        Refusal { scope: Arc::clone(self), reason, retry_after, instead: None }
    }
}
