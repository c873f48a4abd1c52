//! mock_response.
use crate::error::Error;
use bytes::Bytes;

/// What an answer needs from outside.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    pub id: &'a str,
    pub created: u64,
    pub model: &'a str,
}
/// `mock_response` as text to say, or the error it stands for.
pub fn interpret(mock_response: &str) -> Result<&str, Error> {
    todo!()
}
pub fn chat(stamp: Stamp<'_>, text: &str) -> Bytes {
    todo!()
}
pub fn chat_stream(stamp: Stamp<'_>, text: &str, include_usage: bool) -> Vec<Bytes> {
    todo!()
}
pub fn completion(stamp: Stamp<'_>, text: &str) -> Bytes {
    todo!()
}
pub fn completion_stream(stamp: Stamp<'_>, text: &str, include_usage: bool) -> Vec<Bytes> {
    todo!()
}
/// One vector for each input.
pub fn embeddings(stamp: Stamp<'_>, inputs: usize) -> Bytes {
    todo!()
}
pub fn moderation(stamp: Stamp<'_>) -> Bytes {
    todo!()
}
