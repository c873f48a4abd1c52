//! THE table of the control plane's routes: method, path, the right that is needed, the handler. What is not in it is not
//! served, and a route is served with the right that stands beside it: both are taken from one line.

mod access_groups;
mod audit;
mod budgets;
mod credentials;
mod customers;
mod keys;
mod models;
mod organizations;
mod projects;
mod router;
mod spend;
mod tags;
mod teams;
mod users;

use futures::future::BoxFuture;
use http::Method;

use super::call::Call;
use super::control::Control;
use super::reply::Reply;
use super::rights::Right;
use crate::error::Error;

/// What answers a route.
pub type Handler = for<'a> fn(&'a Control, Call) -> BoxFuture<'a, Result<Reply, Error>>;

/// One line of the table.
pub struct Route {
    pub method: Method,
    /// In axum's words: `/key/{key}/regenerate`.
    pub path: &'static str,
    pub right: Right,
    pub handler: Handler,
}

/// One line.
const fn line(method: Method, path: &'static str, right: Right, handler: Handler) -> Route {
    Route { method, path, right, handler }
}

/// The lines of each resource.
static TABLES: &[&[Route]] = &[
    keys::ROUTES,
    users::ROUTES,
    audit::ROUTES,
    access_groups::ROUTES,
    budgets::ROUTES,
    credentials::ROUTES,
    customers::ROUTES,
    models::ROUTES,
    organizations::ROUTES,
    projects::ROUTES,
    router::ROUTES,
    spend::ROUTES,
    tags::ROUTES,
    teams::ROUTES,
];

/// All lines.
pub fn all() -> impl Iterator<Item = &'static Route> {
    TABLES.iter().copied().flatten()
}

/// Whether a path, as it stands in a request, is one of the table's, whatever the method.
pub fn serves(path: &str) -> bool {
    all().any(|route| fits(route.path, path))
}

/// Whether a request of this method and path needs no key.
pub fn is_open(method: &Method, path: &str) -> bool {
    all().any(|route| route.right == Right::Open && route.method == *method && fits(route.path, path))
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(said)) if expected.starts_with('{') && !said.is_empty() => {}
            (Some(expected), Some(said)) if expected == said => {}
            _ => return false,
        }
    }
}
