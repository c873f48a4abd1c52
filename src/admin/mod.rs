//! The control plane: LiteLLM's management API, behind the data plane, which has found out who is calling.
//!
//! The way of a call:
//!
//! 1. [`plane`] takes the request with its [`Requester`], and finds the one [`routes::Route`] of its method and path.
//! 2. [`rights`] decides whether this key and this role may call the route at all; nothing is allowed by default.
//! 3. The route's handler (a folder for each resource) reads the request by its table of [`fields`], decides what may be
//!    seen or changed, and asks [`control`] for the change: all objects of one request in one commit, with its line in
//!    the audit log.
//! 4. [`columns`] show what is stored in the order and the words of the LiteLLM release that is imitated; [`reply`] is
//!    the answer.
//!
//! What happens at this moment (spend, deployments) is asked of the [`desk`], which the data plane keeps.

pub mod access_groups;
pub mod audit;
pub mod budgets;
pub mod call;
pub mod columns;
pub mod control;
pub mod credentials;
pub mod customers;
pub mod desk;
pub mod fields;
pub mod finding;
pub mod import;
pub mod keys;
pub mod limits;
pub mod models;
pub mod organizations;
pub mod plane;
pub mod projects;
pub mod reply;
pub mod requester;
pub mod rights;
pub mod router;
pub mod routes;
pub mod spend;
pub mod tags;
pub mod teams;
#[cfg(test)]
mod tests;
pub mod times;
pub mod users;

pub use control::{Control, Settings, WallClock};
pub use desk::{Desk, ModelView, PriceSource};
pub use keys::rotation::{Rotated, rotate_due};
pub use models::entries::{Unusable, stored_entries};
pub use models::view::view as model_view;
pub use plane::ControlPlane;
pub use reply::Reply;
pub use requester::{MASTER_USER, Requester};
pub use rights::Right;
