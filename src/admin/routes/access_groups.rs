//! Access groups.

use http::Method;

use super::{Route, line};
use crate::admin::access_groups::{edit, show, unified};
use crate::admin::rights::Right::{ChangeAll, SeeAll};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/access_group/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::GET, "/access_group/list", SeeAll, |control, call| Box::pin(show::list(control, call))),
    line(Method::GET, "/access_group/{access_group}/info", SeeAll, |control, call| Box::pin(show::info(control, call))),
    line(Method::PUT, "/access_group/{access_group}/update", ChangeAll, |control, call| {
        Box::pin(edit::update(control, call))
    }),
    line(Method::DELETE, "/access_group/{access_group}/delete", ChangeAll, |control, call| {
        Box::pin(edit::remove(control, call))
    }),
    made("/v1/access_group"),
    listed("/v1/access_group"),
    shown("/v1/access_group/{access_group_id}"),
    changed("/v1/access_group/{access_group_id}"),
    ended("/v1/access_group/{access_group_id}"),
    made("/v1/unified_access_group"),
    listed("/v1/unified_access_group"),
    shown("/v1/unified_access_group/{access_group_id}"),
    changed("/v1/unified_access_group/{access_group_id}"),
    ended("/v1/unified_access_group/{access_group_id}"),
];

const fn made(path: &'static str) -> Route {
    line(Method::POST, path, ChangeAll, |control, call| Box::pin(unified::create(control, call)))
}

const fn listed(path: &'static str) -> Route {
    line(Method::GET, path, SeeAll, |control, call| Box::pin(unified::list(control, call)))
}

const fn shown(path: &'static str) -> Route {
    line(Method::GET, path, SeeAll, |control, call| Box::pin(unified::info(control, call)))
}

const fn changed(path: &'static str) -> Route {
    line(Method::PUT, path, ChangeAll, |control, call| Box::pin(unified::update(control, call)))
}

const fn ended(path: &'static str) -> Route {
    line(Method::DELETE, path, ChangeAll, |control, call| Box::pin(unified::remove(control, call)))
}
