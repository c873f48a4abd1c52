//! `/cost/estimate`: what calls of some size would cost.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::pricing::prices::Unit;
use crate::pricing::{Money, Prices, ServiceTier, cost};
use crate::wire::usage::Usage;

/// The body of `POST /cost/estimate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EstimateQuery {
    pub model: String,
    /// All of the input, cached parts included.
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_input_tokens: u64,
    pub cache_creation_input_tokens: u64,
    pub reasoning_tokens: u64,
    pub num_requests_per_day: Option<u64>,
    pub num_requests_per_month: Option<u64>,
}

/// The answer for a model with these prices at this provider.
pub fn estimate(query: &EstimateQuery, prices: &Prices, provider: &str) -> Value {
    let usage = Usage {
        cached_tokens: Some(query.cache_read_input_tokens),
        cache_creation_tokens: Some(query.cache_creation_input_tokens),
        reasoning_tokens: Some(query.reasoning_tokens),
        ..Usage::of_tokens(query.input_tokens, query.output_tokens)
    };
    let one = cost(prices, &usage, ServiceTier::Standard);
    let parts = [
        ("cost", one.total),
        ("input_cost", one.input),
        ("output_cost", one.output),
        ("margin_cost", one.adjustment.map_or(Money::ZERO, |adjustment| adjustment.margin)),
        ("cache_read_cost", one.cache_read),
        ("cache_creation_cost", one.cache_write),
        ("reasoning_cost", one.reasoning),
    ];
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    put("model", (*query.model).into());
    put("input_tokens", query.input_tokens.into());
    put("output_tokens", query.output_tokens.into());
    put("cache_read_input_tokens", query.cache_read_input_tokens.into());
    put("cache_creation_input_tokens", query.cache_creation_input_tokens.into());
    put("reasoning_tokens", query.reasoning_tokens.into());
    put("num_requests_per_day", json!(query.num_requests_per_day));
    put("num_requests_per_month", json!(query.num_requests_per_month));
    parts.iter().for_each(|(name, money)| put(&format!("{name}_per_request"), money.dollars().into()));
    for (period, count) in [("daily", query.num_requests_per_day), ("monthly", query.num_requests_per_month)] {
        for (name, money) in parts {
            put(&format!("{period}_{name}"), count.map_or(Value::Null, |count| money.times(count).dollars().into()));
        }
    }
    for (name, unit, otherwise) in [
        ("input_cost_per_token", Unit::Input, Unit::Input),
        ("output_cost_per_token", Unit::Output, Unit::Output),
        ("cache_read_input_token_cost", Unit::CacheRead, Unit::Input),
        ("cache_creation_input_token_cost", Unit::CacheWrite, Unit::Input),
        ("output_cost_per_reasoning_token", Unit::Reasoning, Unit::Output),
    ] {
        let price = |unit| prices.get(unit, query.input_tokens, ServiceTier::Standard);
        put(name, json!(price(unit).or_else(|| price(otherwise)).map(Money::dollars)));
    }
    put("provider", provider.into());
    Value::Object(answer)
}
