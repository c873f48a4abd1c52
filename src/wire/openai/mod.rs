//! The OpenAI dialect: chat completions, legacy completions, embeddings, moderations, pictures.
//!
//! On a request's way: [`request`] reads the body and makes the provider's; [`response`] or [`stream`] passes the
//! answer; [`errors`] reads a refusal. [`mock`] answers without a provider. What differs
//! for pictures is in [`images`].
//! Where one side speaks another dialect, [`chat`], [`completions`] and [`embed`] go by the superset model instead.

pub mod chat;
mod chunk;
pub mod completions;
pub mod embed;
pub mod errors;
pub mod images;
pub mod mock;
pub mod request;
pub mod response;
pub mod stream;
mod template;
mod upstream;
