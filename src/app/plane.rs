//! Where data plane and control plane meet: neither knows the other.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};

use super::models::Models;
use crate::admin::{self, Desk, ModelView, PriceSource, Requester, routes};
use crate::auth::KeyDigest;
use crate::clock::unix_millis;
use crate::governance::{Caller, Live};
use crate::limiter::{self, Budget, Scope};
use crate::pricing::{Money, Prices};
use crate::proxy::control::ControlPlane;
use crate::store::redis::Leases;
use crate::store::{self, Counter, Failure, Store};

/// The control plane as the data plane sees it.
pub struct Plane(pub admin::ControlPlane);

#[async_trait]
impl ControlPlane for Plane {
    fn serves(&self, path: &str) -> bool {
        routes::serves(path)
    }

    fn is_open(&self, method: &Method, path: &str) -> bool {
        routes::is_open(method, path)
    }

    async fn answer(&self, request: Request<Bytes>, caller: Option<Caller>) -> Response<Bytes> {
        self.0.answer(request, caller.as_ref().map_or_else(Requester::nobody, requester)).await
    }
}

fn requester(caller: &Caller) -> Requester {
    let key = caller.key_digest.map(|digest| digest.to_string());
    let Some(seat) = &caller.seat else { return Requester::master(key) };
    let row = &seat.row;
    // Access groups give more than `models`, where those say anything.
    let is_group = |id: &&String| !row.models.is_empty() && !id.contains('*');
    let groups = row.access_group_ids.iter().filter(is_group);
    Requester {
        role: caller.role,
        user_id: row.user_id.clone(),
        team_id: row.team_id.clone(),
        organization_id: row.organization_id.clone(),
        key,
        is_master: false,
        models: row.models.iter().chain(groups).cloned().collect(),
        allowed_routes: row.allowed_routes.clone(),
        is_lent: row.lent,
        ends: row.expires.clone(),
    }
}

/// Says on all nodes what is spent.
async fn tell(leases: &Arc<Leases>, scope: &Arc<Scope>, spent: limiter::Pico) {
    if scope.budgets().first().is_some_and(|budget| budget.limits().max.is_none()) {
        // Nobody borrows of it: each node counts what it has spent itself.
        scope.set_spent(spent);
    } else if !leases.set_spent(scope, "", spent).await {
        tracing::warn!(kind = %scope.kind(), id = scope.id(), "Redis was not told what is spent");
    }
}

/// Each of these budgets with its scope.
fn scope_and<'a>(
    scope: Option<&'a Scope>,
    budgets: impl IntoIterator<Item = &'a Budget>,
) -> impl Iterator<Item = (&'a Scope, &'a Budget)> {
    budgets.into_iter().filter_map(move |budget| Some((scope?, budget)))
}

/// What this node has counted of a budget.
fn counter(scope: &Scope, budget: &Budget, spent: limiter::Pico) -> Counter {
    Counter {
        scope: scope.kind().as_str().to_owned(),
        id: scope.id().to_owned(),
        budget: budget.limits().name.to_string(),
        spent,
        resets_at: budget.resets_at().unwrap_or_default(),
    }
}

/// Live counters that are being set. Those that nodes share are set through Redis, and only looked at here.
struct Setting<'a> {
    budgets: Vec<(&'a Scope, &'a Budget)>,
    is_shared: bool,
    /// What they were.
    before: OnceLock<Vec<limiter::Pico>>,
}

impl Setting<'_> {
    /// Sets all of them, and says what they were.
    fn to(&self, spent: limiter::Pico) -> Vec<Counter> {
        let set = |budget: &Budget| if self.is_shared { budget.spent() } else { budget.set_back(spent) };
        let before = self.before.get_or_init(|| self.budgets.iter().map(|(_, budget)| set(budget)).collect());
        self.budgets.iter().zip(before).map(|((scope, budget), spent)| counter(scope, budget, *spent)).collect()
    }

    /// What was set here is not in the store: what was taken off is spent again.
    fn undo(&self, to: limiter::Pico) {
        let before = self.before.get().filter(|_| !self.is_shared);
        for ((_, budget), before) in self.budgets.iter().zip(before.into_iter().flatten()) {
            budget.put_back(before.saturating_sub(to));
        }
    }
}

/// The data plane as the control plane sees it.
pub struct LiveDesk {
    pub live: Arc<Live>,
    pub store: Store,
    pub models: Arc<Models>,
    /// Where limits are shared.
    pub leases: Option<Arc<Leases>>,
}

#[async_trait]
impl Desk for LiveDesk {
    fn spent(&self, scope: limiter::Kind, id: &str) -> Option<Money> {
        let scope = self.live.scope(scope, id)?;
        // Of a window that is over nothing is spent.
        scope.budgets().iter().for_each(|budget| budget.roll_over(unix_millis() / 1000));
        Some(Money::from_pico(scope.spent()))
    }

    fn counters_under(&self, kind: limiter::Kind, id: &str) -> Vec<Counter> {
        let is_under = |of: &str| of.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        let scopes = self.live.scopes_of(kind).into_iter().filter(|scope| is_under(scope.id()));
        let now = unix_millis() / 1000;
        let each = scopes.flat_map(|scope| {
            let of_scope = scope.budgets().iter().map(|budget| {
                budget.roll_over(now);
                counter(&scope, budget, budget.spent())
            });
            of_scope.collect::<Vec<_>>()
        });
        each.collect()
    }

    async fn changed(&self, objects: &[(store::Kind, String)]) {
        // What fails here is read again by the keeper, which follows the same changes.
        if let Err(error) = self.live.changed(objects, unix_millis() / 1000).await {
            tracing::warn!(%error, "a change takes effect a moment later");
        }
        let is_of_models = objects.iter().any(|(kind, _)| Models::is_concerned(*kind));
        if is_of_models && let Err(error) = self.models.renew().await {
            tracing::warn!(%error, "a change of models takes effect a moment later");
        }
    }

    async fn set_spent(&self, scope: limiter::Kind, id: &str, spent: Money) -> Result<(), Failure> {
        if let (limiter::Kind::Key, Some(digest)) = (scope, KeyDigest::parse(id)) {
            // Seated, so that its counters are at hand.
            self.live.load(digest, unix_millis() / 1000).await?;
        }
        let held = self.live.scope(scope, id);
        let budget = held.as_ref().and_then(|scope| scope.budgets().first());
        let set = Setting {
            budgets: scope_and(held.as_deref(), budget).collect(),
            is_shared: self.leases.is_some(),
            before: OnceLock::new(),
        };
        let counted = || set.to(spent.pico()).pop();
        let stored = self.store.set_spent((scope.as_str(), id, ""), spent.pico(), counted).await;
        stored.inspect_err(|_| set.undo(spent.pico()))?;
        if let (Some(scope), Some(leases)) = (&held, &self.leases) {
            tell(leases, scope, spent.pico()).await;
        }
        Ok(())
    }

    async fn reset_spent(&self, kind: limiter::Kind) -> Result<(), Failure> {
        let scopes = self.live.scopes_of(kind);
        // Tokens are not spent.
        let is_money = |budget: &&Budget| budget.is_money();
        let budgets = scopes.iter().flat_map(|scope| scope_and(Some(scope), scope.budgets().iter().filter(is_money)));
        let set = Setting { budgets: budgets.collect(), is_shared: self.leases.is_some(), before: OnceLock::new() };
        let stored = self.store.reset_all_spent(kind.as_str(), || set.to(0)).await;
        stored.inspect_err(|_| set.undo(0))?;
        if let Some(leases) = &self.leases {
            for scope in &scopes {
                tell(leases, scope, 0).await;
            }
        }
        Ok(())
    }

    fn prices(&self, deployment: &str) -> Option<Prices> {
        let snapshot = self.models.snapshot.load();
        snapshot.targets.iter().find(|target| &*target.id == deployment).map(|target| target.prices.clone())
    }

    fn models(&self) -> Vec<ModelView> {
        self.models.views.load().as_ref().clone()
    }

    fn price_source(&self) -> PriceSource {
        self.models.prices.source()
    }

    async fn reload_prices(&self, asked_at: &str) -> Result<usize, String> {
        self.models.read_prices(Some(asked_at)).await
    }
}
