//! A second request beside a first one that takes unusually long to begin: off unless `tollgate.hedging` says otherwise.
//!
//! Both may be billed by their providers, so a group's account says how many there may be (`router/budget.rs`), a budget must
//! have the money twice, and the one that was cancelled has a line of its own in the books.

use std::pin::pin;
use std::time::Duration;

use pingora_proxy::Session;

use super::context::Context;
use super::deliver::Committed;
use super::dispatch::{Tried, client_gone};
use super::gateway::Shared;
use super::journey::{Journey, Leg};
use super::open::{self, Ask, Failed};
use super::{billing, uncounted};
use crate::error::Error;
use crate::limiter::Reservation;
use crate::router::race::{self, Verdict};

/// How the race ended.
pub type Raced = race::Raced<Committed, Failed, Leg>;

/// What a race needs besides the first attempt.
pub struct Race<'a> {
    /// The request.
    pub ctx: &'a Context,
    /// What it may use.
    pub reservation: &'a mut Option<Reservation>,
    /// Shared by all.
    pub shared: &'a Shared,
    /// Where the second one goes.
    pub journey: &'a Journey,
    /// The first one.
    pub leg: &'a Leg,
}

impl Race<'_> {
    /// Asks, and asks somebody else too if the answer does not begin within `usual`.
    ///
    /// # Errors
    /// [`crate::error::Kind::ClientGone`].
    pub async fn run(self, session: &mut Session, ask: Ask<'_>, usual: Duration) -> Result<Raced, Error> {
        let Race { ctx, reservation, shared, journey, leg } = self;
        let mut first = pin!(open::open(&ask, shared));
        tokio::select! {
            biased;
            done = &mut first => return Ok(Raced::Alone(done)),
            () = pingora_timeout::sleep(usual) => {}
            gone = client_gone(session) => return Err(gone),
        }
        let is_affordable = || reservation.as_mut().is_none_or(Reservation::extend);
        let beside = journey.beside(ctx, shared, leg, is_affordable);
        let target = beside.as_ref().and_then(|second| ctx.snapshot.targets.get(second.index));
        let (Some(second_leg), Some(target)) = (beside, target) else {
            return tokio::select! {
                biased;
                done = &mut first => Ok(Raced::Alone(done)),
                gone = client_gone(session) => Err(gone),
            };
        };
        shared.metrics.hedged.inc();
        target.metrics.total.inc();
        let substituted = journey.upstream_model(&target.upstream_model);
        let deadlines = super::attempt::Deadlines { begin: second_leg.begin, ..ask.deadlines };
        let upstream_model = substituted.as_deref().unwrap_or(&target.upstream_model);
        let other = Ask { target, upstream_model, deadlines, ..ask };
        let mut second = pin!(open::open(&other, shared));
        let (mut first_failed, mut second_failed) = (None, None);
        loop {
            tokio::select! {
                biased;
                done = &mut first, if first_failed.is_none() => match done {
                    Ok(committed) => return Ok(Raced::First(committed, second_leg, second_failed)),
                    Err(failed) => first_failed = Some(failed),
                },
                done = &mut second, if second_failed.is_none() => match done {
                    Ok(committed) => return Ok(Raced::Second(committed, second_leg, first_failed)),
                    Err(failed) => second_failed = Some(failed),
                },
                gone = client_gone(session) => return Err(gone),
            }
            match (first_failed.take(), second_failed.take()) {
                (Some(first), Some(second)) => return Ok(Raced::Neither(first, second_leg, second)),
                (first, second) => (first_failed, second_failed) = (first, second),
            }
        }
    }
}

/// What is known after a race: who has answered, and what the others cost.
pub fn settle(
    session: &Session,
    ctx: &mut Context,
    shared: &Shared,
    journey: &mut Journey,
    leg: Leg,
    raced: Raced,
) -> Tried {
    let Verdict { leg, result, failed, cancelled, is_double } = raced.verdict(leg);
    if !is_double {
        return Tried { leg, result };
    }
    if let Some((leg, failed)) = failed {
        journey.failed(ctx, shared, leg, failed);
    }
    ctx.outcome.attempts += 1;
    ctx.outcome.deployment = Some(leg.index);
    if let Some(mut cancelled) = cancelled {
        // It has read the prompt; what it wrote of an answer nobody knows.
        let usage = uncounted::of_prompt(ctx, cancelled.index);
        let outlay = cancelled.outlay.take();
        if let Some(usage) = usage {
            let answers_as = ctx.outcome.answers_as.clone();
            let cancelled = billing::Part { deployment: cancelled.index, answers_as, usage };
            billing::bill_part(session, ctx, shared, cancelled, outlay);
        }
    }
    Tried { leg, result }
}
