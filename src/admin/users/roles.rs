//! `GET /user/available_roles`

use serde_json::{Map, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::reply::Reply;
use crate::auth::Role;
use crate::error::Error;

/// The roles that a person can have, with LiteLLM's labels.
const ROLES: [(Role, &str, &str); 4] = [
    (Role::ProxyAdmin, "admin over litellm proxy, has all permissions", "Admin (All Permissions)"),
    (Role::ProxyAdminViewer, "view all keys, view all spend", "Admin (View Only)"),
    (
        Role::InternalUser,
        "view/create/delete their own keys, view their own spend",
        "Internal User (Create/Delete/View)",
    ),
    (Role::InternalUserViewer, "view their own keys, view their own spend", "Internal User (View Only)"),
];

/// Which roles there are.
///
/// # Errors
/// None.
pub fn answer(_: &Control, _: &Call) -> Result<Reply, Error> {
    let roles =
        ROLES.map(|(role, text, label)| (role.as_str().to_owned(), json!({"description": text, "ui_label": label})));
    Ok(Reply::json(Map::from_iter(roles)))
}
