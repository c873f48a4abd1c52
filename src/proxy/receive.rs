//! The first phases of a request, in their order: what happens before a provider is needed.

use pingora_proxy::Session;

use super::admit::{admit, make_room};
use super::authenticate::authenticate;
use super::context::Context;
use super::gateway::Shared;
use super::intake::intake;
use super::reserve::reserve;
use super::route::{Access, NoRoute, Route};
use super::{control, local, stored};
use crate::auth::refusals;
use crate::error::{Error, Kind};

/// Whether the request has its answer already; the inner error is for the client.
pub type Received = Result<bool, Error>;

/// Takes a request in, up to the point where a provider is needed.
///
/// # Errors
/// When the client is gone.
pub async fn receive(session: &mut Session, ctx: &mut Context, shared: &Shared) -> pingora_core::Result<Received> {
    // The address first: who may not connect learns nothing, not even which paths there are.
    if let Err(error) = admit(session, ctx) {
        return Ok(Err(error));
    }
    // The route before the key, because the route says whether a key is needed.
    let header = session.req_header();
    let route = match Route::find(&header.method, header.uri.path()) {
        Ok(route) => route,
        Err(NoRoute::UnknownPath) if shared.control.as_ref().is_some_and(|plane| plane.serves(header.uri.path())) => {
            return Box::pin(control::answer(session, ctx, shared)).await;
        }
        Err(no_route) => {
            ctx.route = "unknown";
            return Ok(Err(no_such_route(no_route)));
        }
    };
    ctx.route = route.pattern();
    ctx.envelope = route.envelope();
    let authenticated = authenticate(session, ctx, shared).await;
    if let Access::Key = route.access(ctx.snapshot.settings.metrics_need_key)
        && let Err(error) = authenticated.and_then(|()| may_ask(ctx, session.req_header().uri.path()))
    {
        return Ok(Err(error));
    }
    if let Route::Stored { id, action } = &route {
        return Box::pin(stored::answer(session, ctx, shared, id, *action)).await;
    }
    let Route::Inference { operation, model } = route else {
        return Box::pin(local::answer(session, ctx, shared, route)).await;
    };
    // Room before the body: a request that is refused for want of it should cost no memory.
    if let Err(error) = make_room(ctx, shared) {
        return Ok(Err(error));
    }
    let taken_in = intake(session, ctx, operation, model).await;
    if let Err(error) = taken_in {
        return Ok(Err(error));
    }
    Ok(reserve(session, ctx, shared).await.map(|()| false))
}

/// Whether the key may call this route at all (`allowed_routes`).
fn may_ask(ctx: &Context, path: &str) -> Result<(), Error> {
    let Some(seat) = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref()) else { return Ok(()) };
    let access = &seat.access;
    access
        .may_ask(ctx.route, path)
        .map_err(|denied| refusals::denied(denied, ctx.snapshot.settings.compat, ctx.started_ms, path, &access.routes))
}

fn no_such_route(why: NoRoute) -> Error {
    match why {
        NoRoute::UnknownPath => Error::new(Kind::NoSuchPath, "Not Found"),
        NoRoute::OtherMethod => Error::new(Kind::OtherMethod, "Method Not Allowed"),
    }
}
