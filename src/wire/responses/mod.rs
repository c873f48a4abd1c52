//! OpenAI's Responses dialect (<https://platform.openai.com/docs/api-reference/responses>).
//!
//! A conversation is a list of *items* (messages, calls, outputs of tools, reasoning), not of messages with parts, and an
//! answer is an object that the provider keeps under an id and that repeats the request.
//!
//! Providers who speak it are asked by [`pass`] for clients who speak it too, and by [`request::encode_request`] for
//! Anthropic's clients. Providers who do not are bridged: [`request::decode_request`], [`bridge`] for what only Responses
//! has, [`history`] for what only Responses remembers, [`reply::encode_reply`] and [`stream::Encoder`] for the answer.
//! [`ids`] tells who holds an answer.

mod answer;
pub mod bridge;
mod errors;
pub mod history;
pub mod ids;
mod items;
mod media;
mod output;
pub mod pass;
pub mod reply;
pub mod request;
pub mod stream;
mod types;

#[cfg(test)]
mod tests;
