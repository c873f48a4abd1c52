//! What a provider lets the operator off, and what the operator puts on for his callers: LiteLLM's `cost_discount_config`
//! and `cost_margin_config`.

use super::Money;

/// A dollar.
const ONE: i128 = 1_000_000_000_000;

/// What becomes of a price. First the discount is taken off, then the margin is put on what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Of each dollar, what is taken off: at most all of it.
    discount: Money,
    /// For each dollar, what is put on.
    margin: Money,
    /// For each call, what is put on.
    fixed: Money,
}

/// What was taken off a call's price, and put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adjustment {
    /// Taken off.
    pub discount: Money,
    /// Put on, `fixed` included.
    pub margin: Money,
    /// Put on whatever the call cost.
    pub fixed: Money,
    /// Taken off of each dollar.
    pub discount_rate: Money,
    /// Put on for each dollar.
    pub margin_rate: Money,
}

impl Terms {
    /// `discount` is a part of one, `margin` too but without end, `fixed` dollars. What is no such number counts as 0.
    pub fn new(discount: f64, margin: f64, fixed: f64) -> Self {
        let money = |dollars| Money::from_dollars_f64(dollars).unwrap_or_default().max(Money::ZERO);
        Self { discount: money(discount).min(Money::from_pico(ONE as i64)), margin: money(margin), fixed: money(fixed) }
    }

    /// Whether they change anything; `None`: the price is the price.
    pub fn or_none(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }

    /// What a price becomes, and how. Parts of a pico-dollar are rounded to the nearest.
    pub fn apply(&self, price: Money) -> (Money, Adjustment) {
        let discount = part(price, self.discount);
        let left = price.saturating_sub(discount);
        let margin = part(left, self.margin).saturating_add(self.fixed);
        let adjustment =
            Adjustment { discount, margin, fixed: self.fixed, discount_rate: self.discount, margin_rate: self.margin };
        (left.saturating_add(margin), adjustment)
    }
}

fn part(price: Money, of_each_dollar: Money) -> Money {
    let product = i128::from(price.pico()).saturating_mul(i128::from(of_each_dollar.pico()));
    Money::from_pico(i64::try_from((product + ONE / 2).div_euclid(ONE)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_discount_comes_first_then_the_margin() {
        let pico = Money::from_pico;
        for (terms, price, total, discount, margin) in [
            ((0.05, 0.0, 0.0), 1000, 950, 50, 0),
            ((0.0, 0.1, 0.0), 1000, 1100, 0, 100),
            ((0.5, 0.1, 2e-12), 1000, 552, 500, 52),
            ((0.0, 0.0, 1e-6), 0, 1_000_000, 0, 1_000_000),
            ((0.5, 0.0, 0.0), 3, 1, 2, 0),
            ((9.0, 0.0, 0.0), 7, 0, 7, 0),
            ((-1.0, f64::NAN, -2.0), 7, 7, 0, 0),
        ] {
            let (found, adjustment) = Terms::new(terms.0, terms.1, terms.2).apply(pico(price));
            let parts = (found, adjustment.discount, adjustment.margin);
            assert_eq!(parts, (pico(total), pico(discount), pico(margin)), "{terms:?} of {price}");
        }
        assert_eq!(Terms::new(0.0, 0.0, 0.0).or_none(), None);
        assert_eq!(Terms::new(0.0, 10.0, 0.0).apply(Money::MAX).0, Money::MAX);
    }

    proptest! {
        /// What is reserved for a dearer call is enough for a cheaper one.
        #[test]
        fn a_higher_price_does_not_become_a_lower_one(
            discount in 0.0..1.0, margin in 0.0..10.0, fixed in 0.0..1.0, one: u32, more: u32
        ) {
            let terms = Terms::new(discount, margin, fixed);
            let of = |pico: u64| terms.apply(Money::from_pico(pico as i64));
            let (lower, higher) = (of(one.into()), of(u64::from(one) + u64::from(more)));
            prop_assert!(lower.0 <= higher.0);
            let (total, parts) = lower;
            let sum = i64::from(one) - parts.discount.pico() + parts.margin.pico();
            prop_assert_eq!(total.pico(), sum);
        }
    }
}
