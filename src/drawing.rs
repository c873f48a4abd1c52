//! Pictures that are asked for, that came, or that a model is shown, as far as their price depends on it: read by `wire`,
//! priced by `pricing`, carried past the router.

/// How many pictures, how large, how good. What is not said is the provider's to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// So many; one if unsaid.
    pub count: Option<u32>,
    /// Width and height.
    pub size: Option<Size>,
    /// How much care is taken.
    pub quality: Option<Quality>,
    /// Sketches that are shown on the way to each (`partial_images`).
    pub sketches: u8,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// The words that price lists know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `standard`
    Standard,
    /// `hd`
    Hd,
}

/// Pictures that a request shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Those of which little detail is enough (`detail: low`), and whose size is not known.
    pub coarse: u32,
    /// All others whose size is not known.
    pub fine: u32,
    /// Those whose size is known.
    pub sized: Vec<Seen>,
    /// Bytes of the request that all of them stand in.
    pub bytes: usize,
}

/// A picture whose size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub size: Size,
    /// Whether little detail is enough.
    pub is_coarse: bool,
    /// Bytes of the request that it stands in.
    pub bytes: usize,
}

impl Shown {
    /// How many.
    pub fn count(&self) -> u64 {
        u64::from(self.coarse) + u64::from(self.fine) + self.sized.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// A side is written in so many digits at most.
const DIGITS_MAX: usize = 5;

impl Drawing {
    /// How many pictures.
    pub fn count(&self) -> u64 {
        self.count.unwrap_or(1).into()
    }

    /// What is said here, and where nothing is, there.
    #[must_use]
    pub fn or(self, other: Drawing) -> Drawing {
        Drawing {
            count: self.count.or(other.count),
            size: self.size.or(other.size),
            quality: self.quality.or(other.quality),
            sketches: self.sketches.max(other.sketches),
        }
    }
}

impl Size {
    /// What is drawn where nobody says a size.
    pub const USUAL: Size = Size { width: 1024, height: 1024 };

    /// Reads `1024x1536`, or `1024-x-1536` as price lists have it. `None`: it is `auto`, or no size.
    pub fn of(text: &str) -> Option<Size> {
        let (width, height) = text.split_once("-x-").or_else(|| text.split_once('x'))?;
        let side = |digits: &str| -> Option<u32> {
            let is_number = digits.len() <= DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|side| is_number && *side > 0)
        };
        Some(Size { width: side(width)?, height: side(height)? })
    }

    /// All of its pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl Quality {
    /// Reads the word. `None`: it is `auto`, or none that has a price.
    pub fn of(text: &str) -> Option<Quality> {
        Some(match text {
            "low" => Quality::Low,
            "medium" => Quality::Medium,
            "high" => Quality::High,
            "standard" => Quality::Standard,
            "hd" => Quality::Hd,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_clients_and_lists_write_them() {
        let size = |width, height| Some(Size { width, height });
        for (text, expected) in [
            ("1024x1536", size(1024, 1536)),
            ("1792-x-1024", size(1792, 1024)),
            ("auto", None),
            ("1024", None),
            ("0x5", None),
            ("+1x5", None),
            ("100000x1", None),
            ("x", None),
        ] {
            assert_eq!(Size::of(text), expected, "{text}");
        }
        assert_eq!(size(1024, 1536).unwrap().pixels(), 1_572_864);
    }

    #[test]
    fn what_is_said_first_counts() {
        let asked = Drawing { quality: Some(Quality::Hd), ..Drawing::default() };
        let usual = Drawing { count: Some(2), size: None, quality: Some(Quality::Low), sketches: 1 };
        assert_eq!(asked.or(usual), Drawing { quality: Some(Quality::Hd), ..usual });
        assert_eq!((asked.count(), usual.count()), (1, 2));
    }
}
