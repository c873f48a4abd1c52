//! The audit log.

use http::Method;

use super::Route;
use crate::admin::audit;
use crate::admin::rights::Right;

pub(super) static ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/audit",
        right: Right::SeeAll,
        handler: |control, call| Box::pin(audit::list(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/audit/{id}",
        right: Right::SeeAll,
        handler: |control, call| Box::pin(audit::one(control, call)),
    },
];
