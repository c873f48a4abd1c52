//! Requests, both ways: [`decode_request`] for clients who speak the dialect, [`encode_request`] for who hosts Claude.

mod decode;
mod encode;
mod messages;
pub(super) mod parts;
mod thinking;
mod tools;

#[cfg(test)]
mod tests;

pub use decode::{decode_count_request, decode_request};
pub use encode::encode_request;
pub use tools::uses_json_tool;

/// The tool that a model without structured outputs is made to call, so that its input is the answer. LiteLLM's name.
pub const JSON_TOOL: &str = "json_tool_call";
