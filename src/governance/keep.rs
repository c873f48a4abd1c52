//! Keeping up: what was changed here and elsewhere, what nobody uses any more.

use std::sync::atomic::Ordering;

use super::live::Live;
use super::plan;
use super::seat::Seat;
use crate::auth::KeyDigest;
use crate::limiter::Kind as ScopeKind;
use crate::store::changes::News;
use crate::store::{Failure, Kind};

/// Seconds after which a seat that nobody used is forgotten; the store still knows the key.
pub const SEAT_IDLE: i64 = 3_600;
/// Objects that are held; beyond it those that no seat needs are forgotten.
pub const OBJECTS_KEPT: usize = 200_000;

impl Live {
    /// Makes a change that is in the store take effect here. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read; what was known before stays.
    pub async fn changed(&self, objects: &[(Kind, String)], now: i64) -> Result<(), Failure> {
        let Some(store) = &self.store else { return Ok(()) };
        for (kind, id) in objects {
            match kind {
                Kind::Key => {
                    let Some(digest) = KeyDigest::parse(id) else { continue };
                    self.renew(digest, now).await?;
                    if self.has_rotated.load(Ordering::Relaxed) {
                        self.renew_who_needs(&(Kind::Key, id.clone()), now).await?;
                    }
                }
                _ => {
                    let key = (*kind, id.clone());
                    if self.objects.pin().contains_key(&key) {
                        self.refresh(store, *kind, id.clone()).await?;
                    }
                    // No seat is made from these, of which there may be very many.
                    if !matches!(kind, Kind::Customer | Kind::Tag) {
                        self.renew_who_needs(&key, now).await?;
                    }
                    self.renew_others(*kind, id).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads what was changed elsewhere since `after`. The number to come with next time.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read.
    pub async fn follow(&self, after: i64, now: i64) -> Result<(i64, Vec<(Kind, String)>), Failure> {
        let Some(store) = &self.store else { return Ok((after, Vec::new())) };
        let news = store.news(after).await;
        self.is_connected.store(news.is_ok(), Ordering::Relaxed);
        match news? {
            News::Of(changed, last) => {
                self.changed(&changed, now).await?;
                Ok((last, changed))
            }
            News::TooMany(last) => {
                self.renew_all(now).await?;
                Ok((last, Vec::new()))
            }
        }
    }

    /// Reads what the seats that are held need, from a schema that is up to date. The number to
    /// [`Live::follow`] from.
    ///
    /// # Errors
    /// [`Failure`]: the store is away; declared keys are known all the same, but nothing is to be had from their budgets.
    pub async fn begin(&self, now: i64) -> Result<i64, Failure> {
        let begun = self.try_begin().await;
        self.is_connected.store(begun.is_ok(), Ordering::Relaxed);
        self.limit_all(begun.is_ok()).await?;
        if begun.is_ok() {
            self.restore_outlays().await?;
        }
        self.seat_declared(now).await;
        begun
    }

    /// Makes what limits everybody: requests and tokens from the start, money from when the store has said what was spent.
    async fn limit_all(&self, is_counted: bool) -> Result<(), Failure> {
        let Some(plan) = plan::global(&self.rules) else { return Ok(()) };
        if self.global().is_none() {
            self.scopes.take(&plan.clone().uncapped(), &[]);
        }
        if is_counted {
            let spent = self.spent_before(&[(plan.kind, plan.id.clone())]).await?;
            spent.iter().for_each(|spent| self.scopes.restore(spent));
            self.scopes.take(&plan, &[]);
            self.knows_global.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn try_begin(&self) -> Result<i64, Failure> {
        let Some(store) = &self.store else { return Ok(0) };
        store.migrate().await?;
        store.last_change().await
    }

    /// Brings the store's schema up to date.
    ///
    /// # Errors
    /// [`Failure`]: the store is away.
    pub async fn migrate(&self) -> Result<(), Failure> {
        match &self.store {
            Some(store) => store.migrate().await,
            None => Ok(()),
        }
    }

    /// Makes the seats of all declared keys, so that the first call of each finds its own.
    pub async fn seat_declared(&self, now: i64) {
        let keys = self.declared.keys().filter(|(kind, _)| *kind == Kind::Key);
        for digest in keys.filter_map(|(_, token)| KeyDigest::parse(token)) {
            match self.read(digest, now).await {
                Ok(Some(seat)) => self.put(digest, seat),
                Ok(None) => tracing::error!(key = digest.prefix(), "a declared key cannot be read"),
                Err(error) => tracing::error!(key = digest.prefix(), %error, "a declared key waits for the store"),
            }
        }
    }

    /// Reads everything that is held anew.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read; some may be new then, all others are as they were.
    pub async fn renew_all(&self, now: i64) -> Result<(), Failure> {
        self.unknown.clear();
        let held: Vec<(Kind, String)> = self.objects.pin().keys().cloned().collect();
        if let Some(store) = &self.store {
            for (kind, id) in held {
                self.refresh(store, kind, id).await?;
            }
        }
        self.renew_seats(|_| true, now).await?;
        self.renew_all_others().await
    }

    /// Makes those seats anew whose time has come: a budget's increase has ended.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read; it is tried again.
    pub async fn renew_due(&self, now: i64) -> Result<(), Failure> {
        if self.next_change.load(Ordering::Relaxed) > now {
            return Ok(());
        }
        self.next_change.store(i64::MAX, Ordering::Relaxed);
        let renewed = self.renew_seats(|seat| seat.changes_at.is_some_and(|at| at <= now), now).await;
        // Those whose time comes later, and those that could not be read.
        let next = self.seats.pin().values().filter_map(|seat| seat.changes_at).min();
        self.next_change.fetch_min(next.unwrap_or(i64::MAX), Ordering::Relaxed);
        renewed
    }

    /// Forgets seats that nobody used for [`SEAT_IDLE`], and what only they needed.
    pub fn forget_unused(&self, now: i64) {
        let is_used = |seat: &Seat| {
            let declared = self.declared.contains_key(&(Kind::Key, seat.token.clone()));
            declared || now.saturating_sub(seat.used_at.load(Ordering::Relaxed)) < SEAT_IDLE
        };
        self.seats.pin().retain(|_, seat| is_used(seat));
        self.scopes.forget_unused();
        // Clients name end users and tags as they like. Those whose counters are held keep what else is said of them.
        let is_held = |kind: &Kind, id: &str| match kind {
            Kind::Customer => self.scopes.get(ScopeKind::Customer, id).is_some(),
            Kind::Tag => self.scopes.get(ScopeKind::Tag, id).is_some(),
            _ => false,
        };
        let is_said = |kind: &Kind| matches!(kind, Kind::Customer | Kind::Tag);
        if self.objects.len() > OBJECTS_KEPT {
            self.objects.pin().retain(|(kind, id), _| !is_said(kind) || is_held(kind, id));
        }
        if self.objects.len() > OBJECTS_KEPT {
            self.objects.pin().retain(|(kind, id), _| is_held(kind, id));
        }
    }

    /// Nothing is held any more but what the configuration declares: for a store that has been away for too long.
    pub fn forget_stored(&self) {
        self.seats.pin().retain(|_, seat| self.declared.contains_key(&(Kind::Key, seat.token.clone())));
    }

    async fn renew(&self, digest: KeyDigest, now: i64) -> Result<(), Failure> {
        self.unknown.remove(&digest);
        if !self.seats.pin().contains_key(&digest) {
            return Ok(());
        }
        match self.read(digest, now).await? {
            Some(seat) => self.put(digest, seat),
            None => {
                self.seats.pin().remove(&digest);
            }
        }
        Ok(())
    }

    async fn renew_who_needs(&self, object: &(Kind, String), now: i64) -> Result<(), Failure> {
        self.renew_seats(|seat| seat.needs.contains(object), now).await
    }

    async fn renew_seats(&self, which: impl Fn(&Seat) -> bool, now: i64) -> Result<(), Failure> {
        // The key of the map: one that was replaced sits under its own digest, and counts under the new one.
        let chosen: Vec<KeyDigest> =
            self.seats.pin().iter().filter(|(_, seat)| which(seat)).map(|(digest, _)| *digest).collect();
        for digest in chosen {
            self.renew(digest, now).await?;
        }
        Ok(())
    }

    /// End users and tags have no seat; the counters of those that are in use get the new limits, their own or those of
    /// the budget that they have in common.
    async fn renew_others(&self, kind: Kind, id: &str) -> Result<(), Failure> {
        let concerned = match kind {
            Kind::Customer => vec![(ScopeKind::Customer, id.to_owned())],
            Kind::Tag => vec![(ScopeKind::Tag, id.to_owned())],
            Kind::Budget => self.scopes.with_budget(id),
            _ => return Ok(()),
        };
        self.renew_each(concerned).await
    }

    async fn renew_all_others(&self) -> Result<(), Failure> {
        let all = [ScopeKind::Customer, ScopeKind::Tag].into_iter().flat_map(|kind| self.scopes.of_kind(kind));
        self.renew_each(all.map(|scope| (scope.kind(), scope.id().to_owned())).collect()).await
    }

    async fn renew_each(&self, scopes: Vec<(ScopeKind, String)>) -> Result<(), Failure> {
        for (kind, id) in scopes {
            if self.scopes.get(kind, &id).is_some() {
                self.load_other(kind, &id).await?;
            }
        }
        Ok(())
    }
}
