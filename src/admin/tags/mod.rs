//! `/tag/*`: names that requests carry, each with models that it may be served by and a budget.

pub(super) mod edit;
pub(super) mod row;
pub(super) mod show;
