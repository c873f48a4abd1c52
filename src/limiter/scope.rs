//! Who is limited, and by what.
//!
//! A scope is one key, one team, one user, ... with everything it may use. It takes part of a request at a time and
//! remembers nothing about the request: `reservation` does, and gives back.

use std::sync::Arc;
use std::time::Duration;

use super::budget::{Budget, BudgetLimits, Over};
use super::parallel::Parallel;
use super::rate::{Rate, Taken, Wait};
use super::reservation::Ask;
use crate::clock::Instant;

/// What sort of thing is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Key,
    User,
    Team,
    /// A user within a team; its id is `team:user`.
    TeamMember,
    Organization,
    Project,
    /// An end user, as the request names them.
    Customer,
    /// A model as one key may use it; its id is `key:model`.
    ModelPerKey,
    /// A model as one team may use it; its id is `team:model`.
    ModelPerTeam,
    Tag,
    Deployment,
    /// The whole gateway.
    Global,
}

/// What a scope may use; `None`: as much as it likes.
#[derive(Clone, Debug, Default)]
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
    requests: Option<Rate>,
    tokens: Option<Rate>,
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
}

impl Scope {
    /// Nothing used so far.
    pub fn new(kind: Kind, id: impl Into<Box<str>>, limits: Limits) -> Self {
        Self {
            kind,
            id: id.into(),
            label: None,
            requests: limits.requests.map(Rate::per_minute),
            tokens: limits.tokens.map(Rate::per_minute),
            parallel: limits.parallel.map(Parallel::new),
            budgets: limits.budgets.into_iter().map(Budget::new).collect(),
        }
    }

    /// With what people read instead of the id where an id would tell them nothing: of a key `alias (sk-...AWOQ)`.
    #[must_use]
    pub fn labelled(self, label: impl Into<Box<str>>) -> Self {
        Self { label: Some(label.into()), ..self }
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

    /// Whether it can refuse or count anything; if not, it need not be asked.
    pub fn is_limited(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some() || self.parallel.is_some() || !self.budgets.is_empty()
    }

    /// How it stands with each of its limits, money excepted.
    pub fn standings(&self, now: Instant) -> impl Iterator<Item = Standing> {
        [Meter::Requests, Meter::Tokens, Meter::Parallel].into_iter().filter_map(move |meter| self.standing(meter, now))
    }

    fn standing(&self, meter: Meter, now: Instant) -> Option<Standing> {
        let of_rate = |rate: &Rate| (rate.limit(), rate.remaining(now));
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

    /// Reserves at one of its budgets.
    pub(super) fn reserve(self: &Arc<Self>, budget: &Budget, ask: &Ask) -> Result<(), Refusal> {
        budget.try_reserve(ask.cost, ask.wall).map_err(|over| {
            let seconds = over.resets_at.and_then(|at| u64::try_from(at.saturating_sub(ask.wall)).ok());
            self.refusal(Reason::Budget(over), seconds.map(Duration::from_secs))
        })
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
        Refusal { scope: Arc::clone(self), reason, retry_after }
    }
}
