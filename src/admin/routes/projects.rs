//! Projects. Whose project it is, the handlers decide.

use http::Method;

use super::{Route, line};
use crate::admin::projects::{delete, edit, show};
use crate::admin::rights::Right::{ChangeOwn, SeeOwn};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/project/new", ChangeOwn, |control, call| Box::pin(edit::create(control, call))),
    line(Method::POST, "/project/update", ChangeOwn, |control, call| Box::pin(edit::update(control, call))),
    line(Method::DELETE, "/project/delete", ChangeOwn, |control, call| Box::pin(delete::answer(control, call))),
    line(Method::GET, "/project/info", SeeOwn, |control, call| Box::pin(show::info(control, call))),
    line(Method::GET, "/project/list", SeeOwn, |control, call| Box::pin(show::list(control, call))),
];
