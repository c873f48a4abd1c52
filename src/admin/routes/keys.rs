//! Keys.

use http::Method;

use super::Route;
use crate::admin::keys::{
    aliases, block, bulk_update, delete, generate, health, info, list, regenerate, reset_spend, service_account, update,
};
use crate::admin::rights::Right;

pub(super) static ROUTES: &[Route] = &[
    Route {
        method: Method::POST,
        path: "/key/generate",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(generate::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/service-account/generate",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(service_account::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/key/info",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(info::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/v2/key/info",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(info::several(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/key/list",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(list::answer(control, call)),
    },
    Route {
        method: Method::GET,
        path: "/key/aliases",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(aliases::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/update",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(update::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/bulk_update",
        right: Right::ChangeAll,
        handler: |control, call| Box::pin(bulk_update::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/delete",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(delete::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/block",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(block::block(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/unblock",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(block::unblock(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/regenerate",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(regenerate::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/{key}/regenerate",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(regenerate::named_in_path(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/{key}/reset_spend",
        right: Right::ChangeOwn,
        handler: |control, call| Box::pin(reset_spend::answer(control, call)),
    },
    Route {
        method: Method::POST,
        path: "/key/health",
        right: Right::SeeOwn,
        handler: |control, call| Box::pin(health::answer(control, call)),
    },
];
