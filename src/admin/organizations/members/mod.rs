//! The people in an organization, each with an object of their own (`organization:user`) that holds role and budget.

pub(in crate::admin) mod add;
pub(in crate::admin) mod edit;
pub(in crate::admin) mod row;
