//! Access groups.

use http::Method;

use super::{Route, line};
use crate::admin::access_groups::{edit, show};
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
];
