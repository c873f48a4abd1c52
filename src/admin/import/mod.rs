//! `tollgate import`: the keys, teams, users, … of a LiteLLM proxy become objects of ours.
//!
//! - [`jobs`] is the list of LiteLLM's tables, in the order in which one names the other.
//! - [`cells`] reads a row by the tables of members that requests are read by; [`holders`], [`people`], [`keys`] and
//!   [`models`] make objects of rows, in the form in which the handlers of the management API store them. Pure.
//! - [`unkept`] is what of a row has no place in its object, or no effect. Pure.
//! - [`related`] is what rows name of other tables; [`vault`] opens what LiteLLM has encrypted and seals it anew.
//! - [`run`] goes through the tables page by page, and stores what is not there yet; [`report`] is what came of it.
//!
//! What cannot be read is passed over, and with it whatever names it: a key whose team's limits are not known would be a
//! key without them. Of what holds several others only those are passed over that cannot be kept.

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
mod unkept;
pub mod vault;

pub use report::Report;
pub use run::{Importer, Target};
pub use vault::Vault;

use serde_json::{Map, Value};

use crate::store::{Counter, Object};

/// A row of LiteLLM's, by its columns.
pub type Row = Map<String, Value>;

/// An object that a row has become, and what was spent of its budget and, of keys, at all.
#[derive(Clone, Debug)]
pub struct Found {
    pub object: Object,
    pub counters: Vec<Counter>,
}

impl Found {
    /// One with these counters.
    fn counted(object: Object, counters: impl IntoIterator<Item = Counter>) -> Self {
        Self { object, counters: counters.into_iter().collect() }
    }

    /// One of which nothing is counted.
    fn uncounted(object: Object) -> Self {
        Self::counted(object, [])
    }
}
