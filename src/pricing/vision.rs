//! How many tokens a picture is to a model that is shown it, as far as its maker says so.
//!
//! - OpenAI: models that see tiles count some tokens and more for each tile of 512 x 512 pixels, eight at most; `detail: low`
//!   is no tile. Others count patches of 32 x 32 pixels, 1,536 at most, times a factor of the model; newer ones up to 10,000.
//!   <https://platform.openai.com/docs/guides/images-vision#calculating-costs>
//! - Anthropic: width x height / 750, 1,640 at most; 4,784 where models see more.
//!   <https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size>
//! - Google: 258 for each crop of 256 to 768 pixels, without a most; 2,240 at most where models do not crop.
//!   <https://ai.google.dev/gemini-api/docs/image-understanding>
//!
//! A picture whose size is known counts by these rules. Of one that stands elsewhere, or in a file that is read in different
//! ways, the most is set aside; where there is none, and where nobody gives a number, it counts as words, as it stands in the
//! request.

use self::rules::Rule;
use super::estimate::estimate_tokens;
use crate::drawing::{Shown, Size};

mod rules;

/// How a model sees pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Of pictures whose size is known.
    rule: Rule,
    /// Of all others. `None`: they count as words.
    guess: Option<Guess>,
}

/// Tokens of a picture whose size is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guess {
    /// Where little detail is enough.
    coarse: u64,
    /// Of a picture of 1024 x 1024 pixels.
    usual: u64,
    /// Of the largest there is.
    most: u64,
}

/// Tokens of a picture of which nothing is known; a small one has fewer.
const UNKNOWN: u64 = 1_600;
/// Tiles of the largest picture, and of one of 1024 x 1024 pixels.
const TILES: (u64, u64) = (8, 4);
/// Patches of the largest picture, and of one of 1024 x 1024 pixels.
const PATCHES: (u64, u64) = (1_536, 1_024);
/// Patches of the largest picture for models that see it as it is.
const ORIGINAL: u64 = 10_000;
const CLAUDE_MOST: u64 = 4_784;
const CLAUDE: Sight = Sight {
    rule: Rule::Area { most: CLAUDE_MOST, usual: UNKNOWN },
    guess: Some(Guess { coarse: CLAUDE_MOST, usual: UNKNOWN, most: CLAUDE_MOST }),
};
const GEMINI: Sight = Sight { rule: Rule::Crops, guess: None };
/// Tokens of a picture of 4000 x 3000 pixels that is cut into crops; newer models take less of any.
const LARGE_CROPPED: u64 = 24 * 258;

/// How OpenAI's models see.
#[derive(Clone, Copy)]
enum Grid {
    /// Tokens of a picture, and of each tile.
    Tiles(u64, u64),
    /// Tokens for a hundred patches.
    Patches(u64),
    /// The same, up to [`ORIGINAL`].
    Large(u64),
}

/// By the beginnings of their names, longer ones before shorter ones.
const OPENAI: [(&str, Grid); 21] = [
    ("gpt-4o-mini", Grid::Tiles(2_833, 5_667)),
    ("gpt-4o", Grid::Tiles(85, 170)),
    ("chatgpt-4o", Grid::Tiles(85, 170)),
    ("gpt-4.1-mini", Grid::Patches(162)),
    ("gpt-4.1-nano", Grid::Patches(246)),
    ("gpt-4.1", Grid::Tiles(85, 170)),
    ("gpt-4.5", Grid::Tiles(85, 170)),
    ("gpt-4-turbo", Grid::Tiles(85, 170)),
    ("gpt-4-vision", Grid::Tiles(85, 170)),
    ("gpt-4-1106-vision", Grid::Tiles(85, 170)),
    ("gpt-5-mini", Grid::Patches(162)),
    ("gpt-5-nano", Grid::Patches(246)),
    ("gpt-5-codex-mini", Grid::Patches(162)),
    ("gpt-5-", Grid::Tiles(70, 140)),
    ("gpt-5.", Grid::Large(120)),
    ("gpt-6", Grid::Large(120)),
    ("o4-mini", Grid::Patches(172)),
    ("o1", Grid::Tiles(75, 150)),
    ("o3", Grid::Tiles(75, 150)),
    ("computer-use-preview", Grid::Tiles(65, 129)),
    ("gpt-5", Grid::Tiles(70, 140)),
];
/// Factors of newer models, by a word of their names.
const SMALLER: [(&str, u64); 2] = [("nano", 246), ("mini", 172)];

impl Sight {
    /// By a model's name, with or without a provider before it. `None`: nobody says it.
    pub fn of_model(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_prefix("ft:").unwrap_or(&name);
        if name.contains("claude") {
            return Some(CLAUDE);
        }
        if name.starts_with("gemini-") {
            return Some(GEMINI);
        }
        let (_, grid) = OPENAI.iter().find(|(start, _)| name.starts_with(start))?;
        Some(match *grid {
            Grid::Tiles(base, tile) => {
                let guess = Guess { coarse: base, usual: base + TILES.1 * tile, most: base + TILES.0 * tile };
                Self { rule: Rule::Tiles { base, tile }, guess: Some(guess) }
            }
            Grid::Patches(percent) => Self::of_patches(percent, PATCHES.0),
            Grid::Large(percent) => {
                let smaller = SMALLER.iter().find(|(word, _)| name.contains(word));
                Self::of_patches(smaller.map_or(percent, |(_, percent)| *percent), ORIGINAL)
            }
        })
    }

    /// Little detail is not known to make them cheaper.
    fn of_patches(percent: u64, most: u64) -> Self {
        let tokens = |patches: u64| (patches * percent).div_ceil(100);
        let guess = Guess { coarse: tokens(most), usual: tokens(PATCHES.1), most: tokens(most) };
        Self { rule: Rule::Patches { percent, most }, guess: Some(guess) }
    }

    /// Tokens of those pictures whose size is known, each counted so.
    fn of_sized(self, shown: &Shown, count: fn(&Rule, Size, bool) -> u64) -> u64 {
        let tokens = shown.sized.iter().map(|seen| count(&self.rule, seen.size, seen.is_coarse));
        tokens.fold(0, u64::saturating_add)
    }
}

/// The most tokens of these pictures, and as many as they count where no provider counts them. Of a model of which nothing
/// is known: of their bytes, if these were words.
pub fn most(sight: Option<Sight>, shown: &Shown) -> u64 {
    let Some(sight) = sight else { return as_words(shown.bytes, shown.count()) };
    let (coarse, fine) = (u64::from(shown.coarse), u64::from(shown.fine));
    let others = match sight.guess {
        Some(guess) => {
            let coarse = guess.coarse.max(UNKNOWN).saturating_mul(coarse);
            coarse.saturating_add(guess.most.max(UNKNOWN).saturating_mul(fine))
        }
        None => {
            let of_sized = shown.sized.iter().map(|seen| seen.bytes).fold(0, usize::saturating_add);
            let others = coarse + fine;
            as_words(shown.bytes.saturating_sub(of_sized), others).max(others.saturating_mul(LARGE_CROPPED))
        }
    };
    others.saturating_add(sight.of_sized(shown, Rule::most))
}

fn as_words(bytes: usize, pictures: u64) -> u64 {
    estimate_tokens(bytes).max(UNKNOWN.saturating_mul(pictures))
}

/// As many tokens as such pictures usually are.
pub fn usual(sight: Option<Sight>, shown: &Shown) -> u64 {
    let Some(sight) = sight else { return UNKNOWN.saturating_mul(shown.count()) };
    let (coarse, fine) =
        sight.guess.map_or((UNKNOWN, UNKNOWN), |guess| (guess.coarse.min(guess.usual), guess.usual.max(UNKNOWN)));
    let others = coarse.saturating_mul(shown.coarse.into()).saturating_add(fine.saturating_mul(shown.fine.into()));
    others.saturating_add(sight.of_sized(shown, Rule::usual))
}

/// What the same is more than for a model of which nothing is known, and what it is less.
pub fn beyond(sight: Option<Sight>, shown: &Shown) -> (u64, u64) {
    let (usual, unknown) = (usual(sight, shown), usual(None, shown));
    (usual.saturating_sub(unknown), unknown.saturating_sub(usual))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::rules::tests::{of_patches, of_tiles};
    use super::*;
    use crate::drawing::Seen;
    use crate::pricing::cost::cost;
    use crate::pricing::estimate::ceiling;
    use crate::pricing::prices::ServiceTier;
    use crate::pricing::table::TABLE;
    use crate::wire::usage::Usage;

    #[test]
    fn models_see_as_their_makers_say() {
        for (model, coarse, most) in [
            ("gpt-4o", 85, 1_445),
            ("azure/gpt-4o-mini", 2_833, 48_169),
            ("ft:gpt-4o-mini:acme::x", 2_833, 48_169),
            ("gpt-4.1-mini-2025-04-14", 2_489, 2_489),
            ("gpt-5-nano", 3_779, 3_779),
            ("gpt-5", 70, 1_190),
            ("gpt-5-chat-latest", 70, 1_190),
            ("o3", 75, 1_275),
            ("o4-mini", 2_642, 2_642),
            ("gpt-5.4-nano", 24_600, 24_600),
            ("us.anthropic.claude-sonnet-4", 4_784, 4_784),
        ] {
            let guess = Sight::of_model(model).unwrap().guess.unwrap();
            assert_eq!((guess.coarse, guess.most), (coarse, most), "{model}");
        }
        assert_eq!(Sight::of_model("vertex_ai/gemini-2.5-flash"), Some(GEMINI));
        for model in ["my-deployment", "gpt-3.5-turbo", ""] {
            assert_eq!(Sight::of_model(model), None, "{model}");
        }
    }

    #[test]
    fn limits_take_what_is_usual() {
        let shown = |coarse, fine| Shown { coarse, fine, bytes: 9_000_000, sized: Vec::new() };
        let of = |model: &str, shown| usual(Sight::of_model(model), &shown);
        assert_eq!(of("gpt-4o-mini", shown(0, 2)), 2 * 25_501);
        assert_eq!(of("gpt-4o", shown(3, 1)), 3 * 85 + 1_600);
        assert_eq!(of("gpt-5-nano", shown(1, 1)), 2 * 2_520);
        assert_eq!(of("gemini-2.5-flash", shown(1, 1)), 3_200);
        assert_eq!(beyond(Sight::of_model("gpt-4o-mini"), &shown(0, 2)), (2 * (25_501 - 1_600), 0));
        assert_eq!(beyond(Sight::of_model("gpt-4o"), &shown(3, 1)), (0, 3 * (1_600 - 85)));
        assert_eq!(most(None, &shown(0, 1)), 3_000_000, "as words");
        assert_eq!(most(None, &Shown { fine: 2, bytes: 10, ..Shown::default() }), 3_200);
    }

    #[test]
    fn a_picture_whose_size_is_known_counts_by_it() {
        let seen = |side, is_coarse| Seen { size: Size { width: side, height: side }, is_coarse, bytes: 3_000 };
        let sized = vec![seen(512, false), seen(1024, true)];
        let shown = Shown { coarse: 0, fine: 1, sized, bytes: 9_000 };
        for (model, one, two, other) in [
            ("gpt-4o", 255, 85, 1_600),
            ("gpt-4o-mini", 8_500, 2_833, 48_169),
            ("gpt-5-nano", 630, 2_520, 3_779),
            ("claude-sonnet-4-5", 361, 1_399, 4_784),
            // Of the third the bytes, if they were words, or as many as a large one has.
            ("gemini-2.5-flash", 2_240, 2_240, 6_192),
        ] {
            assert_eq!(most(Sight::of_model(model), &shown), one + two + other, "{model}");
        }
        let large = Shown { bytes: 6_000 + 30_000, ..shown.clone() };
        assert_eq!(most(Sight::of_model("gemini-2.5-flash"), &large), 2 * 2_240 + 10_000);
        assert_eq!(most(None, &shown), 3 * 1_600, "nobody says how such a model counts");
        assert_eq!(usual(Sight::of_model("gpt-4o"), &shown), 255 + 85 + 1_600);
    }

    proptest! {
        /// Whatever is shown, what is set aside is enough for it.
        #[test]
        fn a_reservation_is_enough_for_pictures(
            words in 0_u64..10_000,
            sizes in proptest::collection::vec((1_u32..12_000, 1_u32..12_000, any::<bool>(), any::<bool>()), 0..6),
            output in 0_u64..2_000,
        ) {
            let rules = [
                ("gpt-4o", Some((85, 170)), 0), ("gpt-4o-mini", Some((2_833, 5_667)), 0), ("gpt-5", Some((70, 140)), 0),
                ("o3", Some((75, 150)), 0), ("gpt-4.1-mini", None, 162), ("gpt-4.1-nano", None, 246),
                ("o4-mini", None, 172), ("gpt-5-mini", None, 162),
            ];
            for (model, tiles, percent) in rules {
                let tokens = |(width, height, is_coarse, _): &(u32, u32, bool, bool)| match tiles {
                    Some((base, _)) if *is_coarse => base,
                    Some(tiles) => of_tiles(tiles, (f64::from(*width), f64::from(*height))),
                    None => of_patches(percent, (f64::from(*width), f64::from(*height))),
                };
                let mut shown = Shown::default();
                for (width, height, is_coarse, is_known) in sizes.iter().copied() {
                    match (is_known, is_coarse) {
                        (true, _) => shown.sized.push(Seen { size: Size { width, height }, is_coarse, bytes: 0 }),
                        (false, true) => shown.coarse += 1,
                        (false, false) => shown.fine += 1,
                    }
                }
                let told = words + sizes.iter().map(tokens).sum::<u64>();
                let prices = &TABLE.find("openai", model).unwrap().prices;
                let usage = Usage::of_tokens(told, output);
                let paid = cost(prices, &usage, ServiceTier::Standard).total;
                let sight = Sight::of_model(model);
                let held = ceiling(prices, words + most(sight, &shown), output, 1);
                prop_assert!(held >= paid, "{model} {sizes:?}: {} < {}", held.text(), paid.text());
                // Nor is what is counted here, where no provider counts, more.
                let (more, less) = beyond(sight, &shown);
                let counted = UNKNOWN * shown.count() + more - less;
                prop_assert!(most(sight, &shown) >= counted && most(None, &shown) >= UNKNOWN * shown.count());
            }
        }
    }
}
