//! /completions over /chat/completions.
use super::request::Request;
use crate::error::Error;
use crate::wire::peek::PeekError;
use bytes::Bytes;

/// A chat body for a completions body.
pub fn to_chat(request: &Request) -> Result<Bytes, Error> {
    todo!()
}
/// chat.completion → text_completion
pub fn answer(chat: &[u8]) -> Result<Bytes, PeekError> {
    todo!()
}
/// Chunks as the Tap gave them (whole events) → text_completion chunks.
#[derive(Default)]
pub struct StreamBridge {}
impl StreamBridge {
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), PeekError> {
        todo!()
    }
}
