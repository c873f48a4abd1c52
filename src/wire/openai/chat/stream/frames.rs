//! What stands around the choices of each chunk; the same for chat and for legacy completions.

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::reply::id;
use crate::wire::codec::Stamp;
use crate::wire::usage::Usage;

/// What all chunks of a stream begin with, and what comes at its end. Legacy completions share it.
#[derive(Debug)]
pub struct Frames {
    /// The gateway's facts.
    pub stamp: Stamp,
    object: &'static str,
    /// `data: {"id":…,` up to `"choices":[`. Empty: nothing has come yet.
    prefix: Vec<u8>,
    usage: Option<Usage>,
    /// Further members, for the next chunk that ends something.
    extra: Map<String, Value>,
}

impl Frames {
    /// Chunks of this kind.
    pub fn new(stamp: Stamp, object: &'static str) -> Self {
        Self { stamp, object, prefix: Vec::new(), usage: None, extra: Map::new() }
    }

    /// The answer begins.
    pub fn start(&mut self, id: Option<String>, created: Option<u64>, extra: &Map<String, Value>) {
        let mut head = Map::new();
        head.insert("id".to_owned(), id.unwrap_or_else(|| self::id(self.stamp.ids)).into());
        head.insert("object".to_owned(), self.object.into());
        head.insert("created".to_owned(), created.unwrap_or(self.stamp.created).into());
        head.insert("model".to_owned(), self.stamp.model.as_str().into());
        head.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.prefix = b"data: ".to_vec();
        json(&mut self.prefix, &head);
        self.prefix.pop();
        self.prefix.extend_from_slice(b",\"choices\":[");
    }

    /// Begins a chunk; its choices are to follow.
    pub fn open(&mut self, out: &mut Vec<u8>) {
        if self.prefix.is_empty() {
            self.start(None, None, &Map::new());
        }
        out.extend_from_slice(&self.prefix);
    }

    /// Ends a chunk.
    pub fn close(out: &mut Vec<u8>) {
        out.extend_from_slice(b"]}\n\n");
    }

    /// Ends a chunk with the further members that have come.
    pub fn close_with_extra(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
        for (name, value) in std::mem::take(&mut self.extra) {
            out.push(b',');
            string(out, &name);
            out.push(b':');
            json(out, &value);
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The last counters count.
    pub fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Further members.
    pub fn extra(&mut self, members: Map<String, Value>) {
        self.extra.extend(members);
    }

    /// The counters, if the client wants them, and the end marker.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let usage = self.usage.take().filter(|_| self.stamp.include_usage);
        if let Some(usage) = usage {
            self.extra.insert("usage".to_owned(), usage.to_json());
        }
        if !self.extra.is_empty() {
            self.open(out);
            self.close_with_extra(out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Writes a JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    json(out, text);
}

/// Writes into memory, and types that are JSON: it cannot fail.
pub fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}
