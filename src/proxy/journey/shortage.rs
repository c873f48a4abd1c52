//! Deployments that were chosen and had no money when it was to be taken, on the way to one leg.

use crate::limiter::{Reason, Refusal};
use crate::proxy::purse::OVERTAKEN_MAX;
use crate::router::plan::DeploymentIx;
use crate::router::{PickInput, TriedSet};

/// See the module.
#[derive(Default)]
pub(super) struct Shortage {
    /// Choices in which others were faster.
    overtaken: u32,
    /// Those of which nobody knows what is left, with all that were tried before.
    unsure: Option<TriedSet>,
}

impl Shortage {
    /// What the next choice depends on: who is unsure is left out.
    pub(super) fn input<'a>(&'a self, input: PickInput<'a>) -> PickInput<'a> {
        match &self.unsure {
            Some(tried) => PickInput { tried, untried_only: true, ..input },
            None => input,
        }
    }

    /// The chosen deployment refused; whether to choose again. `tried`: by this request so far.
    pub(super) fn met(&mut self, refusal: &Refusal, deployment: DeploymentIx, tried: &TriedSet) -> bool {
        if !matches!(refusal.reason, Reason::BudgetUnknown(_)) {
            self.overtaken += 1;
            return self.overtaken <= OVERTAKEN_MAX;
        }
        let left_out = self.unsure.get_or_insert(*tried);
        let was_left_out = left_out.contains(deployment);
        left_out.insert(deployment);
        // The set may be full.
        !was_left_out && left_out.contains(deployment)
    }

    /// Whether somebody would perhaps have had the money.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Instant;
    use crate::limiter::lease::Outage;
    use crate::limiter::{Ask, BudgetLimits, Cluster, Kind, Limits, Scope, admit};
    use crate::router::needs::Needs;

    const NOW: Instant = Instant::from_nanos(0);

    fn refusal(scope: Scope) -> Refusal {
        admit(&[Arc::new(scope)], &Ask { tokens: 0, cost: 9, now: NOW, wall: 0, downgraded: false }).unwrap_err()
    }

    #[test]
    fn who_is_unsure_is_left_out_and_who_was_overtaken_chooses_again() {
        let budget = BudgetLimits { max: Some(8), ..BudgetLimits::default() };
        let small = Limits { budgets: vec![budget.clone()], ..Limits::default() };
        let large = Limits { budgets: vec![BudgetLimits { max: Some(80), ..budget }], ..Limits::default() };
        let away = Arc::new(Cluster::new(Outage::default()));
        let unsure = refusal(Scope::shared(Kind::Provider, "p", large, &away));
        let over = refusal(Scope::new(Kind::Provider, "p", small));
        let (needs, mut tried) = (Needs::default(), TriedSet::default());
        tried.insert(DeploymentIx(70));
        let input = PickInput {
            now: NOW,
            random: 0,
            tried: &tried,
            above_order: None,
            untried_only: false,
            holder: None,
            needs: &needs,
        };
        let mut shortage = Shortage::default();
        for choice in 0..=OVERTAKEN_MAX {
            assert_eq!(shortage.met(&over, DeploymentIx(1), &tried), choice < OVERTAKEN_MAX);
        }
        assert!(!shortage.is_unsure() && !shortage.input(input).untried_only);
        let mut shortage = Shortage::default();
        for deployment in 1..=OVERTAKEN_MAX + 2 {
            assert!(shortage.met(&unsure, DeploymentIx(deployment), &tried));
        }
        let next = shortage.input(input);
        assert!(shortage.is_unsure() && next.untried_only);
        let is_left_out = |deployment| next.tried.contains(DeploymentIx(deployment));
        assert!((1..=OVERTAKEN_MAX + 2).all(is_left_out) && is_left_out(70) && !is_left_out(OVERTAKEN_MAX + 3));
        assert!(!shortage.met(&unsure, DeploymentIx(1), &tried), "nobody else is left");
    }
}
