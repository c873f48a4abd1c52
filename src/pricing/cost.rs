//! What a finished call cost, in the parts that LiteLLM's `x-litellm-response-cost-*` headers tell.

use super::Money;
use super::pictures;
use super::prices::{Prices, ServiceTier, Unit};
use super::terms::{Adjustment, Terms};
use crate::wire::usage::Usage;

/// The cost of one call. `total` is the sum of the others but `reasoning`, which is a part of `output`; and what the
/// adjustment has made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// All of it.
    pub total: Money,
    /// Input that came from no cache and went into none.
    pub input: Money,
    /// All output, thinking included.
    pub output: Money,
    /// Input read from the prompt cache.
    pub cache_read: Money,
    /// Input written to the prompt cache.
    pub cache_write: Money,
    /// Of the output, what was thinking.
    pub reasoning: Money,
    /// Searches that the provider ran.
    pub tool_usage: Money,
    /// What was taken off the sum and put on it; `None`: there are no terms.
    pub adjustment: Option<Adjustment>,
}

impl Cost {
    /// The sum, before anything was taken off or put on.
    pub fn original(&self) -> Money {
        let Some(adjustment) = &self.adjustment else { return self.total };
        self.total.saturating_sub(adjustment.margin).saturating_add(adjustment.discount)
    }

    fn on(self, terms: Option<&Terms>) -> Self {
        let Some((total, adjustment)) = terms.map(|terms| terms.apply(self.total)) else { return self };
        Self { total, adjustment: Some(adjustment), ..self }
    }
}

/// What is paid for in other things than tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Characters to be spoken.
    pub characters: u64,
    /// Whole seconds of sound to be written down.
    pub seconds_in: u64,
    /// Whole seconds of sound that came.
    pub seconds_out: u64,
    /// Pictures sent.
    pub images_in: u64,
    /// Pictures that came.
    pub images_out: u64,
    /// Calls of a reranker.
    pub queries: u64,
}

/// What an answer costs: by the picture where pictures have a price, else by tokens and searches.
pub fn cost(prices: &Prices, usage: &Usage, tier: ServiceTier) -> Cost {
    let tokens = cost_of_tokens(prices, usage, tier);
    let cost = match &usage.pictures {
        Some(drawn) if tokens.total == Money::ZERO => pictures::cost(prices, drawn),
        _ => tokens,
    };
    cost.on(prices.terms())
}

/// The cost of tokens and searches. A counter that exceeds what it is a part of counts as all of that. Tokens without a
/// price of their own cost what input or output costs.
fn cost_of_tokens(prices: &Prices, usage: &Usage, tier: ServiceTier) -> Cost {
    let price = |unit| prices.get(unit, usage.prompt_tokens, tier);
    let input_price = price(Unit::Input).unwrap_or_default();
    // A model of pictures may have no other output.
    let output_price = price(Unit::Output).or_else(|| price(Unit::ImageTokenOut)).unwrap_or_default();

    let mut rest = usage.prompt_tokens;
    let read = take(&mut rest, usage.cached_tokens);
    let mut written = take(&mut rest, usage.cache_creation_tokens);
    let hour = take(&mut written, usage.cache_creation_1h_tokens);
    let heard = take(&mut rest, usage.prompt_audio_tokens);
    let seen = take(&mut rest, usage.prompt_image_tokens);
    let write_price = price(Unit::CacheWrite).unwrap_or(input_price);
    let cache_read = price(Unit::CacheRead).unwrap_or(input_price).times(read);
    let cache_write =
        [write_price.times(written), price(Unit::CacheWriteHour).unwrap_or(write_price).times(hour)].into_iter().sum();
    let input = [
        input_price.times(rest),
        price(Unit::AudioIn).unwrap_or(input_price).times(heard),
        price(Unit::ImageTokenIn).unwrap_or(input_price).times(seen),
    ];
    let input = input.into_iter().sum();

    let mut rest = usage.completion_tokens;
    let reasoning = price(Unit::Reasoning).unwrap_or(output_price).times(take(&mut rest, usage.reasoning_tokens));
    let spoken = take(&mut rest, usage.completion_audio_tokens);
    let drawn = take(&mut rest, usage.completion_image_tokens);
    let output = [
        reasoning,
        price(Unit::AudioOut).unwrap_or(output_price).times(spoken),
        price(Unit::ImageTokenOut).unwrap_or(output_price).times(drawn),
        output_price.times(rest),
    ];
    let output = output.into_iter().sum();

    let search = [Unit::SearchMedium, Unit::SearchLow, Unit::SearchHigh].into_iter().find_map(price);
    let tool_usage = search.unwrap_or_default().times(usage.web_search_requests.unwrap_or_default());
    let total = [input, output, cache_read, cache_write, tool_usage].into_iter().sum();
    Cost { total, input, output, cache_read, cache_write, reasoning, tool_usage, adjustment: None }
}

/// The cost of what is no token.
pub fn cost_of_units(prices: &Prices, units: &Units) -> Cost {
    let of = |unit, count| prices.get(unit, 0, ServiceTier::Standard).unwrap_or_default().times(count);
    let input: Money = [
        of(Unit::CharacterIn, units.characters),
        of(Unit::SecondIn, units.seconds_in),
        of(Unit::ImageIn, units.images_in),
        of(Unit::Query, units.queries),
    ]
    .into_iter()
    .sum();
    // Sound written down has one price, which LiteLLM's table says on both sides: `seconds_out` is for sound that came.
    let output = of(Unit::ImageOut, units.images_out).saturating_add(of(Unit::SecondOut, units.seconds_out));
    Cost { total: input.saturating_add(output), input, output, ..Cost::default() }.on(prices.terms())
}

/// Takes a part out of the rest.
fn take(rest: &mut u64, part: Option<u64>) -> u64 {
    let taken = part.unwrap_or_default().min(*rest);
    *rest -= taken;
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pricing::estimate::ceiling;
    use crate::pricing::table::TABLE;

    fn prices(provider: &str, model: &str) -> &'static Prices {
        &TABLE.find(provider, model).unwrap().prices
    }

    /// LiteLLM's headers of each recorded call that cost something; calls of the same usage cost the same.
    #[test]
    fn recorded_costs_are_met() {
        let gpt = prices("openai", "gpt-4o");
        let gemini = prices("gemini", "gemini-2.5-flash");
        let claude = prices("bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0");
        let plain = Usage::of_tokens(11, 7);
        let told = Usage { cached_tokens: Some(4), reasoning_tokens: Some(2), ..plain };
        let bedrock = Usage {
            prompt_tokens: 18,
            cached_tokens: Some(4),
            cache_creation_tokens: Some(3),
            reasoning_tokens: Some(0),
            ..plain
        };
        // Total, input, output, read, written, thinking.
        let cases = [
            ("gpt-4o", gpt, told, ["9.25e-05", "1.75e-05", "7e-05", "5e-06", "0", "2e-05"]),
            ("gpt-4o, no details", gpt, plain, ["9.75e-05", "2.75e-05", "7e-05", "0", "0", "0"]),
            ("gemini", gemini, told, ["1.972e-05", "2.1e-06", "1.75e-05", "1.2e-07", "0", "5e-06"]),
            ("bedrock", claude, bedrock, ["0.00015045", "3.3e-05", "0.000105", "1.2e-06", "1.125e-05", "0"]),
            ("bedrock, no details", claude, plain, ["0.000138", "3.3e-05", "0.000105", "0", "0", "0"]),
        ];
        for (name, prices, usage, expected) in cases {
            let cost = cost(prices, &usage, ServiceTier::Standard);
            let parts = [cost.total, cost.input, cost.output, cost.cache_read, cost.cache_write, cost.reasoning];
            assert_eq!(parts, expected.map(|text| Money::from_dollars(text).unwrap()), "{name}");
        }
    }

    #[test]
    fn each_kind_has_its_price() {
        let cent = |pico| Money::from_pico(pico);
        let prices = Prices::of([
            ("input_cost_per_token", cent(10)),
            ("output_cost_per_token", cent(100)),
            ("cache_creation_input_token_cost", cent(12)),
            ("cache_creation_input_token_cost_above_1hr", cent(20)),
            ("input_cost_per_audio_token", cent(30)),
            ("output_cost_per_reasoning_token", cent(200)),
            ("search_context_size_medium", cent(1000)),
            ("input_cost_per_query", cent(7)),
        ]);
        let usage = Usage {
            cached_tokens: Some(1),
            cache_creation_tokens: Some(3),
            cache_creation_1h_tokens: Some(1),
            prompt_audio_tokens: Some(2),
            reasoning_tokens: Some(99),
            web_search_requests: Some(2),
            ..Usage::of_tokens(10, 5)
        };
        let cost = cost(&prices, &usage, ServiceTier::Flex);
        assert_eq!((cost.cache_read, cost.cache_write), (cent(10), cent(2 * 12 + 20)));
        assert_eq!((cost.input, cost.output, cost.tool_usage), (cent(4 * 10 + 2 * 30), cent(1000), cent(2000)));
        assert_eq!(cost_of_units(&prices, &Units { queries: 3, ..Units::default() }).total, cent(21));
    }

    fn usages() -> impl Strategy<Value = Usage> {
        let part = || proptest::option::of(0..500_000_u64);
        (0..500_000_u64, 0..200_000_u64, part(), part(), part(), part(), part()).prop_map(
            |(prompt, completion, read, written, hour, heard, thought)| Usage {
                cached_tokens: read,
                cache_creation_tokens: written,
                cache_creation_1h_tokens: hour,
                prompt_audio_tokens: heard,
                reasoning_tokens: thought,
                ..Usage::of_tokens(prompt, completion)
            },
        )
    }

    proptest! {
        #[test]
        fn parts_add_up_and_more_costs_more(usage in usages(), more in 0..1000_u64, at in any::<proptest::sample::Index>()) {
            let models: Vec<_> = TABLE.models().collect();
            let prices = &at.get(&models).1.prices;
            let now = cost(prices, &usage, ServiceTier::Standard);
            let parts = [now.input, now.output, now.cache_read, now.cache_write, now.tool_usage];
            prop_assert!(parts.iter().all(|part| *part >= Money::ZERO) && now.reasoning <= now.output);
            prop_assert_eq!(now.total, parts.into_iter().sum());
            let spoken = Usage { completion_tokens: usage.completion_tokens + more, ..usage };
            prop_assert!(cost(prices, &spoken, ServiceTier::Standard).total >= now.total);
            let longer = Usage { prompt_tokens: usage.prompt_tokens + more, ..usage };
            prop_assert!(cost(prices, &longer, ServiceTier::Standard).total >= now.total);
            let searched = Usage { web_search_requests: Some(more), ..usage };
            prop_assert!(cost(prices, &searched, ServiceTier::Standard).total >= now.total);
            prop_assert!(ceiling(prices, usage.prompt_tokens, usage.completion_tokens, 1) >= now.total);
        }
    }
}
