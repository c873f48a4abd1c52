//! Replicate's predictions, as their client (<https://replicate.com/docs/reference/http>).
//!
//! A model gets one `input` object and answers later: the prediction is created, then polled at `urls.get` until it has
//! ended.

pub mod errors;
mod prompt;
pub mod reply;
pub mod request;
