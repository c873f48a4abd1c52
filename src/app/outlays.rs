//! Budgets of providers and deployments: from the configuration to scopes, and to the purses of the data plane.

use std::sync::Arc;

use crate::config::{Budget, Config, Deployment};
use crate::governance::Live;
use crate::governance::plan::{ScopePlan, outlay};
use crate::limiter::{Kind, Scope, Zone};
use crate::pricing::Table;
use crate::proxy::purse::{Purse, Purses};
use crate::proxy::target::prices;
use crate::telemetry::metrics::Metrics;

/// What is planned of every provider and deployment that has a budget.
pub fn plans(config: &Config, zone: &Zone) -> Vec<ScopePlan> {
    let providers = config.router.provider_budgets.iter();
    let providers = providers.map(|(name, budget)| plan(Kind::Provider, name, budget, zone));
    let deployments = config.deployments.iter().filter_map(|deployment| of_deployment(deployment, zone));
    providers.chain(deployments).collect()
}

fn of_deployment(deployment: &Deployment, zone: &Zone) -> Option<ScopePlan> {
    deployment.budget.max_budget?;
    Some(plan(Kind::Deployment, &deployment.id, &deployment.budget, zone))
}

fn plan(kind: Kind, id: &str, budget: &Budget, zone: &Zone) -> ScopePlan {
    outlay(kind, id, budget.max_budget, budget.budget_duration.as_deref(), zone)
}

/// The purses of all deployments.
pub fn purses(config: &Config, live: &Live, table: &Table, metrics: &Metrics) -> Purses {
    let zone = &live.rules().zone;
    let providers = config.router.provider_budgets.iter();
    let providers: Vec<(&str, Arc<Scope>)> = providers
        .map(|(name, budget)| (name.as_str(), live.outlay(&plan(Kind::Provider, name, budget, zone))))
        .collect();
    let each = config.deployments.iter().map(|deployment| {
        let own = of_deployment(deployment, zone).map(|plan| live.outlay(&plan));
        let of_provider = providers.iter().find(|(name, _)| *name == deployment.provider.name);
        let scopes = of_provider.map(|(_, scope)| Arc::clone(scope)).into_iter().chain(own).collect();
        Purse::of(deployment, scopes, prices(deployment, table, &config.general.cost_terms)).map(Arc::new)
    });
    let each = each.collect();
    let shown = |(name, scope): (&str, Arc<Scope>)| (scope, metrics.provider_remaining(name));
    Purses::new(each, providers.into_iter().map(shown).collect())
}
