//! Streams that are one JSON array: what Google answers without `alt=sse`. Its objects, as they become complete.

use crate::wire::sse::{MAX_EVENT, TooLong};

/// The state between two pieces.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// What is not handed out: an unfinished object, and what stands before it.
    held: Vec<u8>,
    /// Up to here `held` was looked at.
    seen: usize,
    /// Where the object begins.
    start: Option<usize>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Objects {
    /// Takes the next bytes and calls `each` for every object that they complete, with all bytes since the last one and
    /// with the object alone.
    ///
    /// # Errors
    /// An object is longer than [`MAX_EVENT`]; or what `each` says, and the rest is not looked at.
    pub fn feed<E: From<TooLong>>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(piece);
        while let Some(end) = self.next_end() {
            let start = self.start.take().unwrap_or_default();
            let all = self.held.get(..end).unwrap_or_default();
            each(all, all.get(start..).unwrap_or_default())?;
            self.held.drain(..end);
            self.seen = 0;
        }
        if self.held.len() > MAX_EVENT { Err(TooLong.into()) } else { Ok(()) }
    }

    /// Where the next object ends.
    fn next_end(&mut self) -> Option<usize> {
        while let Some(byte) = self.held.get(self.seen) {
            let at = self.seen;
            self.seen += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' if self.depth > 0 => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' => {
                    self.start = self.start.or(Some(at));
                    self.depth += 1;
                }
                b'}' if self.depth == 1 => {
                    self.depth = 0;
                    return Some(self.seen);
                }
                b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// Inside of an object.
    pub fn is_cut(&self) -> bool {
        self.depth > 0
    }

    /// Takes what is held, if it belongs to no object.
    pub fn between(&mut self) -> Vec<u8> {
        if self.is_cut() {
            return Vec::new();
        }
        self.seen = 0;
        std::mem::take(&mut self.held)
    }
}

/// Whether a body that begins so is JSON and no SSE. `None`: only white space has come.
pub fn is_json(piece: &[u8]) -> Option<bool> {
    let first = piece.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some(matches!(first, b'[' | b'{'))
}
