//! Where a request goes: what `router/walk.rs` decides, carried out. Waits for places, tells router, metrics and log what
//! became of each attempt, and keeps the failures for what the client is told in the end.

mod beside;
mod hops;
mod shortage;

use std::time::{Duration, Instant};

use pingora_proxy::Session;

use self::shortage::Shortage;
use super::context::{Context, Miss, Task};
use super::course::{Course, own_lists};
use super::deliver::Committed;
use super::gateway::Shared;
use super::lessons;
use super::needs::{needs, session_header};
use super::open::Failed;
use super::{loans, purse, unanswered, waiting};
use crate::error::{Compat, Error, Fault, Kind};
use crate::limiter::Reservation;
use crate::router::fallback::FallbackLists;
use crate::router::plan::DeploymentIx;
use crate::router::retry::Next;
use crate::router::state::InFlight;
use crate::router::walk::{Missed, Start, Walk};
use crate::router::{NoneLeft, Pick, Probe, Running, Taken};

/// See the module.
pub struct Journey {
    walk: Walk,
    course: Course,
    /// When the whole request must be over.
    pub end: Instant,
    /// The client's own lists, over the configured ones; none where it wants no fallbacks.
    own_lists: Option<Box<FallbackLists>>,
    /// Why the first group did not answer, and the one before this.
    first_failure: Option<Box<Failed>>,
    last_failure: Option<Box<Failed>>,
    /// The session that a header names.
    session: Option<String>,
}

/// One deployment on the way.
pub struct Leg {
    /// Its index among deployments and targets.
    pub index: usize,
    /// The same, as the router calls it.
    pub deployment: DeploymentIx,
    /// Held as long as the attempt lasts.
    in_flight: Option<InFlight>,
    /// Its part of the deployment's minute, as long as it is not settled.
    taken: Option<Taken>,
    /// It finds out whether the deployment is well again.
    probe: Option<Probe>,
    /// Its stream, as long as that runs.
    running: Option<Running>,
    /// What its answer may cost, where its deployment or provider has a budget.
    pub outlay: Option<Reservation>,
    /// When it was chosen.
    pub begin: Instant,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The client has all of the answer.
    Whole,
    /// The provider broke it off, or the client has left: whichever it was, the router knows it or need not.
    Cut,
}

impl Leg {
    /// After the wait for a place, which is none of the deployment's time.
    fn of(pick: Pick) -> Self {
        Self {
            index: pick.deployment.0 as usize,
            deployment: pick.deployment,
            in_flight: Some(pick.in_flight),
            taken: pick.taken,
            probe: pick.probe,
            running: None,
            outlay: None,
            begin: Instant::now(),
        }
    }

    /// The client has left before there was an answer: if it was patient, the deployment has too much to do.
    pub fn gave_up(self, shared: &Shared) {
        self.in_flight.into_iter().for_each(|in_flight| in_flight.fail(shared.clock.now(), Kind::Timeout));
    }
}

impl Journey {
    /// Of a request for this model.
    ///
    /// # Errors
    /// No group serves it; the client's own fallbacks are no list of models, or such as its key may not call.
    pub fn begin(
        session: &Session,
        ctx: &mut Context,
        model: String,
        num_retries: Option<u32>,
        end: Instant,
        holder: Option<DeploymentIx>,
    ) -> Result<Self, Error> {
        let router = &ctx.snapshot.router;
        let resolved = router.resolve(&model, fastrand::u64(..));
        let resolved = resolved.ok_or_else(|| unanswered::unknown_model(ctx, &model, Kind::UnknownModel))?;
        let own_lists = own_lists(ctx)?;
        let group = resolved.group;
        let named = session_header(session, ctx);
        let needs = needs(named, ctx, None, &model, group);
        let lists = own_lists.as_deref().unwrap_or_else(|| router.fallbacks());
        let walk = Walk::begin(router, lists, Start { model, group, num_retries, holder });
        ctx.outcome.group = Some(group.0);
        Ok(Self {
            walk,
            course: Course { captures: resolved.captures, needs, task: None },
            end,
            own_lists,
            first_failure: None,
            last_failure: None,
            session: named.map(str::to_owned),
        })
    }

    /// The deployment that is asked next; a group that has none left is left behind.
    ///
    /// # Errors
    /// What the client is told: none is left.
    pub async fn leg(&mut self, session: &mut Session, ctx: &mut Context, shared: &Shared) -> Result<Leg, Error> {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let (mut shortage, mut waits) = (Shortage::default(), None);
        loop {
            let input = self.walk.input(shared.clock.now(), fastrand::u64(..), &self.course.needs);
            let input = shortage.input(input);
            let holder = input.holder;
            // Where another model can take over, nobody waits for a place.
            let pick = match self.has_fallback(ctx) {
                true => snapshot.router.pick(self.walk.group(), input),
                false => match waiting::pick(session, ctx, shared, self.walk.group(), self.end, input).await {
                    // There is a truer failure to be told.
                    Err(error) if error.kind == Kind::Overloaded && self.last_failure.is_some() => {
                        Err(NoneLeft::AllBusy)
                    }
                    picked => picked?,
                },
            };
            match pick {
                Ok(pick) => {
                    let (index, outlook) = (pick.deployment.0 as usize, self.course.needs.outlook.as_ref());
                    let outlay = match purse::set_aside(ctx, shared, index, outlook).await {
                        Ok(outlay) => outlay,
                        Err(refusal) => {
                            let tried = self.walk.tried();
                            let goes_on = shortage.met(&refusal, pick.deployment, tried);
                            let is_over = !goes_on || holder == Some(pick.deployment);
                            snapshot.router.not_asked(pick);
                            if is_over {
                                self.leave(ctx, shared, NoneLeft::OverBudget, std::mem::take(&mut shortage))?;
                            }
                            continue;
                        }
                    };
                    if self.walk.takes(&snapshot.router, &pick, ctx.outcome.attempts > 0) {
                        ctx.outcome.deployment = Some(index);
                        return Ok(Leg { outlay, ..Leg::of(pick) });
                    }
                    snapshot.router.not_asked(pick);
                    shared.metrics.retries_refused.inc();
                    self.hop(ctx, shared)?;
                }
                Err(NoneLeft::OverLimits(rest)) => {
                    let (group, needs) = (self.walk.group(), &self.course.needs);
                    if !loans::more(shared, &snapshot.router, group, needs, &mut waits).await {
                        self.leave(ctx, shared, NoneLeft::OverLimits(rest), std::mem::take(&mut shortage))?;
                    }
                }
                Err(none_left) => self.leave(ctx, shared, none_left, std::mem::take(&mut shortage))?,
            }
        }
    }

    /// The answer has been delivered, as far as the client took it.
    pub fn settled(&mut self, ctx: &Context, shared: &Shared, leg: &mut Leg, delivery: Delivery) {
        let now = shared.clock.now();
        lessons::settled(ctx, leg.taken.take(), now);
        if leg.running.take().is_some() && delivery == Delivery::Whole {
            ctx.snapshot.router.on_ended(leg.deployment, now);
            self.walk.answered(&ctx.snapshot.router);
        }
        leg.in_flight.take().into_iter().for_each(|in_flight| in_flight.end(now));
    }

    fn of<'a>(&'a self, leg: &Leg) -> lessons::Of<'a> {
        lessons::Of { group: self.walk.group(), needs: &self.course.needs, deployment: leg.deployment }
    }

    /// The attempt was answered. What becomes of a stream is told by [`Journey::settled`] or [`Journey::broken`].
    pub fn answered(&mut self, ctx: &Context, shared: &Shared, leg: &mut Leg, answer: &Committed) {
        let router = &ctx.snapshot.router;
        let answered = ctx.outcome.answered.unwrap_or(leg.begin);
        let (now, took) = (shared.clock.at(answered), answered - leg.begin);
        match answer {
            Committed::Whole { .. } => {
                router.on_success(leg.deployment, now, took);
                self.walk.answered(router);
            }
            Committed::Stream { .. } => {
                leg.running = router.on_begun(leg.deployment, now, took);
                router.on_first_token(leg.deployment, took);
            }
        }
        leg.taken = lessons::committed(router, self.of(leg), answer, leg.taken.take(), now, took);
    }

    /// The leg's answer goes on where another one broke.
    pub fn rescued(&self, ctx: &Context, shared: &Shared, leg: &mut Leg) {
        leg.running = ctx.snapshot.router.on_begun(leg.deployment, shared.clock.now(), leg.begin.elapsed());
    }

    /// The leg's stream broke after it had begun.
    pub fn broken(&self, ctx: &Context, shared: &Shared, leg: &mut Leg, error: &Error) {
        leg.running = None;
        leg.in_flight.take().into_iter().for_each(|in_flight| in_flight.end(shared.clock.now()));
        let (router, now) = (&ctx.snapshot.router, shared.clock.now());
        let group = self.walk.group();
        if router.on_broken(group, leg.deployment, now, error.kind, error.retry_after).is_some() {
            cooled_down(ctx, leg);
        }
    }

    /// The attempt failed; how soon another one may follow. [`Next::GiveUp`] means that the next leg leads away from here.
    pub fn failed(&mut self, ctx: &mut Context, shared: &Shared, mut leg: Leg, failed: Failed) -> Next {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let (router, now) = (&snapshot.router, shared.clock.now());
        let error = &failed.error;
        // What could not be said to the provider says nothing about it.
        let is_unsaid = failed.header.is_none() && error.kind.row(Compat::default()).fault == Fault::Caller;
        // Nor does a name that the client made up and the provider does not know.
        let is_any_name = snapshot.targets.get(leg.index).is_some_and(|target| target.upstream_model.contains('*'));
        let says_nothing = is_unsaid || failed.is_mocked || is_any_name && error.kind == Kind::NotFound;
        if !says_nothing
            && router.on_failure(self.walk.group(), leg.deployment, now, error.kind, error.retry_after).is_some()
        {
            cooled_down(ctx, &leg);
        }
        lessons::failed(router, self.of(&leg), leg.taken.take(), &failed, now);
        leg.in_flight.take().into_iter().for_each(|in_flight| match failed.is_mocked {
            true => in_flight.end(now),
            false => in_flight.fail(now, failed.error.kind),
        });
        let missed = Missed {
            deployment: leg.deployment,
            kind: error.kind,
            retry_after: error.retry_after,
            max_retries: snapshot.targets.get(leg.index).and_then(|target| target.max_retries),
        };
        let lists = self.own_lists.as_deref().unwrap_or_else(|| router.fallbacks());
        let next = self.walk.failed(router, lists, &missed, now, fastrand::u64(..), &self.course.needs);
        ctx.outcome.max_retries = self.walk.retries_worth();
        ctx.outcome.misses.push(Miss { deployment: leg.index, kind: error.kind, took: leg.begin.elapsed() });
        // Of two at once: a refusal stays one, and is not routed around.
        if !self.last_failure.as_ref().is_some_and(|last| last.error.kind == Kind::ContentPolicy) {
            self.last_failure = Some(Box::new(failed));
        }
        next
    }

    /// Goes on above the order of the last leg.
    pub fn leave_order(&mut self) {
        self.walk.leave_order();
    }

    /// Leaves the group as if all of it had failed so.
    pub fn leave_group(&mut self, error: Error) {
        self.last_failure = Some(Box::new(error.into()));
        self.walk.leave_group();
    }

    /// Another answer is looked for in the place of this leg's, which broke.
    pub fn broke(&mut self, ctx: &mut Context, leg: &Leg, error: &Error) {
        ctx.outcome.misses.push(Miss { deployment: leg.index, kind: error.kind, took: leg.begin.elapsed() });
        self.walk.broke(leg.deployment);
        self.last_failure = Some(Box::new(error.clone().into()));
    }

    /// Whether somebody else could answer, should this leg's deployment not.
    pub fn leads_on(&self, ctx: &Context, shared: &Shared, leg: &Leg) -> bool {
        let (router, now) = (&ctx.snapshot.router, shared.clock.at(leg.begin));
        self.walk.leads_on(router, self.lists(&ctx.snapshot), leg.deployment, now, &self.course.needs)
    }

    /// The model's name for the client, where it is not the one that was asked for.
    pub fn answers_as(&self) -> Option<&str> {
        self.walk.answers_as()
    }

    /// The request with the parameters of the fallback, if it brings any.
    pub fn task(&self) -> Option<&Task> {
        self.course.task.as_deref()
    }

    /// A deployment's model name, with what the client's name has in the place of its wildcards.
    pub fn upstream_model(&self, upstream_model: &str) -> Option<String> {
        self.course.captures.substitute(upstream_model)
    }

    /// How long a stream's first event is waited for where somebody else could answer.
    pub fn first_token_limit(&self, ctx: &Context, leg: &Leg, thinks: bool, bytes: usize) -> Duration {
        ctx.snapshot.router.first_token_limit(leg.deployment, thinks, bytes)
    }
}

/// The deployment is left alone for a while.
fn cooled_down(ctx: &Context, leg: &Leg) {
    if let Some(target) = ctx.snapshot.targets.get(leg.index) {
        target.metrics.cooled_down.inc();
        target.metrics.state.set(2);
    }
}
