//! What gateways that share their deployments tell each other: how much of `rpm` and `tpm` each was lent and has used
//! (`lot.rs`), and whose breakers are open. The router says what is to be told and takes in what is heard; who carries
//! it is none of its business.

use std::sync::Arc;
use std::time::Duration;

use super::Router;
use super::breaker::Phase;
use super::cooldown::{DEFAULT_COOLDOWN, RETRY_AFTER_COOLDOWN_MAX};
use super::filter::Rules;
use super::group::{Group, Member};
use super::lot::{Lack, Lending, Part};
use super::needs::Needs;
use super::plan::{DeploymentIx, GroupIx};
use super::usage::{Count, Minute, Usage};
use crate::clock::Instant;

/// How long before a minute begins something of it is asked for, where requests come.
pub const AHEAD: Duration = Duration::from_secs(1);

/// What is said of one deployment's minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanCall {
    /// Which minute, by a number that is the same on all gateways.
    pub minute: u64,
    /// Of `rpm`.
    pub requests: Part,
    /// Of `tpm`.
    pub tokens: Part,
}

/// What is said to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoanReply {
    /// Requests that this gateway holds now, those it has used included.
    pub requests: u64,
    /// Tokens, likewise.
    pub tokens: u64,
    /// Tokens that the others have used.
    pub elsewhere: u64,
}

/// One look at all loans.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When.
    pub now: Instant,
    /// Gateways that share.
    pub nodes: u64,
    /// Whether what is not urgent is said too.
    pub reports: bool,
}

impl Router {
    /// Who lends this gateway its parts of the limits; `None`: they are its own.
    pub fn lending(&self) -> Option<&Arc<Lending>> {
        self.rules.lending.as_ref()
    }

    /// What is to be said of the deployments' minutes now.
    pub fn loan_calls(&self, look: Look) -> Vec<(DeploymentIx, LoanCall)> {
        let mut calls = Vec::new();
        let rest = Minute::rest(look.now, self.rules.calendar);
        for group in &self.groups {
            let minute = Minute::of(look.now, self.rules.calendar);
            let is_active = members(group, &self.rules).any(|member| is_active(&member.state.usage, minute));
            for member in members(group, &self.rules) {
                calls.extend(self.loan_call(member, look, minute, is_active).map(|call| (member.deployment, call)));
                let ahead = (is_active && rest <= AHEAD).then(|| self.call_ahead(member, look, minute.next()));
                calls.extend(ahead.flatten().map(|call| (member.deployment, call)));
            }
        }
        calls
    }

    fn loan_call(&self, member: &Member, look: Look, minute: Minute, is_active: bool) -> Option<LoanCall> {
        let (usage, limits) = (&member.state.usage, self.rules.limits(member));
        let lacks = |limit, used| Lack::new(limit, used, look.nodes);
        let requests = lacks(limits.requests, usage.requests.used(minute));
        let tokens = lacks(limits.tokens, usage.tokens.used(minute));
        let (asked, is_urgent) = usage.requests.lot.ask(look.now, minute, requests, is_active);
        let (asked_tokens, tokens_urgent) = usage.tokens.lot.ask(look.now, minute, tokens, is_active);
        let mut is_due = is_urgent || tokens_urgent;
        if look.reports && !is_due {
            is_due |= usage.requests.lot.report(minute, requests.used, is_active);
            is_due |= usage.tokens.lot.report(minute, tokens.used, is_active);
        }
        is_due.then_some(LoanCall { minute: minute.number(), requests: asked, tokens: asked_tokens })
    }

    fn call_ahead(&self, member: &Member, look: Look, next: Minute) -> Option<LoanCall> {
        let (usage, limits) = (&member.state.usage, self.rules.limits(member));
        let lead = |limit: u64| {
            let limit = (limit != u64::MAX).then_some(limit);
            let lead = limit.map_or(0, |limit| Lack::new(limit, 0, look.nodes).lead);
            Part { limit, used: 0, want: lead }
        };
        let call = LoanCall { minute: next.number(), requests: lead(limits.requests), tokens: lead(limits.tokens) };
        let has_limit = call.requests.limit.is_some() || call.tokens.limit.is_some();
        let lot = if call.requests.limit.is_some() { &usage.requests.lot } else { &usage.tokens.lot };
        (has_limit && lot.looks_ahead(next)).then_some(call)
    }

    /// What is to be said when this gateway stops: it holds no more than it has used. Nothing that is lent may be used any more.
    pub fn loans_back(&self, now: Instant) -> Vec<(DeploymentIx, LoanCall)> {
        let minute = Minute::of(now, self.rules.calendar);
        let mut calls = Vec::new();
        for member in self.groups.iter().flat_map(|group| members(group, &self.rules)) {
            let (usage, limits) = (&member.state.usage, self.rules.limits(member));
            for minute in [minute, minute.next()] {
                let back = |count: &Count, limit: u64| {
                    let used = count.used(minute);
                    let limit = (limit != u64::MAX).then_some(limit);
                    (count.lot.lower(minute, used), Part { limit, used, want: used })
                };
                let (requests, tokens) = (back(&usage.requests, limits.requests), back(&usage.tokens, limits.tokens));
                if requests.0 || tokens.0 {
                    let call = LoanCall { minute: minute.number(), requests: requests.1, tokens: tokens.1 };
                    calls.push((member.deployment, call));
                }
            }
        }
        calls
    }

    /// What was said to a call.
    pub fn on_loan(&self, deployment: DeploymentIx, now: Instant, call: &LoanCall, reply: &LoanReply) {
        let Some(state) = self.state(deployment) else { return };
        let (minute, rest) = (Minute::numbered(call.minute), Minute::rest(now, self.rules.calendar));
        let usage = &state.usage;
        usage.requests.lot.hear(now, minute, call.requests, reply.requests, rest);
        usage.tokens.lot.hear(now, minute, call.tokens, reply.tokens, rest);
        if minute == Minute::of(now, self.rules.calendar) {
            usage.elsewhere.set(minute, reply.elsewhere);
        }
    }

    /// Nobody of the group has room for such a request. Whether that may change as soon as more is lent; then it is asked
    /// for.
    pub fn wants_loan(&self, group: GroupIx, now: Instant, needs: &Needs) -> bool {
        let Some(group) = self.group(group).filter(|_| self.lending().is_some_and(|lending| lending.is_on())) else {
            return false;
        };
        let minute = Minute::of(now, self.rules.calendar);
        let wants = |member: &Member| {
            let (usage, limits) = (&member.state.usage, self.rules.limits(member));
            let of = |count: &Count, limit, need| count.lot.want(now, minute, limit, count.used(minute), need);
            of(&usage.requests, limits.requests, 1) && of(&usage.tokens, limits.tokens, needs.prompt_tokens)
        };
        let usable = members(group, &self.rules)
            .filter(|member| member.state.cooling(now).is_none() && !member.state.places.is_out());
        // All of them are asked for, not only the first one.
        usable.filter(|member| wants(member)).count() > 0
    }

    /// Deployments whose breakers are open, and until when.
    pub fn openings(&self, now: Instant) -> impl Iterator<Item = (DeploymentIx, Instant)> {
        let all = (0..).map(DeploymentIx).zip(&self.deployments);
        all.filter_map(move |(deployment, spec)| Some((deployment, spec.state.open_until(now)?)))
    }

    /// Another gateway has opened its breaker of this deployment, for so long from now. This one's opens too if it is
    /// closed: whether. One that is half-open asks its own probe, so that no word from outside keeps a deployment away for
    /// longer than the longest cooldown that it could have by itself.
    pub fn on_opened_elsewhere(&self, deployment: DeploymentIx, now: Instant, rest: Duration) -> bool {
        let Some(spec) = self.deployments.get(deployment.0 as usize).filter(|_| !self.cooldown.disabled) else {
            return false;
        };
        let own = spec.cooldown_time.or(self.cooldown.cooldown_time).unwrap_or(DEFAULT_COOLDOWN);
        let rest = rest.min(own.max(RETRY_AFTER_COOLDOWN_MAX));
        !rest.is_zero() && spec.state.phase(now) == Phase::Closed && spec.state.open_if_closed(now + rest)
    }
}

/// Those whose requests are counted.
fn members<'g>(group: &'g Group, rules: &'g Rules) -> impl Iterator<Item = &'g Member> {
    group.levels.iter().flat_map(|level| &level.members).filter(|member| rules.counts(member))
}

fn is_active(usage: &Usage, minute: Minute) -> bool {
    [&usage.requests, &usage.tokens].into_iter().any(|count| count.lot.is_active(count.used(minute)))
}

#[cfg(test)]
mod tests;
