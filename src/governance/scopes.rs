//! The counters of everything that is limited, one for each thing, whoever asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use papaya::HashMap;

use super::plan::{OtherPlan, ScopePlan};
use super::seat::of_model;
use crate::limiter::{BudgetLimits, Cluster, Kind, Limits, Measure, Scope};

type Key = (Kind, Box<str>);

/// Every scope that is in use, and what it was made from.
#[derive(Debug, Default)]
pub struct Scopes {
    all: HashMap<Key, Held, foldhash::fast::RandomState>,
    cluster: Option<Arc<Cluster>>,
}

/// The scopes of models, by the models' names.
type ByModel = Arc<[(String, Arc<Scope>)]>;

#[derive(Debug)]
struct Held {
    made_from: ScopePlan,
    scope: Arc<Scope>,
    /// Of an end user or a tag. Held with it: whoever finds the one finds the other.
    by_model: ByModel,
    /// Of an end user or a tag: since the last round of forgetting.
    is_used: AtomicBool,
}

impl Held {
    fn new(plan: &ScopePlan, scope: Arc<Scope>, by_model: &ByModel) -> Self {
        Self { made_from: plan.clone(), scope, by_model: Arc::clone(by_model), is_used: AtomicBool::new(true) }
    }
}

/// What limits an end user, a tag.
#[derive(Clone, Debug)]
pub struct Other {
    scope: Arc<Scope>,
    by_model: ByModel,
}

impl Other {
    /// What limits a call of this model.
    pub fn scopes<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Arc<Scope>> {
        std::iter::once(&self.scope).chain(of_model(&self.by_model, model))
    }
}

impl Scopes {
    /// None yet; those to come are shared with the nodes of this cluster, if there is one.
    pub fn new(cluster: Option<Arc<Cluster>>) -> Self {
        Self { all: HashMap::default(), cluster }
    }

    /// One that is there.
    pub fn get(&self, kind: Kind, id: &str) -> Option<Arc<Scope>> {
        self.all.pin().get(&(kind, Box::from(id))).map(|held| Arc::clone(&held.scope))
    }

    /// What limits an end user or a tag that is there.
    pub fn get_other(&self, kind: Kind, id: &str) -> Option<Other> {
        let all = self.all.pin();
        let held = all.get(&(kind, Box::from(id)))?;
        if !held.is_used.load(Ordering::Relaxed) {
            held.is_used.store(true, Ordering::Relaxed);
        }
        Some(Other { scope: Arc::clone(&held.scope), by_model: Arc::clone(&held.by_model) })
    }

    /// The same of a plan, as [`Scopes::take`].
    pub fn take_other(&self, plan: &OtherPlan, spent: &[Spent]) -> Other {
        let by_model = plan.by_model.iter().map(|(model, plan)| (model.clone(), self.take(plan, spent)));
        let by_model: ByModel = by_model.collect();
        Other { scope: self.take_with(&plan.scope, &by_model, spent), by_model }
    }

    /// The scope of a plan. If there is one of this kind and id, its counters; its limits are those of the plan from now
    /// on. A new one begins with what `spent` says was spent before.
    pub fn take(&self, plan: &ScopePlan, spent: &[Spent]) -> Arc<Scope> {
        self.take_with(plan, &ByModel::default(), spent)
    }

    fn take_with(&self, plan: &ScopePlan, by_model: &ByModel, spent: &[Spent]) -> Arc<Scope> {
        let key = (plan.kind, Box::from(plan.id.as_str()));
        let all = self.all.pin();
        let held = all.get_or_insert_with(key.clone(), || {
            let scope = match &self.cluster {
                Some(cluster) => Scope::shared(plan.kind, plan.id.as_str(), plan.limits.clone(), cluster),
                None => Scope::new(plan.kind, plan.id.as_str(), plan.limits.clone()),
            };
            let scope = plan.label.iter().fold(scope, |scope, label| scope.labelled(label.as_str()));
            for spent in spent.iter().filter(|spent| spent.kind == plan.kind && spent.id == plan.id) {
                scope.restore(&spent.budget, spent.amount, spent.resets_at);
            }
            Held::new(plan, Arc::new(scope), by_model)
        });
        let (made_from, mut scope) = (&held.made_from, Arc::clone(&held.scope));
        let is_same = made_from.limits == plan.limits && made_from.label == plan.label;
        if !is_same {
            scope = Arc::new(scope.relimited(&plan.limits, plan.label.as_deref().map(Box::from)));
        }
        let has_other_models =
            !(held.by_model.is_empty() && by_model.is_empty() || Arc::ptr_eq(&held.by_model, by_model));
        if !is_same || made_from.budgets != plan.budgets || has_other_models {
            all.insert(key, Held::new(plan, Arc::clone(&scope), by_model));
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
        all.iter().filter(|((of, _), _)| *of == kind).map(|(_, held)| Arc::clone(&held.scope)).collect()
    }

    /// Those whose limits depend on this stored budget.
    pub fn with_budget(&self, budget: &str) -> Vec<(Kind, String)> {
        let all = self.all.pin();
        let with = all.iter().filter(|(_, held)| held.made_from.budgets.iter().any(|own| own == budget));
        with.map(|((kind, id), _)| (*kind, id.to_string())).collect()
    }

    /// Shows each of them.
    pub fn each(&self, mut look: impl FnMut(&Scope)) {
        self.all.pin().iter().for_each(|(_, held)| look(&held.scope));
    }

    /// Those that money may stop.
    pub fn limited_by_money(&self) -> Vec<(Kind, String)> {
        let all = self.all.pin();
        let is_limited = |plan: &ScopePlan| plan.limits.budgets.iter().any(|budget| budget.max.is_some());
        let limited = all.iter().filter(|(_, held)| is_limited(&held.made_from));
        limited.map(|((kind, id), _)| (*kind, id.to_string())).collect()
    }

    /// Forgets those that nobody but this list holds, and nobody has asked for since the last time: at least a minute, so
    /// that what they had used of it has come back. What limits everybody is held by nobody else.
    pub fn forget_unused(&self) {
        let is_kept = |held: &Held| {
            let is_used = held.is_used.swap(false, Ordering::Relaxed);
            is_used || held.made_from.kind == Kind::Global || Arc::strong_count(&held.scope) > 1
        };
        self.all.pin().retain(|_, held| is_kept(held));
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
fn counting_only(scope: &Arc<Scope>, limits: &Limits) -> Arc<Scope> {
    let uncapped = |budget: &BudgetLimits| BudgetLimits { max: None, ..budget.clone() };
    let budgets = limits.budgets.iter().map(|it| if it.measure == Measure::Money { uncapped(it) } else { it.clone() });
    let limits = Limits { budgets: budgets.collect(), ..limits.clone() };
    Arc::new(scope.relimited(&limits, scope.label().map(Box::from)).reported_by(scope))
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

#[cfg(test)]
mod tests {
    use super::super::plan::{Rows, Rules, global, other};
    use super::super::rows::{LimitRow, Row, WindowRow};
    use super::*;
    use crate::store;

    struct Nothing;

    impl Rows for Nothing {
        fn row(&self, _: store::Kind, _: &str) -> Option<Row> {
            None
        }
    }

    fn customer(limit: Option<u64>) -> OtherPlan {
        let money = WindowRow { max_budget: Some(1.0), budget_duration: None };
        let row = Row {
            limits: LimitRow { rpm_limit: Some(5), ..LimitRow::default() },
            model_rpm_limit: limit.into_iter().map(|limit| ("gpt".to_owned(), limit)).collect(),
            model_max_budget: limit.into_iter().map(|_| ("o3".to_owned(), money.clone())).collect(),
            ..Row::default()
        };
        other(Kind::Customer, "ada", &row, &Nothing, &Rules::default())
    }

    #[test]
    fn an_end_users_models_have_limits_of_their_own_and_the_same_counters_when_these_change() {
        let scopes = Scopes::new(None);
        let kinds = |other: &Other, model: &str| other.scopes(model).map(|scope| scope.kind()).collect::<Vec<_>>();
        let first = scopes.take_other(&customer(Some(1)), &[]);
        assert_eq!(kinds(&first, "gpt"), [Kind::Customer, Kind::ModelPerCustomer]);
        assert_eq!(kinds(&first, "o3"), [Kind::Customer, Kind::ModelPerCustomer]);
        assert_eq!(kinds(&first, "other"), [Kind::Customer]);
        assert_eq!(kinds(&first, "openai/o3"), [Kind::Customer, Kind::ModelPerCustomer], "whoever offers it");
        let money = first.scopes("o3").last().map(|scope| (scope.id().to_owned(), scope.budgets().len()));
        assert_eq!(money, Some(("ada:o3".to_owned(), 1)));
        first.scopes("o3").last().unwrap().budgets()[0].settle(0, 7);

        scopes.take_other(&customer(Some(9)), &[]);
        let found = scopes.get_other(Kind::Customer, "ada").unwrap();
        assert_eq!(found.scopes("o3").last().unwrap().spent(), 7);
        scopes.take_other(&customer(None), &[]);
        let found = scopes.get_other(Kind::Customer, "ada").unwrap();
        assert_eq!(kinds(&found, "gpt"), [Kind::Customer], "a limit that was taken away");
    }

    #[test]
    fn what_is_used_is_not_forgotten_nor_what_limits_everybody() {
        let scopes = Scopes::new(None);
        let limits = LimitRow { rpm_limit: Some(1), ..LimitRow::default() };
        let plan = global(&Rules { global: limits, ..Rules::default() }).unwrap();
        scopes.take(&plan, &[]);
        scopes.take_other(&customer(Some(1)), &[]);
        assert_eq!(scopes.len(), 4);
        for _ in 0..3 {
            scopes.forget_unused();
            assert!(scopes.get_other(Kind::Customer, "ada").is_some(), "somebody asks for it now and then");
        }
        let user = ScopePlan::new(Kind::User, "u", Limits { requests: Some(1), ..Limits::default() });
        let of_team_key = scopes.take(&ScopePlan { counts_only: true, ..user }, &[]);
        (0..2).for_each(|_| scopes.forget_unused());
        assert!(scopes.get(Kind::User, "u").is_some(), "a key of a team holds it");
        drop(of_team_key);
        (0..2).for_each(|_| scopes.forget_unused());
        assert!(scopes.get(Kind::User, "u").is_none());
        assert!(scopes.get(Kind::Customer, "ada").is_none(), "a whole round without anybody");
        assert!(scopes.get(Kind::Global, "").is_some());
    }
}
