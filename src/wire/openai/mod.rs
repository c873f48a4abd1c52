//! The OpenAI dialect: chat completions, legacy completions, embeddings, moderations.
//!
//! On a request's way: [`request`] reads the body and makes the provider's; [`response`] or [`stream`] passes the
//! answer; [`errors`] reads a refusal. [`legacy_completions`] bridges to chat, [`mock`] answers without a provider.

mod chunk;
pub mod errors;
pub mod legacy_completions;
pub mod mock;
mod passing;
pub mod request;
pub mod response;
pub mod stream;
mod template;
mod upstream;
