//! One scan of a JSON object.
use std::borrow::Cow;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    String,
    Number,
    Object,
    Array,
    Bool,
    Null,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub kind: ValueKind,
    decoded: Option<Box<[u8]>>,
}

/// Ranges only: can be kept next to the `Bytes` it was made from.
#[derive(Clone, Debug)]
pub struct Layout {
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub struct Object<'a> {
    body: &'a [u8],
    layout: Cow<'a, Layout>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeekError {
    pub reason: &'static str,
    pub offset: usize,
}

pub fn peek(body: &[u8]) -> Result<Object<'_>, PeekError> {
    todo!()
}

impl<'a> Object<'a> {
    pub fn get(&self, name: &str) -> Option<&Member> {
        todo!()
    }
    pub fn raw(&self, member: &Member) -> &'a [u8] {
        todo!()
    }
    pub fn as_str(&self, name: &str) -> Option<Cow<'a, str>> {
        todo!()
    }
    pub fn as_bool(&self, name: &str) -> Option<bool> {
        todo!()
    }
    pub fn as_u64(&self, name: &str) -> Option<u64> {
        todo!()
    }
}
impl From<PeekError> for crate::error::Error {
    fn from(error: PeekError) -> Self {
        todo!()
    }
}
