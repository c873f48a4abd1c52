//! Why no deployment could be chosen.

use std::time::Duration;

use super::filter::Filter;
use super::group::{Level, Member};
use super::usage::Minute;

/// See the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoneLeft {
    /// Each is in cooldown; the first one comes back after this time.
    AllInCooldown(Duration),
    /// Each that is not in cooldown has as many requests as it may have.
    AllBusy,
    /// There is no `order` above [`super::PickInput::above_order`].
    NoFurtherOrder,
    /// No deployment has the request's tags, and none is for requests without.
    NotByTags,
    /// No deployment is in the only region that may answer.
    NotInRegion,
    /// The prompt is longer than the largest window.
    PromptTooLong {
        /// That window, in tokens.
        max_input_tokens: u64,
        /// The prompt's tokens, estimated.
        prompt_tokens: u64,
    },
    /// The budget of each, or of its provider, has not enough left.
    OverBudget,
    /// Each has used up its `rpm` or `tpm`; the next minute begins after this time.
    OverLimits(Duration),
}

/// Why nobody on these levels could be chosen; they are the group's, above the order that was tried.
pub(super) fn why<'a>(levels: impl Iterator<Item = &'a Level> + Clone, filter: &Filter<'_>) -> NoneLeft {
    let tagged = || levels.clone().flat_map(|level| &level.members).filter(|member| filter.admits_tags(member));
    if tagged().next().is_none() {
        return NoneLeft::NoFurtherOrder;
    }
    let members = || tagged().filter(|member| filter.admits_region(member));
    if members().next().is_none() {
        return NoneLeft::NotInRegion;
    }
    if !members().any(|member| filter.admits_prompt(member)) {
        return NoneLeft::PromptTooLong {
            max_input_tokens: members().filter_map(|member| member.max_input_tokens).max().unwrap_or_default(),
            prompt_tokens: filter.needs.prompt_tokens,
        };
    }
    if !members().any(|member| filter.admits_prompt(member) && filter.has_money(member)) {
        return NoneLeft::OverBudget;
    }
    let able = || members().filter(|member| filter.admits_prompt(member) && filter.has_money(member));
    let is_busy = |member: &Member| {
        let places = &member.state.places;
        member.state.cooling(filter.now).is_none() && !places.is_out() && !places.has_room()
    };
    if able().any(is_busy) {
        return NoneLeft::AllBusy;
    }
    match able().map(|member| member.state.cooling(filter.now)).min().flatten() {
        Some(shortest) => NoneLeft::AllInCooldown(shortest),
        // A place became free while this was looked at.
        None if members().any(|member| filter.admits(member)) => NoneLeft::AllBusy,
        None => NoneLeft::OverLimits(Minute::rest(filter.now, filter.rules.calendar)),
    }
}
