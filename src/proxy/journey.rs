//! Where a request goes: from group to group and from deployment to deployment, until one has answered or none is left.
//!
//! A journey begins with the model that was asked for. A group that cannot answer hands over to its fallbacks, each of them
//! with fallbacks of its own; a model is asked once, and no more hops are made than `max_fallbacks`.

mod beside;

use std::time::{Duration, Instant};

use pingora_proxy::Session;

use super::context::{Context, Miss, Task};
use super::course::{self, Course, own_lists};
use super::deliver::Committed;
use super::gateway::Shared;
use super::lessons;
use super::needs::{needs, session_header};
use super::open::Failed;
use super::snapshot::Snapshot;
use super::{unanswered, waiting};
use crate::error::{Error, Kind};
use crate::router::budget::Account;
use crate::router::fallback::{Asked, Fallback, FallbackLists};
use crate::router::plan::{DeploymentIx, GroupIx};
use crate::router::retry::{self, Attempt, Next};
use crate::router::state::InFlight;
use crate::router::{PickInput, Taken, TriedSet};

/// See the module.
pub struct Journey {
    course: Course,
    /// `num_retries` of the request itself.
    num_retries: Option<u32>,
    /// When the whole request must be over.
    pub end: Instant,
    holder: Option<DeploymentIx>,
    tried: TriedSet,
    above_order: Option<i32>,
    /// Of the last leg.
    order: i32,
    attempts_at_order: u32,
    /// The client's own lists, over the configured ones; none where it wants no fallbacks.
    own_lists: Option<Box<FallbackLists>>,
    /// Whether the model of this course has fallbacks of its own.
    has_list: bool,
    /// Who is asked next, the last one first.
    ahead: Vec<Fallback>,
    /// Who was asked.
    seen: Vec<String>,
    /// Deployments that were tried are not tried again.
    onward_only: bool,
    /// Why the first group did not answer, and the one before this.
    first_failure: Option<Failed>,
    last_failure: Option<Failed>,
    /// The group whose account of retries is used.
    account: GroupIx,
    /// What was taken out of it.
    charged: u32,
    /// The session that a header names.
    session: Option<String>,
}

/// One deployment on the way.
pub struct Leg {
    /// Its index among deployments and targets.
    pub index: usize,
    deployment: DeploymentIx,
    /// Held as long as the attempt lasts.
    in_flight: Option<InFlight>,
    /// Its part of the deployment's minute, as long as it is not settled.
    taken: Option<Taken>,
    /// When it was chosen.
    pub begin: Instant,
}

impl Leg {
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
        let lists = own_lists.as_deref().unwrap_or_else(|| router.fallbacks());
        let has_list = lists.has_any(Asked { model: &model, group: router.group_name(group) });
        let named = session_header(session);
        let needs = needs(named, ctx, group);
        for account in router.retries(group).into_iter().chain(router.hedges(group)) {
            account.deposit();
        }
        ctx.outcome.group = Some(group.0);
        Ok(Self {
            course: Course { model, group, captures: resolved.captures, needs, task: None },
            num_retries,
            end,
            holder,
            tried: TriedSet::default(),
            above_order: None,
            order: 0,
            attempts_at_order: 0,
            own_lists,
            has_list,
            ahead: Vec::new(),
            seen: Vec::new(),
            onward_only: false,
            first_failure: None,
            last_failure: None,
            account: group,
            charged: 0,
            session: named.map(str::to_owned),
        })
    }

    /// The deployment that is asked next; a group that has none left is left behind.
    ///
    /// # Errors
    /// What the client is told: none is left.
    pub async fn leg(&mut self, session: &mut Session, ctx: &mut Context, shared: &Shared) -> Result<Leg, Error> {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        loop {
            let input = PickInput {
                now: shared.clock.now(),
                random: fastrand::u64(..),
                tried: &self.tried,
                above_order: self.above_order,
                untried_only: self.onward_only,
                holder: self.holder,
                needs: &self.course.needs,
            };
            // Where another model can take over, nobody waits for a place.
            let pick = match self.has_fallback(ctx) {
                true => snapshot.router.pick(self.course.group, input),
                false => waiting::pick(session, ctx, shared, self.course.group, self.end, input).await?,
            };
            match pick {
                Ok(pick) => {
                    if ctx.outcome.attempts > 0 && !self.may_try_again(&snapshot, pick.deployment) {
                        shared.metrics.retries_refused.inc();
                        if !self.hop(ctx, shared) {
                            return Err(self.verdict(ctx));
                        }
                        continue;
                    }
                    let index = pick.deployment.0 as usize;
                    ctx.outcome.deployment = Some(index);
                    self.order = pick.order;
                    self.attempts_at_order += 1;
                    return Ok(Leg {
                        index,
                        deployment: pick.deployment,
                        in_flight: Some(pick.in_flight),
                        taken: pick.taken,
                        // After the wait for a place, which is none of the deployment's time.
                        begin: Instant::now(),
                    });
                }
                Err(none_left) => {
                    if self.last_failure.is_none() {
                        self.last_failure = Some(unanswered::none_left(ctx, &self.course.model, none_left).into());
                    }
                    if !self.hop(ctx, shared) {
                        return Err(self.verdict(ctx));
                    }
                }
            }
        }
    }

    /// Whether another attempt may be made: at a deployment that answered well the last time always, else if the group's
    /// account has one left.
    fn may_try_again(&mut self, snapshot: &Snapshot, deployment: DeploymentIx) -> bool {
        if !snapshot.router.state(deployment).is_some_and(|state| state.is_failing()) {
            return true;
        }
        let Some(account) = snapshot.router.retries(self.account) else { return true };
        let has_one = account.withdraw();
        self.charged += u32::from(has_one);
        has_one
    }

    /// The answer has been delivered, as far as the client took it.
    pub fn settled(ctx: &Context, shared: &Shared, leg: &mut Leg) {
        let now = shared.clock.now();
        lessons::settled(ctx, leg.taken.take(), now);
        leg.in_flight.take().into_iter().for_each(|in_flight| in_flight.end(now));
    }

    fn of<'a>(&'a self, leg: &Leg) -> lessons::Of<'a> {
        lessons::Of { group: self.course.group, needs: &self.course.needs, deployment: leg.deployment }
    }

    /// The attempt was answered.
    pub fn answered(&mut self, ctx: &Context, shared: &Shared, leg: &mut Leg, answer: &Committed) {
        let router = &ctx.snapshot.router;
        let answered = ctx.outcome.answered.unwrap_or(leg.begin);
        let (now, took) = (shared.clock.at(answered), answered - leg.begin);
        leg.taken = lessons::committed(router, self.of(leg), answer, leg.taken.take(), now, took);
        if matches!(answer, Committed::Stream { .. }) {
            router.on_first_token(leg.deployment, took);
        }
        self.refund(ctx);
    }

    /// The retries were worth it.
    fn refund(&mut self, ctx: &Context) {
        for _ in 0..std::mem::take(&mut self.charged) {
            ctx.snapshot.router.retries(self.account).into_iter().for_each(Account::refund);
        }
    }

    /// The leg's answer goes on where another one broke.
    pub fn rescued(&mut self, ctx: &Context, shared: &Shared, leg: &Leg) {
        let router = &ctx.snapshot.router;
        router.on_success(leg.deployment, shared.clock.now(), leg.begin.elapsed());
        self.refund(ctx);
    }

    /// The attempt failed; how soon another one may follow. [`Next::GiveUp`] means that the next leg leads away from here.
    pub fn failed(&mut self, ctx: &mut Context, shared: &Shared, mut leg: Leg, failed: Failed) -> Next {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let (router, now) = (&snapshot.router, shared.clock.now());
        let error = &failed.error;
        let target = snapshot.targets.get(leg.index);
        if router.on_failure(self.course.group, leg.deployment, now, error.kind, error.retry_after).is_some()
            && let Some(target) = target
        {
            target.metrics.cooled_down.inc();
            target.metrics.state.set(2);
        }
        lessons::failed(router, self.of(&leg), leg.taken.take(), &failed, now);
        leg.in_flight.take().into_iter().for_each(|in_flight| in_flight.fail(now, failed.error.kind));
        self.tried.insert(leg.deployment);
        let mut policy = *router.retry_policy(self.course.group);
        if let Some(num_retries) = self.num_retries.or(target.and_then(|target| target.max_retries)) {
            policy.num_retries = num_retries;
        }
        let attempt = Attempt {
            kind: error.kind,
            attempts_so_far: self.attempts_at_order,
            other_healthy: router.other_healthy(self.course.group, &self.tried, now, &self.course.needs),
            has_fallback: self.has_fallback(ctx),
            retry_after: error.retry_after,
            random: fastrand::u64(..),
        };
        let next = retry::decide(&attempt, &policy);
        ctx.outcome.misses.push(Miss { deployment: leg.index, kind: error.kind, took: leg.begin.elapsed() });
        // A refusal is not for the next order either.
        if error.kind == Kind::ContentPolicy && next == Next::GiveUp {
            self.order = i32::MAX;
        }
        self.last_failure = Some(failed);
        if next == Next::GiveUp {
            self.leave_order();
        }
        next
    }

    /// Goes on above the order of the last leg.
    pub fn leave_order(&mut self) {
        self.above_order = Some(self.order);
        self.attempts_at_order = 0;
    }

    /// Leaves the group as if all of it had failed so.
    pub fn leave_group(&mut self, error: Error) {
        self.last_failure = Some(error.into());
        self.order = i32::MAX;
        self.leave_order();
    }

    /// The leg's answer broke after its beginning was delivered. From here on no deployment is asked twice.
    pub fn broke(&mut self, ctx: &mut Context, shared: &Shared, leg: &Leg, error: &Error) {
        let now = shared.clock.now();
        ctx.snapshot.router.on_failure(self.course.group, leg.deployment, now, error.kind, None);
        ctx.outcome.misses.push(Miss { deployment: leg.index, kind: error.kind, took: leg.begin.elapsed() });
        self.onward_only = true;
        self.tried.insert(leg.deployment);
        self.last_failure = Some(error.clone().into());
    }

    /// Whether somebody else could answer, should this leg's deployment not.
    pub fn leads_on(&self, ctx: &Context, shared: &Shared, leg: &Leg) -> bool {
        let mut tried = self.tried;
        tried.insert(leg.deployment);
        ctx.snapshot.router.other_healthy(self.course.group, &tried, shared.clock.at(leg.begin), &self.course.needs)
            || self.has_fallback(ctx)
    }

    /// The model's name for the client, where it is not the one that was asked for.
    pub fn answers_as(&self) -> Option<&str> {
        (!self.seen.is_empty()).then_some(self.course.model.as_str())
    }

    /// The request with the parameters of the fallback, if it brings any.
    pub fn task(&self) -> Option<&Task> {
        self.course.task.as_ref()
    }

    /// A deployment's model name, with what the client's name has in the place of its wildcards.
    pub fn upstream_model(&self, upstream_model: &str) -> Option<String> {
        self.course.captures.substitute(upstream_model)
    }

    /// How long a stream's first event is waited for where somebody else could answer.
    pub fn first_token_limit(&self, ctx: &Context, leg: &Leg, thinks: bool, bytes: usize) -> Duration {
        ctx.snapshot.router.first_token_limit(leg.deployment, thinks, bytes)
    }

    fn has_fallback(&self, ctx: &Context) -> bool {
        let max = self.lists(&ctx.snapshot).max;
        (self.seen.len() as u32) < max && (self.has_list || !self.ahead.is_empty())
    }

    fn lists<'a>(&'a self, snapshot: &'a Snapshot) -> &'a FallbackLists {
        self.own_lists.as_deref().unwrap_or_else(|| snapshot.router.fallbacks())
    }

    fn asked<'a>(&'a self, snapshot: &'a Snapshot) -> Asked<'a> {
        Asked { model: &self.course.model, group: snapshot.router.group_name(self.course.group) }
    }

    /// To the next model; `false`: there is none.
    fn hop(&mut self, ctx: &mut Context, shared: &Shared) -> bool {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let kind = self.last_failure.as_ref().map_or(Kind::ServiceUnavailable, |failed| failed.error.kind);
        let lists = self.lists(&snapshot);
        let max = lists.max;
        let mut after: Vec<Fallback> = lists.after(self.asked(&snapshot), kind).cloned().collect();
        after.reverse();
        // What a failed fallback falls back to comes before what its own predecessor has left.
        self.ahead.append(&mut after);
        self.seen.push(self.course.model.clone());
        while let Some(fallback) = self.ahead.pop() {
            if self.seen.len() as u32 > max {
                break;
            }
            if self.seen.contains(&fallback.model) {
                continue;
            }
            match course::course(ctx, &fallback, self.session.as_deref()) {
                Ok(course) => {
                    tracing::debug!(call_id = %ctx.call_id, from = self.course.model, to = course.model, "falls back");
                    shared.metrics.fallbacks.inc();
                    let failed = self.last_failure.take();
                    self.first_failure = self.first_failure.take().or(failed);
                    ctx.outcome.hops += 1;
                    ctx.outcome.answers_as = Some(course.model.clone());
                    self.course = course;
                    self.has_list = self.lists(&snapshot).has_any(self.asked(&snapshot));
                    self.above_order = None;
                    self.attempts_at_order = 0;
                    self.holder = None;
                    return true;
                }
                Err(error) => self.last_failure = Some(error.into()),
            }
        }
        self.seen.pop();
        false
    }

    /// What the client is told when none is left: the first group's failure, and that nobody took over.
    fn verdict(&mut self, ctx: &mut Context) -> Error {
        let last = self.last_failure.take();
        let (failed, last) = match self.first_failure.take() {
            Some(first) => (Some(first), last),
            None => (last, None),
        };
        let Some(failed) = failed else { return unanswered::unknown_deployment() };
        ctx.outcome.refusal = failed.header;
        unanswered::none_took_over(ctx, failed.error, last.map(|last| last.error))
    }
}
