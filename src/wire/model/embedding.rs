//! Texts as vectors: the superset of the embedding dialects.

use super::Json;
use crate::wire::usage::Usage;

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingRequest {
    /// As [`super::ChatRequest::model`].
    pub model: String,
    /// What is to be embedded, in order.
    pub inputs: Vec<EmbeddingInput>,
    /// Length of the vectors.
    pub dimensions: Option<u64>,
    /// OpenAI's `encoding_format: base64`: little-endian `f32`s instead of numbers.
    pub base64: bool,
    /// What the vectors are for (Cohere's and Vertex's `input_type`/`task_type`), in the provider's words.
    pub input_type: Option<String>,
    /// The end user.
    pub user: Option<String>,
    /// As [`super::ChatRequest::extra`].
    pub extra: Vec<(String, Json)>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub enum EmbeddingInput {
    /// Text.
    Text(String),
    /// Token ids; only OpenAI's own models know what they mean.
    Tokens(Vec<u32>),
    /// `data:image/…;base64,…` or a URL, for models that embed images.
    Image(String),
}

/// The vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingReply {
    /// One for each input, in order: a JSON array of numbers, verbatim.
    pub vectors: Vec<Json>,
    /// What it cost in tokens; `prompt_tokens` only.
    pub usage: Option<Usage>,
}
