//! A key that has used up its budget and goes on, only more slowly (`throttle_on_budget_exceeded`): as with LiteLLM its own
//! budget stops nothing then, and it has a part of its requests and tokens a minute. Its further windows stop it all the same,
//! and so do the budgets of everybody else.

use std::sync::Arc;

use super::plan::ScopePlan;
use super::rows::Row;
use crate::limiter::{Kind, Limits, OnExceeded, Scope};

/// What limits the calls of such a key instead of its own scope.
#[derive(Clone, Debug)]
pub struct Throttled {
    /// The same counters as its own; what is over the budget is counted.
    own: Arc<Scope>,
    slower: Arc<Scope>,
}

impl Throttled {
    /// Of a key's own scope, made with these limits, and the one that holds it back.
    pub(super) fn new(own: &Arc<Scope>, limits: &Limits, slower: Arc<Scope>) -> Self {
        let mut limits = limits.clone();
        // The first one is that of `max_budget`.
        limits.budgets.iter_mut().take(1).for_each(|budget| budget.on_exceeded = OnExceeded::Warn);
        let warning = own.relimited(&limits, own.label().map(Box::from)).reported_by(own);
        Self { own: Arc::new(warning), slower }
    }

    /// What limits a call of the key that is limited by all of these otherwise.
    pub fn instead_of(&self, all: &[Arc<Scope>]) -> Vec<Arc<Scope>> {
        let own = |scope: &Arc<Scope>| if scope.kind() == Kind::Key { &self.own } else { scope }.clone();
        all.iter().map(own).chain([Arc::clone(&self.slower)]).collect()
    }
}

/// How fast a key goes on, with what its budget says in `row`. `None`: it stops. As with LiteLLM that is also so where it has
/// no rates: there would be nothing to hold it back.
pub(super) fn throttled(digest: &str, row: &Row, part: Option<f64>) -> Option<ScopePlan> {
    let part = part.filter(|_| row.is_throttled())?;
    let [requests, tokens] =
        [row.limits.rpm_limit, row.limits.tpm_limit].map(|rate| rate.map(|rate| slower(rate, part)));
    let limits = Limits { requests, tokens, ..Limits::default() };
    (limits != Limits::default()).then(|| ScopePlan::new(Kind::ThrottledKey, digest, limits))
}

/// So many a minute of these; a trickle of 1 at least.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as LiteLLM")]
fn slower(rate: u64, part: f64) -> u64 {
    ((rate as f64 * part).floor() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Instant;
    use crate::limiter::{Actual, Ask, BudgetLimits, Reason, admit};
    use crate::store::{self, Object};

    #[test]
    fn a_part_is_rounded_down_and_never_nothing() {
        for (rate, part, expected) in [(1_000, 0.1, 100), (15, 0.5, 7), (1, 0.1, 1), (0, 0.5, 1), (50, 1.0, 50)] {
            assert_eq!(slower(rate, part), expected, "{rate} {part}");
        }
    }

    #[test]
    fn who_asks_for_it_and_has_rates_is_held_back() {
        let plan = |doc: serde_json::Value, part| {
            let object = Object::new(store::Kind::Key, "k", doc.as_object().unwrap().clone());
            throttled("k", &Row::of(&object).unwrap(), part).map(|plan| (plan.limits.requests, plan.limits.tokens))
        };
        let said = json!({"throttle_on_budget_exceeded": true});
        let whole = json!({"rpm_limit": 10, "tpm_limit": 90, "metadata": said});
        assert_eq!(plan(whole.clone(), Some(0.5)), Some((Some(5), Some(45))));
        assert_eq!(plan(whole, None), None, "the gateway has no such part");
        assert_eq!(plan(json!({"tpm_limit": 90, "metadata": said}), Some(0.5)), Some((None, Some(45))));
        assert_eq!(plan(json!({"metadata": said}), Some(0.5)), None, "nothing would hold it back");
        assert_eq!(plan(json!({"rpm_limit": 10}), Some(0.5)), None);
    }

    #[test]
    fn its_own_budget_stops_nothing_and_all_others_do() {
        let budget = |name: &str, max| BudgetLimits { name: name.into(), max: Some(max), ..BudgetLimits::default() };
        let limits = Limits { requests: Some(10), budgets: vec![budget("", 5), budget("7d", 9)], ..Limits::default() };
        let own = Arc::new(Scope::new(Kind::Key, "k", limits.clone()));
        let slower = Limits { requests: Some(3), ..Limits::default() };
        let slower = Arc::new(Scope::new(Kind::ThrottledKey, "k", slower));
        let throttled = Throttled::new(&own, &limits, slower);
        let team = Arc::new(Scope::new(Kind::Team, "t", Limits { requests: Some(9), ..Limits::default() }));
        let all = throttled.instead_of(&[Arc::clone(&own), team]);
        own.budgets().iter().for_each(|budget| budget.settle(0, 5));
        let now = Instant::from_nanos(0);
        let ask = |cost| Ask { tokens: 1, cost, now, ..Ask::default() };
        assert!(admit(&[Arc::clone(&own)], &ask(1)).is_err(), "used up");
        let held = admit(&all, &ask(2)).unwrap();
        assert_eq!(held.warnings().count(), 1);
        held.settle(&Actual { tokens: 1, cost: 2, now });
        assert_eq!(own.spent(), 7, "counted where it counts otherwise");
        let over = admit(&all, &ask(3)).map(drop).unwrap_err();
        assert!(matches!(over.reason, Reason::Budget(_)), "a further window: {:?}", over.reason);
        for _ in 0..2 {
            admit(&all, &ask(0)).unwrap().settle(&Actual { now, ..Actual::default() });
        }
        let over = admit(&all, &ask(0)).map(drop).unwrap_err();
        assert_eq!((over.scope.kind(), matches!(over.reason, Reason::Limit(_))), (Kind::ThrottledKey, true));
    }
}
