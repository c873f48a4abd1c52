//! What an answer teaches besides that it was good, and what a request makes the router look at.

use std::time::Duration;

use super::Router;
use super::affinity::AffinityTimes;
use super::needs::{Needs, Wanted};
use super::plan::{DeploymentIx, GroupIx, Strategy};
use super::tags::{RequestTags, Said};
use crate::allowance::RateLimits;
use crate::clock::Instant;

/// How an attempt was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A stream's first event came after this time.
    FirstEvent(Duration),
    /// The answer is complete: so long it took from the start of the attempt, and so many tokens it has. None, where
    /// nothing is counted (embeddings): then the whole answer counts as one.
    Whole(Duration, u64),
}

/// Which figures of a deployment are limits, and not only weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsHeld {
    /// `rpm`.
    pub rpm: bool,
    /// `tpm`.
    pub tpm: bool,
}

impl Router {
    /// Whether `rpm` and `tpm` are limits: the strategy and the pre-call checks say so.
    pub fn limits_held(&self) -> LimitsHeld {
        LimitsHeld { rpm: self.rules.rpm_holds, tpm: self.rules.tpm_holds }
    }

    /// What of a request this group's choice depends on.
    pub fn wanted(&self, group: GroupIx) -> Wanted {
        let Some(group) = self.group(group) else { return Wanted::default() };
        let checks = &self.rules.checks;
        let is_choice = group.size > 1;
        let thresholds = checks.context_threshold.is_some() || checks.cost_threshold.is_some();
        Wanted {
            tokens: checks.pre_call
                || self.rules.compares_usage
                || (self.rules.tpm_holds && group.limits_tokens)
                || (is_choice && thresholds),
            tags: group.tags.is_some(),
            money: group.has_purses,
            capabilities: group.differ_in,
            confidence: (is_choice && self.strategy == Strategy::Lar1).then_some(checks.confidence),
            affinity: if is_choice { group.affinity } else { AffinityTimes::default() },
            headroom: is_choice,
        }
    }

    /// A request's tags in the form in which they are compared.
    pub fn tags(&self, said: Said<'_>) -> RequestTags {
        self.tags.of(said)
    }

    /// Whether a deployment knows clients by their `User-Agent`.
    pub fn knows_clients(&self) -> bool {
        self.tags.has_patterns()
    }

    /// How the answer came; told once for a whole answer, twice for a stream.
    pub fn on_answer(&self, deployment: DeploymentIx, now: Instant, answered: Answered) {
        let Some(state) = self.state(deployment) else { return };
        match answered {
            Answered::FirstEvent(after) => state.first_token.observe(now, after.as_secs_f32()),
            Answered::Whole(took, tokens) => state.per_token.observe(now, took.as_secs_f32() / tokens.max(1) as f32),
        }
    }

    /// What the provider said is left of its limits.
    pub fn on_headroom(&self, deployment: DeploymentIx, now: Instant, told: &RateLimits) {
        if let Some(state) = self.state(deployment) {
            state.headroom.hear(now, told);
        }
    }

    /// The deployment has answered such a request: the next one of its session, or with its prompt, had better go there.
    pub fn remember(&self, group: GroupIx, deployment: DeploymentIx, now: Instant, needs: &Needs) {
        if let Some(group) = self.group(group).filter(|group| group.size > 1 && !group.affinity.is_empty()) {
            self.affinity.remember(now, &needs.affinity, &group.affinity, deployment);
        }
    }
}
