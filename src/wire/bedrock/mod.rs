//! Bedrock Runtime: Converse and ConverseStream for every model, InvokeModel for Claude behind `/v1/messages` and for
//! embeddings.
//!
//! Claude on Bedrock shares Anthropic's seals, so its thoughts and what is sealed in them are of
//! [`Family::Anthropic`](super::model::Family::Anthropic).
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

mod citation;
mod content;
pub mod embed;
pub mod errors;
pub mod event_stream;
mod fields;
pub mod invoke;
mod media;
pub mod model_id;
pub mod reply;
pub mod request;
pub mod stream;
mod thinking;
mod tools;
pub mod types;
