//! How many tokens a picture is to a model that is shown it, as far as its maker says so.
//!
//! - OpenAI: models that see tiles count some tokens and more for each tile of 512 x 512 pixels, eight at most; `detail: low`
//!   is no tile. Others count patches of 32 x 32 pixels, 1,536 at most, times a factor of the model; newer ones up to 10,000.
//!   <https://platform.openai.com/docs/guides/images-vision#calculating-costs>
//! - Anthropic: width x height / 750, 1,640 at most; 4,784 where models see more.
//!   <https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size>
//!
//! Others give no number, or one that grows with the picture. Their pictures count as words, as they stand in the request.

use super::estimate::estimate_tokens;
use crate::drawing::Shown;

/// Tokens of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
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
const CLAUDE: Sight = Sight { coarse: 4_784, usual: UNKNOWN, most: 4_784 };

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
        let (_, grid) = OPENAI.iter().find(|(start, _)| name.starts_with(start))?;
        Some(match *grid {
            Grid::Tiles(base, tile) => Self { coarse: base, usual: base + TILES.1 * tile, most: base + TILES.0 * tile },
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
        Self { coarse: tokens(most), usual: tokens(PATCHES.1), most: tokens(most) }
    }
}

/// The most tokens of these pictures, and as many as they count where no provider counts them. Of a model of which nothing
/// is known: of their bytes, if these were words.
pub fn most(sight: Option<Sight>, shown: &Shown) -> u64 {
    match sight {
        Some(sight) => {
            let coarse = sight.coarse.max(UNKNOWN).saturating_mul(shown.coarse.into());
            coarse.saturating_add(sight.most.max(UNKNOWN).saturating_mul(shown.fine.into()))
        }
        None => estimate_tokens(shown.bytes).max(UNKNOWN.saturating_mul(shown.count())),
    }
}

/// As many tokens as such pictures usually are.
pub fn usual(sight: Option<Sight>, shown: &Shown) -> u64 {
    let (coarse, fine) =
        sight.map_or((UNKNOWN, UNKNOWN), |sight| (sight.coarse.min(sight.usual), sight.usual.max(UNKNOWN)));
    coarse.saturating_mul(shown.coarse.into()).saturating_add(fine.saturating_mul(shown.fine.into()))
}

/// What the same is more than for a model of which nothing is known.
pub fn beyond(sight: Option<Sight>, shown: &Shown) -> u64 {
    usual(sight, shown).saturating_sub(usual(None, shown))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pricing::cost::cost;
    use crate::pricing::estimate::ceiling;
    use crate::pricing::prices::ServiceTier;
    use crate::pricing::table::TABLE;
    use crate::wire::usage::Usage;

    /// As the documents of OpenAI's say it, in their order.
    fn of_tiles((base, tile): (u64, u64), (width, height): (f64, f64)) -> u64 {
        let fit = (2048.0 / width.max(height)).min(1.0);
        let (width, height) = (width * fit, height * fit);
        let fit = (768.0 / width.min(height)).min(1.0);
        let along = |side: f64| (side * fit / 512.0 - 1e-9).ceil().max(1.0) as u64;
        base + tile * along(width) * along(height)
    }

    fn of_patches(percent: u64, (width, height): (f64, f64)) -> u64 {
        let along = |side: f64| (side / 32.0).ceil();
        let whole = along(width) * along(height);
        let patches = if whole <= 1536.0 {
            whole
        } else {
            let shrink = (32.0_f64.powi(2) * 1536.0 / (width * height)).sqrt();
            let (wide, high) = (width * shrink / 32.0, height * shrink / 32.0);
            let fit = (wide.floor() / wide).min(high.floor() / high);
            ((wide * fit).ceil() * (high * fit).ceil()).clamp(1.0, 1536.0)
        };
        (patches as u64 * percent).div_ceil(100)
    }

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
            let sight = Sight::of_model(model).unwrap();
            assert_eq!((sight.coarse, sight.most), (coarse, most), "{model}");
        }
        for model in ["gemini-2.5-flash", "my-deployment", "gpt-3.5-turbo", ""] {
            assert_eq!(Sight::of_model(model), None, "{model}");
        }
    }

    #[test]
    fn limits_take_what_is_usual() {
        let shown = |coarse, fine| Shown { coarse, fine, bytes: 9_000_000 };
        let of = |model: &str, shown| usual(Sight::of_model(model), &shown);
        assert_eq!(of("gpt-4o-mini", shown(0, 2)), 2 * 25_501);
        assert_eq!(of("gpt-4o", shown(3, 1)), 3 * 85 + 1_600);
        assert_eq!(of("gpt-5-nano", shown(1, 1)), 2 * 2_520);
        assert_eq!(of("gemini-2.5-flash", shown(1, 1)), 3_200);
        assert_eq!(beyond(Sight::of_model("gpt-4o-mini"), &shown(0, 2)), 2 * (25_501 - 1_600));
        assert_eq!(beyond(Sight::of_model("gpt-4o"), &shown(3, 1)), 0);
        assert_eq!(most(None, &shown(0, 1)), 3_000_000, "as words");
        assert_eq!(most(None, &Shown { coarse: 0, fine: 2, bytes: 10 }), 3_200);
    }

    proptest! {
        /// Whatever is shown, what is set aside is enough for it.
        #[test]
        fn a_reservation_is_enough_for_pictures(
            words in 0_u64..10_000,
            sizes in proptest::collection::vec((1_u32..12_000, 1_u32..12_000, any::<bool>()), 0..6),
            output in 0_u64..2_000,
        ) {
            let rules = [
                ("gpt-4o", Some((85, 170)), 0), ("gpt-4o-mini", Some((2_833, 5_667)), 0), ("gpt-5", Some((70, 140)), 0),
                ("o3", Some((75, 150)), 0), ("gpt-4.1-mini", None, 162), ("gpt-4.1-nano", None, 246),
                ("o4-mini", None, 172), ("gpt-5-mini", None, 162),
            ];
            for (model, tiles, percent) in rules {
                let tokens = |(width, height, is_coarse): &(u32, u32, bool)| match tiles {
                    Some((base, _)) if *is_coarse => base,
                    Some(tiles) => of_tiles(tiles, (f64::from(*width), f64::from(*height))),
                    None => of_patches(percent, (f64::from(*width), f64::from(*height))),
                };
                let coarse = sizes.iter().filter(|(.., is_coarse)| *is_coarse).count() as u32;
                let shown = Shown { coarse, fine: sizes.len() as u32 - coarse, bytes: 0 };
                let told = words + sizes.iter().map(tokens).sum::<u64>();
                let prices = &TABLE.find("openai", model).unwrap().prices;
                let usage = Usage::of_tokens(told, output);
                let paid = cost(prices, &usage, ServiceTier::Standard).total;
                let sight = Sight::of_model(model);
                let held = ceiling(prices, words + most(sight, &shown), output, 1);
                prop_assert!(held >= paid, "{model} {sizes:?}: {} < {}", held.text(), paid.text());
                // Nor is what is counted here, where no provider counts, more.
                let counted = UNKNOWN * shown.count() + beyond(sight, &shown);
                prop_assert!(most(sight, &shown) >= counted && most(None, &shown) >= UNKNOWN * shown.count());
            }
        }
    }
}
