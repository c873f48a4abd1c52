//! What a request may cost before it is sent: what a budget sets aside for it.

use super::Money;
use super::prices::{Prices, ServiceTier};

/// Tokens of so many bytes of text, rather too many than too few: three bytes a token. English has four to five, code
/// and JSON three to four, Chinese and Japanese about three. Text made to be dear (digits, rare signs) can have more
/// tokens than this; what the provider counted corrects it when the call is settled.
pub const fn estimate_tokens(bytes_of_text: usize) -> u64 {
    (bytes_of_text as u64).div_ceil(3)
}

/// The most that a call at the standard tier can cost with so many tokens of input and `n` answers of at most
/// `max_output` tokens: each token at the dearest price that could apply to it (written to a cache for an hour, sound,
/// pictures, thinking). Searches are not in it.
pub fn ceiling(prices: &Prices, prompt_tokens_estimate: u64, max_output: u64, n: u64) -> Money {
    ceiling_at(prices, prompt_tokens_estimate, max_output, n, ServiceTier::Standard)
}

/// [`ceiling`] at another tier.
pub fn ceiling_at(prices: &Prices, prompt_tokens: u64, max_output: u64, n: u64, tier: ServiceTier) -> Money {
    prices.paid(ceiling_of_tokens(prices, prompt_tokens, max_output, n, tier))
}

/// The same before anything is taken off or put on.
pub(super) fn ceiling_of_tokens(
    prices: &Prices,
    prompt_tokens: u64,
    max_output: u64,
    n: u64,
    tier: ServiceTier,
) -> Money {
    let [input, output] = prices.dearest(prompt_tokens, tier);
    input.times(prompt_tokens).saturating_add(output.times(max_output.saturating_mul(n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_price_is_set_aside() {
        let pico = Money::from_pico;
        let prices = Prices::of([
            ("input_cost_per_token", pico(10)),
            ("cache_creation_input_token_cost", pico(12)),
            ("input_cost_per_token_above_200k_tokens", pico(20)),
            ("output_cost_per_token", pico(50)),
            ("output_cost_per_token_priority", pico(90)),
        ]);
        assert_eq!(ceiling(&prices, 100, 10, 2), pico(1200 + 1000));
        assert_eq!(ceiling(&prices, 200_001, 0, 1), pico(20 * 200_001));
        assert_eq!(ceiling_at(&prices, 0, 1, 1, ServiceTier::Priority), pico(90));
        let flat = Prices::of([
            ("input_cost_per_token", pico(10)),
            ("cache_creation_input_token_cost", pico(12)),
            ("output_cost_per_token", pico(50)),
        ]);
        assert_eq!(ceiling(&flat, 300_000, 10, 2), pico(12 * 300_000 + 1000));
        assert_eq!(ceiling(&prices, 0, u64::MAX, u64::MAX), Money::MAX);
        assert_eq!(ceiling(&Prices::default(), 100, 10, 1), Money::ZERO);
        assert_eq!([0, 1, 3, 4].map(estimate_tokens), [0, 1, 1, 2]);
    }
}
