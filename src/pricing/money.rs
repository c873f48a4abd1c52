//! Money in whole pico-dollars: sums of a million calls are exact, and two nodes that add the same calls agree.
//!
//! A float never takes part: `2.5e-06` is read digit by digit. What is finer than a pico-dollar (a millionth of a
//! millionth) is rounded to the nearest; what does not fit (9.2 million dollars either way) is the greatest amount that
//! does, so that a budget of a billion is a budget that nobody reaches, and a sum never turns negative.

use std::fmt;
use std::iter::Sum;

use crate::decimal::Decimal;

/// Pico-dollars in a dollar, as a power of ten.
const DECIMALS: i64 = 12;

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// More than anybody has.
    pub const MAX: Money = Money(i64::MAX);

    /// So many pico-dollars.
    pub const fn from_pico(pico: i64) -> Money {
        Money(pico)
    }

    /// In pico-dollars.
    pub const fn pico(self) -> i64 {
        self.0
    }

    /// Reads a decimal number of dollars as JSON, YAML and Python write it: `0.002`, `2.5e-06`, `1E3`, `-1`.
    /// `None`: it is no such number.
    pub fn from_dollars(text: &str) -> Option<Money> {
        Money::read(text, 0)
    }

    /// The price of a million, of the price of one: that of a pixel is less than a pico-dollar can tell.
    pub fn of_a_million(text: &str) -> Option<Money> {
        Money::read(text, 6)
    }

    /// So many dollars, times ten as often as `tens` says.
    fn read(text: &str, tens: i64) -> Option<Money> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !digits.all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let point = i64::try_from(whole.len()).ok()?.saturating_add(exponent).saturating_add(DECIMALS + tens);
        let pico = scaled(whole.bytes().chain(fraction.bytes()), point);
        Some(Money(if negative { -pico } else { pico }))
    }

    /// Reads a float by its shortest decimal text, which is what was written where it had at most 15 digits: prices
    /// that passed through a float on their way here are exact all the same. `None`: not finite.
    pub fn from_dollars_f64(dollars: f64) -> Option<Money> {
        if dollars.is_finite() { Money::from_dollars(&dollars.to_string()) } else { None }
    }

    /// For display and for JSON that wants a number; never for sums.
    #[expect(clippy::cast_precision_loss, reason = "exact below 9,007 dollars, and to 15 digits above")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// Dollars as a plain decimal number, exact: `0.0000925`.
    pub fn text(self) -> Decimal {
        Decimal::new(self.0, DECIMALS as u32, 1)
    }

    /// The sum, at most [`Money::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// The difference, which may be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }

    /// The sum, if there is one.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference, if there is one.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).map(Money)
    }

    /// A price so many times, at most [`Money::MAX`].
    #[must_use]
    pub fn times(self, count: u64) -> Money {
        let product = i128::from(self.0).saturating_mul(i128::from(count));
        Money(i64::try_from(product).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Of the price of a million, that of so many; what is less than a pico-dollar counts as one.
    #[must_use]
    pub fn millionths(self, count: u64) -> Money {
        let product = i128::from(self.0).saturating_mul(i128::from(count)).saturating_add(999_999) / 1_000_000;
        Money(i64::try_from(product).unwrap_or(i64::MAX))
    }
}

/// Far exponents all mean the same here: nothing, or more than fits.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let far = if text.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 };
    Some(text.parse::<i64>().unwrap_or(far).clamp(-1_000_000_000, 1_000_000_000))
}

/// The digits with the decimal point behind the `point`-th, rounded to a whole number.
fn scaled(digits: impl Iterator<Item = u8>, point: i64) -> i64 {
    let mut value: i64 = 0;
    let mut place = 0;
    for digit in digits.map(|digit| i64::from(digit - b'0')) {
        if place < point {
            let next = value.checked_mul(10).and_then(|value| value.checked_add(digit));
            let Some(next) = next else { return i64::MAX };
            value = next;
        } else {
            // The first digit behind the point decides, if the point is not further left still.
            return if place == point && digit >= 5 { value.saturating_add(1) } else { value };
        }
        place += 1;
    }
    while place < point && value != 0 {
        let Some(next) = value.checked_mul(10) else { return i64::MAX };
        value = next;
        place += 1;
    }
    value
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Money::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_texts_are_read_exactly() {
        let cases = [
            ("2.5e-06", Some(2_500_000)),
            ("0.002", Some(2_000_000_000)),
            ("1", Some(1_000_000_000_000)),
            ("1E3", Some(1_000_000_000_000_000)),
            (".5", Some(500_000_000_000)),
            ("-0.25", Some(-250_000_000_000)),
            ("2.8333333333e-7", Some(283_333)),
            ("5e-13", Some(1)),
            ("4.9e-13", Some(0)),
            ("9e-14", Some(0)),
            ("0e999999999999999999999", Some(0)),
            ("1e-999999999999999999999", Some(0)),
            ("1e999999999999999999999", Some(i64::MAX)),
            ("10000000", Some(i64::MAX)),
            ("-10000000", Some(-i64::MAX)),
            ("", None),
            (".", None),
            ("-", None),
            ("1e", None),
            ("1e+-1", None),
            ("1.2.3", None),
            ("NaN", None),
            ("inf", None),
            ("0x10", None),
        ];
        for (text, pico) in cases {
            assert_eq!(Money::from_dollars(text), pico.map(Money), "{text:?}");
        }
        assert_eq!(Money::from_dollars_f64(2.5e-6), Some(Money(2_500_000)));
        assert_eq!(Money::from_dollars_f64(f64::NAN), None);
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(Money::MAX.saturating_add(Money(1)), Money::MAX);
        assert_eq!(Money(1_000_000).times(u64::MAX), Money::MAX);
        assert_eq!(Money::MAX.checked_add(Money(1)), None);
        assert_eq!(Money(3).checked_sub(Money(5)), Some(Money(-2)));
        assert_eq!(Money(92_500_000).to_string(), "0.0000925");
        assert_eq!(Money(-1_500_000_000_000).to_string(), "-1.5");
        assert_eq!(Money::ZERO.to_string(), "0.0");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(pico in -i64::MAX..) {
            prop_assert_eq!(Money::from_dollars(&Money(pico).to_string()), Some(Money(pico)));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[-+0-9.eE]{0,40}") {
            let _ = Money::from_dollars(&text);
        }
    }
}
