//! Where data plane and control plane meet: neither knows the other.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::models::Models;
use crate::admin::{self, Desk, ModelView, Requester, routes};
use crate::auth::KeyDigest;
use crate::clock::unix_millis;
use crate::governance::{Caller, Live};
use crate::limiter::{self, Scope};
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

    async fn answer(&self, request: Request<Bytes>, caller: Caller) -> Response<Bytes> {
        self.0.answer(request, requester(&caller)).await
    }
}

fn requester(caller: &Caller) -> Requester {
    let key = caller.key_digest.map(|digest| digest.to_string());
    let Some(seat) = &caller.seat else { return Requester::master(key) };
    let row = &seat.row;
    Requester {
        role: caller.role,
        user_id: row.user_id.clone(),
        team_id: row.team_id.clone(),
        organization_id: row.organization_id.clone(),
        key,
        is_master: false,
        models: row.models.clone(),
        allowed_routes: row.allowed_routes.clone(),
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
        self.live.spent(scope, id).map(Money::from_pico)
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
        let resets_at = held.as_ref().and_then(|scope| scope.budgets().first()?.resets_at());
        let counter = Counter {
            scope: scope.as_str().to_owned(),
            id: id.to_owned(),
            budget: String::new(),
            spent: spent.pico(),
            resets_at: resets_at.unwrap_or_default(),
        };
        self.store.set_counter(&counter).await?;
        match (held, &self.leases) {
            (Some(scope), Some(leases)) => tell(leases, &scope, spent.pico()).await,
            (Some(scope), None) => drop(scope.restore("", spent.pico(), resets_at)),
            (None, _) => {}
        }
        Ok(())
    }

    async fn reset_spent(&self, scope: limiter::Kind) -> Result<(), Failure> {
        self.store.reset_all_counters(scope.as_str()).await?;
        match &self.leases {
            None => self.live.forget_spent(scope),
            Some(leases) => {
                for scope in self.live.scopes_of(scope) {
                    tell(leases, &scope, 0).await;
                }
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
}
