//! Bytes and dialects: everything that reads or writes a body. Pure: no I/O, no clock, no randomness.
#![deny(clippy::indexing_slicing)]

pub mod openai;
pub mod peek;
pub mod splice;
pub mod sse;
pub mod usage;
