//! Whom a request's tags admit, in LiteLLM's order: what is banned goes, what is demanded stays, of these whom a wish or the
//! client's `User-Agent` leads to, else the defaults. Where nobody is left the group may say that demands and bans of the
//! request itself are given up (`allow_fail_open`).

use super::filter::Filter;
use super::group::{Group, Level, Member};
use super::tags::{Held, Match};

/// Whom of those that keep the demands and bans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Everyone,
    /// Those that a wish or the client leads to.
    Matching(Match),
    /// Those with the tag `default`.
    Defaults,
}

/// One answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TagRule {
    whom: Whom,
    /// `None`: tags are not looked at.
    held: Option<Held>,
}

impl TagRule {
    /// Tags mean nothing.
    pub(super) const NONE: Self = Self { whom: Whom::Everyone, held: None };

    pub(super) fn admits(self, filter: &Filter<'_>, member: &Member) -> bool {
        let tags = &filter.needs.tags;
        let is_allowed = self.held.is_none_or(|held| tags.allows(&member.tags, held));
        is_allowed
            && match self.whom {
                Whom::Everyone => true,
                Whom::Matching(with) => tags.leads_to(&member.tags, &member.patterns, with),
                Whom::Defaults => member.is_default,
            }
    }
}

/// Rules in the order in which they are tried.
type Rules = [Option<TagRule>; 4];

impl<'n> Filter<'n> {
    /// With the first rule that somebody who is available keeps, else the first that anybody keeps. `None`: nobody does.
    pub(super) fn with_tags<'l>(self, group: &Group, levels: impl Iterator<Item = &'l Level> + Clone) -> Option<Self> {
        let tags = &self.needs.tags;
        let forced = tags.is_asked_for().then_some(self.rules.checks.tag_match);
        let Some(with) = group.tags.or(forced) else { return Some(self) };
        let members = || levels.clone().flat_map(|level| &level.members);
        let under = |rule: TagRule| {
            let mut filter = self;
            filter.tags = rule;
            filter
        };
        // The tags first: to compare them costs least.
        let is_there = |rule: TagRule| {
            let filter = under(rule);
            members().any(|member| rule.admits(&filter, member) && filter.admits(member))
        };
        let rules = self.rules_of(group, with, members, is_there);
        let rules = || rules.iter().flatten().copied();
        let named = |rule: &TagRule| members().any(|member| rule.admits(&self, member));
        let chosen = rules().find(|rule| is_there(*rule)).or_else(|| match rules().last() {
            // Whoever comes back first.
            Some(TagRule::NONE) => Some(TagRule::NONE),
            _ => rules().find(named),
        });
        chosen.map(under)
    }

    fn rules_of<'l, I: Iterator<Item = &'l Member> + Clone>(
        &self,
        group: &Group,
        with: Match,
        members: impl Fn() -> I,
        is_there: impl Fn(TagRule) -> bool,
    ) -> Rules {
        let tags = &self.needs.tags;
        let held = |whom, held| Some(TagRule { whom, held: Some(held) });
        let asked = |whom| held(whom, Held::All);
        let knows_clients = || {
            let mut allowed = members().filter(|member| tags.allows(&member.tags, Held::All));
            allowed.any(|member| !member.patterns.is_empty())
        };
        let leads = tags.has_wishes() || (tags.has_agent() && !tags.has_demands() && knows_clients());
        let [first, second] = if leads {
            [asked(Whom::Matching(with)), asked(Whom::Defaults).filter(|_| !tags.is_confirmed())]
        } else if tags.has_demands() {
            [asked(Whom::Everyone), None]
        } else if tags.has_bans() {
            let defaults = TagRule { whom: Whom::Defaults, held: None };
            [asked(if is_there(defaults) { Whom::Defaults } else { Whom::Everyone }), None]
        } else {
            return [Some(TagRule { whom: Whom::Defaults, held: None }), Some(TagRule::NONE), None, None];
        };
        let opens = group.fails_open && !tags.hides_an_answer(members().map(|member| &*member.tags));
        let open = |whom| held(whom, Held::Inherited).filter(|_| opens);
        [first, second, open(Whom::Defaults), open(Whom::Everyone)]
    }
}
