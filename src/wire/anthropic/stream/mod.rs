//! Streams, both ways (<https://platform.claude.com/docs/en/build-with-claude/streaming>): `message_start`, for each block
//! `content_block_start`, deltas, `content_block_stop`, then `message_delta` with the reason and the counters, and
//! `message_stop`.

mod decoder;
mod encoder;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
