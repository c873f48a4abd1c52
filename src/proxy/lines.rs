//! What an answer's header tells about its way and its price: the lines that LiteLLM adds.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::context::{Context, Miss};
use super::sheet::Sheet;
use super::target::short;
use crate::clock::Instant;
use crate::decimal::Decimal;
use crate::error::Compat;
use crate::limiter::{Budget, Kind, Meter, Reservation, Scope, message};
use crate::pricing::{Cost, Money};

static RESPONSE_DURATION: HeaderName = HeaderName::from_static("x-litellm-response-duration-ms");
static OVERHEAD_DURATION: HeaderName = HeaderName::from_static("x-litellm-overhead-duration-ms");
static ATTEMPTED_RETRIES: HeaderName = HeaderName::from_static("x-litellm-attempted-retries");
static MAX_RETRIES: HeaderName = HeaderName::from_static("x-litellm-max-retries");
static ATTEMPTED_FALLBACKS: HeaderName = HeaderName::from_static("x-litellm-attempted-fallbacks");
static ROUTE: HeaderName = HeaderName::from_static("x-tollgate-route");
static RESPONSE_COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");
static RESPONSE_COST_ORIGINAL: HeaderName = HeaderName::from_static("x-litellm-response-cost-original");
static RESPONSE_COST_INPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-input");
static RESPONSE_COST_OUTPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-output");
static RESPONSE_COST_CACHE_READ: HeaderName = HeaderName::from_static("x-litellm-response-cost-cache-read");
static RESPONSE_COST_REASONING: HeaderName = HeaderName::from_static("x-litellm-response-cost-reasoning");
static RESPONSE_COST_DISCOUNT: HeaderName = HeaderName::from_static("x-litellm-response-cost-discount-amount");
static RESPONSE_COST_MARGIN: HeaderName = HeaderName::from_static("x-litellm-response-cost-margin-amount");
static RESPONSE_COST_MARGIN_PERCENT: HeaderName = HeaderName::from_static("x-litellm-response-cost-margin-percent");
static RESPONSE_COST_TOOL_USAGE: HeaderName = HeaderName::from_static("x-litellm-response-cost-tool-usage");
static KEY_SPEND: HeaderName = HeaderName::from_static("x-litellm-key-spend");
static KEY_MAX_BUDGET: HeaderName = HeaderName::from_static("x-litellm-key-max-budget");
static KEY_RPM_LIMIT: HeaderName = HeaderName::from_static("x-litellm-key-rpm-limit");
static KEY_TPM_LIMIT: HeaderName = HeaderName::from_static("x-litellm-key-tpm-limit");

/// Writes all of them. `is_routed`: a deployment's template is in the header.
pub fn told(ctx: &Context, is_routed: bool, lines: &mut Sheet<'_>) {
    if ctx.outcome.attempts > 0 {
        let total = ctx.outcome.answered.map_or_else(|| ctx.started.elapsed(), |answered| answered - ctx.started);
        let overhead = total.saturating_sub(ctx.outcome.upstream_time.unwrap_or_default());
        lines.set(&RESPONSE_DURATION, milliseconds(total));
        lines.set(&OVERHEAD_DURATION, milliseconds(overhead));
        lines.set(&ATTEMPTED_RETRIES, count(u64::from(ctx.outcome.attempts - 1)));
        // As LiteLLM: only where there were retries.
        if let Some(most) = ctx.outcome.max_retries.filter(|_| ctx.outcome.attempts > 1) {
            lines.set(&MAX_RETRIES, HeaderValue::from(most));
        }
    }
    way(ctx, is_routed, lines);
    if let Some(cost) = &ctx.outcome.cost {
        costs(cost, lines);
    }
    if let Some(reservation) = &ctx.reservation {
        limits(reservation, lines);
    }
    if let Some((scope, met_at)) = &ctx.limited_by {
        limits_of(scope, *met_at, lines);
    }
}

/// What is left of the caller's limits, and of its budget.
fn limits(reservation: &Reservation, lines: &mut Sheet<'_>) {
    let now = reservation.ask().now;
    for scope in reservation.scopes() {
        limits_of(scope, now, lines);
        if let Some(budget) = scope.budgets().first().filter(|_| scope.kind() == Kind::Key) {
            own_budget(budget, lines);
        }
    }
}

/// What was left at this moment of the limits of one.
fn limits_of(scope: &Scope, now: Instant, lines: &mut Sheet<'_>) {
    scope.show(now, |meter, shown, left| {
        let (limit, remaining) = message::header_names(scope.kind(), meter);
        lines.set(limit, shown.clone());
        lines.set(remaining, count(left));
        if let Some(name) = own_limit(meter).filter(|_| scope.kind() == Kind::Key) {
            lines.set(name, shown.clone());
        }
    });
}

/// What a limit of the key itself is called besides.
fn own_limit(meter: Meter) -> Option<&'static HeaderName> {
    match meter {
        Meter::Requests => Some(&KEY_RPM_LIMIT),
        Meter::Tokens => Some(&KEY_TPM_LIMIT),
        Meter::Parallel | Meter::TokensPerDay => None,
    }
}

fn own_budget(budget: &Budget, lines: &mut Sheet<'_>) {
    if let Some(spent) = message::header_value(budget.spent()) {
        lines.set(&KEY_SPEND, spent);
    }
    if let Some(max) = message::max_budget(budget) {
        lines.set(&KEY_MAX_BUDGET, max.clone());
    }
}

/// The way to the answer, where it was not a straight one: that stands in the deployment's template.
fn way(ctx: &Context, is_routed: bool, lines: &mut Sheet<'_>) {
    if let Some(tried) = tried(ctx) {
        lines.set(&ATTEMPTED_FALLBACKS, HeaderValue::from(ctx.outcome.hops));
        let chosen = ctx.outcome.deployment.filter(|_| is_routed);
        let chosen = chosen.and_then(|index| ctx.snapshot.targets.get(index)).map_or("", |target| &target.route);
        let joint = if chosen.is_empty() { "" } else { "; " };
        if let Ok(route) = HeaderValue::try_from(format!("{chosen}{joint}tried={tried}")) {
            lines.set(&ROUTE, route);
        }
    }
}

/// The attempts that failed, and how long each took: `d1:RateLimitError:12ms,d2:Timeout:10001ms; fallbacks=1`.
/// `None`: there was none, and no fallback.
pub fn tried(ctx: &Context) -> Option<String> {
    let outcome = &ctx.outcome;
    if outcome.misses.is_empty() && outcome.hops == 0 {
        return None;
    }
    let miss = |miss: &Miss| {
        let id = ctx.snapshot.targets.get(miss.deployment).map_or("?", |target| short(&target.id));
        // The class does not depend on the release that is imitated.
        let class = miss.kind.row(Compat::default()).exception_class;
        format!("{id}:{class}:{}ms", miss.took.as_millis())
    };
    let misses: Vec<String> = outcome.misses.iter().map(miss).collect();
    Some(format!("{}; fallbacks={}", misses.join(","), outcome.hops))
}

/// What the call cost, in dollars. Where there are no discounts and margins that stands in the deployment's template.
fn costs(cost: &Cost, lines: &mut Sheet<'_>) {
    let dollars = |money: Money| number(money.text());
    let total = dollars(cost.total);
    let original = if cost.adjustment.is_some() { dollars(cost.original()) } else { total.clone() };
    lines.set(&RESPONSE_COST_ORIGINAL, original);
    lines.set(&RESPONSE_COST, total);
    if let Some(adjustment) = &cost.adjustment {
        lines.set(&RESPONSE_COST_DISCOUNT, dollars(adjustment.discount));
        lines.set(&RESPONSE_COST_MARGIN, dollars(adjustment.margin));
        lines.set(&RESPONSE_COST_MARGIN_PERCENT, dollars(adjustment.margin_rate));
    }
    lines.set(&RESPONSE_COST_INPUT, dollars(cost.input));
    lines.set(&RESPONSE_COST_OUTPUT, dollars(cost.output));
    let parts = [
        (&RESPONSE_COST_CACHE_READ, cost.cache_read),
        (&RESPONSE_COST_REASONING, cost.reasoning),
        (&RESPONSE_COST_TOOL_USAGE, cost.tool_usage),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| *part != Money::ZERO) {
        lines.set(name, dollars(part));
    }
}

/// A whole number. `HeaderValue::from` grows a buffer for it and shrinks it again.
pub fn count(number: u64) -> HeaderValue {
    HeaderValue::from_str(itoa::Buffer::new().format(number)).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// With three decimals.
fn milliseconds(time: Duration) -> HeaderValue {
    number(Decimal::new(i64::try_from(time.as_micros()).unwrap_or(i64::MAX), 3, 3))
}

fn number(text: Decimal) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
