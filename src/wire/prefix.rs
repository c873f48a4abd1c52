//! The beginnings of a prompt that a provider's cache may hold, so that requests which share one can be sent to one
//! deployment: up to the first block that is marked with `cache_control`, and up to the end of the first user turn (or
//! later, where that is too short to be cached). Later turns are appended behind them, so they stay what they are.

use memchr::memmem;

use super::openai::request::Request;
use super::peek::{ValueKind, elements_at, object_at};

/// A beginning longer than this is told by so many bytes of it.
pub const LONGEST: usize = 64 * 1024;

/// Shorter beginnings are cached by no provider: 1,024 tokens of four bytes.
const SHORTEST: usize = 4 * 1024;

/// What stands before the turns of a conversation, in the dialects of all clients.
const BEFORE: [&str; 5] = ["tools", "system", "instructions", "systemInstruction", "system_instruction"];
/// The turns.
const TURNS: [&str; 3] = ["messages", "contents", "input"];
const MARK: &[u8] = b"\"cache_control\"";

/// See the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beginnings {
    /// The prompt's beginning, without marks: they wander from turn to turn.
    bytes: Vec<u8>,
    conversation: Option<usize>,
    marked: Option<usize>,
    has_user: bool,
}

impl Beginnings {
    /// Of a client's request.
    pub fn of(request: &Request) -> Self {
        let object = request.object();
        let mut beginnings = Self::default();
        for member in BEFORE.iter().filter_map(|name| object.get(name)) {
            beginnings.add(object.raw(member), false);
        }
        let body = request.body();
        for member in TURNS.iter().filter_map(|name| object.get(name)) {
            if member.kind != ValueKind::Array {
                beginnings.add(object.raw(member), true);
                continue;
            }
            for (range, _) in elements_at(body, member.value.start) {
                if beginnings.is_complete() {
                    break;
                }
                let role = object_at(body, range.start);
                let is_user = role.and_then(|turn| Some(turn.as_str("role")? == "user")).unwrap_or(true);
                beginnings.add(body.get(range).unwrap_or_default(), is_user);
            }
        }
        beginnings
    }

    /// Up to the end of the first user turn, or of the first turn behind it that makes it long enough.
    pub fn conversation(&self) -> Option<&[u8]> {
        self.bytes.get(..self.conversation?)
    }

    /// Up to the end of the first turn (or system prompt, or list of tools) with a mark.
    pub fn marked(&self) -> Option<&[u8]> {
        self.bytes.get(..self.marked?)
    }

    fn is_complete(&self) -> bool {
        self.conversation.is_some() || self.bytes.len() >= LONGEST
    }

    fn add(&mut self, piece: &[u8], is_user: bool) {
        if self.is_complete() {
            return;
        }
        let is_marked = add_unmarked(&mut self.bytes, piece);
        self.bytes.truncate(LONGEST);
        let end = self.bytes.len();
        if is_marked && self.marked.is_none() {
            self.marked = Some(end);
        }
        self.has_user |= is_user;
        if self.has_user && end >= SHORTEST {
            self.conversation = Some(end);
        }
    }
}

/// Appends a piece without its marks; whether there were any.
fn add_unmarked(bytes: &mut Vec<u8>, mut piece: &[u8]) -> bool {
    let mut is_marked = false;
    while let Some(at) = memmem::find(piece, MARK) {
        let (before, mark) = piece.split_at(at);
        let Some(end) = memchr::memchr(b'}', mark) else { break };
        is_marked = true;
        bytes.extend_from_slice(before.trim_ascii_end().strip_suffix(b",").unwrap_or(before));
        let after = mark.get(end + 1..).unwrap_or_default();
        // A mark that stands first leaves its comma behind it.
        let is_first = before.trim_ascii_end().ends_with(b"{");
        piece = if is_first { after.trim_ascii_start().strip_prefix(b",").unwrap_or(after) } else { after };
    }
    bytes.extend_from_slice(piece);
    is_marked
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(body: &str) -> Beginnings {
        Beginnings::of(&Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    fn turn(role: &str, text: &str) -> String {
        format!(r#"{{"role":"{role}","content":"{text}"}}"#)
    }

    fn chat(turns: &[String]) -> Beginnings {
        of(&format!(r#"{{"model":"m","messages":[{}]}}"#, turns.join(",")))
    }

    #[test]
    fn a_conversation_keeps_its_beginning() {
        let long = "word ".repeat(1_000);
        let first = [turn("system", &long), turn("user", "Hi")];
        let later = [&first[..], &[turn("assistant", "Yes?"), turn("user", "Go on")]].concat();
        let other = [turn("system", &long), turn("user", "Ho")];
        assert!(chat(&first).conversation().is_some());
        assert_eq!(chat(&first).conversation(), chat(&later).conversation());
        assert_ne!(chat(&first).conversation(), chat(&other).conversation());
        assert_eq!(chat(&first).marked(), None);
    }

    #[test]
    fn what_is_short_becomes_long_enough_or_nothing() {
        let short = [turn("user", "Hi")];
        assert_eq!(chat(&short).conversation(), None);
        let longer = [turn("user", "Hi"), turn("assistant", &"word ".repeat(1_000))];
        let longest = [&longer[..], &[turn("user", "Go on")]].concat();
        assert!(chat(&longer).conversation().is_some());
        assert_eq!(chat(&longer).conversation(), chat(&longest).conversation());
    }

    #[test]
    fn marks_are_found_and_do_not_count() {
        let body = |mark: &str, question: &str| {
            let text = "word ".repeat(1_000);
            let system = format!(r#"[{{"type":"text","text":"{text}"{mark}}}]"#);
            of(&format!(r#"{{"model":"m","system":{system},"messages":[{}]}}"#, turn("user", question)))
        };
        let mark = r#", "cache_control": {"type":"ephemeral","ttl":"1h"}"#;
        let (one, two, plain) = (body(mark, "Hi"), body(mark, "Ho"), body("", "Hi"));
        assert_eq!(one.marked(), two.marked());
        assert!(one.marked().is_some() && plain.marked().is_none());
        assert_ne!(one.conversation(), two.conversation());
        assert_eq!(one.conversation(), plain.conversation());
        for (with, without) in [
            (r#"{"cache_control":{"type":"ephemeral"},"type":"text"}"#, r#"{"type":"text"}"#),
            (r#"{"cache_control":{"type":"ephemeral"}}"#, "{}"),
            (r#"{"a":1,"cache_control":{},"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"a":"\"cache_control\""}"#, r#"{"a":"\"cache_control\""}"#),
        ] {
            let mut bytes = Vec::new();
            add_unmarked(&mut bytes, with.as_bytes());
            assert_eq!(String::from_utf8(bytes).unwrap(), without);
        }
    }

    #[test]
    fn every_dialect_has_a_beginning() {
        let text = "word ".repeat(1_000);
        for body in [
            format!(r#"{{"model":"m","input":"{text}"}}"#),
            format!(r#"{{"model":"m","instructions":"{text}","input":[{{"role":"user","content":"Hi"}}]}}"#),
            format!(r#"{{"systemInstruction":{{"parts":[{{"text":"{text}"}}]}},"contents":[{{"parts":[]}}]}}"#),
        ] {
            assert!(of(&body).conversation().is_some(), "{body:.60}");
        }
        let endless = of(&format!(r#"{{"model":"m","input":"{}"}}"#, "word ".repeat(100_000)));
        assert_eq!(endless.conversation().map(<[u8]>::len), Some(LONGEST));
    }
}
