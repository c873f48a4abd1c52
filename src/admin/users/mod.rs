//! Users.
//!
//! [`fields`] is what a request may say of a user, [`draft`] how that becomes a document, [`row`] how LiteLLM shows one,
//! [`belonging`] what else changes when somebody comes or goes, [`making`] what an organization's admin may make. Each of the other files answers one route.

pub mod belonging;
pub mod delete;
pub mod draft;
pub mod fields;
pub mod info;
pub mod list;
pub mod making;
pub mod new;
pub mod roles;
pub mod row;
pub mod update;

/// LiteLLM's user for the budget of the whole gateway: what it has spent is what everybody has.
pub const PROXY_BUDGET_USER: &str = "litellm-proxy-budget";
