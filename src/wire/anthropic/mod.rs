//! The Anthropic dialect: the Messages API (<https://platform.claude.com/docs/en/api/messages>), spoken by clients and by
//! whoever hosts Claude.
//!
//! Towards a provider of another dialect: [`request::decode_request`], [`reply::encode_reply`], [`stream::Encoder`].
//! From a client of another dialect: [`request::encode_request`], [`reply::decode_reply`], [`stream::Decoder`]. Between
//! equals nothing is understood that need not be: [`pass`].

mod betas;
pub mod count_tokens;
pub mod errors;
mod models;
pub mod pass;
pub mod reply;
pub mod request;
mod schema;
pub mod stream;
mod types;
mod usage;

pub use betas::betas;

/// Where Claude is hosted: the same dialect with another frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hosting {
    /// Anthropic's own API, and who imitates it: the model and `stream` stand in the body.
    #[default]
    Own,
    /// Vertex AI `rawPredict`: the model stands in the path.
    Vertex,
    /// Bedrock `InvokeModel`: the model and whether it streams stand in the path.
    BedrockInvoke,
}

impl Hosting {
    /// `anthropic_version` of the body, where the host wants it there.
    fn version(self) -> Option<&'static str> {
        match self {
            Hosting::Own => None,
            Hosting::Vertex => Some("vertex-2023-10-16"),
            Hosting::BedrockInvoke => Some("bedrock-2023-05-31"),
        }
    }
}
