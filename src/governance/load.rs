//! The first sight of a key: its object, those that it names, and what was spent of their budgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::live::{Live, UNKNOWN_FOR, caller};
use super::plan::{self, ScopePlan, SeatPlan};
use super::rows::{LimitRow, Row};
use super::scopes::{Other, Spent};
use super::seat::{Caller, Seat, alike, series};
use super::throttled::Throttled;
use crate::auth::{KeyDigest, Role};
use crate::limiter::Kind as ScopeKind;
use crate::store::database::STORE_WAIT;
use crate::store::{Failure, Kind, Object, Store};

impl Live {
    /// Asks the store for a key that was not seen yet; many who ask for the same key ask once. `now` in seconds since
    /// 1970. `None`: there is no such key. However many wait, none waits longer than [`STORE_WAIT`].
    ///
    /// # Errors
    /// [`Failure`]: the store cannot tell. Then nobody may say that the key is none.
    pub async fn load(&self, digest: KeyDigest, now: i64) -> Result<Option<Caller>, Failure> {
        let place = Arc::clone(self.waiting.entry(digest).or_default().value());
        let ask = async {
            let _first = place.lock().await;
            self.look_up(digest, now).await
        };
        let late = |_| Err(Failure::Unavailable("no answer in time".to_owned()));
        let found = tokio::time::timeout(STORE_WAIT, ask).await.unwrap_or_else(late);
        // The last one who waits takes the place away.
        self.waiting.remove_if(&digest, |_, place| Arc::strong_count(place) <= 2);
        found
    }

    async fn look_up(&self, digest: KeyDigest, now: i64) -> Result<Option<Caller>, Failure> {
        let seen = self.seats.pin().get(&digest).map(caller);
        if seen.is_some() {
            return Ok(seen);
        }
        if self.unknown.get(&digest).is_some_and(|until| now < until) {
            return Ok(None);
        }
        let closed = |_| Failure::Unavailable("closed".to_owned());
        let _permit = self.look_ups.acquire().await.map_err(closed)?;
        let seat = self.read(digest, now).await?;
        match seat {
            Some(seat) => {
                let caller = caller(&seat);
                self.put(digest, seat);
                Ok(Some(caller))
            }
            None => {
                self.unknown.insert(digest, now.saturating_add(UNKNOWN_FOR));
                Ok(None)
            }
        }
    }

    /// Holds a seat, and sees to it that it is made anew in time: after it is held, so that nobody looks for it too early.
    pub(super) fn put(&self, digest: KeyDigest, seat: Arc<Seat>) {
        let changes_at = seat.changes_at.unwrap_or(i64::MAX);
        self.seats.pin().insert(digest, seat);
        self.next_change.fetch_min(changes_at, Ordering::Relaxed);
    }

    /// Makes the seat of a key from what is stored now.
    pub(super) async fn read(&self, digest: KeyDigest, now: i64) -> Result<Option<Arc<Seat>>, Failure> {
        let token = digest.to_string();
        let declared = self.declared.get(&(Kind::Key, token.clone()));
        if let (Some(object), Some(false)) = (declared, self.is_connected()) {
            // It is good without the store, but nothing is to be had from its budgets until the store is there.
            let Some(row) = Row::of(object) else { return Ok(None) };
            let plan = plan::seat(&token, row, self, &self.rules);
            return Ok(Some(Arc::new(self.seat(digest, token, plan, &[], false, now))));
        }
        let object = match (declared, &self.store) {
            (Some(object), _) => Some(Arc::clone(object)),
            (None, Some(store)) => store.get(Kind::Key, &token).await?.map(Arc::new),
            (None, None) => None,
        };
        let Some(row) = object.as_deref().and_then(Row::of) else { return Ok(None) };
        if let Some(new) = &row.rotated_to {
            return self.read_rotated(new, (row.expires.clone(), row.lent), now).await;
        }
        self.take_seat(digest, token, row, now).await.map(Some)
    }

    /// A key that was replaced counts as the new one, until its own end; whether it is lent is its own too.
    async fn read_rotated(
        &self,
        new: &str,
        (expires, lent): (Option<String>, bool),
        now: i64,
    ) -> Result<Option<Arc<Seat>>, Failure> {
        let (Some(digest), Some(store)) = (KeyDigest::parse(new), &self.store) else { return Ok(None) };
        let object = store.get(Kind::Key, new).await?;
        // One that was replaced itself is no key any more for those before it.
        let row = object.as_ref().and_then(Row::of).filter(|row| row.rotated_to.is_none());
        let Some(row) = row else { return Ok(None) };
        self.has_rotated.store(true, Ordering::Relaxed);
        let mut seat = self.take_seat(digest, new.to_owned(), Row { expires, lent, ..row }, now).await?;
        if let Some(seat) = Arc::get_mut(&mut seat) {
            seat.needs.push((Kind::Key, new.to_owned()));
        }
        Ok(Some(seat))
    }

    async fn take_seat(&self, digest: KeyDigest, token: String, row: Row, now: i64) -> Result<Arc<Seat>, Failure> {
        let (row, ends) = row.increased(now);
        let plan = self.plan(&token, &row).await?;
        let spent = self.restore_for(&plan).await?;
        Ok(Arc::new(Seat { changes_at: ends, ..self.seat(digest, token, plan, &spent, true, now) }))
    }

    /// Plans until nothing is missing: an object may name another.
    async fn plan(&self, token: &str, row: &Row) -> Result<SeatPlan, Failure> {
        loop {
            let plan = plan::seat(token, row.clone(), self, &self.rules);
            let missing: Vec<_> = plan.needs.iter().filter(|needed| !self.is_known(needed)).cloned().collect();
            let Some(store) = self.store.as_ref().filter(|_| !missing.is_empty()) else { return Ok(plan) };
            for (kind, id) in missing {
                self.refresh(store, kind, id).await?;
            }
        }
    }

    pub(super) fn is_known(&self, needed: &(Kind, String)) -> bool {
        self.declared.contains_key(needed) || self.objects.pin().contains_key(needed)
    }

    /// Reads an object again.
    pub(super) async fn refresh(&self, store: &Store, kind: Kind, id: String) -> Result<(), Failure> {
        let object = store.get(kind, &id).await?.map(Arc::new);
        self.objects.pin().insert((kind, id), object);
        Ok(())
    }

    /// What was spent of the budgets that are not in use yet.
    async fn restore_for(&self, plan: &SeatPlan) -> Result<Vec<Spent>, Failure> {
        let plans = plan.scopes.iter().chain(plan.by_model.iter().map(|(_, plan)| plan));
        let new: Vec<(ScopeKind, String)> = plans
            .filter(|plan| self.scopes.get(plan.kind, &plan.id).is_none())
            .map(|plan| (plan.kind, plan.id.clone()))
            .collect();
        self.spent_before(&new).await
    }

    pub(super) async fn spent_before(&self, scopes: &[(ScopeKind, String)]) -> Result<Vec<Spent>, Failure> {
        let Some(store) = self.store.as_ref().filter(|_| !scopes.is_empty()) else { return Ok(Vec::new()) };
        let wanted: Vec<(&str, &str)> = scopes.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect();
        let counters = store.counters_of(&wanted).await?;
        let spent = counters.into_iter().filter_map(|counter| {
            Some(Spent {
                kind: ScopeKind::named(&counter.scope)?,
                id: counter.id,
                budget: counter.budget,
                // Below nothing while calls from before a reset are on their way.
                amount: counter.spent.max(0),
                resets_at: Some(counter.resets_at).filter(|at| *at != 0),
            })
        });
        Ok(spent.collect())
    }

    fn seat(
        &self,
        digest: KeyDigest,
        token: String,
        plan: SeatPlan,
        spent: &[Spent],
        is_counted: bool,
        now: i64,
    ) -> Seat {
        let take = |plan: &ScopePlan| self.scopes.take(plan, spent);
        let throttled = plan.throttled.as_ref().zip(plan.scopes.iter().find(|plan| plan.kind == ScopeKind::Key));
        // A user who is not known changes nothing; a key of no user is held to its own rights elsewhere.
        let role = plan.user_role.as_deref().and_then(Role::named).unwrap_or(Role::InternalUserViewer);
        let throttled = throttled.map(|(slower, own)| Throttled::new(&take(own), &own.limits, take(slower)));
        let share = self.seats.pin().get(&digest).map(|before| Arc::clone(&before.share));
        Seat {
            alike: alike(&digest, &plan.row),
            series: series(&digest, &plan),
            digest,
            token,
            // By a key that is lent its holder does not become an admin.
            role: if plan.row.lent { role.lowered() } else { role },
            scopes: plan.scopes.iter().map(take).collect(),
            by_model: plan.by_model.iter().map(|(model, plan)| (model.clone(), take(plan))).collect(),
            by_tag: plan.by_tag.iter().map(|(tag, plan)| (tag.clone(), take(plan))).collect(),
            throttled,
            access: plan.access,
            row: plan.row,
            team_alias: plan.team_alias,
            user_email: plan.user_email,
            organization_alias: plan.organization_alias,
            aliases: plan.aliases,
            fallbacks: plan.fallbacks,
            needs: plan.needs,
            is_counted,
            changes_at: None,
            share: share.unwrap_or_default(),
            used_at: AtomicI64::new(now),
        }
    }

    /// What limits an end user or a tag, if anything does. Known ones without a query.
    pub fn other(&self, kind: ScopeKind, id: &str) -> Option<Option<Other>> {
        if let Some(other) = self.scopes.get_other(kind, id) {
            return Some(Some(other));
        }
        let stored = stored_kind(kind)?;
        match self.objects.pin().get(&(stored, id.to_owned())) {
            Some(None) if !self.limits_strangers(kind, id) => Some(None),
            _ if self.store.is_none() && !self.limits_strangers(kind, id) => Some(None),
            _ => None,
        }
    }

    /// The first sight of an end user or a tag; nobody waits longer than [`STORE_WAIT`].
    ///
    /// # Errors
    /// [`Failure`]: the store cannot tell.
    pub async fn load_other(&self, kind: ScopeKind, id: &str) -> Result<Option<Other>, Failure> {
        let late = |_| Err(Failure::Unavailable("no answer in time".to_owned()));
        tokio::time::timeout(STORE_WAIT, self.look_up_other(kind, id)).await.unwrap_or_else(late)
    }

    async fn look_up_other(&self, kind: ScopeKind, id: &str) -> Result<Option<Other>, Failure> {
        let Some(stored) = stored_kind(kind) else { return Ok(None) };
        if let (Some(store), false) = (&self.store, self.is_known(&(stored, id.to_owned()))) {
            self.refresh(store, stored, id.to_owned()).await?;
        }
        // Held until the end, so that it is not forgotten meanwhile. Who is held knows what was spent.
        let held = self.scopes.get(kind, id);
        if self.object(stored, id).is_none() && held.is_none() && !self.limits_strangers(kind, id) {
            return Ok(None);
        }
        let mut counted = Vec::new();
        let mut spent = Vec::new();
        loop {
            let object: Option<Arc<Object>> = self.object(stored, id);
            let row = object.as_deref().map(|object| Row::of(object).unwrap_or_else(Row::unreadable));
            let plan = plan::other(kind, id, &row.unwrap_or_default(), self, &self.rules);
            let missing = plan.scope.budgets.iter().find(|budget| !self.is_known(&(Kind::Budget, (*budget).clone())));
            let plans = std::iter::once(&plan.scope).chain(plan.by_model.iter().map(|(_, plan)| plan));
            let is_new = |plan: &&ScopePlan| held.is_none() || self.scopes.get(plan.kind, &plan.id).is_none();
            let mut new: Vec<_> = plans.filter(is_new).map(|plan| (plan.kind, plan.id.clone())).collect();
            new.retain(|scope| !counted.contains(scope));
            match (missing, &self.store) {
                (Some(budget), Some(store)) => self.refresh(store, Kind::Budget, budget.clone()).await?,
                (None, Some(_)) if !new.is_empty() => {
                    spent.extend(self.spent_before(&new).await?);
                    counted.extend(new);
                }
                // From reading the rows to here nothing is waited for: a change that comes now finds the scope.
                _ => return Ok(Some(self.scopes.take_other(&plan, &spent))),
            }
        }
    }

    /// Whether end users and tags that nobody has entered are limited too.
    fn limits_strangers(&self, kind: ScopeKind, id: &str) -> bool {
        match kind {
            ScopeKind::Customer => self.rules.customer != LimitRow::default() || self.rules.customer_budget.is_some(),
            _ => self.rules.tags.contains_key(id),
        }
    }
}

fn stored_kind(kind: ScopeKind) -> Option<Kind> {
    match kind {
        ScopeKind::Customer => Some(Kind::Customer),
        ScopeKind::Tag => Some(Kind::Tag),
        _ => None,
    }
}
