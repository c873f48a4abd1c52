//! What the configuration and the price table say of a deployment, as its target wants it.

use std::time::Duration;

use serde_json::Value;

use crate::config::{CostTerms, Deployment};
use crate::pricing::{Prices, Table, Terms};
use crate::router::Router;
use crate::store::journal::{Alike, Record};

/// `group=gpt-4o; strategy=simple-shuffle; candidates=3; chosen=<id>`.
pub(super) fn route(deployment: &Deployment, router: &Router) -> String {
    let group = router.resolve(&deployment.model_name, 0).map(|resolved| resolved.group);
    let candidates = group.map_or(1, |group| router.size(group));
    let (name, strategy, id) = (&deployment.model_name, router.strategy().name(), short(&deployment.id));
    // A name may hold what a header may not.
    let name: String = name.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').collect();
    format!("group={name}; strategy={strategy}; candidates={candidates}; chosen={id}")
}

/// An id as people read it: LiteLLM's own are digests.
pub fn short(id: &str) -> &str {
    const DIGEST: usize = 64;
    const ENOUGH: usize = 12;
    if id.len() == DIGEST { id.get(..ENOUGH).unwrap_or(id) } else { id }
}

/// The table's prices, under what the deployment itself states, on the provider's terms.
pub fn prices(deployment: &Deployment, table: &Table, terms: &CostTerms) -> Prices {
    let model = info(deployment, "base_model");
    let model = model.as_deref().unwrap_or(&deployment.upstream_model);
    let known = table.find(deployment.provider.name, model).map(|model| model.prices.clone()).unwrap_or_default();
    let stated = deployment.costs.iter().map(|(name, dollars)| (name.as_str(), *dollars));
    let (discount, margin) = terms.of(deployment.provider.name);
    let terms = Terms::new(discount, margin.percentage, margin.fixed_amount).or_none();
    known.under(&Prices::stated(stated).on(terms))
}

/// What the spend journal is told of it with each call.
pub(super) fn alike(deployment: &Deployment, api_base: &str) -> Alike {
    let upstream = deployment.upstream_model.as_str();
    Alike::of(&Record {
        model: if names_model(upstream) { upstream } else { "" },
        model_id: &deployment.id,
        provider: deployment.provider.name,
        api_base,
        ..Record::default()
    })
}

/// Whether a deployment's model upstream says which one answers: that of a wildcard depends on what the client asks for.
pub(super) fn names_model(upstream: &str) -> bool {
    !upstream.is_empty() && !upstream.contains('*')
}

/// A text of `litellm_params` that may be shown.
pub(super) fn shown<'a>(deployment: &'a Deployment, name: &str) -> Option<&'a str> {
    deployment.shown_params.get(name)?.as_str()
}

/// What `model_info`, else the table, says of an ability; `None`: nobody knows the model.
pub(super) fn can(deployment: &Deployment, table: &Table, ability: &str) -> Option<bool> {
    if let Some(said) = deployment.model_info.get(ability).and_then(Value::as_bool) {
        return Some(said);
    }
    let model = info(deployment, "base_model");
    let model = model.as_deref().unwrap_or(&deployment.upstream_model);
    let known = table.find(deployment.provider.name, model)?;
    Some(known.supports.iter().any(|name| **name == *ability))
}

/// A text of `model_info`.
pub(super) fn info(deployment: &Deployment, name: &str) -> Option<String> {
    deployment.model_info.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A flag of `model_info`.
pub(super) fn is_set(deployment: &Deployment, name: &str) -> bool {
    deployment.model_info.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Seconds of `model_info`, above 0.
pub(super) fn seconds(deployment: &Deployment, name: &str) -> Option<Duration> {
    let seconds = deployment.model_info.get(name).and_then(Value::as_f64);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|wait| !wait.is_zero())
}
