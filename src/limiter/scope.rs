//! Who is limited, and by what.
//!
//! A scope is one key, one team, one user, ... with everything it may use. It takes part of a request at a time and
//! remembers nothing about the request: `reservation` does, and gives back.
//!
//! A scope's limits never change; [`Scope::relimited`] makes a scope of other limits and the same counters. Requests that
//! hold the old one end as if they held the new one.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::Pico;
use super::budget::{Budget, BudgetLimits, Over};
use super::kind::Kind;
use super::lease::{Cluster, Link};
use super::parallel::{Parallel, part};
use super::rate::Rate;
use super::terms;
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
    pub(super) parallel: Option<Parallel>,
    budgets: Box<[Budget]>,
    /// Which of them limits the tokens of a day.
    day: Option<usize>,
    /// Where several nodes share the limits.
    pub(super) link: Option<Arc<Link>>,
    /// Who reports what is used of a scope that shares its counters.
    pub(super) reported_by: Option<Arc<Scope>>,
}

/// What is counted, apart from money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meter {
    Requests,
    Tokens,
    Parallel,
    /// Counted by a budget, not by a rate.
    TokensPerDay,
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
    /// The money is used up, or what is left does not cover the request.
    Budget(Over),
    /// Nobody can say whether the money is there: the store of a shared budget is away, and what was borrowed of it does
    /// not cover the request.
    BudgetUnknown(Over),
}

/// A request that is not admitted, and whose limit it met.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub scope: Arc<Scope>,
    pub reason: Reason,
    /// After which it may be tried again; `None`: that depends on others, or it will never do.
    pub retry_after: Option<Duration>,
    /// A cheaper model that the budget would let pass: to be asked for with `Ask::downgraded`.
    pub instead: Option<Arc<str>>,
    pub(super) is_leasable: bool,
}

impl Refusal {
    /// Whether more may be borrowed from the store, so that it is worth a wait and another try.
    pub fn is_leasable(&self) -> bool {
        self.is_leasable
    }

    /// What it is after a wait that brought nothing: of money nobody knows whether it is there.
    #[must_use]
    pub fn unanswered(self) -> Self {
        let reason = match self.reason {
            Reason::Budget(over) if self.is_leasable => Reason::BudgetUnknown(over),
            reason => reason,
        };
        Self { reason, is_leasable: false, ..self }
    }
}

impl Scope {
    /// Nothing used so far.
    pub fn new(kind: Kind, id: impl Into<Box<str>>, limits: Limits) -> Self {
        let day = terms::of_day(&limits.budgets);
        Self {
            kind,
            id: id.into(),
            label: None,
            requests: limits.requests.map(|limit| Arc::new(Rate::per_minute(limit))),
            tokens: limits.tokens.map(|limit| Arc::new(Rate::per_minute(limit))),
            parallel: limits.parallel.map(Parallel::new),
            budgets: limits.budgets.into_iter().map(Budget::new).collect(),
            day,
            link: None,
            reported_by: None,
        }
    }

    /// One whose limits hold for all nodes of a cluster together. Nothing used so far.
    pub fn shared(kind: Kind, id: impl Into<Box<str>>, limits: Limits, cluster: &Arc<Cluster>) -> Self {
        let link = Link::new(cluster);
        let parallel = limits.parallel.map(|limit| link.places.limited(limit));
        let day = terms::of_day(&limits.budgets);
        let alone = Self::new(kind, id, Limits { budgets: Vec::new(), parallel: None, ..limits });
        let budgets = limits.budgets.into_iter().map(Budget::shared).collect();
        Self { budgets, day, parallel, link: Some(Arc::new(link)), ..alone }
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
        let parallel = |limit| match (&self.link, &self.parallel) {
            (Some(link), _) => link.places.limited(limit),
            (None, Some(old)) => old.relimited(limit),
            (None, None) => Parallel::new(limit),
        };
        // Of several with one name each finds its own.
        let budget = |(at, of): (usize, &BudgetLimits)| {
            let before = limits.budgets.iter().take(at).filter(|other| other.name == of.name).count();
            let old = self.budgets.iter().filter(|old| old.limits().name == of.name).nth(before);
            match (old, &self.link) {
                (Some(old), _) => old.relimited(of.clone()),
                (None, None) => Budget::new(of.clone()),
                (None, Some(_)) => Budget::shared(of.clone()),
            }
        };
        Self {
            kind: self.kind,
            id: self.id.clone(),
            label,
            requests: rate(&self.requests, limits.requests),
            tokens: rate(&self.tokens, limits.tokens),
            parallel: limits.parallel.map(parallel),
            budgets: limits.budgets.iter().enumerate().map(budget).collect(),
            day: terms::of_day(&limits.budgets),
            link: self.link.clone(),
            reported_by: None,
        }
    }

    /// The same money, which stops nothing. Nothing else is limited here.
    #[must_use]
    pub fn counting_only(self: &Arc<Self>) -> Self {
        let alone = Self::new(self.kind, self.id.clone(), Limits::default());
        let budgets = self.budgets.iter().map(Budget::counting_only).collect();
        let reported_by = self.link.as_ref().map(|_| Arc::clone(self));
        Self { label: self.label.clone(), budgets, reported_by, ..alone }
    }

    /// The same as part of another of its counters, which reports them and is held as long as this one.
    #[must_use]
    pub fn reported_by(self, whole: &Arc<Self>) -> Self {
        Self { reported_by: Some(Arc::clone(whole)), ..self }
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

    /// Other nodes have spent of the budget of this name ([`Budget::raise`]).
    pub fn raise(&self, name: &str, spent: Pico, resets_at: Option<i64>) {
        if let Some(budget) = self.budget(name) {
            budget.raise(spent, resets_at);
        }
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

    /// Whether any of its budgets has a maximum.
    pub fn has_hard_budget(&self) -> bool {
        self.budgets.iter().any(|budget| budget.limits().max.is_some())
    }

    /// A number for what sort of scope it is and which limits it has, whatever their heights.
    pub fn sort(&self) -> usize {
        let (is_paced, is_daily) = ([self.requests.is_some(), self.tokens.is_some()], self.day.is_some());
        let has = is_paced.into_iter().chain([self.parallel.is_some(), !self.budgets.is_empty(), is_daily]);
        has.fold(self.kind as usize, |sort, has| sort << 1 | usize::from(has))
    }

    /// How it stands with each of its limits, money excepted.
    pub fn standings(&self, now: Instant) -> impl Iterator<Item = Standing> {
        let meters = [Meter::Requests, Meter::Tokens, Meter::Parallel].into_iter();
        let day = self.day.and_then(|at| self.budgets.get(at)?.standing());
        meters.filter_map(move |meter| self.standing(meter, now)).chain(day)
    }

    /// The same for the header of an answer: what is limited, the limit as the value of a line, and what is left.
    pub fn show(&self, now: Instant, mut line: impl FnMut(Meter, &HeaderValue, u64)) {
        let link = self.link.as_deref().filter(|link| link.cluster.is_up());
        for (meter, rate) in [(Meter::Requests, self.requests.as_deref()), (Meter::Tokens, self.tokens.as_deref())] {
            let Some(rate) = rate else { continue };
            let (limit, shown, own) = rate.shown(now);
            let allowance = link.and_then(|link| link.allowance(meter));
            line(meter, shown, allowance.map_or(own, |allowance| allowance.remaining(now, limit)));
        }
        if let Some(parallel) = &self.parallel {
            line(Meter::Parallel, &HeaderValue::from(parallel.limit()), self.places_left(parallel, now));
        }
        if let Some(day) = self.day.and_then(|at| self.budgets.get(at)?.standing()) {
            line(day.meter, &HeaderValue::from(day.limit), day.remaining);
        }
    }

    pub(super) fn standing(&self, meter: Meter, now: Instant) -> Option<Standing> {
        let allowance = self.link.as_ref().filter(|link| link.cluster.is_up()).and_then(|link| link.allowance(meter));
        let (limit, remaining) = match (self.rate(meter), allowance) {
            (Some(rate), Some(allowance)) => (rate.limit(), allowance.remaining(now, rate.limit())),
            (Some(rate), None) => (rate.limit(), rate.remaining(now)),
            (None, _) => {
                let parallel = self.parallel.as_ref().filter(|_| meter == Meter::Parallel)?;
                (parallel.limit(), self.places_left(parallel, now))
            }
        };
        Some(Standing { meter, limit, remaining })
    }

    /// Places that are free, as far as is known here.
    fn places_left(&self, parallel: &Parallel, now: Instant) -> u64 {
        let most = match self.link.as_deref() {
            None => parallel.limit(),
            Some(link) if link.cluster.is_up() => parallel.limit().saturating_sub(link.places.others(link.moment(now))),
            Some(link) => part(parallel.limit(), link.cluster.parts()),
        };
        most.saturating_sub(parallel.inside())
    }

    pub(super) fn rate(&self, meter: Meter) -> Option<&Rate> {
        match meter {
            Meter::Requests => self.requests.as_deref(),
            Meter::Tokens => self.tokens.as_deref(),
            Meter::Parallel | Meter::TokensPerDay => None,
        }
    }
}
