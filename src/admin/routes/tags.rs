//! Tags.

use http::Method;

use super::{Route, line};
use crate::admin::rights::Right::{ChangeAll, SeeAll};
use crate::admin::tags::{edit, show};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/tag/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::POST, "/tag/update", ChangeAll, |control, call| Box::pin(edit::update(control, call))),
    line(Method::POST, "/tag/delete", ChangeAll, |control, call| Box::pin(edit::remove(control, call))),
    line(Method::POST, "/tag/info", SeeAll, |control, call| Box::pin(show::info(control, call))),
    line(Method::GET, "/tag/list", SeeAll, |control, call| Box::pin(show::list(control, call))),
];
