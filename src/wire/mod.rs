//! Bytes and dialects: everything that reads or writes a body. Pure: no I/O, no clock, no randomness.
//!
//! Equal dialects never leave bytes: [`peek`] finds the members that matter, [`splice`] replaces the few that must
//! change, [`sse`] cuts streams into frames. What a dialect means stands in its own folder ([`openai`]).
#![deny(clippy::indexing_slicing)]

mod block;
pub mod escape;
pub mod openai;
pub mod peek;
pub mod scan;
pub mod splice;
pub mod sse;
pub mod usage;

#[cfg(test)]
mod properties;
