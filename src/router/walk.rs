//! One request's way: from deployment to deployment within a group, and from group to group, until one has answered or
//! none is left. All that is decided on the way is decided here; who asks, waits and is told is `proxy`'s business.
//!
//! A walk begins with the model that was asked for. A group that cannot answer hands over to its fallbacks, each of them
//! with fallbacks of its own; a model is asked once, and no more hops are made than `max_fallbacks`.

use std::time::Duration;

use super::budget::Account;
use super::fallback::{Asked, Fallback, FallbackLists};
use super::needs::Needs;
use super::plan::{DeploymentIx, GroupIx};
use super::retry::{self, Attempt, Next};
use super::{Pick, PickInput, Router, TriedSet};
use crate::clock::Instant;
use crate::error::Kind;

/// See the module.
#[derive(Debug)]
pub struct Walk {
    model: String,
    group: GroupIx,
    /// Whether the model has fallbacks of its own.
    has_list: bool,
    /// `num_retries` of the request itself.
    num_retries: Option<u32>,
    /// How many retries the last failure was worth.
    worth: Option<u32>,
    holder: Option<DeploymentIx>,
    tried: TriedSet,
    above_order: Option<i32>,
    /// Of the last deployment.
    order: i32,
    attempts_at_order: u32,
    /// Which models are asked next, the last one first.
    ahead: Vec<Fallback>,
    /// Which were asked.
    seen: Vec<String>,
    /// Deployments that were tried are not tried again.
    onward_only: bool,
    /// The group whose account of retries is used.
    account: GroupIx,
    /// What was taken out of it.
    charged: u32,
}

/// Where a walk begins.
#[derive(Debug)]
pub struct Start {
    /// The model that was asked for.
    pub model: String,
    /// Who serves it.
    pub group: GroupIx,
    /// `num_retries` of the request itself.
    pub num_retries: Option<u32>,
    /// The deployment that holds what the request builds on.
    pub holder: Option<DeploymentIx>,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Missed {
    /// At which deployment.
    pub deployment: DeploymentIx,
    /// Why.
    pub kind: Kind,
    /// The provider's Retry-After.
    pub retry_after: Option<Duration>,
    /// The deployment's own `max_retries`.
    pub max_retries: Option<u32>,
}

impl Walk {
    /// Begins; the request pays its share into the accounts of its group.
    pub fn begin(router: &Router, lists: &FallbackLists, start: Start) -> Self {
        let Start { model, group, num_retries, holder } = start;
        for account in router.retries(group).into_iter().chain(router.hedges(group)) {
            account.deposit();
        }
        let has_list = lists.has_any(Asked { model: &model, group: router.group_name(group) });
        Self {
            model,
            group,
            has_list,
            num_retries,
            worth: None,
            holder,
            tried: TriedSet::default(),
            above_order: None,
            order: 0,
            attempts_at_order: 0,
            ahead: Vec::new(),
            seen: Vec::new(),
            onward_only: false,
            account: group,
            charged: 0,
        }
    }

    /// The model that is asked now.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Who serves it.
    pub fn group(&self) -> GroupIx {
        self.group
    }

    /// The model's name for the client, where it is not the one that was asked for.
    pub fn answers_as(&self) -> Option<&str> {
        (!self.seen.is_empty()).then_some(self.model.as_str())
    }

    /// Deployments that have failed on the way so far.
    pub fn tried(&self) -> &TriedSet {
        &self.tried
    }

    /// What the next choice depends on.
    pub fn input<'a>(&'a self, now: Instant, random: u64, needs: &'a Needs) -> PickInput<'a> {
        PickInput {
            now,
            random,
            tried: &self.tried,
            above_order: self.above_order,
            untried_only: self.onward_only,
            holder: self.holder,
            needs,
        }
    }

    /// Whether the chosen deployment may be asked. A first attempt always may; another one at a deployment that answered
    /// well the last time too; any other one if the group's account has one left.
    pub fn takes(&mut self, router: &Router, pick: &Pick, is_retry: bool) -> bool {
        let is_failing = router.state(pick.deployment).is_some_and(|state| state.is_failing());
        if is_retry
            && is_failing
            && let Some(account) = router.retries(self.account)
        {
            if !account.withdraw() {
                return false;
            }
            self.charged += 1;
        }
        self.order = pick.order;
        self.attempts_at_order += 1;
        true
    }

    /// Another deployment of the group, asked at the same time as this one; `None`: there is none, the account is empty, or
    /// the budget has not got the money twice, which is asked last.
    pub fn beside(
        &self,
        router: &Router,
        deployment: DeploymentIx,
        now: Instant,
        random: u64,
        needs: &Needs,
        is_affordable: impl FnOnce(&Pick) -> bool,
    ) -> Option<Pick> {
        let account = router.hedges(self.group)?;
        let mut tried = self.tried;
        tried.insert(deployment);
        if !account.withdraw() {
            return None;
        }
        let input = PickInput { tried: &tried, untried_only: true, holder: None, ..self.input(now, random, needs) };
        match router.pick(self.group, input) {
            Ok(pick) if is_affordable(&pick) => return Some(pick),
            Ok(pick) => router.not_asked(pick),
            Err(_) => {}
        }
        account.refund();
        None
    }

    /// The answer is whole: the retries were worth it.
    pub fn answered(&mut self, router: &Router) {
        for _ in 0..std::mem::take(&mut self.charged) {
            router.retries(self.account).into_iter().for_each(Account::refund);
        }
    }

    /// The attempt failed, and the router knows it; how soon another one may follow. [`Next::GiveUp`] means that the next
    /// one is at another order, or for another model.
    pub fn failed(
        &mut self,
        router: &Router,
        lists: &FallbackLists,
        missed: &Missed,
        now: Instant,
        random: u64,
        needs: &Needs,
    ) -> Next {
        self.tried.insert(missed.deployment);
        let mut policy = *router.retry_policy(self.group);
        if let Some(num_retries) = self.num_retries.or(missed.max_retries) {
            policy.num_retries = num_retries;
        }
        let attempt = Attempt {
            kind: missed.kind,
            attempts_so_far: self.attempts_at_order,
            other_healthy: router.other_healthy(self.group, self.above_order, &self.tried, now, needs),
            has_fallback: self.has_fallback(router, lists),
            retry_after: missed.retry_after,
            random,
        };
        self.worth = Some(retry::worth(&attempt, &policy));
        // Of two at once the first one has led away from here already.
        let is_left = self.attempts_at_order == 0;
        let next = if is_left { Next::GiveUp } else { retry::decide(&attempt, &policy) };
        // A refusal is not for the next order either.
        if missed.kind == Kind::ContentPolicy && next == Next::GiveUp {
            self.order = i32::MAX;
        }
        if next == Next::GiveUp {
            self.leave_order();
        }
        next
    }

    /// How many retries the last failure was worth; `None`: nothing has failed.
    pub fn retries_worth(&self) -> Option<u32> {
        self.worth
    }

    /// Goes on above the order of the last deployment.
    pub fn leave_order(&mut self) {
        self.above_order = Some(self.order);
        self.attempts_at_order = 0;
    }

    /// Leaves the group as if all of it had failed.
    pub fn leave_group(&mut self) {
        self.order = i32::MAX;
        self.leave_order();
    }

    /// This deployment's answer broke after its beginning was delivered. From here on no deployment is asked twice.
    pub fn broke(&mut self, deployment: DeploymentIx) {
        self.onward_only = true;
        self.tried.insert(deployment);
    }

    /// Whether somebody else could answer, should this deployment not.
    pub fn leads_on(
        &self,
        router: &Router,
        lists: &FallbackLists,
        deployment: DeploymentIx,
        now: Instant,
        needs: &Needs,
    ) -> bool {
        let mut tried = self.tried;
        tried.insert(deployment);
        router.other_healthy(self.group, self.above_order, &tried, now, needs) || self.has_fallback(router, lists)
    }

    /// Whether another model takes over where this one's group is at its end. Then nobody waits for a place.
    pub fn has_fallback(&self, router: &Router, lists: &FallbackLists) -> bool {
        if self.seen.len() as u32 >= lists.max || (!self.has_list && self.ahead.is_empty()) {
            return false;
        }
        let asked = Asked { model: &self.model, group: router.group_name(self.group) };
        let is_new = |fallback: &Fallback| {
            fallback.model != self.model
                && !self.seen.contains(&fallback.model)
                && router.resolve(&fallback.model, 0).is_some()
        };
        self.ahead.iter().any(is_new) || lists.after(asked, Kind::ServiceUnavailable).any(is_new)
    }

    /// To the next model, after a failure of this kind; `None`: there is none. `enter` finds who serves it; a model that
    /// nobody serves is passed over.
    pub fn hop<C>(
        &mut self,
        router: &Router,
        lists: &FallbackLists,
        kind: Kind,
        mut enter: impl FnMut(&Fallback) -> Option<(GroupIx, C)>,
    ) -> Option<C> {
        let asked = Asked { model: &self.model, group: router.group_name(self.group) };
        let mut after: Vec<Fallback> = lists.after(asked, kind).cloned().collect();
        after.reverse();
        if lists.is_closed_to(kind) {
            self.ahead.clear();
        }
        // What a failed fallback falls back to comes before what its own predecessor has left.
        self.ahead.append(&mut after);
        self.seen.push(self.model.clone());
        while let Some(fallback) = self.ahead.pop() {
            if self.seen.len() as u32 > lists.max {
                break;
            }
            if self.seen.contains(&fallback.model) {
                continue;
            }
            if let Some((group, course)) = enter(&fallback) {
                (self.model, self.group) = (fallback.model, group);
                self.has_list = lists.has_any(Asked { model: &self.model, group: router.group_name(group) });
                (self.above_order, self.attempts_at_order, self.holder) = (None, 0, None);
                return Some(course);
            }
        }
        self.seen.pop();
        None
    }
}

#[cfg(test)]
mod tests;
