//! A choice in proportion to weights, in constant time: Vose's alias method. Two table entries are enough for one draw,
//! whether the group has three deployments or a thousand.

use super::draws::Draws;

/// Prepared weights.
#[derive(Clone, Debug)]
pub(super) struct Weighted {
    slots: Box<[Slot]>,
}

/// Each slot is drawn equally often; it stands for itself with probability `own`, else for `other`.
#[derive(Clone, Copy, Debug)]
struct Slot {
    own: f64,
    other: u32,
}

impl Weighted {
    /// A weight that is negative or not a number counts as zero; if all are zero, all are equal.
    pub(super) fn new(weights: &[f64]) -> Self {
        let count = weights.len() as f64;
        let clean = |weight: f64| if weight.is_finite() && weight > 0.0 { weight } else { 0.0 };
        let largest = weights.iter().copied().map(clean).fold(0.0, f64::max);
        if largest == 0.0 {
            return Self { slots: (0..weights.len()).map(|i| Slot { own: 1.0, other: i as u32 }).collect() };
        }
        // Divided by the largest first: the sum of huge weights must stay finite.
        let total: f64 = weights.iter().map(|&weight| clean(weight) / largest).sum();
        let mut shares: Vec<f64> = weights.iter().map(|&weight| clean(weight) / largest / total * count).collect();
        let mut slots: Box<[Slot]> = (0..weights.len()).map(|i| Slot { own: 1.0, other: i as u32 }).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..shares.len()).partition(|&i| shares[i] < 1.0);
        while let (Some(&giver), Some(taker)) = (rich.last(), poor.pop()) {
            slots[taker] = Slot { own: shares[taker], other: giver as u32 };
            shares[giver] -= 1.0 - shares[taker];
            if shares[giver] < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
        Self { slots }
    }

    /// An index in proportion to the weights.
    pub(super) fn draw(&self, draws: &mut Draws) -> usize {
        let index = draws.below(self.slots.len());
        match self.slots.get(index) {
            Some(slot) if draws.unit() >= slot.own => slot.other as usize,
            _ => index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(weights: &[f64], shares: &[f64]) {
        const ROUNDS: usize = 100_000;
        let table = Weighted::new(weights);
        let mut draws = Draws::new(7);
        let mut seen = vec![0_usize; weights.len()];
        (0..ROUNDS).for_each(|_| seen[table.draw(&mut draws)] += 1);
        for (seen, share) in seen.iter().zip(shares) {
            let got = *seen as f64 / ROUNDS as f64;
            assert!((got - share).abs() < 0.01, "{weights:?}: {got} instead of {share}");
            assert!(*share > 0.0 || *seen == 0, "{weights:?}: a weight of zero was drawn");
        }
    }

    #[test]
    fn draws_are_in_proportion_to_the_weights() {
        check(&[1.0], &[1.0]);
        check(&[9.0, 1.0], &[0.9, 0.1]);
        check(&[0.0, 0.0, 0.0], &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        check(&[0.0, 5.0, 15.0, 0.0], &[0.0, 0.25, 0.75, 0.0]);
        check(&[f64::NAN, -1.0, 2.0, 2.0], &[0.0, 0.0, 0.5, 0.5]);
        check(&[f64::MAX, f64::MAX], &[0.5, 0.5]);
        check(&[f64::INFINITY, 1.0], &[0.0, 1.0]);
        check(&[0.001, 0.002, 0.007], &[0.1, 0.2, 0.7]);
    }
}
