//! Teams. Whose team it is, the handlers decide.

use http::Method;

use super::{Route, line};
use crate::admin::rights::Right::{ChangeOwn, SeeOwn};
use crate::admin::teams::members::{add, bulk, delete as leave, update as change};
use crate::admin::teams::{block, delete, info, list, models, new, permissions, update};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/team/new", ChangeOwn, |control, call| Box::pin(new::answer(control, call))),
    line(Method::POST, "/team/update", ChangeOwn, |control, call| Box::pin(update::answer(control, call))),
    line(Method::POST, "/team/delete", ChangeOwn, |control, call| Box::pin(delete::answer(control, call))),
    line(Method::POST, "/team/block", ChangeOwn, |control, call| Box::pin(block::block(control, call))),
    line(Method::POST, "/team/unblock", ChangeOwn, |control, call| Box::pin(block::unblock(control, call))),
    line(Method::POST, "/team/member_add", ChangeOwn, |control, call| Box::pin(add::answer(control, call))),
    line(Method::POST, "/team/bulk_member_add", ChangeOwn, |control, call| Box::pin(bulk::answer(control, call))),
    line(Method::POST, "/team/member_update", ChangeOwn, |control, call| Box::pin(change::answer(control, call))),
    line(Method::POST, "/team/member_delete", ChangeOwn, |control, call| Box::pin(leave::answer(control, call))),
    line(Method::POST, "/team/model/add", ChangeOwn, |control, call| Box::pin(models::add(control, call))),
    line(Method::POST, "/team/model/delete", ChangeOwn, |control, call| Box::pin(models::remove(control, call))),
    line(Method::GET, "/team/permissions_list", SeeOwn, |control, call| Box::pin(permissions::list(control, call))),
    line(Method::POST, "/team/permissions_update", ChangeOwn, |control, call| {
        Box::pin(permissions::update(control, call))
    }),
    line(Method::GET, "/team/info", SeeOwn, |control, call| Box::pin(info::answer(control, call))),
    line(Method::GET, "/team/list", SeeOwn, |control, call| Box::pin(list::all(control, call))),
    line(Method::GET, "/v2/team/list", SeeOwn, |control, call| Box::pin(list::paged(control, call))),
    line(Method::GET, "/team/available", SeeOwn, |control, call| Box::pin(list::available(control, call))),
];
