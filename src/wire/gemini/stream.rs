//! Streams of `streamGenerateContent`: each event is an answer that holds the next piece. There is no end marker: the
//! answer is whole when a `finishReason` has come. Calls come whole, in one event.

mod decoder;
mod encoder;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
