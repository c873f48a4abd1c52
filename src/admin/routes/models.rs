//! Deployments. Only an admin of the gateway changes them: who chooses where calls go gets the keys that go with them.

use std::future::ready;

use http::Method;

use super::{Route, line};
use crate::admin::models::{block, cost_map, cost_schedule, delete, groups, info, new, update};
use crate::admin::rights::Right::{ChangeAll, Open, SeeAll, SeeOwn};

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/model/new", ChangeAll, |control, call| Box::pin(new::answer(control, call))),
    line(Method::POST, "/model/update", ChangeAll, |control, call| Box::pin(update::answer(control, call))),
    line(Method::PATCH, "/model/{model_id}/update", ChangeAll, |control, call| Box::pin(update::patch(control, call))),
    line(Method::POST, "/model/block", ChangeAll, |control, call| Box::pin(block::block(control, call))),
    line(Method::POST, "/model/unblock", ChangeAll, |control, call| Box::pin(block::unblock(control, call))),
    line(Method::POST, "/model/delete", ChangeAll, |control, call| Box::pin(delete::answer(control, call))),
    line(Method::GET, "/model/info", SeeOwn, |control, call| Box::pin(info::all(control, call))),
    line(Method::GET, "/v1/model/info", SeeOwn, |control, call| Box::pin(info::all(control, call))),
    line(Method::GET, "/v2/model/info", SeeOwn, |control, call| Box::pin(info::paged(control, call))),
    line(Method::GET, "/model_group/info", SeeOwn, |control, call| Box::pin(groups::answer(control, call))),
    line(Method::POST, "/reload/model_cost_map", ChangeAll, |control, call| Box::pin(cost_map::reload(control, call))),
    line(Method::POST, "/schedule/model_cost_map_reload", ChangeAll, |control, call| {
        Box::pin(cost_schedule::schedule(control, call))
    }),
    line(Method::DELETE, "/schedule/model_cost_map_reload", ChangeAll, |control, call| {
        Box::pin(cost_schedule::cancel(control, call))
    }),
    line(Method::GET, "/schedule/model_cost_map_reload/status", SeeAll, |control, _| {
        Box::pin(cost_schedule::status(control))
    }),
    line(Method::GET, "/model/cost_map/source", SeeAll, |control, _| Box::pin(ready(cost_map::source(control)))),
    line(Method::GET, "/get/litellm_model_cost_map", SeeOwn, |control, _| Box::pin(ready(cost_map::text(control)))),
    line(Method::GET, "/public/litellm_model_cost_map", Open, |control, _| {
        Box::pin(ready(cost_map::open_text(control)))
    }),
];
