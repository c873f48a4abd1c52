//! What becomes of one chunk of a stream on its way to the client.

use std::ops::Range;

use bytes::Bytes;

use crate::wire::sse::{Frame, Place};

/// What a chunk becomes: a run of it as long as nothing changes, a copy from the first change on.
#[derive(Debug)]
pub struct Passing<'c> {
    chunk: &'c Bytes,
    run: Range<usize>,
    copied: Vec<u8>,
}

impl<'c> Passing<'c> {
    /// Nothing of the chunk goes yet.
    pub fn of(chunk: &'c Bytes) -> Self {
        Self { chunk, run: 0..0, copied: Vec::new() }
    }

    /// The frame goes as it came.
    pub fn keep(&mut self, frame: &Frame<'_>) {
        match &frame.place {
            Place::Chunk(range) if self.run.is_empty() => self.run = range.clone(),
            Place::Chunk(range) if self.run.end == range.start => self.run.end = range.end,
            _ => self.copy(frame.bytes),
        }
    }

    /// The frame goes with other bytes in the place of `range`.
    pub fn rewrite(&mut self, frame: &Frame<'_>, range: Range<usize>, with: &[u8]) {
        self.copy(frame.bytes.get(..range.start).unwrap_or_default());
        self.copied.extend_from_slice(with);
        self.copied.extend_from_slice(frame.bytes.get(range.end..).unwrap_or_default());
    }

    /// These bytes go.
    pub fn copy(&mut self, bytes: &[u8]) {
        if self.copied.is_empty() {
            // Room for what the chunk holds and for names that grow a little.
            self.copied.reserve(self.chunk.len() + self.chunk.len() / 4 + bytes.len());
        }
        self.take_run();
        self.copied.extend_from_slice(bytes);
    }

    fn take_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.copied.extend_from_slice(self.chunk.get(run).unwrap_or_default());
    }

    /// Hands out what goes: nothing, a slice of the chunk, or the copy.
    pub fn finish(mut self, out: &mut Vec<Bytes>) {
        if !self.copied.is_empty() {
            self.take_run();
            out.push(self.copied.into());
        } else if !self.run.is_empty() {
            out.push(self.chunk.slice(self.run));
        }
    }
}
