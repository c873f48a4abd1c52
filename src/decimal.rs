//! Exact decimal texts: 92,500,000 pico-dollars are `0.0000925`, 1,234 microseconds are `1.234` milliseconds.
//!
//! Every answer's header has several of them, so they are written without the formatting machinery and without a heap.

use std::fmt;

/// 19 digits, a sign, a point and leading zeros.
const LENGTH: usize = 40;

const ZEROS: [u8; 18] = [b'0'; 18];

/// A number as text.
#[derive(Clone, Copy)]
pub struct Decimal {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Decimal {
    /// `parts` of which 10 to the power of `decimals` (18 at most) are one. Of the decimals the trailing zeros are left out,
    /// but for the first `least`.
    pub fn new(parts: i64, decimals: u32, least: u32) -> Self {
        let mut buffer = itoa::Buffer::new();
        let mut digits = buffer.format(parts.unsigned_abs()).as_bytes();
        let mut places = decimals.min(18);
        while places > least {
            match digits.split_last() {
                Some((b'0', others)) => digits = others,
                Some(_) => break,
                None => {}
            }
            places -= 1;
        }
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places as usize));
        let mut text = Decimal { bytes: [0; LENGTH], length: 0 };
        if parts < 0 {
            text.put(b"-");
        }
        text.put(if whole.is_empty() { b"0" } else { whole });
        if places > 0 {
            let zeros = ZEROS.get(fraction.len()..places as usize).unwrap_or_default();
            text.put(b".");
            text.put(zeros);
            text.put(fraction);
        }
        text
    }

    fn put(&mut self, more: &[u8]) {
        let end = self.length + more.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(more);
            self.length = end;
        }
    }

    /// Its bytes: ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_exact_and_short() {
        for (parts, decimals, least, text) in [
            (0, 12, 1, "0.0"),
            (0, 3, 0, "0"),
            (92_500_000, 12, 1, "0.0000925"),
            (-1_500_000_000_000, 12, 1, "-1.5"),
            (10_000_000_000_000, 12, 1, "10.0"),
            (1_234, 3, 3, "1.234"),
            (1_200, 3, 3, "1.200"),
            (7, 3, 3, "0.007"),
            (70, 0, 0, "70"),
            (i64::MIN, 0, 0, "-9223372036854775808"),
            (i64::MAX, 18, 18, "9.223372036854775807"),
            (i64::MIN, 40, 40, "-9.223372036854775808"),
        ] {
            assert_eq!(Decimal::new(parts, decimals, least).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn as_the_formatting_machinery_would_write_it(parts: i64, decimals in 1_u32..=18) {
            let one = 10_u64.pow(decimals);
            let (whole, rest) = (parts.unsigned_abs() / one, parts.unsigned_abs() % one);
            let sign = if parts < 0 { "-" } else { "" };
            let expected = format!("{sign}{whole}.{rest:0width$}", width = decimals as usize);
            prop_assert_eq!(Decimal::new(parts, decimals, decimals).to_string(), expected);
        }
    }
}
