//! Tollgate: an LLM edge gateway on Pingora.
pub mod config;
pub mod error;
pub mod providers;
pub mod secret;
