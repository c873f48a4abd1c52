//! The prices of one model, by LiteLLM's member names.
//!
//! LiteLLM spells each price as what is counted plus, where it applies, a prompt length from which it holds and a tier of
//! service: `input_cost_per_token_above_200k_tokens_priority`. Here the name is taken apart once, and a price is asked
//! for by its parts.

use super::Money;
use super::pictures::SizedPrice;
use super::terms::Terms;
use crate::drawing::{Drawing, Size};

/// What a price is for. One of these, whatever the name says: a token, a picture, a second, a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A token of input that has no price of its own.
    Input,
    /// A token of output that has no price of its own.
    Output,
    /// A token read from the provider's prompt cache.
    CacheRead,
    /// A token written to it.
    CacheWrite,
    /// A token written to it to stay for an hour.
    CacheWriteHour,
    /// A token of thinking.
    Reasoning,
    /// A token of sound, in.
    AudioIn,
    /// A token of sound, out.
    AudioOut,
    /// A token of a picture, in.
    ImageTokenIn,
    /// A token of a picture, out.
    ImageTokenOut,
    /// A picture, in.
    ImageIn,
    /// A picture, out.
    ImageOut,
    /// A million pixels of a picture.
    Megapixel,
    /// A character, in.
    CharacterIn,
    /// A character, out.
    CharacterOut,
    /// A second of sound, in.
    SecondIn,
    /// A second of sound, out.
    SecondOut,
    /// A call, of a reranker.
    Query,
    /// A web search with little context.
    SearchLow,
    /// A web search as most are.
    SearchMedium,
    /// A web search with much context.
    SearchHigh,
}

impl Unit {
    /// Its place in a set of units.
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

const UNITS: &[(&str, Unit)] = &[
    ("input_cost_per_token", Unit::Input),
    ("output_cost_per_token", Unit::Output),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost_above_1hr", Unit::CacheWriteHour),
    ("cache_creation_input_token_cost", Unit::CacheWrite),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
    ("input_cost_per_audio_token", Unit::AudioIn),
    ("output_cost_per_audio_token", Unit::AudioOut),
    ("input_cost_per_image_token", Unit::ImageTokenIn),
    ("output_cost_per_image_token", Unit::ImageTokenOut),
    ("input_cost_per_image", Unit::ImageIn),
    ("output_cost_per_image", Unit::ImageOut),
    ("input_cost_per_pixel", Unit::Megapixel),
    ("input_cost_per_character", Unit::CharacterIn),
    ("output_cost_per_character", Unit::CharacterOut),
    ("input_cost_per_second", Unit::SecondIn),
    ("output_cost_per_second", Unit::SecondOut),
    ("input_cost_per_query", Unit::Query),
    ("search_context_size_low", Unit::SearchLow),
    ("search_context_size_medium", Unit::SearchMedium),
    ("search_context_size_high", Unit::SearchHigh),
];

/// How a call is served, which some providers charge for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTier {
    /// As most calls are.
    #[default]
    Standard,
    /// Within a day.
    Batch,
    /// When there is room.
    Flex,
    /// Before others.
    Priority,
}

impl ServiceTier {
    /// Reads `service_tier` of an answer; what is not known is served, and charged, as standard.
    pub fn of(text: &str) -> ServiceTier {
        match text.to_ascii_lowercase().as_str() {
            "batch" => ServiceTier::Batch,
            "flex" => ServiceTier::Flex,
            "priority" => ServiceTier::Priority,
            _ => ServiceTier::Standard,
        }
    }
}

const TIERS: &[(&str, ServiceTier)] =
    &[("_batches", ServiceTier::Batch), ("_flex", ServiceTier::Flex), ("_priority", ServiceTier::Priority)];

/// Which price it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    unit: Unit,
    /// Prompts of more tokens than this.
    above: u32,
    tier: ServiceTier,
}

impl Key {
    /// Takes a member's name apart. `None`: it is no price that is read here.
    fn of(name: &str) -> Option<Key> {
        let (base, unit) =
            UNITS.iter().filter(|(base, _)| name.starts_with(base)).max_by_key(|(base, _)| base.len())?;
        let mut key = Key { unit: *unit, above: 0, tier: ServiceTier::Standard };
        let mut rest = name.strip_prefix(base)?;
        while !rest.is_empty() {
            if let Some((after, tier)) =
                TIERS.iter().find_map(|(suffix, tier)| Some((rest.strip_prefix(suffix)?, tier)))
            {
                (rest, key.tier) = (after, *tier);
            } else {
                let (count, after) = rest.strip_prefix("_above_")?.split_once("_tokens")?;
                let (digits, scale) = count.strip_suffix('k').map_or((count, 1), |digits| (digits, 1000));
                key.above = digits.parse::<u32>().ok()?.checked_mul(scale)?;
                rest = after;
            }
        }
        Some(key)
    }

    /// The member's name.
    fn name(&self) -> String {
        let base = UNITS.iter().find(|(_, unit)| *unit == self.unit).map_or("", |(base, _)| base);
        let tier = TIERS.iter().find(|(_, tier)| *tier == self.tier).map_or("", |(suffix, _)| suffix);
        match self.above {
            0 => format!("{base}{tier}"),
            above if above % 1_000 == 0 => format!("{base}_above_{}k_tokens{tier}", above / 1_000),
            above => format!("{base}_above_{above}_tokens{tier}"),
        }
    }
}

/// The units that a token of input may be paid by, and one of output.
const TOKENS: [&[Unit]; 2] = [
    &[Unit::Input, Unit::CacheRead, Unit::CacheWrite, Unit::CacheWriteHour, Unit::AudioIn, Unit::ImageTokenIn],
    &[Unit::Output, Unit::Reasoning, Unit::AudioOut, Unit::ImageTokenOut],
];

/// The units that a picture may be paid by.
const PICTURE: [Unit; 3] = [Unit::ImageIn, Unit::ImageOut, Unit::Megapixel];

/// The prices of one model, or of one deployment. Nothing known is nothing charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Sorted by key.
    known: Vec<(Key, Money)>,
    /// A bit for each unit that has a price: a call asks for twenty, and few models have more than five.
    units: u32,
    /// The dearest token of input and of output, where no price depends on a length or a tier.
    dearest: Option<[Money; 2]>,
    /// Pictures whose price depends on their size and quality.
    sized: Vec<SizedPrice>,
    /// What becomes of what a call costs; `None`: nothing.
    terms: Option<Terms>,
}

/// A price in a list is one of these, whose price is told by the million here.
const PIXELS: &str = "_cost_per_pixel";

/// The price that a member of this name tells, as it is kept here.
pub(super) fn price(name: &str, number: &str) -> Option<Money> {
    if name.ends_with(PIXELS) { Money::of_a_million(number) } else { Money::from_dollars(number) }
}

impl Prices {
    /// Reads members such as `input_cost_per_token`; other names and negative prices are passed over. A pixel's price is
    /// that of a million.
    pub fn of<'a>(members: impl IntoIterator<Item = (&'a str, Money)>) -> Prices {
        let mut prices = Prices::default();
        for (name, price) in members {
            prices.state(name, price);
        }
        prices.finish();
        prices
    }

    /// The same of numbers as a configuration states them.
    pub fn stated<'a>(members: impl IntoIterator<Item = (&'a str, f64)>) -> Prices {
        let members = members.into_iter().filter(|(_, dollars)| dollars.is_finite());
        let read = members.filter_map(|(name, dollars)| Some((name, price(name, &dollars.to_string())?)));
        Prices::of(read)
    }

    /// These prices, and where `stated` says nothing the ones of `self`: a deployment's own over its model's.
    #[must_use]
    pub fn under(&self, stated: &Prices) -> Prices {
        let mut known = stated.known.clone();
        let has_picture = stated.has_picture();
        for (key, price) in &self.known {
            // A stated price holds for every length and tier that it says nothing special about; of pictures, for all.
            let is_stated = stated.known.iter().any(|(own, _)| own.unit == key.unit);
            if !(is_stated || has_picture && PICTURE.contains(&key.unit)) {
                known.push((*key, *price));
            }
        }
        let sized = if has_picture { Vec::new() } else { self.sized.clone() };
        let mut prices = Prices { known, sized, terms: stated.terms, ..Prices::default() };
        prices.finish();
        prices
    }

    /// The same prices on these terms.
    #[must_use]
    pub fn on(self, terms: Option<Terms>) -> Prices {
        Prices { terms, ..self }
    }

    /// What becomes of what a call costs.
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// What the caller pays of a price.
    pub(super) fn paid(&self, price: Money) -> Money {
        self.terms.map_or(price, |terms| terms.apply(price).0)
    }

    /// Whether a price is known at all.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.sized.is_empty()
    }

    /// The prices in dollars, by the names of their members.
    pub fn named(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        self.known.iter().map(|(key, price)| {
            let dollars = price.dollars();
            (key.name(), if key.unit == Unit::Megapixel { dollars / 1e6 } else { dollars })
        })
    }

    /// What one picture costs, where pictures have a price of their own.
    pub fn picture(&self, drawing: &Drawing) -> Option<Money> {
        let get = |unit| self.get(unit, 0, ServiceTier::Standard);
        // Who says both means the second: the first is the price of a picture that is sent.
        let each = [Unit::ImageIn, Unit::ImageOut].into_iter().filter_map(get).max();
        let pixels = || Some(get(Unit::Megapixel)?.millionths(drawing.size.unwrap_or(Size::USUAL).pixels()));
        each.or_else(pixels).or_else(|| SizedPrice::price(&self.sized, drawing))
    }

    fn has_picture(&self) -> bool {
        !self.sized.is_empty() || self.known.iter().any(|(key, _)| PICTURE.contains(&key.unit))
    }

    /// Adds the price of pictures of a size.
    pub(super) fn add_sized(&mut self, sized: SizedPrice) {
        self.sized.push(sized);
    }

    /// The price of a unit in a call with so many tokens of input. The longest length that the prompt exceeds counts;
    /// a tier without a price of its own is charged as standard.
    pub fn get(&self, unit: Unit, prompt_tokens: u64, tier: ServiceTier) -> Option<Money> {
        if self.units & unit.bit() == 0 {
            return None;
        }
        let applies = |key: &Key| {
            let fits_length = key.above == 0 || u64::from(key.above) < prompt_tokens;
            key.unit == unit && fits_length && (key.tier == tier || key.tier == ServiceTier::Standard)
        };
        let applicable = self.known.iter().filter(|(key, _)| applies(key));
        applicable.max_by_key(|(key, _)| (key.above, key.tier)).map(|(_, price)| *price)
    }

    /// The dearest token of input and of output in a call with so many tokens of input.
    pub(super) fn dearest(&self, prompt_tokens: u64, tier: ServiceTier) -> [Money; 2] {
        self.dearest.unwrap_or_else(|| self.find_dearest(prompt_tokens, tier))
    }

    fn find_dearest(&self, prompt_tokens: u64, tier: ServiceTier) -> [Money; 2] {
        let price = |unit: &Unit| self.get(*unit, prompt_tokens, tier);
        TOKENS.map(|units| units.iter().filter_map(price).max().unwrap_or_default())
    }

    /// Adds one, read from a member of its name, for prompts longer than `least` if the name says no length.
    pub(super) fn state_above(&mut self, name: &str, least: u32, price: Money) {
        if let Some(mut key) = Key::of(name).filter(|_| price >= Money::ZERO) {
            key.above = key.above.max(least);
            self.known.push((key, price));
        }
    }

    pub(super) fn state(&mut self, name: &str, price: Money) {
        self.state_above(name, 0, price);
    }

    /// Sorts, and drops a price of thinking that repeats the price of output: else it would stand in the way of the
    /// longer lengths and other tiers for which only output has a price.
    pub(super) fn finish(&mut self) {
        let base = |unit| Key { unit, above: 0, tier: ServiceTier::Standard };
        let price = |wanted: Key| self.known.iter().find(|(key, _)| *key == wanted).map(|(_, price)| *price);
        if price(base(Unit::Reasoning)).is_some() && price(base(Unit::Reasoning)) == price(base(Unit::Output)) {
            self.known.retain(|(key, _)| key.unit != Unit::Reasoning);
        }
        self.known.sort_unstable();
        self.known.dedup_by_key(|(key, _)| *key);
        self.known.shrink_to_fit();
        self.units = self.known.iter().fold(0, |units, (key, _)| units | key.unit.bit());
        let is_flat = self.known.iter().all(|(key, _)| key.above == 0 && key.tier == ServiceTier::Standard);
        self.dearest = is_flat.then(|| self.find_dearest(0, ServiceTier::Standard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let key = |unit, above, tier| Some(Key { unit, above, tier });
        let cases = [
            ("input_cost_per_token", key(Unit::Input, 0, ServiceTier::Standard)),
            ("input_cost_per_token_above_200k_tokens", key(Unit::Input, 200_000, ServiceTier::Standard)),
            ("output_cost_per_token_above_272k_tokens_priority", key(Unit::Output, 272_000, ServiceTier::Priority)),
            ("output_cost_per_token_priority_above_272k_tokens", key(Unit::Output, 272_000, ServiceTier::Priority)),
            ("cache_creation_input_token_cost_above_1hr", key(Unit::CacheWriteHour, 0, ServiceTier::Standard)),
            (
                "cache_creation_input_token_cost_above_200k_tokens",
                key(Unit::CacheWrite, 200_000, ServiceTier::Standard),
            ),
            ("output_cost_per_image_token_batches", key(Unit::ImageTokenOut, 0, ServiceTier::Batch)),
            ("input_cost_per_token_cache_hit", None),
            ("input_cost_per_token_above_99999999999k_tokens", None),
            ("input_cost_per_token_above_", None),
            ("max_tokens", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Key::of(name), expected, "{name}");
            assert_eq!(expected.as_ref().and_then(|key| Key::of(&key.name())), expected, "{name}");
        }
    }

    #[test]
    fn the_nearest_price_is_found() {
        let price = Money::from_pico;
        let prices = Prices::of([
            ("input_cost_per_token", price(10)),
            ("input_cost_per_token_batches", price(5)),
            ("input_cost_per_token_above_200k_tokens", price(20)),
            ("output_cost_per_token", price(30)),
            ("output_cost_per_reasoning_token", price(30)),
            ("cache_read_input_token_cost", price(-1)),
        ]);
        let cases = [
            (Unit::Input, 200_000, ServiceTier::Standard, Some(10)),
            (Unit::Input, 200_001, ServiceTier::Standard, Some(20)),
            (Unit::Input, 1, ServiceTier::Batch, Some(5)),
            (Unit::Input, 200_001, ServiceTier::Batch, Some(20)),
            (Unit::Input, 1, ServiceTier::Priority, Some(10)),
            (Unit::Reasoning, 1, ServiceTier::Standard, None),
            (Unit::CacheRead, 1, ServiceTier::Standard, None),
        ];
        for (unit, tokens, tier, expected) in cases {
            assert_eq!(prices.get(unit, tokens, tier), expected.map(price), "{unit:?} {tokens} {tier:?}");
        }
        let own = Prices::of([("input_cost_per_token", price(1))]);
        assert_eq!(prices.under(&own).get(Unit::Input, 300_000, ServiceTier::Batch), Some(price(1)));
        assert_eq!(prices.under(&own).get(Unit::Output, 1, ServiceTier::Standard), Some(price(30)));
    }
}
