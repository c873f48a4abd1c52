//! A second way beside the first: for hedging.

use std::time::{Duration, Instant};

use super::{Journey, Leg};
use crate::proxy::context::Context;
use crate::proxy::gateway::Shared;
use crate::proxy::purse;
use crate::router::Pick;

impl Journey {
    /// After which time a second request is made beside this leg's, and whether the group makes any.
    pub fn hedge_after(&self, ctx: &Context, leg: &Leg) -> Option<Duration> {
        let router = &ctx.snapshot.router;
        router.hedges(self.walk.group())?;
        // A probe is waited for, or nobody learns what it was to find out.
        if leg.probe.is_some() {
            return None;
        }
        router.usual_first_token(leg.deployment)
    }

    /// Another deployment of the group, beside this leg's; `None`: there is none, the account is empty, or the budget.
    pub fn beside(
        &self,
        ctx: &Context,
        shared: &Shared,
        leg: &Leg,
        is_affordable: impl FnOnce() -> bool,
    ) -> Option<Leg> {
        let (now, random) = (shared.clock.at(Instant::now()), fastrand::u64(..));
        let (router, needs) = (&ctx.snapshot.router, &self.course.needs);
        let mut outlay = None;
        let affords = |pick: &Pick| {
            let set_aside = purse::set_aside_at_once(ctx, now, pick.deployment.0 as usize, needs.outlook.as_ref());
            set_aside.is_ok_and(|money| {
                outlay = money;
                is_affordable()
            })
        };
        let pick = self.walk.beside(router, leg.deployment, now, random, needs, affords)?;
        Some(Leg { outlay, ..Leg::of(pick) })
    }
}
