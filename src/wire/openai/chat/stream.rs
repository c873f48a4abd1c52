//! An answer in events, `chat.completion.chunk`: <https://platform.openai.com/docs/api-reference/chat-streaming>.

mod decoder;
mod encoder;
mod frames;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub(in crate::wire::openai) use frames::{Frames, string};
