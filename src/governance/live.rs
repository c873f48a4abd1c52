//! The seats of the keys that were seen lately.

use std::collections::HashMap as Map;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use papaya::HashMap;
use quick_cache::sync::Cache;

use super::plan::{GLOBAL, Rows, Rules};
use super::rows::Row;
use super::scopes::Scopes;
use super::seat::{Caller, Seat};
use crate::auth::members::Models;
use crate::auth::{KeyDigest, Role};
use crate::config::Governance;
use crate::limiter::{Cluster, Kind as ScopeKind, Scope};
use crate::secret::Secret;
use crate::store::{Kind, Object, Store};

/// Keys that are known to be unknown; beyond it the one forgotten longest ago is asked for again.
pub const UNKNOWN_KEPT: usize = 100_000;
/// Seconds for which an unknown key stays unknown unless somebody hears of it.
pub const UNKNOWN_FOR: i64 = 10;
/// Keys that are looked up at once; the others wait, up to the store's own limit.
pub const LOOK_UPS: usize = 32;
/// End users who are entered at once by calls that name them first; the others wait, as above.
pub const ENTRIES: usize = 4;

type Objects = HashMap<(Kind, String), Option<Arc<Object>>, foldhash::fast::RandomState>;

/// All that is known of keys. See the module.
pub struct Live {
    pub(super) master: Option<KeyDigest>,
    pub(super) rules: Rules,
    limits_all: bool,
    /// Whether it is known what everybody has spent, or nobody is held to it.
    pub(super) knows_global: AtomicBool,
    pub(super) store: Option<Store>,
    pub(super) declared: Map<(Kind, String), Arc<Object>>,
    pub(super) seats: HashMap<KeyDigest, Arc<Seat>, foldhash::fast::RandomState>,
    /// Until when (seconds since 1970).
    pub(super) unknown: Cache<KeyDigest, i64>,
    /// Objects that seats were made from: there, or known not to be.
    pub(super) objects: Objects,
    pub(super) scopes: Scopes,
    /// One place for each key that is being looked up.
    pub(super) waiting: dashmap::DashMap<KeyDigest, Arc<tokio::sync::Mutex<()>>>,
    pub(super) look_ups: tokio::sync::Semaphore,
    pub(super) entries: tokio::sync::Semaphore,
    /// Whether the store has answered last.
    pub(super) is_connected: AtomicBool,
    /// Whether it is known what deployments and providers have cost before this process.
    pub(super) knows_outlays: AtomicBool,
    /// Whether a key was seen that was replaced: then a change of a key may concern others.
    pub(super) has_rotated: AtomicBool,
    /// When the first of the seats must be made anew by itself, in seconds since 1970.
    pub(super) next_change: AtomicI64,
}

/// What is known of a key without asking anybody.
#[derive(Debug)]
pub enum Found {
    /// It is good.
    Caller(Caller),
    /// There is no such key.
    Unknown,
    /// The store has to be asked.
    NotSeen,
}

impl Live {
    /// Nobody seen yet but those whom the configuration declares. `cluster`: limits are shared with its nodes.
    pub fn new(
        master: Option<&Secret>,
        declared: &Governance,
        rules: Rules,
        store: Option<Store>,
        cluster: Option<Arc<Cluster>>,
    ) -> Self {
        Self {
            master: master.map(|key| KeyDigest::of(key.expose())),
            limits_all: super::plan::global(&rules).is_some(),
            knows_global: AtomicBool::new(!super::plan::global(&rules).is_some_and(|plan| plan.has_hard_budget())),
            rules,
            declared: super::declared::objects(declared),
            seats: HashMap::default(),
            unknown: Cache::new(UNKNOWN_KEPT),
            objects: HashMap::default(),
            scopes: Scopes::new(cluster),
            waiting: dashmap::DashMap::new(),
            look_ups: tokio::sync::Semaphore::new(LOOK_UPS),
            entries: tokio::sync::Semaphore::new(ENTRIES),
            is_connected: AtomicBool::new(false),
            knows_outlays: AtomicBool::new(store.is_none()),
            store,
            has_rotated: AtomicBool::new(false),
            next_change: AtomicI64::new(i64::MAX),
        }
    }

    /// Whether everybody is let in: worth a loud warning at start.
    pub fn is_open(&self) -> bool {
        self.master.is_none()
    }

    /// Whether there are keys but the master key, or may be.
    pub fn has_keys(&self) -> bool {
        self.store.is_some() || self.declared.keys().any(|(kind, _)| *kind == Kind::Key)
    }

    /// Who holds this key; `now` in seconds since 1970. No lock, no query.
    pub fn find(&self, digest: KeyDigest, now: i64) -> Found {
        if self.master == Some(digest) {
            return Found::Caller(Caller { role: Role::ProxyAdmin, key_digest: Some(digest), seat: None });
        }
        if let Some(seat) = self.seats.pin().get(&digest) {
            seat.touch(now);
            return Found::Caller(caller(seat));
        }
        match self.unknown.get(&digest) {
            Some(until) if now < until => Found::Unknown,
            _ if self.store.is_none() => Found::Unknown,
            _ => Found::NotSeen,
        }
    }

    /// Who calls where nobody needs a key.
    pub fn anybody() -> Caller {
        Caller { role: Role::ProxyAdmin, key_digest: None, seat: None }
    }

    /// What limits everybody, if anything does.
    pub fn global(&self) -> Option<Arc<Scope>> {
        self.limits_all.then(|| self.scopes.get(ScopeKind::Global, GLOBAL)).flatten()
    }

    /// Whether money of everybody may be taken: what was spent before is known, or has no limit.
    pub fn knows_global(&self) -> bool {
        self.knows_global.load(Ordering::Relaxed)
    }

    /// Whether the store has answered last; `None`: there is none.
    pub fn is_connected(&self) -> Option<bool> {
        self.store.as_ref().map(|_| self.is_connected.load(Ordering::Relaxed))
    }

    /// Ends the store's connections that are idle: they would die with the runtime that opened them.
    pub async fn disconnect(&self) {
        if let Some(store) = &self.store {
            store.disconnect().await;
        }
    }

    /// Settings that limits depend on.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether an end user is blocked, as far as is known here: after its limits were looked up.
    pub fn is_blocked(&self, end_user: &str) -> bool {
        let object = self.object(Kind::Customer, end_user);
        object.is_some_and(|object| object.doc.get("blocked") == Some(&serde_json::Value::Bool(true)))
    }

    /// The only region that an end user's calls may go to, as far as is known here: after its limits were looked up.
    pub fn region_of(&self, end_user: &str) -> Option<String> {
        let object = self.object(Kind::Customer, end_user)?;
        let region = object.doc.get("allowed_model_region")?.as_str()?;
        (!region.is_empty()).then(|| region.to_owned())
    }

    /// The model of an end user's calls for models that are not in their region, as far as is known here.
    pub fn default_model_of(&self, end_user: &str) -> Option<String> {
        let object = self.object(Kind::Customer, end_user)?;
        let model = object.doc.get("default_model")?.as_str()?;
        (!model.is_empty()).then(|| model.to_owned())
    }

    /// The only models that an end user may call, as far as is known here: after its limits were looked up.
    pub fn models_of(&self, end_user: &str) -> Option<Models> {
        let object = self.object(Kind::Customer, end_user)?;
        let models = object.doc.get("models")?.as_array()?.iter();
        let models: Vec<String> = models.filter_map(|model| model.as_str().map(str::to_owned)).collect();
        (!models.is_empty()).then_some(Models(models))
    }

    /// What was spent in this window, of a scope that is in use: pico-dollars.
    pub fn spent(&self, kind: ScopeKind, id: &str) -> Option<i64> {
        self.scopes.get(kind, id).map(|scope| scope.spent())
    }

    /// All scopes of a kind that are in use.
    pub fn scopes_of(&self, kind: ScopeKind) -> Vec<Arc<Scope>> {
        self.scopes.of_kind(kind)
    }

    /// A scope that is in use.
    pub fn scope(&self, kind: ScopeKind, id: &str) -> Option<Arc<Scope>> {
        self.scopes.get(kind, id)
    }

    /// Seats and scopes that are held, for metrics.
    pub fn sizes(&self) -> (usize, usize) {
        (self.seats.len(), self.scopes.len())
    }

    /// What is known of an object, for people: as it is declared, else as it is stored. `None`: nothing, or the store is
    /// away.
    pub async fn described(&self, kind: Kind, id: &str) -> Option<Object> {
        if let Some(object) = self.object(kind, id) {
            return Some(Object::clone(&object));
        }
        self.store.as_ref()?.get(kind, id).await.ok().flatten()
    }

    pub(super) fn object(&self, kind: Kind, id: &str) -> Option<Arc<Object>> {
        let key = (kind, id.to_owned());
        let known = || self.objects.pin().get(&key).cloned().flatten();
        self.declared.get(&key).cloned().or_else(known)
    }
}

/// The caller of a seat.
pub(super) fn caller(seat: &Arc<Seat>) -> Caller {
    Caller { role: seat.role, key_digest: Some(seat.digest), seat: Some(Arc::clone(seat)) }
}

impl Rows for Live {
    fn row(&self, kind: Kind, id: &str) -> Option<Row> {
        let object = self.object(kind, id)?;
        let row = Row::read(&object);
        Some(row.unwrap_or_else(|error| {
            tracing::error!(kind = kind.as_str(), id, %error, "this cannot be read: what depends on it is refused");
            Row::unreadable()
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::access::Level;
    use crate::config::Governance;
    use crate::governance::plan::{Rules, seat};

    #[test]
    fn what_cannot_be_read_lets_nobody_past() {
        let live = Live::new(None, &Governance::default(), Rules::default(), None, None);
        let put = |kind: Kind, id: &str, doc: serde_json::Value| {
            let object = Object::new(kind, id, doc.as_object().unwrap().clone());
            live.objects.pin().insert((kind, id.to_owned()), Some(Arc::new(object)));
        };
        put(Kind::Team, "good", json!({"max_budget": 5}));
        put(Kind::Team, "bad", json!({"max_budget": 5, "litellm_model_table": {"model_aliases": {"x": 1}}}));
        put(Kind::Budget, "bad", json!({"max_budget": 5, "model_max_budget": {"m": 5}}));
        let row = |team: &str, budget: Option<&str>| Row {
            team_id: Some(team.to_owned()),
            budget_id: budget.map(str::to_owned),
            ..Row::default()
        };
        let plan = |row: Row| seat("digest", row, &live, &Rules::default());
        assert_eq!(plan(row("good", None)).access.blocked, None);
        assert_eq!(plan(row("bad", None)).access.blocked, Some(Level::Team));
        let key = plan(row("good", Some("bad"))).scopes;
        let max = key.first().and_then(|scope| scope.limits.budgets.first()).and_then(|budget| budget.max);
        assert_eq!(max, Some(0), "a budget that cannot be read has nothing in it");
        put(Kind::Organization, "acme", json!({"models": ["gpt"]}));
        put(Kind::Team, "of acme", json!({"models": ["all-org-models"], "organization_id": "acme"}));
        put(Kind::Team, "nobody's", json!({"models": ["all-org-models"]}));
        for (team, model, may) in [("of acme", "gpt", true), ("of acme", "o3", false), ("nobody's", "gpt", false)] {
            assert_eq!(plan(row(team, None)).access.may_call(model, &[]).is_ok(), may, "{team} {model}");
        }
    }
}
