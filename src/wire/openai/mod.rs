//! The OpenAI dialect.
mod chunk;
pub mod errors;
pub mod legacy_completions;
pub mod mock;
pub mod request;
pub mod response;
pub mod stream;
mod template;
mod upstream;
