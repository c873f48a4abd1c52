//! The counters of everything that is limited, one for each thing, whoever asks for it.

use std::sync::Arc;

use papaya::HashMap;

use super::plan::ScopePlan;
use crate::limiter::{BudgetLimits, Cluster, Kind, Limits, Scope};

type Key = (Kind, Box<str>);

/// Every scope that is in use, and what it was made from.
#[derive(Debug, Default)]
pub struct Scopes {
    all: HashMap<Key, (ScopePlan, Arc<Scope>), foldhash::fast::RandomState>,
    cluster: Option<Arc<Cluster>>,
}

impl Scopes {
    /// None yet; those to come are shared with the nodes of this cluster, if there is one.
    pub fn new(cluster: Option<Arc<Cluster>>) -> Self {
        Self { all: HashMap::default(), cluster }
    }

    /// One that is there.
    pub fn get(&self, kind: Kind, id: &str) -> Option<Arc<Scope>> {
        self.all.pin().get(&(kind, Box::from(id))).map(|(_, scope)| Arc::clone(scope))
    }

    /// The scope of a plan. If there is one of this kind and id, its counters; its limits are those of the plan from now
    /// on. A new one begins with what `spent` says was spent before.
    pub fn take(&self, plan: &ScopePlan, spent: &[Spent]) -> Arc<Scope> {
        let key = (plan.kind, Box::from(plan.id.as_str()));
        let all = self.all.pin();
        let (made_from, made) = all.get_or_insert_with(key.clone(), || {
            let scope = match &self.cluster {
                Some(cluster) => Scope::shared(plan.kind, plan.id.as_str(), plan.limits.clone(), cluster),
                None => Scope::new(plan.kind, plan.id.as_str(), plan.limits.clone()),
            };
            let scope = plan.label.iter().fold(scope, |scope, label| scope.labelled(label.as_str()));
            for spent in spent.iter().filter(|spent| spent.kind == plan.kind && spent.id == plan.id) {
                scope.restore(&spent.budget, spent.amount, spent.resets_at);
            }
            (plan.clone(), Arc::new(scope))
        });
        let mut scope = Arc::clone(made);
        let is_same = made_from.limits == plan.limits && made_from.label == plan.label;
        if !is_same {
            scope = Arc::new(scope.relimited(&plan.limits, plan.label.as_deref().map(Box::from)));
        }
        if !is_same || made_from.budgets != plan.budgets {
            all.insert(key, (plan.clone(), Arc::clone(&scope)));
        }
        if plan.counts_only { counting_only(&scope, &plan.limits) } else { scope }
    }

    /// Puts back what was spent before this process began, in a scope that began without knowing.
    pub fn restore(&self, spent: &Spent) {
        if let Some(scope) = self.get(spent.kind, &spent.id) {
            scope.restore(&spent.budget, spent.amount, spent.resets_at);
        }
    }

    /// All of a kind.
    pub fn of_kind(&self, kind: Kind) -> Vec<Arc<Scope>> {
        let all = self.all.pin();
        all.iter().filter(|((of, _), _)| *of == kind).map(|(_, (_, scope))| Arc::clone(scope)).collect()
    }

    /// Those whose limits depend on this stored budget.
    pub fn with_budget(&self, budget: &str) -> Vec<(Kind, String)> {
        let all = self.all.pin();
        let with = all.iter().filter(|(_, (plan, _))| plan.budgets.iter().any(|own| own == budget));
        with.map(|((kind, id), _)| (*kind, id.to_string())).collect()
    }

    /// Shows each of them.
    pub fn each(&self, mut look: impl FnMut(&Scope)) {
        self.all.pin().iter().for_each(|(_, (_, scope))| look(scope));
    }

    /// Those that money may stop.
    pub fn limited_by_money(&self) -> Vec<(Kind, String)> {
        let all = self.all.pin();
        let limited = all.iter().filter(|(_, (plan, _))| plan.limits.budgets.iter().any(|budget| budget.max.is_some()));
        limited.map(|((kind, id), _)| (*kind, id.to_string())).collect()
    }

    /// Forgets those that nobody but this list holds.
    pub fn forget_unused(&self) {
        self.all.pin().retain(|_, (_, scope)| Arc::strong_count(scope) > 1);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The same money, which stops nothing. Requests and tokens are limited as before.
fn counting_only(scope: &Scope, limits: &Limits) -> Arc<Scope> {
    let budgets = limits.budgets.iter().map(|budget| BudgetLimits { max: None, ..budget.clone() });
    let limits = Limits { budgets: budgets.collect(), ..limits.clone() };
    Arc::new(scope.relimited(&limits, scope.label().map(Box::from)))
}

/// What was spent of a budget before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    pub kind: Kind,
    pub id: String,
    /// The budget's name; empty: that of `budget_duration`.
    pub budget: String,
    /// Pico-dollars.
    pub amount: i64,
    /// Seconds since 1970; `None`: never.
    pub resets_at: Option<i64>,
}
