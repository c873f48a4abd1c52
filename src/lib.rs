//! Tollgate: an LLM edge gateway on Pingora.
pub mod auth;
pub mod clock;
pub mod error;
pub mod router;
pub mod secret;
