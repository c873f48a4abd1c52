//! The OpenAI dialect.
pub mod errors;
pub mod legacy_completions;
pub mod mock;
pub mod request;
pub mod response;
pub mod stream;
mod upstream;
