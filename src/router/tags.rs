//! Tag routing: a request's tags and those of deployments, as numbers, so that no text is compared while a deployment is
//! chosen.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// The tag of deployments that serve requests which no other tag leads anywhere.
const DEFAULT: &str = "default";

/// All tags that deployments have. Only names from the configuration are put in, so the hash needs no defence against
/// chosen keys.
#[derive(Debug, Default)]
pub(super) struct TagNames(HashMap<String, u32, FixedState>);

impl TagNames {
    /// The numbers of a deployment's tags, sorted.
    pub(super) fn add(&mut self, tags: &[String]) -> Box<[u32]> {
        let mut numbers: Vec<u32> = tags.iter().map(|tag| self.number(tag)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into()
    }

    fn number(&mut self, tag: &str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(tag.to_owned()).or_insert(next)
    }

    /// A request's tags.
    pub(super) fn of<'t>(&self, tags: impl Iterator<Item = &'t str>) -> RequestTags {
        let mut of = RequestTags::default();
        for tag in tags {
            of.is_tagged = true;
            match self.0.get(tag) {
                Some(number) => of.known.push(*number),
                None => of.has_unknown = true,
            }
        }
        of
    }
}

/// A request's tags.
#[derive(Clone, Debug, Default)]
pub struct RequestTags {
    /// Those that any deployment has.
    known: Vec<u32>,
    /// There are others.
    has_unknown: bool,
    is_tagged: bool,
}

impl RequestTags {
    /// No tags.
    pub(super) const NONE: Self = Self { known: Vec::new(), has_unknown: false, is_tagged: false };

    /// Whether the request has any tag.
    pub(super) fn is_tagged(&self) -> bool {
        self.is_tagged
    }

    /// Whether a deployment with these tags may serve it: with one of them, or with all of them.
    pub(super) fn match_with(&self, own: &[u32], with: Match) -> bool {
        let has = |tag: &u32| own.binary_search(tag).is_ok();
        match with {
            Match::Any => self.known.iter().any(has),
            Match::All => self.is_tagged && !self.has_unknown && self.known.iter().all(has),
        }
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

    #[test]
    fn one_tag_is_enough_unless_all_are_asked_for() {
        let mut names = TagNames::default();
        let own = names.add(&["paid".to_owned(), "eu".to_owned(), "paid".to_owned()]);
        names.add(&["free".to_owned()]);
        let cases = [
            (&["eu"][..], true, true),
            (&["eu", "paid"], true, true),
            (&["eu", "free"], true, false),
            (&["eu", "nobody's"], true, false),
            (&["nobody's"], false, false),
            (&[], false, false),
        ];
        for (tags, any, all) in cases {
            let request = names.of(tags.iter().copied());
            assert_eq!(request.is_tagged(), !tags.is_empty());
            assert_eq!([Match::Any, Match::All].map(|with| request.match_with(&own, with)), [any, all], "{tags:?}");
        }
    }
}
