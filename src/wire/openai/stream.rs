//! The tap.
use super::errors::ProviderError;
use crate::error::{Compat, Error};
use crate::wire::usage::Usage;
use bytes::Bytes;

#[derive(Clone, Debug, Default)]
pub struct TapRules {
    /// Written over the upstream's `model` in every chunk.
    pub group_model: Option<Bytes>,
    /// The client did not ask for the usage chunk.
    pub withhold_usage: bool,
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Content, a tool call, or a finish_reason was seen (since the start): commit.
    pub useful: bool,
    /// `[DONE]` was seen.
    pub done: bool,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// an event with `error`
    Provider(ProviderError),
    /// not JSON
    Garbled { offset: usize, reason: &'static str },
    /// an event over sse::MAX_EVENT
    TooLong,
}
impl From<StreamError> for Error {
    fn from(error: StreamError) -> Self {
        todo!()
    }
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    pub done: bool,
    pub finish_reason_seen: bool,
    pub useful: bool,
    /// The upstream closed inside an event.
    pub cut: bool,
    pub usage: Option<Usage>,
    /// Data events, without `[DONE]`.
    pub events: u64,
}
impl StreamEnd {
    /** done, or finish_reason and not cut */
    pub fn complete(&self) -> bool {
        todo!()
    }
}

pub struct Tap {}
impl Tap {
    pub fn new(rules: TapRules) -> Self {
        todo!()
    }
    /// Appends to `out` what may go to the client now: nothing, the chunk itself, or one assembled buffer.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<Progress, StreamError> {
        todo!()
    }
    /// The upstream closed.
    pub fn finish(self, out: &mut Vec<Bytes>) -> Result<StreamEnd, StreamError> {
        todo!()
    }
    /// What is known so far (client gone, or after an error).
    pub fn so_far(&self) -> StreamEnd {
        todo!()
    }
}
/// `data: {"error":…}\n\n`, without [DONE]
pub fn error_event(error: &Error, compat: Compat) -> Bytes {
    todo!()
}
