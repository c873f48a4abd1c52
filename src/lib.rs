//! Tollgate: an LLM edge gateway on Pingora.
pub mod error;
pub mod secret;
pub mod wire;
