//! `/customer/*` and `/end_user/*`: who stands behind the requests of an application, as the requests name them.

pub(super) mod block;
pub(super) mod edit;
pub(super) mod row;
pub(super) mod show;
