//! Who of a level may be chosen. Some conditions are hard (cooldown, tags, a window that is too short for certain, limits);
//! the others are put on one after the other, each only if somebody remains. No allocation: a filter is a few numbers.

use std::sync::Arc;
use std::time::Duration;

use super::group::{Level, Member};
use super::lot::Lending;
use super::needs::{Capabilities, ModelType, Needs};
use super::plan::{Checks, RouterPlan, Strategy};
use super::tag_rule::TagRule;
use super::tried::TriedSet;
use super::usage::{Bounds, Limits, Minute};
use crate::clock::Instant;

/// What does not change from request to request.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) checks: Checks,
    pub(super) calendar: Duration,
    /// Whether `rpm` is a limit and not only a weight, and whether `tpm` is.
    pub(super) rpm_holds: bool,
    pub(super) tpm_holds: bool,
    /// Whether tokens are compared, so that they are counted of everybody.
    pub(super) compares_usage: bool,
    /// Who lends this gateway its parts of the limits, where gateways share them.
    pub(super) lending: Option<Arc<Lending>>,
}

impl Rules {
    pub(super) fn new(plan: &RouterPlan) -> Self {
        let compares_usage = matches!(plan.strategy, Strategy::UsageBased | Strategy::UsageBasedV2);
        let holds = compares_usage || matches!(plan.strategy, Strategy::CostBased | Strategy::Latency);
        Self {
            checks: plan.checks.clone(),
            calendar: plan.calendar,
            rpm_holds: holds || plan.checks.pre_call,
            tpm_holds: holds,
            compares_usage,
            lending: plan.lending.clone(),
        }
    }

    /// The limits of a member that hold.
    pub(super) fn limits(&self, member: &Member) -> Limits {
        let or_none = |holds: bool, limit: u64| if holds { limit } else { u64::MAX };
        Limits {
            requests: or_none(self.rpm_holds, member.limits.requests),
            tokens: or_none(self.tpm_holds, member.limits.tokens),
        }
    }

    /// The same, and what of them is this gateway's.
    pub(super) fn bounds(&self, member: &Member) -> Bounds<'_> {
        Bounds { limits: self.limits(member), lending: self.lending.as_deref() }
    }

    /// Whether a request to this member is counted before it is sent.
    pub(super) fn counts(&self, member: &Member) -> bool {
        self.compares_usage || self.limits(member) != Limits::new(0, 0)
    }
}

/// Whom a request may go to.
#[derive(Clone, Copy)]
pub(super) struct Filter<'n> {
    pub(super) rules: &'n Rules,
    pub(super) needs: &'n Needs,
    pub(super) now: Instant,
    pub(super) minute: Minute,
    pub(super) tags: TagRule,
    /// Tokens that must fit into the window, where it is known.
    window: u64,
    /// Whether a window of this size is asked for, known to be so.
    largest: Option<u64>,
    capabilities: Capabilities,
    model_type: Option<ModelType>,
    tried: Option<&'n TriedSet>,
    /// Dollars that the request may cost.
    cost: f64,
    has_headroom: bool,
}

impl<'n> Filter<'n> {
    /// The hard conditions.
    pub(super) fn new(rules: &'n Rules, needs: &'n Needs, now: Instant) -> Self {
        Self {
            rules,
            needs,
            now,
            minute: Minute::of(now, rules.calendar),
            tags: TagRule::NONE,
            window: if rules.checks.pre_call { needs.least_prompt_tokens } else { 0 },
            largest: None,
            capabilities: Capabilities::NONE,
            model_type: None,
            tried: None,
            cost: f64::INFINITY,
            has_headroom: false,
        }
    }

    /// Whether the member may be chosen.
    pub(super) fn admits(&self, member: &Member) -> bool {
        let window = member.max_input_tokens.unwrap_or(u64::MAX);
        member.is_available(self.now)
            && self.admits_tags(member)
            && self.admits_region(member)
            && self.window <= window
            && self.has_room(member)
            && self.has_money(member)
            && self.tried.is_none_or(|tried| !tried.contains(member.deployment))
            && member.capabilities.holds(self.capabilities)
            && self.model_type.is_none_or(|asked| member.model_type == Some(asked))
            && self.largest.is_none_or(|largest| member.max_input_tokens >= Some(largest))
            && (self.cost == f64::INFINITY || self.cost_of(member) <= self.cost)
            && !(self.has_headroom && member.state.headroom.is_exhausted(self.now))
    }

    /// Whether its tags admit the member.
    pub(super) fn admits_tags(&self, member: &Member) -> bool {
        self.tags.admits(self, member)
    }

    /// Whether the member is where the request must stay. One of which nobody says where it is, is not.
    pub(super) fn admits_region(&self, member: &Member) -> bool {
        self.needs.region.as_deref().is_none_or(|asked| member.is_in(asked))
    }

    /// Whether the prompt may fit into the member's window.
    pub(super) fn admits_prompt(&self, member: &Member) -> bool {
        self.window <= member.max_input_tokens.unwrap_or(u64::MAX)
    }

    /// Whether the member's limits have room for the request.
    pub(super) fn has_room(&self, member: &Member) -> bool {
        let rules = self.rules;
        if !rules.rpm_holds && !rules.tpm_holds {
            return true;
        }
        member.state.usage.has_room(self.minute, rules.bounds(member), self.needs.prompt_tokens)
    }

    /// Whether the member's budgets have enough for the request.
    pub(super) fn has_money(&self, member: &Member) -> bool {
        let asked = member.purse.as_ref().zip(self.needs.outlook.as_ref());
        asked.is_none_or(|(purse, outlook)| purse.has(outlook, self.now))
    }

    /// Puts on what is wished for, one condition after the other, each only if somebody remains.
    pub(super) fn narrow(mut self, level: &Level, tried: &'n TriedSet) -> Self {
        let checks = &self.rules.checks;
        for ability in self.needs.capabilities.each() {
            self = self.or_stay(level, Self { capabilities: self.capabilities.and(ability), ..self });
        }
        if checks.pre_call && self.needs.prompt_tokens > self.window {
            self = self.or_stay(level, Self { window: self.needs.prompt_tokens, ..self });
        }
        if self.needs.model_type.is_some() {
            self = self.or_stay(level, Self { model_type: self.needs.model_type, ..self });
        }
        if !tried.is_empty() {
            self = self.or_stay(level, Self { tried: Some(tried), ..self });
        }
        if checks.context_threshold.is_some_and(|threshold| self.needs.prompt_tokens > threshold) {
            self.largest = self.among(level).filter_map(|member| member.max_input_tokens).max();
        }
        if let Some(threshold) = checks.cost_threshold {
            let costs = self.among(level).map(|member| self.cost_of(member));
            let cheapest = costs.fold(f64::INFINITY, f64::min);
            self.cost = cheapest.max(threshold);
        }
        self
    }

    /// The same, without those whose provider says that nothing is left; `None` if nobody remained.
    pub(super) fn with_headroom(self, level: &Level) -> Option<Self> {
        let with = Self { has_headroom: true, ..self };
        with.admits_any(level).then_some(with)
    }

    /// The same without those that were tried.
    pub(super) fn with_tried(self, tried: &'n TriedSet) -> Self {
        Self { tried: Some(tried), ..self }
    }

    /// Whether anybody remains.
    pub(super) fn admits_any(&self, level: &Level) -> bool {
        level.members.iter().any(|member| self.admits(member))
    }

    fn or_stay(self, level: &Level, narrower: Self) -> Self {
        if narrower.admits_any(level) { narrower } else { self }
    }

    fn among<'l>(&'l self, level: &'l Level) -> impl Iterator<Item = &'l Member> {
        level.members.iter().filter(|member| self.admits(member))
    }

    fn cost_of(&self, member: &Member) -> f64 {
        member.request_cost(self.needs.prompt_tokens, self.needs.output_tokens)
    }
}
