//! One `chat.completion.chunk` (or legacy completion chunk), looked at without being built.

use std::ops::Range;

use crate::wire::peek::{Member, Object, PeekError, ValueKind, object_at, objects_at, peek_answer};
use crate::wire::usage::Usage;

/// What a chunk says.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Range of the value of `model`, if it is a string.
    pub model: Option<Range<usize>>,
    /// It is an error and no chunk.
    pub error: bool,
    /// The counters, if it has them.
    pub usage: Option<Usage>,
    /// Some choice has ended.
    pub finish_reason: bool,
    /// Some choice has output.
    pub output: bool,
    /// No choice, or only empty ones: with `usage` it is the usage chunk.
    pub empty: bool,
    /// Insides of the strings that differ from one chunk to the next while all else stays (ascending).
    pub variable: Vec<Range<usize>>,
}

impl Chunk {
    /// Reads the data of an event.
    pub fn read(data: &[u8]) -> Result<Self, PeekError> {
        let object = peek_answer(data)?;
        let mut chunk = Chunk { empty: true, ..Chunk::default() };
        for member in object.members() {
            match member.name(data) {
                b"model" if member.kind == ValueKind::String => chunk.model = Some(member.value.clone()),
                b"error" if member.kind != ValueKind::Null => chunk.error = true,
                b"usage" if member.kind == ValueKind::Object => chunk.usage = Usage::parse(object.raw(member)),
                b"choices" if member.kind == ValueKind::Array => {
                    objects_at(data, member.value.start).for_each(|choice| chunk.choice(&choice));
                }
                // OpenAI pads chunks with random text against traffic analysis.
                b"obfuscation" => chunk.text(member),
                _ => {}
            }
        }
        chunk.variable.sort_by_key(|range| range.start);
        Ok(chunk)
    }

    fn choice(&mut self, choice: &Object<'_>) {
        if choice.get("finish_reason").is_some_and(|reason| reason.kind == ValueKind::String) {
            self.finish_reason = true;
            self.empty = false;
        }
        if let Some(text) = choice.get("text") {
            self.text(text);
            self.output |= is_text(text);
            self.empty = false;
        }
        let delta = choice.get("delta").filter(|delta| delta.kind == ValueKind::Object);
        if let Some(delta) = delta.and_then(|delta| object_at(choice.body(), delta.value.start)) {
            self.delta(&delta);
        }
    }

    fn delta(&mut self, delta: &Object<'_>) {
        self.empty &= delta.members().is_empty();
        for member in delta.members() {
            match member.name(delta.body()) {
                b"content" | b"reasoning_content" | b"reasoning" | b"refusal" => {
                    self.text(member);
                    self.output |= is_text(member);
                }
                b"tool_calls" if member.kind == ValueKind::Array => {
                    self.output |= is_filled(member);
                    objects_at(delta.body(), member.value.start).for_each(|call| self.tool_call(&call));
                }
                b"function_call" | b"audio" => self.output |= is_filled(member),
                _ => {}
            }
        }
    }

    /// Its arguments come in pieces, like text.
    fn tool_call(&mut self, call: &Object<'_>) {
        let function = call.get("function").filter(|function| function.kind == ValueKind::Object);
        let function = function.and_then(|function| object_at(call.body(), function.value.start));
        if let Some(arguments) = function.as_ref().and_then(|function| function.get("arguments")) {
            self.text(arguments);
        }
    }

    fn text(&mut self, member: &Member) {
        if member.kind == ValueKind::String {
            self.variable.push(member.value.start + 1..member.value.end - 1);
        }
    }
}

fn is_text(member: &Member) -> bool {
    member.kind == ValueKind::String && member.value.len() > 2
}

/// More than an empty pair of brackets.
fn is_filled(member: &Member) -> bool {
    matches!(member.kind, ValueKind::Object | ValueKind::Array) && member.value.len() > 2
}
