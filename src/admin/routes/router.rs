//! The router's settings.

use http::Method;

use super::Route;
use crate::admin::rights::Right;
use crate::admin::router;

pub(super) static ROUTES: &[Route] = &[Route {
    method: Method::GET,
    path: "/router/settings",
    right: Right::SeeAll,
    handler: |control, _call| Box::pin(std::future::ready(Ok(router::settings(control)))),
}];
