//! Bytes and dialects: everything that reads or writes a body. Pure: no I/O, no clock, no randomness.
//!
//! Equal dialects never leave bytes: [`peek`] finds the members that matter, [`splice`] replaces the few that must
//! change, [`sse`] cuts streams into frames. Different dialects meet in [`model`], each by the codec in its own folder
//! ([`codec`] says what a codec looks like).
#![deny(clippy::indexing_slicing)]

pub mod anthropic;
pub mod asked;
pub mod bedrock;
mod block;
pub mod codec;
pub mod cohere;
pub mod dialects;
pub mod escape;
pub mod gemini;
pub mod media;
pub mod members;
pub mod model;
pub mod ndjson;
pub mod ollama;
pub mod openai;
mod passing;
pub mod peek;
pub mod prefix;
pub mod rate_limits;
pub mod replicate;
pub mod responses;
pub mod resume;
pub mod said;
pub mod scan;
pub mod shown;
mod sizes;
pub mod splice;
pub mod sse;
pub mod tap;
pub mod texts;
pub mod translation;
pub mod usage;

#[cfg(test)]
mod properties;
