//! From the model name in a request to the group that serves it.
//!
//! Precedence, as in LiteLLM's router: `model_group_alias`, then names that stand for several groups, then `model_name`
//! literally, then wildcards, the one with the most literal characters first. Aliases are not followed twice.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::draws::Draws;
use super::pattern::{Captures, Pattern};
use super::plan::{GroupIx, PlanError, RouterPlan, VirtualGroupSpec};
use super::weighted::Weighted;

/// What a model name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The group that serves it.
    pub group: GroupIx,
    /// What the wildcards of the group's name matched: empty for a plain name.
    pub captures: Captures,
}

/// All names that clients may use.
#[derive(Debug)]
pub(super) struct Names {
    /// Only names from the configuration are put in, so the hash needs no defence against chosen keys.
    literal: HashMap<String, Target, FixedState>,
    /// The most specific first.
    wildcard: Vec<(Pattern, GroupIx)>,
    visible: Vec<String>,
}

#[derive(Clone, Debug)]
enum Target {
    Group(GroupIx),
    /// An alias for this name, which a wildcard serves.
    Wildcard(String),
    OneOf {
        groups: Vec<GroupIx>,
        shares: Weighted,
    },
}

impl Names {
    /// An alias or a member of a virtual group that leads nowhere is left out; the configuration check reports it.
    pub(super) fn new(plan: &RouterPlan) -> Result<Self, PlanError> {
        let mut names = Self { literal: HashMap::default(), wildcard: Vec::new(), visible: Vec::new() };
        for (i, group) in plan.groups.iter().enumerate() {
            let group_ix = GroupIx(i as u32);
            match Pattern::parse(&group.name) {
                None => {
                    names.literal.insert(group.name.clone(), Target::Group(group_ix));
                }
                Some(Some(pattern)) => names.wildcard.push((pattern, group_ix)),
                Some(None) => return Err(PlanError::TooManyWildcards { group: group.name.clone() }),
            }
            names.show(&group.name);
        }
        names.wildcard.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_len()));
        names.add_virtual_groups(&plan.virtual_groups);
        names.add_aliases(plan);
        Ok(names)
    }

    /// The group that serves `model`; `random` chooses where the name stands for several groups.
    pub(super) fn resolve(&self, model: &str, random: u64) -> Option<Resolved> {
        let plain = |group| Some(Resolved { group, captures: Captures::default() });
        match self.literal.get(model) {
            Some(Target::Group(group)) => plain(*group),
            Some(Target::Wildcard(name)) => self.resolve_wildcard(name),
            Some(Target::OneOf { groups, shares }) => {
                groups.get(shares.draw(&mut Draws::new(random))).copied().and_then(plain)
            }
            None => self.resolve_wildcard(model),
        }
    }

    /// The groups among which `resolve` chooses.
    pub(super) fn groups_of(&self, model: &str) -> &[GroupIx] {
        let of_wildcard = |model: &str| {
            let found = self.wildcard.iter().find(|(pattern, _)| pattern.captures(model).is_some());
            found.map_or(&[][..], |(_, group)| std::slice::from_ref(group))
        };
        match self.literal.get(model) {
            Some(Target::Group(group)) => std::slice::from_ref(group),
            Some(Target::Wildcard(name)) => of_wildcard(name),
            Some(Target::OneOf { groups, .. }) => groups,
            None => of_wildcard(model),
        }
    }

    /// What `/v1/models` lists.
    pub(super) fn visible(&self) -> impl Iterator<Item = &str> {
        self.visible.iter().map(String::as_str)
    }

    fn resolve_wildcard(&self, model: &str) -> Option<Resolved> {
        self.wildcard
            .iter()
            .find_map(|(pattern, group)| pattern.captures(model).map(|captures| Resolved { group: *group, captures }))
    }

    /// Members are looked up before any virtual group is added: such a group may carry the name of one of its members.
    fn add_virtual_groups(&mut self, specs: &[VirtualGroupSpec]) {
        let targets: Vec<Option<Target>> = specs.iter().map(|spec| self.one_of(spec)).collect();
        for (spec, target) in specs.iter().zip(targets) {
            if let Some(target) = target {
                self.literal.insert(spec.name.clone(), target);
                self.show(&spec.name);
            }
        }
    }

    fn one_of(&self, spec: &VirtualGroupSpec) -> Option<Target> {
        let known = |(name, weight): &(String, f64)| match self.literal.get(name)? {
            Target::Group(group) => Some((*group, *weight)),
            _ => None,
        };
        let (groups, weights): (Vec<GroupIx>, Vec<f64>) = spec.members.iter().filter_map(known).unzip();
        (!groups.is_empty()).then(|| Target::OneOf { groups, shares: Weighted::new(&weights) })
    }

    /// Targets are looked up before any alias is added: two aliases may swap two groups.
    fn add_aliases(&mut self, plan: &RouterPlan) {
        let targets: Vec<Option<Target>> = plan.aliases.iter().map(|spec| self.target_of(&spec.model)).collect();
        for (spec, target) in plan.aliases.iter().zip(targets) {
            if let Some(target) = target {
                self.literal.insert(spec.alias.clone(), target);
                if !spec.hidden {
                    self.show(&spec.alias);
                }
            }
        }
    }

    /// A group may be named by its pattern too (`fast: openai/*`): the first wildcard that matches it is that group.
    fn target_of(&self, model: &str) -> Option<Target> {
        let served_by_wildcard = || self.resolve_wildcard(model).map(|_| Target::Wildcard(model.to_owned()));
        self.literal.get(model).cloned().or_else(served_by_wildcard)
    }

    fn show(&mut self, name: &str) {
        if !self.visible.iter().any(|shown| shown == name) {
            self.visible.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{AliasSpec, DeploymentIx, GroupSpec, MemberSpec};
    use super::*;

    const GROUPS: [&str; 7] =
        ["gpt-4o", "claude", "openai/*", "*", "anthropic/claude-*", "anthropic/*", "openai/gpt-4o"];

    fn names() -> Names {
        let members = vec![MemberSpec::even(DeploymentIx(0))];
        let group = |name: &&str| GroupSpec { name: (*name).to_owned(), members: members.clone(), retry: None };
        let alias = |alias: &str, model: &str, hidden| AliasSpec { alias: alias.into(), model: model.into(), hidden };
        let mix = |name: &str, members: &[(&str, f64)]| VirtualGroupSpec {
            name: name.into(),
            members: members.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
        };
        let plan = RouterPlan {
            groups: GROUPS.iter().map(group).collect(),
            aliases: vec![
                alias("smart", "gpt-4o", false),
                alias("secret", "gpt-4o", true),
                alias("fast", "openai/gpt-4o-mini", false),
                alias("claude", "gpt-4o", false),
                alias("mixed", "balanced", true),
                alias("twice", "smart", true),
            ],
            virtual_groups: vec![
                mix("balanced", &[("gpt-4o", 3.0), ("claude", 1.0), ("nobody", 9.0)]),
                mix("empty", &[("nobody", 1.0)]),
            ],
            ..RouterPlan::default()
        };
        Names::new(&plan).unwrap()
    }

    fn check(model: &str, group: &str, pieces: &[&str]) {
        let names = names();
        let resolved = names.resolve(model, 0).unwrap();
        assert_eq!(GROUPS[resolved.group.0 as usize], group, "{model}");
        assert_eq!(resolved.captures.pieces(), pieces, "{model}");
    }

    #[test]
    fn names_are_found_in_litellms_order() {
        check("gpt-4o", "gpt-4o", &[]);
        check("openai/gpt-4o", "openai/gpt-4o", &[]);
        check("openai/o3", "openai/*", &["o3"]);
        check("anthropic/claude-3", "anthropic/claude-*", &["3"]);
        check("anthropic/opus", "anthropic/*", &["opus"]);
        check("anything", "*", &["anything"]);
        check("smart", "gpt-4o", &[]);
        check("secret", "gpt-4o", &[]);
        check("fast", "openai/*", &["gpt-4o-mini"]);
        // An alias hides a group of the same name.
        check("claude", "gpt-4o", &[]);
        // An alias of an alias is not followed: the name `smart` is left to the wildcard.
        check("twice", "*", &["smart"]);
    }

    #[test]
    fn a_virtual_group_spreads_by_weight_over_the_groups_that_exist() {
        let names = names();
        let mut counts = [0_u32; GROUPS.len()];
        for name in ["balanced", "mixed"] {
            (0..10_000).for_each(|random| counts[names.resolve(name, random).unwrap().group.0 as usize] += 1);
        }
        assert!((14_500..15_500).contains(&counts[0]), "{counts:?}");
        assert_eq!(counts[0] + counts[1], 20_000);
    }

    #[test]
    fn all_groups_that_may_serve_a_name_are_known() {
        let names = names();
        let groups = |model: &str| -> Vec<&str> {
            names.groups_of(model).iter().map(|group| GROUPS[group.0 as usize]).collect()
        };
        for model in ["gpt-4o", "openai/o3", "fast", "smart", "twice", "anything", "claude"] {
            let resolved = names.resolve(model, 0).unwrap();
            assert_eq!(groups(model), [GROUPS[resolved.group.0 as usize]], "{model}");
        }
        for model in ["balanced", "mixed"] {
            let drawn: std::collections::BTreeSet<&str> =
                (0..1_000).map(|random| GROUPS[names.resolve(model, random).unwrap().group.0 as usize]).collect();
            assert_eq!(groups(model).into_iter().collect::<std::collections::BTreeSet<_>>(), drawn, "{model}");
            assert!(drawn.len() > 1, "{model}");
        }
    }

    #[test]
    fn the_listing_keeps_the_order_of_the_file_and_hides_what_is_hidden() {
        let names = names();
        let listed: Vec<&str> = names.visible().collect();
        assert_eq!(listed[..GROUPS.len()], GROUPS);
        assert_eq!(listed[GROUPS.len()..], ["balanced", "smart", "fast"]);
    }

    #[test]
    fn nothing_is_served_that_was_not_configured() {
        let names = Names::new(&RouterPlan::default()).unwrap();
        assert_eq!(names.resolve("gpt-4o", 0), None);
    }
}
