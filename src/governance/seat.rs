//! A key's place: what it may do and which counters its calls go to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::rows::Row;
use crate::auth::access::Access;
use crate::auth::{KeyDigest, Role};
use crate::limiter::Scope;
use crate::limiter::share::Share;
use crate::router::fallback::FallbackLists;
use crate::store;

/// A key that is known. Replaced whole when something about it changes; the counters stay.
#[derive(Debug)]
pub struct Seat {
    pub digest: KeyDigest,
    /// The digest in hex, as LiteLLM shows and stores it.
    pub token: String,
    /// The key's row, with the organization filled in.
    pub row: Row,
    pub access: Access,
    /// What its holder may do in the control plane.
    pub role: Role,
    pub team_alias: Option<String>,
    /// What limits each call.
    pub scopes: Vec<Arc<Scope>>,
    /// What limits calls of one model besides.
    pub by_model: Vec<(String, Arc<Scope>)>,
    /// The client's own names for models.
    pub aliases: BTreeMap<String, String>,
    /// `router_settings.fallbacks` and its kin of the key, else of its team.
    pub fallbacks: Option<Box<FallbackLists>>,
    /// Objects that it was made from.
    pub needs: Vec<(store::Kind, String)>,
    /// Whether what was spent before is known. Until then nothing is to be had from a budget.
    pub is_counted: bool,
    /// When it must be made anew, in seconds since 1970, although nobody changes anything.
    pub changes_at: Option<i64>,
    /// Its requests in flight.
    pub share: Arc<Share>,
    /// When it was last used, in seconds since 1970.
    pub(super) used_at: AtomicI64,
}

impl Seat {
    /// Notes that it is used. A plain store: who comes last does not matter.
    pub fn touch(&self, now: i64) {
        if self.used_at.load(Ordering::Relaxed) != now {
            self.used_at.store(now, Ordering::Relaxed);
        }
    }

    /// What limits calls of this model besides.
    pub fn for_model<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Arc<Scope>> {
        self.by_model.iter().filter(move |(name, _)| name == model).map(|(_, scope)| scope)
    }

    /// Whether any of its budgets has a maximum.
    pub fn has_hard_budget(&self) -> bool {
        let scopes = self.scopes.iter().chain(self.by_model.iter().map(|(_, scope)| scope));
        scopes.flat_map(|scope| scope.budgets()).any(|budget| budget.limits().max.is_some())
    }
}

/// A client whose key was accepted.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// Digest of its key; `None` where no key is needed.
    pub key_digest: Option<KeyDigest>,
    /// Its place; `None`: the master key, or nobody needs a key.
    pub seat: Option<Arc<Seat>>,
}

impl Caller {
    /// Whether it holds the master key.
    pub fn is_master(&self) -> bool {
        self.key_digest.is_some() && self.seat.is_none()
    }
}
