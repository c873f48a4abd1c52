//! `/team/*`: people and keys that share models, limits and a budget.
//!
//! - [`fields`] is what a request may say of a team, [`draft`] how that becomes its document, [`row`] how it is shown.
//! - [`standing`] is what somebody is to a team, and so what they may do; [`bounds`] what a team may have of its
//!   organization, and what its own admins may change; [`given`] what it is given by whom.
//! - [`members`] are the people in it.
//!
//! Each of the other files answers one or two routes.

pub(super) mod block;
pub(super) mod bounds;
pub(super) mod delete;
pub(super) mod draft;
pub(super) mod fields;
pub(super) mod given;
pub(super) mod info;
pub(super) mod list;
pub(super) mod members;
pub(super) mod models;
pub(super) mod new;
pub(super) mod permissions;
pub(super) mod row;
pub(super) mod standing;
pub(super) mod update;
