//! The Gemini dialect, `generateContent`: AI Studio <https://ai.google.dev/api/generate-content> and Vertex
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>.
//!
//! The path says the model, whether it streams and in what; the body says the rest. What a model can do is told by its
//! name ([`models`]); schemas are Google's own kind ([`schema`]).

mod answer;
pub mod count_tokens;
pub mod embed;
pub mod errors;
mod media;
mod models;
mod objects;
pub mod pass;
pub mod reply;
pub mod request;
mod schema;
mod seal;
pub mod stream;
mod types;
mod usage;
