//! The names that each section knows, and what becomes of them. Names of LiteLLM are those of release 1.106 and its
//! neighbours.

mod general;
mod governance;
mod litellm;
mod model;
mod router;
mod tollgate;
mod top;

pub(in crate::config) use general::{DATABASE, GENERAL_SETTINGS};
pub(in crate::config) use governance::{
    DEFAULT_KEY, DEFAULT_TEAM, DEFAULT_USER, KEY, KEY_BUDGET, KEY_GENERATION, KEY_RATE_LIMIT, MEMBER,
    PERSONAL_KEY_GENERATION, TEAM, TEAM_KEY_GENERATION, UPPER_BOUNDS, USER,
};
pub(in crate::config) use litellm::LITELLM_SETTINGS;
pub(in crate::config) use model::{CREDENTIAL, LITELLM_PARAMS, MODEL, is_cost, is_credential, is_openai_parameter};
pub(in crate::config) use router::{
    ALLOWED_FAILS_POLICY, FALLBACK_CONFIG, LOAD_BALANCING, NAMED_BUDGET, RETRY_POLICY, ROUTER, ROUTER_SETTINGS,
    ROUTING_STRATEGY_ARGS,
};
pub(in crate::config) use tollgate::{OVERLOAD, PROVIDER, RESCUE, TIMEOUTS, TOLLGATE, UPSTREAM_KEEPALIVE};
pub(in crate::config) use top::TOP;

/// The keys of a section. Lists of names are separated by white space.
pub(in crate::config) struct Known {
    /// Read, and in effect.
    pub live: &'static str,
    /// Accepted; without effect as yet.
    pub later: &'static str,
    /// Accepted, with something to be said about it.
    pub notes: &'static [(&'static str, &'static str)],
    /// What a key is that stands in none of them.
    pub unknown: Unknown,
}

/// How bad an unknown key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Unknown {
    Error,
    Warning,
}

impl Known {
    pub fn is_live(&self, key: &str) -> bool {
        holds(self.live, key)
    }

    pub fn is_later(&self, key: &str) -> bool {
        holds(self.later, key)
    }

    /// Whether the key stands in any of the lists.
    pub fn contains(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    /// All names, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let listed = self.live.split_ascii_whitespace().chain(self.later.split_ascii_whitespace());
        listed.chain(self.notes.iter().map(|(name, _)| *name))
    }
}

fn holds(names: &str, key: &str) -> bool {
    names.split_ascii_whitespace().any(|name| name == key)
}
