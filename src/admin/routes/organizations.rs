//! Organizations. Whose organization it is, the handlers decide.

use http::Method;

use super::{Route, line};
use crate::admin::organizations::members::{add, edit as member};
use crate::admin::organizations::{delete, edit, show};
use crate::admin::rights::Right::{ChangeAll, ChangeOwn, SeeAll, SeeOwn};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/organization/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::PATCH, "/organization/update", ChangeAll, |control, call| Box::pin(edit::update(control, call))),
    line(Method::DELETE, "/organization/delete", ChangeAll, |control, call| Box::pin(delete::answer(control, call))),
    line(Method::GET, "/organization/info", SeeOwn, |control, call| Box::pin(show::info(control, call))),
    line(Method::POST, "/organization/info", SeeAll, |control, call| Box::pin(show::several(control, call))),
    line(Method::GET, "/organization/list", SeeOwn, |control, call| Box::pin(show::list(control, call))),
    line(Method::POST, "/organization/member_add", ChangeOwn, |control, call| Box::pin(add::answer(control, call))),
    line(Method::PATCH, "/organization/member_update", ChangeOwn, |control, call| {
        Box::pin(member::update(control, call))
    }),
    line(Method::DELETE, "/organization/member_delete", ChangeOwn, |control, call| {
        Box::pin(member::remove(control, call))
    }),
];
