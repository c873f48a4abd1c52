//! Tag routing: a request's tags and those of deployments, as numbers, so that no text is compared while a deployment is
//! chosen; and patterns that know a client by its `User-Agent`, tried once a request.
//!
//! A request's tag is a wish, `&tag` a demand (who serves it must have the tag), `!tag` a ban (must not have it). One that
//! begins with `tag_routing_prefix` is meant for routing and for nothing else.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use regex::Regex;

/// The tag of deployments that serve requests which no other tag leads anywhere.
const DEFAULT: &str = "default";

/// All tags and patterns that deployments have. Only names from the configuration are put in, so the hash needs no defence
/// against chosen keys.
#[derive(Debug, Default)]
pub(super) struct TagNames {
    numbers: HashMap<String, u32, FixedState>,
    patterns: Vec<Regex>,
    prefix: String,
}

/// What a request's tags are made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'t> {
    /// All of them.
    pub tags: &'t [String],
    /// Those of its key and team: what they demand is never given up.
    pub inherited: &'t [String],
    /// `User-Agent`.
    pub user_agent: Option<&'t str>,
    /// Its key or team wants tags to be looked at, whatever the router's setting.
    pub is_asked_for: bool,
}

impl TagNames {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::default() }
    }

    /// The numbers of a deployment's tags, sorted.
    pub(super) fn add(&mut self, tags: &[String]) -> Box<[u32]> {
        let mut numbers: Vec<u32> = tags.iter().map(|tag| self.number(tag)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into()
    }

    /// The numbers of a deployment's patterns.
    pub(super) fn add_patterns(&mut self, patterns: &[Regex]) -> Box<[u32]> {
        let number = |pattern: &Regex| {
            let known = self.patterns.iter().position(|known| known.as_str() == pattern.as_str());
            known.unwrap_or_else(|| {
                self.patterns.push(pattern.clone());
                self.patterns.len() - 1
            }) as u32
        };
        patterns.iter().map(number).collect()
    }

    /// Whether a deployment knows clients by their `User-Agent`.
    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    fn number(&mut self, tag: &str) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(tag.to_owned()).or_insert(next)
    }

    /// A request's tags.
    pub(super) fn of(&self, said: Said<'_>) -> RequestTags {
        let inherited: Vec<Tag<'_>> = said.inherited.iter().filter_map(|tag| self.read(tag)).collect();
        let is_inherited = |tag: &Tag<'_>| inherited.iter().any(|own| own.sort == tag.sort && own.name == tag.name);
        let mut of = RequestTags { is_asked_for: said.is_asked_for, ..RequestTags::NONE };
        for tag in said.tags.iter().filter_map(|tag| self.read(tag)) {
            let number = self.numbers.get(tag.name).copied();
            let (is_confirmed, is_inherited) = (tag.is_confirmed, is_inherited(&tag));
            match (tag.sort, number) {
                (Sort::Wish, _) => {
                    of.has_wishes = true;
                    of.is_confirmed |= is_confirmed;
                    of.has_unknown |= number.is_none();
                    of.wishes.extend(number);
                }
                (Sort::Demand, number) => of.demands.push(Demand { number, is_confirmed, is_inherited }),
                (Sort::Ban, number) => of.bans.push(Ban { number, is_inherited }),
            }
        }
        if let Some(agent) = said.user_agent.filter(|agent| !agent.is_empty() && self.has_patterns()) {
            let line = format!("User-Agent: {agent}");
            let numbered = (0..).zip(&self.patterns);
            of.matched = numbered.filter(|(_, pattern)| pattern.is_match(&line)).map(|(number, _)| number).collect();
            of.has_agent = true;
        }
        of
    }

    /// A sign with nothing behind it says nothing.
    fn read<'t>(&self, tag: &'t str) -> Option<Tag<'t>> {
        let bare = if self.prefix.is_empty() { None } else { tag.strip_prefix(self.prefix.as_str()) };
        let (is_confirmed, tag) = (bare.is_some(), bare.unwrap_or(tag));
        let (sort, name) = match tag.split_at_checked(1) {
            Some(("&", name)) => (Sort::Demand, name),
            Some(("!", name)) => (Sort::Ban, name),
            _ => (Sort::Wish, tag),
        };
        (sort == Sort::Wish || !name.is_empty()).then_some(Tag { sort, name, is_confirmed })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Wish,
    Demand,
    Ban,
}

#[derive(Clone, Copy, Debug)]
struct Tag<'t> {
    sort: Sort,
    name: &'t str,
    /// It began with the prefix.
    is_confirmed: bool,
}

/// `&tag`; without a number no deployment has it.
#[derive(Clone, Copy, Debug)]
struct Demand {
    number: Option<u32>,
    is_confirmed: bool,
    is_inherited: bool,
}

/// `!tag`.
#[derive(Clone, Copy, Debug)]
struct Ban {
    number: Option<u32>,
    is_inherited: bool,
}

/// A request's tags.
#[derive(Clone, Debug, Default)]
pub struct RequestTags {
    /// Those that any deployment has.
    wishes: Vec<u32>,
    has_wishes: bool,
    /// There are others.
    has_unknown: bool,
    is_confirmed: bool,
    demands: Vec<Demand>,
    bans: Vec<Ban>,
    /// Patterns that the client's `User-Agent` matches.
    matched: Vec<u32>,
    has_agent: bool,
    is_asked_for: bool,
}

/// Which demands and bans hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// All of them.
    All,
    /// Those of the key and team.
    Inherited,
}

impl RequestTags {
    /// No tags.
    pub(super) const NONE: Self = Self {
        wishes: Vec::new(),
        has_wishes: false,
        has_unknown: false,
        is_confirmed: false,
        demands: Vec::new(),
        bans: Vec::new(),
        matched: Vec::new(),
        has_agent: false,
        is_asked_for: false,
    };

    /// Whether tags are to be looked at whatever the router's setting.
    pub(super) fn is_asked_for(&self) -> bool {
        self.is_asked_for
    }

    /// Whether it wishes for anything.
    pub(super) fn has_wishes(&self) -> bool {
        self.has_wishes
    }

    /// Whether a wish was said to be meant for routing: then the defaults are no answer to it.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    pub(super) fn has_demands(&self) -> bool {
        !self.demands.is_empty()
    }

    pub(super) fn has_bans(&self) -> bool {
        !self.bans.is_empty()
    }

    /// Whether the client has said what it is, so that patterns can be tried.
    pub(super) fn has_agent(&self) -> bool {
        self.has_agent
    }

    /// Whether its wishes, or its client, lead to a deployment with these tags and patterns. A pattern is no way around tags
    /// that must all be there.
    pub(super) fn leads_to(&self, own: &[u32], patterns: &[u32], with: Match) -> bool {
        let has = |tag: &u32| own.binary_search(tag).is_ok();
        let by_tags = match with {
            Match::Any => self.wishes.iter().any(has),
            Match::All => self.has_wishes && !self.has_unknown && self.wishes.iter().all(has),
        };
        let may_match = with == Match::Any || own.is_empty();
        by_tags || (may_match && patterns.iter().any(|pattern| self.matched.contains(pattern)))
    }

    /// Whether a deployment with these tags has all that is demanded and nothing that is banned.
    pub(super) fn allows(&self, own: &[u32], held: Held) -> bool {
        let has = |tag: Option<u32>| tag.is_some_and(|tag| own.binary_search(&tag).is_ok());
        let counts = |is_inherited| held == Held::All || is_inherited;
        self.bans.iter().all(|ban| !counts(ban.is_inherited) || !has(ban.number))
            && self.demands.iter().all(|demand| !counts(demand.is_inherited) || has(demand.number))
    }

    /// Whether without the demands that nobody of the group can meet, and that nobody has confirmed, somebody would be left:
    /// then one such demand must not open the whole group. `all`: the tags of its deployments.
    pub(super) fn hides_an_answer<'m>(&self, all: impl Iterator<Item = &'m [u32]> + Clone) -> bool {
        let has = |own: &[u32], tag: Option<u32>| tag.is_some_and(|tag| own.binary_search(&tag).is_ok());
        let is_known = |demand: &Demand| demand.is_confirmed || all.clone().any(|own| has(own, demand.number));
        let known = || self.demands.iter().filter(|demand| is_known(demand));
        let count = known().count();
        if count == 0 || count == self.demands.len() {
            return false;
        }
        all.clone().any(|own| {
            self.bans.iter().all(|ban| !has(own, ban.number)) && known().all(|demand| has(own, demand.number))
        })
    }
}

/// `tag_filtering_match_any`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    /// One of the request's tags is enough.
    #[default]
    Any,
    /// The deployment must have all of them.
    All,
}

/// Whether a deployment's tags make it one for requests that have none.
pub(super) fn has_default(tags: &[String]) -> bool {
    tags.iter().any(|tag| tag == DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn one_tag_is_enough_unless_all_are_asked_for() {
        let mut names = TagNames::default();
        let own = names.add(&texts(&["paid", "eu", "paid"]));
        names.add(&texts(&["free"]));
        let cases = [
            (&["eu"][..], true, true),
            (&["eu", "paid"], true, true),
            (&["eu", "free"], true, false),
            (&["eu", "nobody's"], true, false),
            (&["nobody's"], false, false),
            (&[], false, false),
        ];
        for (tags, any, all) in cases {
            let request = names.of(Said { tags: &texts(tags), ..Said::default() });
            assert_eq!(request.has_wishes(), !tags.is_empty());
            assert_eq!([Match::Any, Match::All].map(|with| request.leads_to(&own, &[], with)), [any, all], "{tags:?}");
        }
    }

    #[test]
    fn signs_say_what_must_and_must_not_be_there() {
        let mut names = TagNames::new("route:");
        let own = names.add(&texts(&["high", "eu"]));
        let other = names.add(&texts(&["low", "eu"]));
        let cases = [
            (&["&high"][..], true, false),
            (&["&high", "&eu"], true, false),
            (&["&nobody's"], false, false),
            (&["!low"], true, false),
            (&["!nobody's", "!", "&"], true, true),
            (&["route:!eu"], false, false),
            (&["route:&low"], false, true),
            (&["high"], true, true),
        ];
        for (tags, first, second) in cases {
            let request = names.of(Said { tags: &texts(tags), ..Said::default() });
            assert_eq!([&own, &other].map(|own| request.allows(own, Held::All)), [first, second], "{tags:?}");
            assert!(request.allows(&own, Held::Inherited), "{tags:?}: nothing is the key's");
        }
        let said = Said { tags: &texts(&["&high", "!eu"]), inherited: &texts(&["&high"]), ..Said::default() };
        let request = names.of(said);
        assert_eq!([&own, &other].map(|own| request.allows(own, Held::Inherited)), [true, false]);
        let confirmed = |tag| names.of(Said { tags: &texts(&[tag]), ..Said::default() }).is_confirmed();
        assert!(confirmed("route:high") && !confirmed("high") && !confirmed("route:&high"));
    }

    #[test]
    fn a_pattern_knows_a_client() {
        let mut names = TagNames::default();
        let code = names.add_patterns(&[Regex::new(r"^User-Agent: code\/").unwrap(), Regex::new("curl").unwrap()]);
        let again = names.add_patterns(&[Regex::new("curl").unwrap()]);
        assert_eq!((&*code, &*again), (&[0, 1][..], &[1][..]));
        let request = |user_agent| names.of(Said { user_agent: Some(user_agent), ..Said::default() });
        for (agent, matched) in [("code/2.1", [true, false]), ("curl/8", [true, true]), ("my code/2", [false, false])] {
            assert_eq!([&code, &again].map(|own| request(agent).leads_to(&[], own, Match::All)), matched, "{agent}");
        }
        assert!(request("code/1").leads_to(&[7], &code, Match::Any));
        assert!(!request("code/1").leads_to(&[7], &code, Match::All), "tags come first where all must be there");
        assert!(!request("").has_agent());
    }

    #[test]
    fn an_invented_demand_opens_nothing() {
        let mut names = TagNames::new("route:");
        let groups = [names.add(&texts(&["high", "eu"])), names.add(&texts(&["low"]))];
        let hides = |tags: &[&str]| {
            let request = names.of(Said { tags: &texts(tags), ..Said::default() });
            request.hides_an_answer(groups.iter().map(|own| &**own))
        };
        assert!(hides(&["&high", "&invented"]));
        assert!(!hides(&["&invented"]) && !hides(&["&high", "&low"]), "nothing to hide");
        assert!(!hides(&["&high", "&invented", "!eu"]), "nobody is left in any case");
        assert!(!hides(&["&high", "route:&invented"]), "it is meant so");
    }
}
