//! Edits of a body.
use super::peek::{Member, Object};
use bytes::{BufMut, Bytes};
use std::ops::Range;

#[derive(Clone, Debug)]
pub struct Splice {
    body: Bytes,
    edits: Vec<(Range<usize>, Bytes)>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpliceError {
    pub offset: usize,
}

impl Splice {
    pub fn new(body: Bytes) -> Self {
        todo!()
    }
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<Bytes>) {
        todo!()
    }
    pub fn remove_member(&mut self, object: &Object<'_>, name: &str) -> bool {
        todo!()
    }
    pub fn insert_member(&mut self, object: &Object<'_>, name: &str, value: &[u8]) {
        todo!()
    }
    /// Sorted and checked.
    pub fn finish(self) -> Result<Spliced, SpliceError> {
        todo!()
    }
}
/// What goes upstream.
#[derive(Clone, Debug)]
pub struct Spliced {
    body: Bytes,
    edits: Vec<(Range<usize>, Bytes)>,
}
impl Spliced {
    pub fn len(&self) -> usize {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        std::iter::empty()
    }
    pub fn write_into(&self, out: &mut impl BufMut) {
        todo!()
    }
    pub fn to_bytes(&self) -> Bytes {
        todo!()
    }
}
