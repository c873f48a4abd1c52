//! Budgets.

use http::Method;

use super::{Route, line};
use crate::admin::budgets::{edit, providers, settings, show};
use crate::admin::rights::Right::{ChangeAll, SeeAll};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/budget/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::POST, "/budget/update", ChangeAll, |control, call| Box::pin(edit::update(control, call))),
    line(Method::POST, "/budget/delete", ChangeAll, |control, call| Box::pin(edit::remove(control, call))),
    line(Method::POST, "/budget/info", SeeAll, |control, call| Box::pin(show::info(control, call))),
    line(Method::GET, "/budget/list", SeeAll, |control, call| Box::pin(show::list(control, call))),
    line(Method::GET, "/budget/settings", SeeAll, |control, call| Box::pin(settings::answer(control, call))),
    line(Method::GET, "/provider/budgets", SeeAll, |control, _call| {
        Box::pin(std::future::ready(Ok(providers::answer(control))))
    }),
];
