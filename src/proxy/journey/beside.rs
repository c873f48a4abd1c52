//! A second way beside the first: for hedging.

use std::time::{Duration, Instant};

use super::{Journey, Leg};
use crate::proxy::context::Context;
use crate::proxy::gateway::Shared;
use crate::router::PickInput;

impl Journey {
    /// After which time a second request is made beside this leg's, and whether the group makes any.
    pub fn hedge_after(&self, ctx: &Context, leg: &Leg) -> Option<Duration> {
        let router = &ctx.snapshot.router;
        router.hedges(self.course.group)?;
        router.usual_first_token(leg.deployment)
    }

    /// Another deployment of the group, beside this leg's; `None`: there is none, or the account is empty.
    pub fn beside(&self, ctx: &Context, shared: &Shared, leg: &Leg) -> Option<Leg> {
        let router = &ctx.snapshot.router;
        let mut tried = self.tried;
        tried.insert(leg.deployment);
        let begin = Instant::now();
        let input = PickInput {
            now: shared.clock.at(begin),
            random: fastrand::u64(..),
            tried: &tried,
            above_order: self.above_order,
            untried_only: true,
            holder: None,
            needs: &self.course.needs,
        };
        if !router.hedges(self.course.group)?.withdraw() {
            return None;
        }
        let Ok(pick) = router.pick(self.course.group, input) else {
            router.hedges(self.course.group)?.refund();
            return None;
        };
        let index = pick.deployment.0 as usize;
        let in_flight = Some(pick.in_flight);
        Some(Leg { index, deployment: pick.deployment, in_flight, taken: pick.taken, begin })
    }
}
