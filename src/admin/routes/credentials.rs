//! Credentials.

use http::Method;

use super::{Route, line};
use crate::admin::credentials::{edit, show};
use crate::admin::rights::Right::ChangeAll;

pub(super) static ROUTES: &[Route] = &[
    line(Method::POST, "/credentials", ChangeAll, |control, call| Box::pin(edit::create(control, call))),
    line(Method::GET, "/credentials", ChangeAll, |control, call| Box::pin(show::list(control, call))),
    line(Method::GET, "/credentials/by_name/{credential_name}", ChangeAll, |control, call| {
        Box::pin(show::by_name(control, call))
    }),
    line(Method::PATCH, "/credentials/{credential_name}", ChangeAll, |control, call| {
        Box::pin(edit::update(control, call))
    }),
    line(Method::DELETE, "/credentials/{credential_name}", ChangeAll, |control, call| {
        Box::pin(edit::remove(control, call))
    }),
];
