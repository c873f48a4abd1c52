//! Ollama's own API, as its clients: `/api/chat`, `/api/generate`, `/api/embed`
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md>).
//!
//! Answers and streams of chat and generate differ in one member, so one decoder reads both. `/api/generate` takes a
//! prompt and no tools: conversations are written out by a template and tools are described in it, as LiteLLM does for
//! its provider `ollama`; who answers such a prompt answers a call as JSON text.

pub mod embed;
pub mod errors;
pub mod generate;
mod images;
mod options;
mod prompt;
mod prompted;
mod python;
pub mod reply;
pub mod request;
pub mod stream;
mod tags;
mod text;
mod tools;
mod types;
