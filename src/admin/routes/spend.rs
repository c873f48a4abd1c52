//! What was spent, and what something would cost.

use http::Method;

use super::{Route, line};
use crate::admin::rights::Right;
use crate::admin::spend::answers::{activity, costs, daily, global, logs, owners, reset};

pub(super) static ROUTES: &[Route] = &[
    line(Method::GET, "/spend/logs", Right::SeeOwn, |control, call| Box::pin(logs::whole(control, call))),
    line(Method::GET, "/spend/logs/v2", Right::SeeOwn, |control, call| Box::pin(logs::pages(control, call))),
    line(Method::GET, "/spend/logs/ui", Right::SeeOwn, |control, call| Box::pin(logs::pages(control, call))),
    line(Method::GET, "/spend/logs/session/ui", Right::SeeOwn, |control, call| Box::pin(logs::session(control, call))),
    line(Method::GET, "/spend/keys", Right::SeeOwn, |control, call| Box::pin(owners::keys(control, call))),
    line(Method::GET, "/spend/users", Right::SeeOwn, |control, call| Box::pin(owners::users(control, call))),
    line(Method::GET, "/spend/tags", Right::SeeOwn, |control, call| Box::pin(owners::tags(control, call))),
    line(Method::POST, "/spend/calculate", Right::SeeOwn, |control, call| Box::pin(costs::calculate(control, call))),
    line(Method::POST, "/cost/estimate", Right::SeeOwn, |control, call| Box::pin(costs::estimate(control, call))),
    line(Method::POST, "/utils/token_counter", Right::SeeOwn, |control, call| {
        Box::pin(costs::token_counter(control, call))
    }),
    line(Method::GET, "/global/spend", Right::SeeAll, |control, call| Box::pin(global::total(control, call))),
    line(Method::GET, "/global/spend/logs", Right::SeeAll, |control, call| Box::pin(global::per_day(control, call))),
    line(Method::GET, "/global/spend/keys", Right::SeeOwn, |control, call| Box::pin(global::keys(control, call))),
    line(Method::GET, "/global/spend/models", Right::SeeOwn, |control, call| Box::pin(global::models(control, call))),
    line(Method::GET, "/global/spend/provider", Right::SeeOwn, |control, call| {
        Box::pin(global::providers(control, call))
    }),
    line(Method::GET, "/global/spend/tags", Right::SeeOwn, |control, call| Box::pin(global::tags(control, call))),
    line(Method::POST, "/global/spend/end_users", Right::SeeOwn, |control, call| {
        Box::pin(global::end_users(control, call))
    }),
    line(Method::GET, "/global/spend/teams", Right::SeeAll, |control, call| Box::pin(global::teams(control, call))),
    line(Method::GET, "/global/spend/all_tag_names", Right::SeeAll, |control, call| {
        Box::pin(global::tag_names(control, call))
    }),
    line(Method::GET, "/global/spend/all_end_users", Right::SeeAll, |control, call| {
        Box::pin(global::end_user_names(control, call))
    }),
    line(Method::GET, "/global/all_end_users", Right::SeeAll, |control, call| {
        Box::pin(global::end_user_names(control, call))
    }),
    line(Method::GET, "/global/spend/report", Right::SeeAll, |control, call| Box::pin(global::report(control, call))),
    // LiteLLM has this one under the name above only; seen in clients.
    line(Method::GET, "/spend/report", Right::SeeAll, |control, call| Box::pin(global::report(control, call))),
    line(Method::POST, "/global/spend/reset", Right::ChangeAll, |control, call| Box::pin(reset::answer(control, call))),
    line(Method::GET, "/global/activity", Right::SeeOwn, |control, call| Box::pin(activity::all(control, call))),
    line(Method::GET, "/global/activity/model", Right::SeeOwn, |control, call| {
        Box::pin(activity::per_model(control, call))
    }),
    line(Method::GET, "/global/activity/cache_hits", Right::SeeAll, |control, call| {
        Box::pin(activity::cache_hits(control, call))
    }),
    line(Method::GET, "/global/activity/exceptions", Right::SeeAll, |control, call| {
        Box::pin(activity::exceptions(control, call))
    }),
    line(Method::GET, "/global/activity/exceptions/deployment", Right::SeeAll, |control, call| {
        Box::pin(activity::exceptions_per_deployment(control, call))
    }),
    line(Method::GET, "/user/daily/activity", Right::SeeOwn, |control, call| Box::pin(daily::users(control, call))),
    line(Method::GET, "/user/daily/activity/aggregated", Right::SeeOwn, |control, call| {
        Box::pin(daily::users_at_once(control, call))
    }),
    line(Method::GET, "/team/daily/activity", Right::SeeOwn, |control, call| Box::pin(daily::teams(control, call))),
    line(Method::GET, "/organization/daily/activity", Right::SeeOrganization, |control, call| {
        Box::pin(daily::organizations(control, call))
    }),
    line(Method::GET, "/customer/daily/activity", Right::SeeAll, |control, call| {
        Box::pin(daily::customers(control, call))
    }),
    line(Method::GET, "/end_user/daily/activity", Right::SeeAll, |control, call| {
        Box::pin(daily::customers(control, call))
    }),
    line(Method::GET, "/tag/daily/activity", Right::SeeAll, |control, call| Box::pin(daily::tags(control, call))),
];
