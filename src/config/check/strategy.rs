//! `routing_strategy`, under all its names.

use super::Sections;
use crate::config::Strategy;
use crate::config::raw::section::{Section, suggestion};

/// Name, meaning, and whether it is LiteLLM's own name, or ours.
const NAMES: &[(&str, Strategy, bool)] = &[
    ("simple-shuffle", Strategy::SimpleShuffle, true),
    ("least-busy", Strategy::LeastBusy, true),
    ("latency-based-routing", Strategy::LatencyBased, true),
    ("usage-based-routing", Strategy::UsageBased, true),
    ("usage-based-routing-v2", Strategy::UsageBasedV2, true),
    ("cost-based-routing", Strategy::CostBased, true),
    ("lar1", Strategy::Lar1, true),
    ("provider-budget-routing", Strategy::ProviderBudget, true),
    ("latency", Strategy::LatencyBased, false),
    ("latency-based", Strategy::LatencyBased, false),
    ("cost-based", Strategy::CostBased, false),
    ("least-cost", Strategy::CostBased, false),
    ("cost_optimized", Strategy::CostBased, false),
    ("usage-based", Strategy::UsageBased, false),
    ("weighted_round_robin", Strategy::WeightedRoundRobin, true),
    ("rate-limit-aware", Strategy::RateLimitAware, true),
    // What a model can do is looked at before every strategy.
    ("capability-based", Strategy::SimpleShuffle, false),
];

/// LiteLLM does not know these.
const OURS: [Strategy; 2] = [Strategy::WeightedRoundRobin, Strategy::RateLimitAware];

/// LiteLLM's own place wins, then `router.type` of a tutorial, then wherever else it was written.
pub(super) fn read(sections: &Sections<'_>) -> Strategy {
    let own = at(sections.router, "routing_strategy");
    let typed = sections.top.with("router", |router| {
        if router.get("type").is_none() {
            return at(router, "routing_strategy");
        }
        if router.get("routing_strategy").is_some() {
            router.warning("routing_strategy", "type says it already; this one is not used");
        }
        at(router, "type")
    });
    let elsewhere = [at(sections.top, "routing_strategy"), at(sections.litellm, "routing_strategy")];
    own.or(typed.flatten()).or_else(|| elsewhere.into_iter().flatten().next()).unwrap_or_default()
}

fn at(section: Section<'_>, key: &str) -> Option<Strategy> {
    let name = section.text(key)?;
    let Some((_, strategy, litellms)) = NAMES.iter().find(|(known, ..)| *known == name) else {
        section.error(key, format!("unknown strategy{}", suggestion(&name, NAMES.iter().map(|(known, ..)| *known))));
        return None;
    };
    if !litellms {
        section.warning(key, format!("not a name of LiteLLM; read as {}", own_name(*strategy)));
    }
    if OURS.contains(strategy) {
        section.warning(key, "not a strategy of LiteLLM");
    }
    Some(*strategy)
}

fn own_name(strategy: Strategy) -> &'static str {
    NAMES
        .iter()
        .find(|(_, known, litellms)| *litellms && *known == strategy)
        .map_or("simple-shuffle", |(name, ..)| name)
}
