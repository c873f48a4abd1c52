//! Which models are asked when a group could not answer: LiteLLM's four lists.
//!
//! | the failure | the lists, in order |
//! |---|---|
//! | a full context window | `context_window_fallbacks`, else `fallbacks`, then `default_fallbacks` |
//! | a refused prompt | `content_policy_fallbacks` only: a refusal is not routed around, unless `refusals_anywhere` |
//! | anything else | `fallbacks`, then `default_fallbacks` |

mod client;

use std::collections::HashMap;

use serde_json::{Map, Value};

pub use client::Said;

use crate::error::Kind;

/// Hops that one request makes at most (LiteLLM's `max_fallbacks`).
pub const MAX_FALLBACKS: u32 = 5;

/// Another model to ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fallback {
    /// A group, an alias or a virtual group.
    pub model: String,
    /// Parameters that replace the client's (`messages`, `temperature` …).
    pub params: Map<String, Value>,
}

impl Fallback {
    /// With the client's own parameters.
    pub fn to(model: impl Into<String>) -> Self {
        Self { model: model.into(), params: Map::new() }
    }
}

/// Model name → where to, in order. `*` stands for every name without a list of its own.
pub type ByModel = HashMap<String, Vec<Fallback>>;

/// All lists.
#[derive(Clone, Debug, PartialEq)]
pub struct FallbackLists {
    /// `fallbacks`.
    pub general: ByModel,
    /// `context_window_fallbacks`.
    pub context_window: ByModel,
    /// `content_policy_fallbacks`.
    pub content_policy: ByModel,
    /// `default_fallbacks`.
    pub default: Vec<Fallback>,
    /// `max_fallbacks`.
    pub max: u32,
    /// A refused prompt goes to the other lists too, as LiteLLM lets it.
    pub refusals_anywhere: bool,
}

impl Default for FallbackLists {
    fn default() -> Self {
        Self {
            general: ByModel::new(),
            context_window: ByModel::new(),
            content_policy: ByModel::new(),
            default: Vec::new(),
            max: MAX_FALLBACKS,
            refusals_anywhere: false,
        }
    }
}

/// The names by which a list may know what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// As the client, or the list that led here, has it.
    pub model: &'a str,
    /// The group that served it.
    pub group: &'a str,
}

impl FallbackLists {
    /// Who is asked after this failure, in order.
    pub fn after(&self, asked: Asked<'_>, kind: Kind) -> impl Iterator<Item = &Fallback> {
        let special = match kind {
            Kind::ContextWindow => of(&self.context_window, asked),
            Kind::ContentPolicy => of(&self.content_policy, asked),
            _ => &[],
        };
        let is_closed = self.is_closed_to(kind);
        let general = if is_closed || !special.is_empty() { &[] } else { of(&self.general, asked) };
        let default = if is_closed { &[][..] } else { &self.default };
        special.iter().chain(general).chain(default).filter(move |fallback| fallback.model != asked.model)
    }

    /// Whether a failure goes to the list of its own kind only, and to none that an earlier failure has led to.
    pub fn is_closed_to(&self, kind: Kind) -> bool {
        kind == Kind::ContentPolicy && !self.refusals_anywhere
    }

    /// These lists, and the configured ones where these say nothing.
    #[must_use]
    pub fn over(&self, configured: &FallbackLists) -> FallbackLists {
        let either = |own: &ByModel, base: &ByModel| if own.is_empty() { base.clone() } else { own.clone() };
        FallbackLists {
            general: either(&self.general, &configured.general),
            context_window: either(&self.context_window, &configured.context_window),
            content_policy: either(&self.content_policy, &configured.content_policy),
            ..configured.clone()
        }
    }

    /// Whether a failure that is not the prompt's fault has somewhere to go.
    pub fn has_any(&self, asked: Asked<'_>) -> bool {
        self.max > 0 && self.after(asked, Kind::ServiceUnavailable).next().is_some()
    }
}

/// The list of a name: as it was asked for, as the group is called, without its provider, else everybody's.
fn of<'a>(lists: &'a ByModel, asked: Asked<'_>) -> &'a [Fallback] {
    if lists.is_empty() {
        return &[];
    }
    let bare = asked.model.split_once('/').map_or(asked.model, |(_, bare)| bare);
    let names = [asked.model, asked.group, bare, "*"];
    names.into_iter().find_map(|name| lists.get(name)).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> FallbackLists {
        let one = |from: &str, to: &str| (from.to_owned(), vec![Fallback::to(to)]);
        FallbackLists {
            general: ByModel::from([one("a", "b"), one("openai/*", "c"), one("gpt", "d"), one("*", "any")]),
            context_window: ByModel::from([one("a", "large")]),
            content_policy: ByModel::from([one("a", "lax")]),
            default: vec![Fallback::to("last")],
            ..FallbackLists::default()
        }
    }

    fn check(lists: &FallbackLists, model: &str, group: &str, kind: Kind, expected: &[&str]) {
        let after = lists.after(Asked { model, group }, kind);
        let names: Vec<&str> = after.map(|fallback| fallback.model.as_str()).collect();
        assert_eq!(names, expected, "{model} {kind:?}");
    }

    #[test]
    fn each_failure_has_its_lists() {
        let lists = lists();
        check(&lists, "a", "a", Kind::Timeout, &["b", "last"]);
        check(&lists, "a", "a", Kind::BadRequest, &["b", "last"]);
        check(&lists, "a", "a", Kind::ContextWindow, &["large", "last"]);
        check(&lists, "a", "a", Kind::ContentPolicy, &["lax"]);
        check(&lists, "x", "x", Kind::ContextWindow, &["any", "last"]);
        check(&lists, "x", "x", Kind::ContentPolicy, &[]);
        let litellms = FallbackLists { refusals_anywhere: true, ..lists.clone() };
        check(&litellms, "x", "x", Kind::ContentPolicy, &["any", "last"]);
    }

    #[test]
    fn a_list_knows_a_model_by_several_names() {
        let lists = lists();
        check(&lists, "openai/o3", "openai/*", Kind::Timeout, &["c", "last"]);
        check(&lists, "azure/gpt", "azure/*", Kind::Timeout, &["d", "last"]);
        check(&lists, "alias", "a", Kind::Timeout, &["b", "last"]);
        check(&lists, "last", "last", Kind::Timeout, &["any"]);
        assert!(lists.has_any(Asked { model: "a", group: "a" }));
        assert!(!FallbackLists { max: 0, ..lists }.has_any(Asked { model: "a", group: "a" }));
        assert!(!FallbackLists::default().has_any(Asked { model: "a", group: "a" }));
    }
}
