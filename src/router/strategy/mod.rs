//! How one of a level's deployments is chosen. Each strategy sees the same [`Candidates`]; those that may not be chosen are
//! left out in a way that does not shift their share to a neighbour.

mod cost;
mod latency;
mod least_busy;
mod rate_limit;
mod round_robin;
mod shuffle;
mod usage;

use super::choose::Chooser;
use super::draws::Draws;
use super::filter::Filter;
use super::group::{Level, Member};
use super::plan::{DeploymentIx, Strategy};

/// Levels up to this size are compared in full; above it two members are drawn and the better one is taken (the power
/// of two choices: nearly as good, and it does not send everybody to the same best one).
const FULL_COMPARISON_MAX: usize = 8;

/// Draws that may hit members that cannot be used, before all of them are looked at.
const DRAWS_MAX: usize = 8;

/// The member that gets the next attempt.
pub(super) fn choose<'a>(
    chooser: &Chooser<'_>,
    candidates: Candidates<'a, '_>,
    draws: &mut Draws,
) -> Option<&'a Member> {
    match chooser.strategy {
        Strategy::SimpleShuffle => shuffle::choose(candidates, draws),
        Strategy::LeastBusy => least_busy::choose(candidates, draws),
        Strategy::Latency | Strategy::Lar1 => latency::choose(candidates, draws, chooser.latency),
        Strategy::UsageBased | Strategy::UsageBasedV2 => usage::choose(candidates, draws),
        Strategy::CostBased => cost::choose(candidates, draws),
        Strategy::WeightedRoundRobin => round_robin::choose(candidates, draws),
        Strategy::RateLimitAware => rate_limit::choose(candidates, draws),
    }
}

/// The members of a level that may be chosen.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a, 'f> {
    pub(super) level: &'a Level,
    pub(super) filter: &'f Filter<'f>,
    /// Left out: the one that it is to be compared with.
    pub(super) except: Option<DeploymentIx>,
}

impl<'a> Candidates<'a, '_> {
    fn admits(self, member: &Member) -> bool {
        self.filter.admits(member) && self.except != Some(member.deployment)
    }

    /// One at random. `draw` gives indices into all members, with the distribution that is wanted; one that hits a
    /// member that may not be chosen is thrown away, which leaves the others' proportions as they are. When that
    /// happens too often, `weight` decides in one pass over all members.
    fn draw(
        self,
        draws: &mut Draws,
        draw: impl Fn(&mut Draws) -> usize,
        weight: impl Fn(&Member) -> f64,
    ) -> Option<&'a Member> {
        for _ in 0..DRAWS_MAX {
            let member = self.level.members.get(draw(draws))?;
            if self.admits(member) {
                return Some(member);
            }
        }
        self.draw_in_one_pass(draws, weight).or_else(|| self.draw_in_one_pass(draws, |_| 1.0))
    }

    /// Reservoir sampling: each member replaces the one chosen so far with its share of the weight seen so far.
    fn draw_in_one_pass(self, draws: &mut Draws, weight: impl Fn(&Member) -> f64) -> Option<&'a Member> {
        let mut total = 0.0;
        let mut chosen = None;
        for member in self.level.members.iter().filter(|member| self.admits(member)) {
            let weight = weight(member);
            if weight > 0.0 {
                total += weight;
                if draws.unit() * total < weight {
                    chosen = Some(member);
                }
            }
        }
        chosen
    }

    /// One at random, all with the same chance.
    fn draw_evenly(self, draws: &mut Draws) -> Option<&'a Member> {
        let count = self.level.members.len();
        self.draw(draws, |draws| draws.below(count), |_| 1.0)
    }

    /// The cheapest, among all or among two drawn ones; ties at random. Those within `buffer` (a part of the lowest cost)
    /// above the cheapest are its equals.
    fn cheapest(self, draws: &mut Draws, buffer: f64, cost: impl Fn(&Member) -> f64) -> Option<&'a Member> {
        if self.level.members.len() > FULL_COMPARISON_MAX {
            return self.cheaper_of_two(draws, buffer, cost);
        }
        let mut costs = [f64::INFINITY; FULL_COMPARISON_MAX];
        for (place, member) in costs.iter_mut().zip(&self.level.members).filter(|(_, member)| self.admits(member)) {
            *place = cost(member);
        }
        let lowest = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let equals = |cost: f64| cost < f64::INFINITY && cost <= lowest * (1.0 + buffer);
        let mut best = None;
        let mut seen = 0;
        for (cost, member) in costs.iter().zip(&self.level.members).filter(|(cost, _)| equals(**cost)) {
            seen += 1;
            if seen == 1 || draws.below(seen) == 0 {
                best = Some(member);
            }
            debug_assert!(*cost >= lowest);
        }
        best
    }

    fn cheaper_of_two(self, draws: &mut Draws, buffer: f64, cost: impl Fn(&Member) -> f64) -> Option<&'a Member> {
        let one = self.draw_evenly(draws)?;
        let others = Candidates { except: Some(one.deployment), ..self };
        let Some(other) = others.draw_evenly(draws) else { return Some(one) };
        let other_is_cheaper = cost(other) * (1.0 + buffer) < cost(one);
        Some(if other_is_cheaper { other } else { one })
    }
}
