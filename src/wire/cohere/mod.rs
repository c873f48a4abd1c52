//! Cohere's API v2, as its clients: chat, its stream, embeddings, errors (<https://docs.cohere.com/reference/chat>).
//!
//! Looks like OpenAI's chat completions with other names for the parameters; differs in citations, in the `tool_plan`
//! beside tool calls, and in a stream of named events.

pub mod embed;
pub mod errors;
mod message;
pub mod reply;
pub mod request;
pub mod stream;
mod types;
