//! What Claude's stream says, read beside it: the words of its deltas, the names of its tools.

use std::ops::Range;

use crate::wire::peek::{Object, ValueKind, object_at};
use crate::wire::said::{Said, Voice};

/// Reads deltas. Nearly all are like the one before, but for the words.
#[derive(Debug, Default)]
pub struct Words {
    last: Option<Shape>,
}

impl Words {
    /// Takes note of a delta's words.
    pub fn delta(&mut self, data: &[u8], said: &mut Said) {
        if let Some((shape, words)) = self.last.as_ref().and_then(|shape| Some((shape, shape.words(data)?))) {
            said.say(shape.voice, words);
        } else if let Some((voice, range)) = words(data) {
            said.say(voice, data.get(range.clone()).unwrap_or_default());
            self.last = data.get(..range.start).map(|before| Shape { before: before.to_vec(), voice });
        }
    }
}

/// Takes note of a block's beginning: the name of a tool, now and then words.
pub fn block(event: &Object<'_>, said: &mut Said) {
    let place = place(event);
    let block = event.get("content_block").filter(|block| block.kind == ValueKind::Object);
    let Some(block) = block.and_then(|block| object_at(event.body(), block.value.start)) else { return };
    for (name, voice) in [("name", Voice::name(place, 0)), ("text", Voice::text(place))] {
        if let Some(member) = block.get(name).filter(|member| member.kind == ValueKind::String) {
            said.say(voice, event.body().get(member.value.start + 1..member.value.end - 1).unwrap_or_default());
        }
    }
}

/// What stands before the words of one delta after the other.
#[derive(Debug)]
struct Shape {
    before: Vec<u8>,
    voice: Voice,
}

impl Shape {
    /// The words of a delta with the same beginning, if only brackets (and the spaces with which Anthropic hides lengths)
    /// follow them.
    #[inline]
    fn words<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        let rest = data.strip_prefix(self.before.as_slice())?;
        let (words, behind) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
        let is_end = behind.iter().skip(1).all(|byte| matches!(byte, b'}' | b' '));
        (is_end && words.last() != Some(&b'\\')).then_some(words)
    }
}

/// The words of a delta and whose they are; none in a signature or a citation.
fn words(data: &[u8]) -> Option<(Voice, Range<usize>)> {
    let object = object_at(data, data.iter().position(|byte| *byte == b'{')?)?;
    let place = place(&object);
    let delta = object.get("delta").filter(|delta| delta.kind == ValueKind::Object)?;
    let delta = object_at(data, delta.value.start)?;
    let voices = [
        ("text", Voice::text(place)),
        ("thinking", Voice::thought(place)),
        ("partial_json", Voice::arguments(place, 0)),
    ];
    voices.into_iter().find_map(|(name, voice)| {
        let words = delta.get(name).filter(|words| words.kind == ValueKind::String)?;
        Some((voice, words.value.start + 1..words.value.end - 1))
    })
}

/// The number of the block.
fn place(event: &Object<'_>) -> u32 {
    event.as_u64("index").and_then(|index| index.try_into().ok()).unwrap_or_default()
}
