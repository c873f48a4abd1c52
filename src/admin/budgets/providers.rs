//! `GET /provider/budgets`: what providers may cost, and what they did.

use serde_json::{Map, Value, json};

use crate::admin::control::Control;
use crate::admin::reply::Reply;
use crate::admin::times;
use crate::limiter::Kind;
use crate::pricing::Money;

/// Each provider that has a budget. What was spent is what this node has heard last.
pub fn answer(control: &Control) -> Reply {
    let shown = |(name, budget): (&String, &crate::config::Budget)| {
        let spend = control.desk.spent(Kind::Provider, name).map_or(0.0, Money::dollars);
        let resets_at = budget.budget_duration.as_deref().and_then(|duration| control.resets_at(duration));
        let value = json!({
            "budget_limit": budget.max_budget,
            "time_period": budget.budget_duration,
            "spend": spend,
            "budget_reset_at": resets_at.as_deref().map(times::with_offset),
        });
        (name.clone(), value)
    };
    let providers: Map<String, Value> = control.settings.provider_budgets.iter().map(shown).collect();
    Reply::json(json!({ "providers": providers }))
}
