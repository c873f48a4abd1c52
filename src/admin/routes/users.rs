//! Users.

use http::Method;

use super::Route;
use crate::admin::rights::Right;
use crate::admin::users::{delete, info, list, new, roles, update};

pub(super) static ROUTES: &[Route] = &[
    Route {
        method: Method::POST,
        path: "/user/new",
        right: Right::ChangeOrganization,
        handler: |control, call| Box::pin(new::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/user/info",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(info::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/user/list",
        right: Right::SeeOrganization,
        handler: |control, call| Box::pin(list::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/user/get_users",
        right: Right::SeeOrganization,
        handler: |control, call| Box::pin(list::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/user/update",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(update::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/user/delete",
        right: Right::ChangeAll,
        handler: |control, call| Box::pin(delete::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/user/available_roles",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(async move { roles::answer(control, &call) }),
    },
];
