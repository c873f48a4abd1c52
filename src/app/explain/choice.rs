//! By what a deployment is chosen or left out: what each one has and may have, and what is asked of it.

use std::fmt::Write as _;

use crate::router::Router;
use crate::router::concurrency::Parallel;
use crate::router::needs::Capabilities;
use crate::router::plan::{DeploymentSpec, GroupIx, MemberSpec, RouterPlan};
use crate::router::tags::Match;

/// Tokens for which prices are shown.
const MILLION: f64 = 1_000_000.0;

/// What a deployment has that a choice may depend on; nothing is said of what nobody has said.
pub(super) fn of_member(router: &Router, member: &MemberSpec, spec: &DeploymentSpec) -> String {
    let (facts, holds) = (&spec.facts, router.limits_held());
    let mut parts: Vec<String> = Vec::new();
    if let Some(tokens) = facts.max_input_tokens {
        parts.push(format!("window {tokens}"));
    }
    if let (Some(input), Some(output)) = (facts.input_cost, facts.output_cost) {
        parts.push(format!("${:.2} and ${:.2} a million", input * MILLION, output * MILLION));
    }
    if !facts.capabilities.is_empty() {
        parts.push(format!("can {}", names(facts.capabilities)));
    }
    if !facts.tags.is_empty() {
        parts.push(format!("tags {}", facts.tags.join(" ")));
    }
    if let Some(kind) = facts.model_type {
        parts.push(format!("type {}", kind.name()));
    }
    for (name, figure, is_limit) in [("rpm", member.rpm, holds.rpm), ("tpm", member.tpm, holds.tpm)] {
        if figure > 0 {
            parts.push(format!("{name} {figure} ({})", if is_limit { "limit" } else { "weight" }));
        }
    }
    match spec.parallel {
        Parallel::Fixed(most) => parts.push(format!("{most} at once")),
        Parallel::Adaptive => parts.push("as many at once as it turns out to bear".to_owned()),
        Parallel::Unlimited => {}
    }
    parts.join("; ")
}

/// What is looked at before the strategy chooses, in its order. What says "where anybody" is a wish: if nobody remained, it
/// is passed over.
pub(super) fn filters(out: &mut String, router: &Router, plan: &RouterPlan, group: GroupIx) {
    let checks = &plan.checks;
    let wanted = router.wanted(group);
    let mut lines = vec!["who rests, or has as many requests as it may have, is left out".to_owned()];
    if let Some(with) = router.tag_match(group) {
        let how = match with {
            Match::Any => "one",
            Match::All => "all",
        };
        lines.push(format!("tags: who has {how} of the request's, else who has the tag default"));
    }
    if checks.pre_call {
        lines.push("window: who has too few tokens for the prompt is left out".to_owned());
    }
    let holds = router.limits_held();
    for (name, is_limit) in [("rpm", holds.rpm), ("tpm", holds.tpm)] {
        if is_limit {
            lines.push(format!("{name}: who has used it up this minute is left out"));
        }
    }
    if !wanted.capabilities.is_empty() {
        lines.push(format!(
            "abilities: who can what the request needs, where anybody can: {}",
            names(wanted.capabilities)
        ));
    }
    if wanted.confidence.is_some() {
        lines.push("type: the one that the request's confidence asks for, where anybody has it".to_owned());
    }
    lines.push("not tried by this request yet, where anybody is left".to_owned());
    if let Some(tokens) = checks.context_threshold {
        lines.push(format!("context_threshold: a prompt of more than {tokens} tokens goes to the largest window"));
    }
    if let Some(dollars) = checks.cost_threshold {
        lines.push(format!("cost_threshold: who would cost more than ${dollars} is left out, but for the cheapest"));
    }
    let affinity = &wanted.affinity;
    for (what, time) in
        [("session", affinity.session), ("prompt's beginning", affinity.prompt), ("key", affinity.caller)]
    {
        if let Some(time) = time {
            lines.push(format!("who served the same {what} in the last {time:?} comes first"));
        }
    }
    for (line, heading) in lines.iter().zip(std::iter::once("choice").chain(std::iter::repeat(""))) {
        let _infallible = writeln!(out, "{heading:<10} {line}");
    }
}

fn names(capabilities: Capabilities) -> String {
    capabilities.names().map(|name| name.trim_start_matches("supports_")).collect::<Vec<_>>().join(" ")
}
