//! Answers of the gateway's own: models, health, metrics, routes, the landing page.

use std::collections::BTreeSet;

use bytes::Bytes;
use pingora_proxy::Session;
use serde_json::json;

use super::attribution::end_user_of;
use super::authenticate::unavailable;
use super::context::Context;
use super::gateway::Shared;
use super::health::{self, Wanted};
use super::page::page;
use super::query;
use super::receive::Received;
use super::reply;
use super::route::{self, Route};
use crate::auth::members::Models;
use crate::error::{Error, Kind};
use crate::limiter;
use crate::providers::OPENAI;

const JSON: &str = "application/json";

/// Answers a route that no model is needed for; the inner error is for the client.
///
/// # Errors
/// When the client is gone.
pub async fn answer(
    session: &mut Session,
    ctx: &mut Context,
    shared: &Shared,
    route: Route,
) -> pingora_core::Result<Received> {
    let query = session.req_header().uri.query();
    let (content_type, body): (_, Bytes) = match route {
        Route::Models if query::flag(query, "only_model_access_groups") => (JSON, groups(ctx).to_string().into()),
        Route::Models => match customers_models(session, ctx, shared).await {
            Ok(own) => (JSON, models(ctx, own.as_ref()).to_string().into()),
            Err(error) => return Ok(Err(error)),
        },
        Route::Model(name) => match model(ctx, &name) {
            Some(model) => (JSON, model.to_string().into()),
            None => {
                let text = format!("The model `{name}` does not exist or you do not have access to it.");
                return Ok(Err(Error::new(Kind::NoSuchModel, text)));
            }
        },
        Route::Liveliness => (JSON, Bytes::from_static(b"\"I'm alive!\"")),
        Route::Readiness if shared.is_draining() => return Ok(Err(Error::new(Kind::Draining, "draining"))),
        Route::Readiness => (JSON, health::readiness(ctx, shared).to_string().into()),
        Route::ReadinessDetails => (JSON, health::details(ctx, shared).to_string().into()),
        Route::Health if ctx.caller.as_ref().is_none_or(|caller| caller.key_digest.is_none()) => {
            (JSON, Bytes::from_static(b"{\"status\":\"healthy\"}"))
        }
        Route::Health => {
            let wanted = Wanted { model: query::value(query, "model"), id: query::value(query, "model_id") };
            let found = match shared.checkups.is_on() {
                true => health::found(ctx, shared, &wanted),
                false => health::probe_all(ctx, shared, &wanted).await,
            };
            (JSON, found.to_string().into())
        }
        Route::Metrics => match page(ctx, shared).await {
            Ok(page) => ("text/plain; version=0.0.4; charset=utf-8", page),
            Err(error) => return Ok(Err(error)),
        },
        Route::Routes => (JSON, routes().to_string().into()),
        Route::Landing | Route::Inference { .. } | Route::Stored { .. } => {
            ("text/html; charset=utf-8", landing(ctx).into())
        }
    };
    reply::own(session, ctx, content_type, body).await.map(|()| Ok(true))
}

fn model_entry(name: &str) -> serde_json::Value {
    json!({ "id": name, "object": "model", "created": 1_677_610_602, "owned_by": OPENAI })
}

/// The only models that the end user may call whom the headers name.
async fn customers_models(session: &Session, ctx: &Context, shared: &Shared) -> Result<Option<Models>, Error> {
    let own_header = ctx.snapshot.settings.user_header_name.as_ref();
    let Some(end_user) = end_user_of(&session.req_header().headers, own_header) else { return Ok(None) };
    if shared.live.other(limiter::Kind::Customer, end_user).is_none() {
        let loaded = Box::pin(shared.live.load_other(limiter::Kind::Customer, end_user)).await;
        loaded.map_err(|failure| unavailable(&failure))?;
    }
    Ok(shared.live.models_of(end_user))
}

/// `own_models`: the only ones that the end user may call.
fn models(ctx: &Context, own_models: Option<&Models>) -> serde_json::Value {
    let seat = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref());
    let owned = &ctx.snapshot.owned;
    let own = owned.names(seat.and_then(|seat| seat.row.team_id.as_deref()));
    let names = ctx.snapshot.router.visible_names().filter(|name| !owned.is_within(name));
    let own = own.filter(|own| !ctx.snapshot.router.visible_names().any(|name| name == *own));
    // A pattern is shown to whom it is allowed as such.
    let names = names
        .chain(own)
        .filter(|name| seat.is_none_or(|seat| seat.access.may_call(name, ctx.snapshot.access_groups_of(name)).is_ok()))
        .filter(|name| own_models.is_none_or(|models| models.admit(name, ctx.snapshot.access_groups_of(name))));
    let data: Vec<_> = names.map(model_entry).collect();
    json!({ "data": data, "object": "list" })
}

/// The access groups of the models that the caller may call.
fn groups(ctx: &Context) -> serde_json::Value {
    let seat = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref());
    let names = ctx.snapshot.router.visible_names();
    let groups = names.map(|name| (name, ctx.snapshot.access_groups_of(name)));
    let groups = groups.filter(|(name, groups)| seat.is_none_or(|seat| seat.access.may_call(name, groups).is_ok()));
    let groups: BTreeSet<&String> = groups.flat_map(|(_, groups)| groups).collect();
    let data: Vec<_> = groups.into_iter().map(|group| model_entry(group)).collect();
    json!({ "data": data, "object": "list" })
}

fn model(ctx: &Context, name: &str) -> Option<serde_json::Value> {
    let team = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref()?.row.team_id.as_deref());
    ctx.snapshot.router.resolve(ctx.snapshot.owned.routed(team, name), 0).map(|_| model_entry(name))
}

fn routes() -> serde_json::Value {
    let routes: Vec<_> =
        route::listing().map(|(path, method)| json!({ "path": path, "methods": [method.as_str()] })).collect();
    json!({ "routes": routes })
}

fn landing(ctx: &Context) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tollgate</title>\
         <h1>Tollgate {}</h1><p>An LLM gateway that serves {} models. \
         <a href=\"/v1/models\">Models</a> · <a href=\"/routes\">Routes</a> · <a href=\"/health/readiness\">Readiness</a> \
         · <a href=\"/metrics\">Metrics</a></p></html>",
        env!("CARGO_PKG_VERSION"),
        ctx.snapshot.router.visible_names().count(),
    )
}
