//! `tollgate import`: the keys, teams, users, … of a LiteLLM proxy become objects of ours.
//!
//! - [`jobs`] is the list of LiteLLM's tables, in the order in which one names the other.
//! - [`cells`] reads a row by the tables of members that requests are read by; [`holders`], [`people`], [`keys`] and
//!   [`models`] make objects of rows, in the form in which the handlers of the management API store them. Pure.
//! - [`related`] is what rows name of other tables; [`vault`] opens what LiteLLM has encrypted and seals it anew.
//! - [`run`] goes through the tables page by page, and stores what is not there yet; [`report`] is what came of it.
//!
//! What cannot be read is passed over, and with it whatever names it: a key whose team's limits are not known would be a
//! key without them.

pub mod cells;
mod holders;
mod jobs;
mod keys;
mod models;
mod people;
pub mod related;
pub mod report;
pub mod run;
#[cfg(test)]
mod tests;
pub mod vault;

pub use report::Report;
pub use run::{Importer, Target};
pub use vault::Vault;

use serde_json::{Map, Value};

use crate::store::{Counter, Object};

/// A row of LiteLLM's, by its columns.
pub type Row = Map<String, Value>;

/// An object that a row has become, and what was spent of its budget.
#[derive(Clone, Debug)]
pub struct Found {
    pub object: Object,
    pub counter: Option<Counter>,
}

impl Found {
    /// One of which nothing is counted.
    fn uncounted(object: Object) -> Self {
        Self { object, counter: None }
    }
}
