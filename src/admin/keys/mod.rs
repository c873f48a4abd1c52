//! Virtual keys.
//!
//! - [`fields`] is what a request may say of a key, [`draft`] how that becomes a document, [`row`] how LiteLLM shows one.
//! - [`access`] decides whose keys somebody may see and change, and what they may give.
//! - [`effective`] is what a key may do when it is used, its groups and its budget included.
//! - [`bound`] is what the key that is used may do, which no key that it makes exceeds.
//! - [`lent`] are keys whose plain text somebody else than their user was handed.
//! - [`rules`] are the configuration's words on who may make keys.
//! - [`rotation`] makes new ones of keys that are due (`auto_rotate`).
//! - [`carry`] is what a key leaves to its successor of what it has spent.
//! - [`minted`] is a new key in plain text, which only the answer that makes it holds.
//!
//! Each of the other files answers one route.

pub mod access;
pub mod aliases;
pub mod block;
pub mod bound;
pub mod bulk_update;
pub mod carry;
pub mod delete;
pub mod draft;
pub mod effective;
pub mod fields;
pub mod generate;
pub mod health;
pub mod info;
pub mod lent;
pub mod list;
pub mod minted;
pub mod regenerate;
pub mod reset_spend;
pub mod rotation;
pub mod row;
pub mod rules;
pub mod service_account;
pub mod update;
