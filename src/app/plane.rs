//! Where data plane and control plane meet: neither knows the other.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::models::Models;
use crate::admin::{self, Desk, ModelView, Requester, routes};
use crate::clock::unix_millis;
use crate::governance::{Caller, Live};
use crate::limiter;
use crate::pricing::Money;
use crate::proxy::control::ControlPlane;
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

/// The data plane as the control plane sees it.
pub struct LiveDesk {
    pub live: Arc<Live>,
    pub store: Store,
    pub models: Arc<Models>,
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
        if let Some(scope) = held {
            scope.restore("", spent.pico(), resets_at);
        }
        Ok(())
    }

    fn models(&self) -> Vec<ModelView> {
        self.models.views.load().as_ref().clone()
    }
}
