//! Exact shares: the members in a fixed order in which each stands as often as its weight says, spread as evenly as can be
//! ("smooth weighted round robin", as nginx has it). A counter walks through it, so that over each cycle the shares are
//! exact, however many threads draw.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Places of a cycle, at most (but one for each member). Weights that need more are rounded.
pub const CYCLE_MAX: usize = 8_192;

/// The smallest weight stands at most so often in a cycle: weights whose proportions need more are rounded to it.
const SMALLEST_MAX: u32 = 1_000;

/// So near a whole number is one: 0.7 to 0.3 is 7 to 3.
const WHOLE: f64 = 1e-6;

/// A prepared cycle.
#[derive(Debug)]
pub(super) struct Schedule {
    cycle: Box<[u32]>,
    next: AtomicU32,
}

impl Schedule {
    /// A weight that is negative or not a number counts as zero; if all are zero, all are equal.
    pub(super) fn new(weights: &[f64]) -> Self {
        Self { cycle: spread(&whole(weights)), next: AtomicU32::new(0) }
    }

    /// Whose turn it is; the turn after that is the next one's.
    pub(super) fn turn(&self) -> usize {
        let length = self.cycle.len().max(1) as u32;
        let step = |turn: u32| Some(if turn + 1 >= length { 0 } else { turn + 1 });
        let turn = self.next.fetch_update(Relaxed, Relaxed, step).unwrap_or_default();
        self.cycle.get(turn as usize).map_or(0, |index| *index as usize)
    }
}

/// The weights as small whole numbers of the same proportions.
fn whole(weights: &[f64]) -> Vec<u64> {
    let clean = |weight: &f64| if weight.is_finite() && *weight > 0.0 { *weight } else { 0.0 };
    let clean: Vec<f64> = weights.iter().map(clean).collect();
    let smallest = clean.iter().copied().filter(|weight| *weight > 0.0).fold(f64::INFINITY, f64::min);
    if !smallest.is_finite() {
        return vec![1; weights.len()];
    }
    let times = |weight: &f64, scale: u32| weight / smallest * f64::from(scale);
    let is_whole = |scale: &u32| {
        let off = |weight| (times(weight, *scale) - times(weight, *scale).round()).abs();
        clean.iter().all(|weight| off(weight) < WHOLE)
    };
    let scale = (1..=SMALLEST_MAX).find(is_whole).unwrap_or(SMALLEST_MAX);
    let mut whole: Vec<u64> =
        clean.iter().map(|weight| times(weight, scale).round().min(u32::MAX.into()) as u64).collect();
    let total: u64 = whole.iter().sum();
    if total > CYCLE_MAX as u64 {
        // Rounded up: nobody who has a weight is left out.
        let positive = whole.iter().filter(|weight| **weight > 0).count() as u64;
        let room = (CYCLE_MAX as u64).saturating_sub(positive).max(1);
        whole.iter_mut().for_each(|weight| *weight = (*weight * room).div_ceil(total));
    }
    whole
}

/// Each place goes to the member that is furthest behind its share.
fn spread(weights: &[u64]) -> Box<[u32]> {
    let total = weights.iter().sum::<u64>() as i64;
    let mut behind = vec![0_i64; weights.len()];
    let place = |_| {
        let mut first = 0;
        for (index, weight) in weights.iter().enumerate() {
            behind[index] += *weight as i64;
            if behind[index] > behind[first] {
                first = index;
            }
        }
        if let Some(first) = behind.get_mut(first) {
            *first -= total;
        }
        first as u32
    };
    (0..total).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(weights: &[f64], cycle: &[u32]) {
        let schedule = Schedule::new(weights);
        let turns: Vec<u32> = (0..2 * cycle.len()).map(|_| schedule.turn() as u32).collect();
        assert_eq!(turns, [cycle, cycle].concat(), "{weights:?}");
    }

    #[test]
    fn shares_are_exact_and_spread() {
        check(&[1.0], &[0]);
        check(&[0.6, 0.4], &[0, 1, 0, 1, 0]);
        check(&[5.0, 1.0, 1.0], &[0, 0, 1, 0, 2, 0, 0]);
        check(&[0.0, 2.0, f64::NAN], &[1]);
        check(&[0.0, 0.0], &[0, 1]);
        check(&[70.0, 30.0], &[0, 1, 0, 0, 0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_cycle_has_a_limit_and_leaves_nobody_out() {
        let mut weights: Vec<f64> = (0..1_000).map(|i| 1.0 + f64::from(i) / 997.0).collect();
        weights.push(1e12);
        let schedule = Schedule::new(&weights);
        assert!(schedule.cycle.len() <= CYCLE_MAX, "{}", schedule.cycle.len());
        assert!((0..weights.len() as u32).all(|index| schedule.cycle.contains(&index)));
    }

    #[test]
    fn threads_share_one_cycle() {
        let schedule = Schedule::new(&[3.0, 1.0]);
        let turns = || (0..1_000).map(|_| schedule.turn()).filter(|turn| *turn == 0).count();
        let firsts: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(turns)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(firsts, 3_000);
    }
}
