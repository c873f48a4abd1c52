//! Streams: a provider's events into the superset's, the superset's into a client's
//! (<https://platform.openai.com/docs/api-reference/responses-streaming>).

mod decode;
mod encode;
mod open;

pub use decode::Decoder;
pub use encode::Encoder;
