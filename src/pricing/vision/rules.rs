//! How many tokens a picture of a known size is: the rules that the makers of models publish. Whoever scales a picture may
//! round as they like, so a side counts as the longer of what it may become.

use crate::drawing::Size;

/// A square of so many pixels is a tile; a picture is scaled to fit a larger one first, then until its shorter side fits.
const TILE: u64 = 512;
const FIT: u64 = 2_048;
const SHORTER: u64 = 768;
/// Pixels along a patch.
const PATCH: u64 = 32;
/// Pixels of a token, as it was said for long; pixels along one, as it is said now; the longer side of the largest picture.
const AREA: u64 = 750;
const CELL: u64 = 28;
const LONGER: u64 = 2_576;
/// A picture with no longer side is one crop; others are cut into crops of two thirds of their shorter side, within bounds.
const ONE_CROP: u64 = 384;
const CROP: (u64, u64) = (256, 768);
const CROP_TOKENS: u64 = 258;
/// The most that newer models, which do not crop, take for any picture.
const WHOLE: u64 = 2_240;

/// By what a picture is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Tokens of a picture, and of each of its tiles; little detail is no tile.
    Tiles { base: u64, tile: u64 },
    /// Tokens for a hundred patches, and so many patches at most.
    Patches { percent: u64, most: u64 },
    /// Its area: so many tokens at most, and of most models.
    Area { most: u64, usual: u64 },
    /// So many crops of it.
    Crops,
}

impl Rule {
    /// Tokens of a picture; what a provider counts is not more. `is_coarse`: little detail is enough.
    pub fn most(&self, size: Size, is_coarse: bool) -> u64 {
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        let (longer, shorter) = (width.max(height), width.min(height));
        match *self {
            Rule::Tiles { base, .. } if is_coarse => base,
            Rule::Tiles { base, tile } => base + tile * tiles(longer, shorter),
            Rule::Patches { percent, most } => {
                // A picture of too many is scaled until it has no more.
                let patches = (longer.div_ceil(PATCH) * shorter.div_ceil(PATCH)).min(most);
                (patches * percent).div_ceil(100)
            }
            Rule::Area { most, .. } => area(longer, shorter).min(most),
            Rule::Crops => crops(longer, shorter).max(WHOLE),
        }
    }

    /// The same for most models that count so.
    pub fn usual(&self, size: Size, is_coarse: bool) -> u64 {
        let tokens = self.most(size, is_coarse);
        match *self {
            Rule::Tiles { .. } | Rule::Patches { .. } => tokens,
            Rule::Area { usual, .. } => tokens.min(usual),
            Rule::Crops => crops(size.width.max(size.height).into(), size.width.min(size.height).into()),
        }
    }
}

fn tiles(longer: u64, shorter: u64) -> u64 {
    let (longer, least, most) = match longer > FIT {
        true => (FIT, shorter * FIT / longer, (shorter * FIT).div_ceil(longer)),
        false => (longer, shorter, shorter),
    };
    let longer = (longer * SHORTER).div_ceil(least.max(SHORTER));
    longer.div_ceil(TILE) * most.min(SHORTER).div_ceil(TILE)
}

fn area(longer: u64, shorter: u64) -> u64 {
    let (longer, shorter) = match longer > LONGER {
        true => (LONGER, (shorter * LONGER).div_ceil(longer)),
        false => (longer, shorter),
    };
    (longer * shorter).div_ceil(AREA).max(longer.div_ceil(CELL) * shorter.div_ceil(CELL))
}

/// Tokens of all crops.
fn crops(longer: u64, shorter: u64) -> u64 {
    if longer <= ONE_CROP {
        return CROP_TOKENS;
    }
    let crop = (shorter * 2 / 3).clamp(CROP.0, CROP.1);
    longer.div_ceil(crop) * shorter.div_ceil(crop) * CROP_TOKENS
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the documents of OpenAI's say it, in their order.
    pub fn of_tiles((base, tile): (u64, u64), (width, height): (f64, f64)) -> u64 {
        let fit = (2048.0 / width.max(height)).min(1.0);
        let (width, height) = (width * fit, height * fit);
        let fit = (768.0 / width.min(height)).min(1.0);
        let along = |side: f64| (side * fit / 512.0 - 1e-9).ceil().max(1.0) as u64;
        base + tile * along(width) * along(height)
    }

    pub fn of_patches(percent: u64, (width, height): (f64, f64)) -> u64 {
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

    /// Anthropic's old rule: fit to 1568 pixels, then to 1,600 tokens.
    fn of_area((width, height): (f64, f64)) -> u64 {
        let fit = (1568.0 / width.max(height)).min(1.0);
        (width * fit * height * fit / 750.0).min(1600.0) as u64
    }

    /// Its new one: as many cells of 28 pixels as a picture of at most 2576 pixels has, 4,784 at most.
    fn of_cells((width, height): (f64, f64)) -> u64 {
        let fit = (2576.0 / width.max(height)).min(1.0);
        let along = |side: f64| (side * fit / 28.0 - 1e-9).ceil().max(1.0);
        (along(width) * along(height)).min(4784.0) as u64
    }

    /// Google's.
    fn of_crops((width, height): (f64, f64)) -> u64 {
        if width <= 384.0 && height <= 384.0 {
            return 258;
        }
        let crop = (width.min(height) / 1.5).floor().clamp(256.0, 768.0);
        258 * ((width / crop).ceil() * (height / crop).ceil()) as u64
    }

    #[test]
    fn the_makers_own_examples() {
        let tokens = |rule: Rule, width, height| rule.most(Size { width, height }, false);
        let tiles = Rule::Tiles { base: 85, tile: 170 };
        let patches = Rule::Patches { percent: 100, most: 1_536 };
        let area = Rule::Area { most: 4_784, usual: 1_600 };
        for (rule, width, height, expected) in [
            (tiles, 1024, 1024, 765),
            (tiles, 2048, 4096, 1_105),
            (tiles, 150, 150, 255),
            (tiles, 20_000, 20_000, 765),
            (tiles, 20_000, 10_000, 1_105),
            (patches, 1024, 1024, 1_024),
            (patches, 1800, 2400, 1_536),
            (patches, 1, 1, 1),
            (area, 200, 200, 64),
            (area, 1000, 1000, 1_334),
            (area, 8000, 8000, 4_784),
            (area, 8000, 80, 92),
            (Rule::Crops, 384, 384, 2_240),
            (Rule::Crops, 960, 540, 2_240),
            (Rule::Crops, 4000, 3000, 24 * 258),
        ] {
            assert_eq!(tokens(rule, width, height), expected, "{rule:?} {width} {height}");
        }
        assert_eq!(tiles.most(Size { width: 4000, height: 3000 }, true), 85);
        assert_eq!(patches.most(Size { width: 4000, height: 3000 }, true), 1_536, "nobody says that less is seen");
        let usual = |rule: Rule| rule.usual(Size { width: 4000, height: 3000 }, false);
        assert_eq!([usual(tiles), usual(area), usual(Rule::Crops)], [765, 1_600, 24 * 258]);
        assert_eq!(Rule::Crops.usual(Size { width: 384, height: 384 }, false), 258);
        let largest = Size { width: u32::MAX, height: u32::MAX };
        for rule in [tiles, patches, area, Rule::Crops] {
            assert!(rule.most(largest, false) > 0, "{rule:?}");
        }
    }

    proptest! {
        #[test]
        fn no_maker_counts_more((width, height) in (1_u32..12_000, 1_u32..12_000)) {
            let (size, sides) = (Size { width, height }, (f64::from(width), f64::from(height)));
            let tiles = Rule::Tiles { base: 85, tile: 170 };
            let patches = Rule::Patches { percent: 162, most: 1_536 };
            let area = Rule::Area { most: 4_784, usual: 1_600 };
            for (rule, counted) in [
                (tiles, of_tiles((85, 170), sides)),
                (patches, of_patches(162, sides)),
                (area, of_area(sides).max(of_cells(sides))),
                (Rule::Crops, of_crops(sides)),
            ] {
                let most = rule.most(size, false);
                prop_assert!(most >= counted, "{rule:?} {size:?}: {most} < {counted}");
                prop_assert!(most >= rule.usual(size, false), "{rule:?} {size:?}");
            }
            prop_assert!(tiles.most(size, false) <= 85 + 8 * 170, "no more than of the largest");
        }
    }
}
