//! Customers, under both of their names.

use http::Method;

use super::{Route, line};
use crate::admin::customers::{block, edit, show};
use crate::admin::rights::Right::{ChangeAll, SeeAll};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/customer/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::POST, "/customer/update", ChangeAll, |control, call| Box::pin(edit::update(control, call))),
    line(Method::POST, "/customer/delete", ChangeAll, |control, call| Box::pin(edit::remove(control, call))),
    line(Method::POST, "/customer/block", ChangeAll, |control, call| Box::pin(block::block(control, call))),
    line(Method::POST, "/customer/unblock", ChangeAll, |control, call| Box::pin(block::unblock(control, call))),
    line(Method::GET, "/customer/info", SeeAll, |control, call| Box::pin(show::info(control, call))),
    line(Method::GET, "/customer/list", SeeAll, |control, call| Box::pin(show::list(control, call))),
    line(Method::POST, "/end_user/new", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::POST, "/end_user/update", ChangeAll, |control, call| Box::pin(edit::update(control, call))),
    line(Method::POST, "/end_user/delete", ChangeAll, |control, call| Box::pin(edit::remove(control, call))),
    line(Method::POST, "/end_user/block", ChangeAll, |control, call| Box::pin(block::block(control, call))),
    line(Method::POST, "/end_user/unblock", ChangeAll, |control, call| Box::pin(block::unblock(control, call))),
    line(Method::GET, "/end_user/info", SeeAll, |control, call| Box::pin(show::info(control, call))),
    line(Method::GET, "/end_user/list", SeeAll, |control, call| Box::pin(show::list(control, call))),
];
