//! OpenAI's chat dialect on the superset model, for clients and providers who meet another dialect on the way:
//! <https://platform.openai.com/docs/api-reference/chat>. Equal dialects pass by ([`super::stream`]).
//!
//! On a request's way: [`request`] reads a client's, [`encode_request`] writes a provider's ([`turns`]: the
//! conversation); on the answer's: [`reply`] and [`stream`]. [`types`] is what both ways share.

mod answer;
mod encode;
mod media;
mod message;
pub mod reply;
pub mod request;
pub mod stream;
mod tools;
mod turns;
mod types;

pub use reply::{decode_reply, encode_reply};
pub use request::{apply_defaults, decode_request, encode_request};
pub use stream::{Decoder, Encoder};

#[cfg(test)]
mod tests;
