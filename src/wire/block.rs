//! Many bytes at once, without `unsafe`: loops that the compiler vectorises, words of eight bytes, `memchr`.

/// Bytes per round of the vectorised pass.
const LANES: usize = 64;

/// What kinds of bytes occur at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Below 0x20, inside or outside of strings.
    pub control: bool,
    /// 0x80 and above.
    pub non_ascii: bool,
}

impl Census {
    /// Looks at every byte once; the loop has no branch, so that the compiler vectorises it.
    pub fn take(bytes: &[u8]) -> Self {
        let mut least = [u8::MAX; LANES];
        let mut union = [0_u8; LANES];
        let (blocks, rest) = bytes.as_chunks::<LANES>();
        for block in blocks {
            for ((least, union), byte) in least.iter_mut().zip(&mut union).zip(block) {
                *least = (*least).min(*byte);
                *union |= byte;
            }
        }
        let fold = |(least, union): (u8, u8), byte: &u8| (least.min(*byte), union | byte);
        let (low, _) = least.iter().fold((u8::MAX, 0), fold);
        let (_, high) = union.iter().fold((u8::MAX, 0), fold);
        let (low, high) = rest.iter().fold((low, high), fold);
        Self { control: low < 0x20, non_ascii: high >= 0x80 }
    }
}

/// The first quote. Most strings are names and short words, so the first 16 bytes are looked at as two words before
/// `memchr` is called.
#[inline]
pub fn find_quote(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    const QUOTES: u64 = ONES * b'"' as u64;
    let Some((words, rest)) = bytes.split_first_chunk::<16>() else { return memchr::memchr(b'"', bytes) };
    for (half, word) in words.as_chunks::<8>().0.iter().enumerate() {
        // A byte that equals the quote becomes zero, and the lowest zero byte is the lowest that borrows.
        let difference = u64::from_le_bytes(*word) ^ QUOTES;
        let found = difference.wrapping_sub(ONES) & !difference & HIGHS;
        if found != 0 {
            return Some(half * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(b'"', rest).map(|at| at + words.len())
}

/// Whether `word` stands in `text`. Names of members have an underscore, and prose hardly any: they are looked for by it,
/// without the tables that a searcher for words makes first.
pub fn holds(text: &[u8], word: &str) -> bool {
    let Some((before, after)) = word.split_once('_') else {
        return memchr::memmem::find(text, word.as_bytes()).is_some();
    };
    let is_around = |at: usize| {
        let (left, right) = text.split_at(at);
        left.ends_with(before.as_bytes()) && right.get(1..).is_some_and(|right| right.starts_with(after.as_bytes()))
    };
    memchr::memchr_iter(b'_', text).any(is_around)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_found_where_they_are(text in "[a_b]{0,12}", word in "[a_b]{1,4}") {
            prop_assert_eq!(holds(text.as_bytes(), &word), text.contains(&word));
        }
    }

    #[test]
    fn quotes_are_found_at_every_distance() {
        for length in 0..70 {
            for other in [b'a', b'#', b'!', 0, 0x80, 0xff, 0xa2] {
                let bytes = [vec![other; length], vec![b'"', other, b'"']].concat();
                assert_eq!(find_quote(&bytes), Some(length), "{other}");
                assert_eq!(find_quote(&[vec![other; 40], bytes].concat()), Some(40 + length), "{other}");
                assert_eq!(find_quote(&vec![other; length]), None, "{other}");
            }
        }
    }

    #[test]
    fn a_census_misses_nothing() {
        for length in [1, 63, 64, 65, 200] {
            for at in 0..length {
                let check = |byte: u8, control, non_ascii| {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    assert_eq!(Census::take(&bytes), Census { control, non_ascii });
                };
                check(0x1f, true, false);
                check(0x20, false, false);
                check(0x7f, false, false);
                check(0x80, false, true);
            }
        }
        assert_eq!(Census::take(b""), Census { control: false, non_ascii: false });
    }
}
