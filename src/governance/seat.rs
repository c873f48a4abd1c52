//! A key's place: what it may do and which counters its calls go to.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::plan::SeatPlan;
use super::rows::Row;
use super::throttled::Throttled;
use crate::auth::access::Access;
use crate::auth::members::is_part;
use crate::auth::{KeyDigest, Role};
use crate::limiter::share::Share;
use crate::limiter::{Kind, Scope};
use crate::router::fallback::FallbackLists;
use crate::store;
use crate::store::journal::{Alike, Key, Record};

/// A key that is known. Replaced whole when something about it changes; the counters stay.
#[derive(Debug)]
pub struct Seat {
    pub digest: KeyDigest,
    /// The digest in hex, as LiteLLM shows and stores it.
    pub token: String,
    /// The key's row, with the organization filled in.
    pub row: Row,
    /// What the spend journal is told of it with each call.
    pub alike: Alike,
    pub access: Access,
    /// What its holder may do in the control plane.
    pub role: Role,
    pub team_alias: Option<String>,
    pub user_email: Option<String>,
    pub organization_alias: Option<String>,
    /// Tells apart what metrics say of keys: another key, or the same one with other names.
    pub series: u64,
    /// What limits each call.
    pub scopes: Vec<Arc<Scope>>,
    /// What limits calls of one model besides.
    pub by_model: Vec<(String, Arc<Scope>)>,
    /// What limits calls with a tag besides.
    pub by_tag: Vec<(String, Arc<Scope>)>,
    /// How the key goes on when its budget is used up, if it does.
    pub throttled: Option<Throttled>,
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

/// The journal's fields of a key and of whom it belongs to.
pub(super) fn alike(digest: &KeyDigest, row: &Row) -> Alike {
    Alike::of(&Record {
        key: Key::Digest(digest.bytes()),
        user: row.user_id.as_deref().unwrap_or_default(),
        team: row.team_id.as_deref().unwrap_or_default(),
        organization: row.organization_id.as_deref().unwrap_or_default(),
        ..Record::default()
    })
}

/// A number for a key and for what people call it and whom it belongs to.
pub(super) fn series(digest: &KeyDigest, plan: &SeatPlan) -> u64 {
    let mut hasher = DefaultHasher::new();
    let row = &plan.row;
    (digest.number(), &row.key_alias, &row.team_id, &row.user_id).hash(&mut hasher);
    (&plan.team_alias, &plan.user_email).hash(&mut hasher);
    hasher.finish()
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
        of_model(&self.by_model, model)
    }

    /// What limits calls with one of these tags besides.
    pub fn for_tags<'a>(&'a self, tags: &'a [String]) -> impl Iterator<Item = &'a Arc<Scope>> {
        self.by_tag.iter().filter(|(name, _)| tags.contains(name)).map(|(_, scope)| scope)
    }

    /// Whether any of its budgets has a maximum.
    pub fn has_hard_budget(&self) -> bool {
        let mut scopes = self.scopes.iter().chain(self.by_model.iter().map(|(_, scope)| scope));
        scopes.any(|scope| scope.has_hard_budget())
    }
}

/// The limits of a model. As with LiteLLM a budget for `gpt-4o` is also one for `openai/gpt-4o`, unless that has one of its
/// own: else whoever writes the provider before the name would not be held by it.
pub(super) fn of_model<'a>(
    by_model: &'a [(String, Arc<Scope>)],
    model: &'a str,
) -> impl Iterator<Item = &'a Arc<Scope>> {
    let has_own = move |kind: Kind| {
        by_model.iter().any(|(name, scope)| name == model && scope.kind() == kind && scope.has_hard_budget())
    };
    let holds = move |name: &str, scope: &Scope| {
        name == model || (is_part(name, model) && scope.has_hard_budget() && !has_own(scope.kind()))
    };
    by_model.iter().filter(move |(name, scope)| holds(name, scope)).map(|(_, scope)| scope)
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
