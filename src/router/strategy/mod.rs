//! How one of a level's deployments is chosen. Each strategy sees the same [`Candidates`]; those that are cooling or were
//! tried are left out in a way that does not shift their share to a neighbour.

mod latency;
mod least_busy;
mod shuffle;

use super::draws::Draws;
use super::group::{Level, Member};
use super::plan::{DeploymentIx, Strategy};
use super::state::DeploymentState;
use super::tried::TriedSet;
use crate::clock::Instant;

/// Levels up to this size are compared in full; above it two members are drawn and the better one is taken (the power
/// of two choices: nearly as good, and it does not send everybody to the same best one).
const FULL_COMPARISON_MAX: usize = 8;

/// Draws that may hit members that cannot be used, before all of them are looked at.
const DRAWS_MAX: usize = 8;

/// The member that gets the next attempt: one that was not tried, else any that is available.
pub(super) fn choose<'a>(
    strategy: Strategy,
    level: &'a Level,
    tried: &TriedSet,
    now: Instant,
    draws: &mut Draws,
) -> Option<&'a Member> {
    let mut by = |candidates: Candidates<'a, '_>| match strategy {
        Strategy::SimpleShuffle => shuffle::choose(candidates, draws),
        Strategy::LeastBusy => least_busy::choose(candidates, draws),
        Strategy::Latency => latency::choose(candidates, draws),
    };
    let available = Candidates { level, tried: None, except: None, now };
    by(Candidates { tried: Some(tried), ..available }).or_else(|| by(available))
}

/// The members of a level that may be chosen.
#[derive(Clone, Copy)]
struct Candidates<'a, 't> {
    level: &'a Level,
    /// Left out, unless there is no other choice.
    tried: Option<&'t TriedSet>,
    /// Left out: the one that it is to be compared with.
    except: Option<DeploymentIx>,
    now: Instant,
}

impl<'a> Candidates<'a, '_> {
    fn admits(self, member: &Member) -> bool {
        let usable = match self.tried {
            Some(tried) => member.is_fresh(tried, self.now),
            None => member.is_available(self.now),
        };
        usable && self.except != Some(member.deployment)
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

    /// The cheapest, among all or among two drawn ones; ties at random.
    fn cheapest(self, draws: &mut Draws, cost: impl Fn(&DeploymentState, Instant) -> f64) -> Option<&'a Member> {
        if self.level.members.len() > FULL_COMPARISON_MAX {
            return self.cheaper_of_two(draws, cost);
        }
        let mut best: Option<(&Member, f64)> = None;
        let mut ties = 1;
        for member in self.level.members.iter().filter(|member| self.admits(member)) {
            let cost = cost(&member.state, self.now);
            match best {
                Some((_, lowest)) if cost > lowest => {}
                Some((_, lowest)) if cost == lowest => {
                    ties += 1;
                    if draws.below(ties) == 0 {
                        best = Some((member, cost));
                    }
                }
                _ => (best, ties) = (Some((member, cost)), 1),
            }
        }
        best.map(|(member, _)| member)
    }

    fn cheaper_of_two(self, draws: &mut Draws, cost: impl Fn(&DeploymentState, Instant) -> f64) -> Option<&'a Member> {
        let one = self.draw_evenly(draws)?;
        let others = Candidates { except: Some(one.deployment), ..self };
        let Some(other) = others.draw_evenly(draws) else { return Some(one) };
        let other_is_cheaper = cost(&other.state, self.now) < cost(&one.state, self.now);
        Some(if other_is_cheaper { other } else { one })
    }
}
