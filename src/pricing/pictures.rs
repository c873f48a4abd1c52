//! What pictures cost: by the piece, by size and quality, by the pixel, or by tokens.

use super::Money;
use super::cost::Cost;
use super::estimate::ceiling_of_tokens;
use super::prices::{Prices, ServiceTier, Unit, price};
use crate::drawing::{Drawing, Quality, Size};

/// The price of a picture of one size, and mostly of one quality: LiteLLM's table has them as entries such as
/// `hd/1024-x-1792/dall-e-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizedPrice {
    quality: Option<Quality>,
    size: Size,
    price: Money,
}

/// Tokens of a picture of 1024 x 1024 pixels, and of one half as large again: low, medium and high quality.
/// <https://platform.openai.com/docs/guides/image-generation#cost-and-latency>
const TOKENS: [(Quality, u64, u64); 3] =
    [(Quality::Low, 272, 408), (Quality::Medium, 1056, 1584), (Quality::High, 4160, 6240)];
/// Tokens of a sketch on the way to a picture.
const SKETCH_TOKENS: u64 = 100;
/// The size of which a provider that chooses by itself draws at most.
const LARGEST: Size = Size { width: 1024, height: 1536 };

impl SizedPrice {
    /// Takes the name of an entry apart: `azure/hd/1024-x-1792/dall-e-3` is a price of `azure/dall-e-3`. `None`: no size is
    /// in it, or a word that is not known.
    pub fn of<'n>(name: &'n str, members: impl Iterator<Item = (&'n str, &'n str)>) -> Option<(String, SizedPrice)> {
        let mut parts: Vec<&str> = name.split('/').collect();
        let at = parts.iter().position(|part| part.contains("-x-"))?;
        let size = Size::of(parts.remove(at))?;
        let before = at.checked_sub(1).and_then(|before| Some((before, Quality::of(parts.get(before)?)?)));
        let quality = before.map(|(before, quality)| {
            parts.remove(before);
            quality
        });
        let of_member = |(name, number): (&str, &str)| match name {
            "input_cost_per_image" | "output_cost_per_image" => price(name, number),
            "input_cost_per_pixel" => price(name, number).map(|million| million.millionths(size.pixels())),
            _ => None,
        };
        let price = members.filter_map(of_member).max()?;
        Some((parts.join("/"), SizedPrice { quality, size, price }))
    }

    /// The price in a list. What is not said is as LiteLLM has it: 1024 x 1024, and standard, else the dearest; a size that
    /// is not in the list costs what the dearest does.
    pub(super) fn price(list: &[SizedPrice], drawing: &Drawing) -> Option<Money> {
        let size = drawing.size.unwrap_or(Size::USUAL);
        let quality = drawing.quality.or(Some(Quality::Standard));
        let dearest =
            |fits: &dyn Fn(&SizedPrice) -> bool| list.iter().filter(|own| fits(own)).map(|own| own.price).max();
        dearest(&|own| own.size == size && own.quality == quality)
            .or_else(|| dearest(&|own| own.size == size && own.quality.is_none()))
            .or_else(|| dearest(&|own| own.size == size))
            .or_else(|| dearest(&|own| own.quality == quality))
            .or_else(|| dearest(&|_| true))
    }
}

/// The cost of pictures whose tokens were not told, or have no price.
pub(super) fn cost(prices: &Prices, drawn: &Drawing) -> Cost {
    let each = prices.picture(drawn).unwrap_or_else(|| {
        let token = prices.get(Unit::ImageTokenOut, 0, ServiceTier::Standard);
        token.unwrap_or_default().times(tokens(drawn))
    });
    let total = each.times(drawn.count());
    Cost { total, output: total, ..Cost::default() }
}

/// The most that such pictures can cost, with so many tokens of input.
pub fn ceiling(prices: &Prices, prompt_tokens: u64, drawing: &Drawing) -> Money {
    let by_tokens = match prices.get(Unit::ImageTokenOut, prompt_tokens, ServiceTier::Standard) {
        Some(_) => ceiling_of_tokens(prices, prompt_tokens, tokens(drawing), drawing.count(), ServiceTier::Standard),
        None => Money::ZERO,
    };
    prices.paid(cost(prices, drawing).total.max(by_tokens))
}

/// Whether that is sure: pictures have a price, or a request says all that their tokens depend on.
pub fn is_certain(prices: &Prices, drawing: &Drawing) -> bool {
    let has_tokens = prices.get(Unit::ImageTokenOut, 0, ServiceTier::Standard).is_some();
    !has_tokens || (drawing.size.is_some() && drawing.quality.is_some())
}

/// The most tokens of one picture.
fn tokens(drawing: &Drawing) -> u64 {
    let size = drawing.size.unwrap_or(LARGEST);
    let row = TOKENS.iter().find(|(quality, ..)| drawing.quality == Some(*quality)).or(TOKENS.last());
    let (square, oblong) = row.map_or((0, 0), |(_, square, oblong)| (*square, *oblong));
    let own = match size.pixels() {
        pixels if pixels == Size::USUAL.pixels() => square,
        pixels if pixels == LARGEST.pixels() => oblong,
        pixels => square.saturating_mul(pixels).div_ceil(Size::USUAL.pixels()),
    };
    own + u64::from(drawing.sketches) * SKETCH_TOKENS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::cost::cost as cost_of_answer;
    use crate::pricing::table::TABLE;
    use crate::wire::usage::Usage;

    fn drawing(count: u32, size: &str, quality: &str) -> Drawing {
        Drawing { count: Some(count), size: Size::of(size), quality: Quality::of(quality), sketches: 0 }
    }

    fn of(drawing: Drawing) -> Usage {
        Usage { pictures: Some(drawing), ..Usage::default() }
    }

    fn dollars(text: &str) -> Money {
        Money::from_dollars(text).unwrap()
    }

    #[test]
    fn pictures_of_the_table_cost_what_lists_say() {
        for (provider, model, drawn, expected) in [
            ("openai", "dall-e-3", drawing(1, "1024x1024", "standard"), "0.04"),
            ("openai", "dall-e-3", drawing(2, "", ""), "0.08"),
            ("openai", "dall-e-3", drawing(1, "1792x1024", "hd"), "0.12"),
            ("openai", "dall-e-2", drawing(3, "256x256", ""), "0.048"),
            ("azure", "dall-e-3", drawing(1, "1024x1792", "hd"), "0.13199968"),
            ("azure", "dall-e-3", drawing(0, "1024x1792", "hd"), "0"),
        ] {
            let prices = &TABLE.find(provider, model).unwrap().prices;
            let (is, expected) = (cost_of_answer(prices, &of(drawn), ServiceTier::Standard), dollars(expected));
            // Prices of pixels are rounded in the list.
            let off = is.total.pico().abs_diff(expected.pico());
            assert!(off <= expected.pico().unsigned_abs() / 1000, "{provider} {model} {drawn:?}: {}", is.total.text());
            assert_eq!((is.output, ceiling(prices, 9, &drawn)), (is.total, is.total));
            assert!(is_certain(prices, &drawn));
        }
    }

    #[test]
    fn tokens_are_paid_where_they_are_told() {
        let prices = &TABLE.find("openai", "gpt-image-1").unwrap().prices;
        let usage = Usage {
            prompt_image_tokens: Some(10),
            completion_image_tokens: Some(272),
            ..Usage { pictures: Some(drawing(1, "1024x1024", "low")), ..Usage::of_tokens(15, 272) }
        };
        let expected = dollars("0.011005"); // 5 tokens of text, 10 of a picture, 272 drawn
        assert_eq!(cost_of_answer(prices, &usage, ServiceTier::Standard).total, expected);
        // Of a stream that broke nothing is told.
        let untold = cost_of_answer(prices, &of(drawing(1, "1024x1024", "low")), ServiceTier::Standard);
        assert_eq!(untold.total, dollars("0.01088"));
        let newer = &TABLE.find("openai", "gpt-image-1.5").unwrap().prices;
        let with_text = Usage { completion_image_tokens: Some(200), prompt_image_tokens: None, ..usage };
        assert_eq!(cost_of_answer(newer, &with_text, ServiceTier::Standard).total, dollars("0.007195"));
    }

    #[test]
    fn what_is_not_said_is_reserved_as_the_dearest() {
        let prices = Prices::of([("output_cost_per_image_token", Money::from_pico(1))]);
        for (drawn, most, is_sure) in [
            (drawing(1, "1024x1024", "low"), 272, true),
            (drawing(2, "1536x1024", "medium"), 2 * 1584, true),
            (drawing(1, "2048x2048", "low"), 4 * 272, true),
            (drawing(1, "auto", "low"), 408, false),
            (drawing(1, "1024x1024", "auto"), 4160, false),
            (drawing(3, "", ""), 3 * 6240, false),
            (Drawing { sketches: 3, ..drawing(2, "1024x1024", "low") }, 2 * 572, true),
        ] {
            assert_eq!(ceiling(&prices, 0, &drawn).pico(), most, "{drawn:?}");
            assert_eq!(is_certain(&prices, &drawn), is_sure, "{drawn:?}");
        }
    }

    #[test]
    fn a_stated_price_of_pictures_stands_above_the_tables() {
        let known = &TABLE.find("openai", "dall-e-3").unwrap().prices;
        let hd = of(drawing(2, "1024x1024", "hd"));
        for (name, stated, expected) in [
            ("input_cost_per_image", 0.01, "0.02"),
            ("output_cost_per_image", 0.03, "0.06"),
            ("input_cost_per_pixel", 1e-8, "0.02097152"),
            ("input_cost_per_pixel", 2.5e-13, "5.24288e-7"),
            ("input_cost_per_token", 1e-6, "0.160002"),
        ] {
            let prices = known.under(&Prices::stated([(name, stated)]));
            let total = cost_of_answer(&prices, &hd, ServiceTier::Standard).total;
            let (is, expected) = (total.pico(), dollars(expected).pico());
            assert!(is.abs_diff(expected) <= expected.unsigned_abs() / 1000, "{name}: {}", total.text());
            assert_eq!(prices.named().find(|(own, _)| own == name), Some((name.to_owned(), stated)));
        }
    }

    #[test]
    fn names_with_sizes_are_taken_apart() {
        let price = |name: &'static str| SizedPrice::of(name, [("input_cost_per_image", "0.5")].into_iter());
        let sized =
            |quality, width, height| SizedPrice { quality, size: Size { width, height }, price: dollars("0.5") };
        for (name, expected) in [
            ("azure/hd/1024-x-1792/dall-e-3", Some(("azure/dall-e-3", sized(Some(Quality::Hd), 1024, 1792)))),
            ("low/1024-x-1024/gpt-image-1", Some(("gpt-image-1", sized(Some(Quality::Low), 1024, 1024)))),
            ("512-x-512/dall-e-2", Some(("dall-e-2", sized(None, 512, 512)))),
            ("max-x-max/50-steps/sd", None),
            ("gpt-4o", None),
        ] {
            assert_eq!(price(name), expected.map(|(model, sized)| (model.to_owned(), sized)), "{name}");
        }
        assert_eq!(SizedPrice::of("512-x-512/dall-e-2", std::iter::empty()), None);
    }
}
