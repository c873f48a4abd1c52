//! One `chat.completion.chunk` (or legacy completion chunk), looked at without being built.

use std::ops::Range;

use crate::wire::peek::{Member, Object, PeekError, ValueKind, object_at, objects_at, peek_answer};
use crate::wire::said::{Said, Voice};
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
    /// Insides of the strings that differ from one chunk to the next while all else stays (ascending), and whose words they
    /// are: nobody's, if they are none or stand twice.
    pub variable: Vec<(Range<usize>, Voice)>,
    /// Names of tools, which come once.
    pub names: Vec<(Range<usize>, Voice)>,
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
                    let choices = objects_at(data, member.value.start);
                    (0..).zip(choices).for_each(|(place, choice)| chunk.choice(place, &choice));
                }
                // OpenAI pads chunks with random text against traffic analysis.
                b"obfuscation" => chunk.text(member, Voice::NOBODY),
                _ => {}
            }
        }
        chunk.variable.sort_by_key(|(range, _)| range.start);
        Ok(chunk)
    }

    /// Appends its words.
    pub fn say(&self, data: &[u8], said: &mut Said) {
        for (range, voice) in &self.names {
            said.say(*voice, data.get(range.clone()).unwrap_or_default());
        }
        for (range, voice) in self.variable.iter().filter(|(_, voice)| *voice != Voice::NOBODY) {
            said.say(*voice, data.get(range.clone()).unwrap_or_default());
        }
    }

    fn choice(&mut self, place: u32, choice: &Object<'_>) {
        let place = index(choice).unwrap_or(place);
        if choice.get("finish_reason").is_some_and(|reason| reason.kind == ValueKind::String) {
            self.finish_reason = true;
            self.empty = false;
        }
        if let Some(text) = choice.get("text") {
            self.text(text, Voice::text(place));
            self.output |= is_text(text);
            self.empty = false;
        }
        let delta = choice.get("delta").filter(|delta| delta.kind == ValueKind::Object);
        if let Some(delta) = delta.and_then(|delta| object_at(choice.body(), delta.value.start)) {
            self.delta(place, &delta);
        }
    }

    fn delta(&mut self, place: u32, delta: &Object<'_>) {
        self.empty &= delta.members().is_empty();
        for member in delta.members() {
            match member.name(delta.body()) {
                name @ (b"content" | b"reasoning_content" | b"reasoning" | b"refusal") => {
                    let voice = match name {
                        b"content" => Voice::text(place),
                        b"refusal" => Voice::refusal(place),
                        _ => Voice::thought(place),
                    };
                    // Some providers say a thought twice, under both of its names.
                    let is_new = is_text(member) && self.variable.iter().all(|(_, known)| *known != voice);
                    self.text(member, if is_new { voice } else { Voice::NOBODY });
                    self.output |= is_text(member);
                }
                b"tool_calls" if member.kind == ValueKind::Array => {
                    self.output |= is_filled(member);
                    let calls = objects_at(delta.body(), member.value.start);
                    (0..).zip(calls).for_each(|(number, call)| self.tool_call(place, number, &call));
                }
                b"function_call" => {
                    self.output |= is_filled(member);
                    object_at(delta.body(), member.value.start).iter().for_each(|call| self.called(place, 0, call));
                }
                b"audio" => self.output |= is_filled(member),
                _ => {}
            }
        }
    }

    /// Its arguments come in pieces, like text.
    fn tool_call(&mut self, place: u32, number: u32, call: &Object<'_>) {
        let number = index(call).unwrap_or(number);
        let function = call.get("function").filter(|function| function.kind == ValueKind::Object);
        let function = function.and_then(|function| object_at(call.body(), function.value.start));
        function.iter().for_each(|function| self.called(place, number, function));
    }

    fn called(&mut self, place: u32, number: u32, function: &Object<'_>) {
        if let Some(arguments) = function.get("arguments") {
            self.text(arguments, Voice::arguments(place, number));
        }
        if let Some(name) = function.get("name").filter(|name| is_text(name)) {
            self.names.push((inside(name), Voice::name(place, number)));
        }
    }

    fn text(&mut self, member: &Member, voice: Voice) {
        if member.kind == ValueKind::String {
            self.variable.push((inside(member), voice));
        }
    }
}

/// The number of a choice or a call: one digit, as a rule.
fn index(object: &Object<'_>) -> Option<u32> {
    match object.raw(object.get("index")?) {
        [digit @ b'0'..=b'9'] => Some(u32::from(digit - b'0')),
        _ => object.as_u64("index")?.try_into().ok(),
    }
}

/// What stands between the quotes of a string.
fn inside(member: &Member) -> Range<usize> {
    member.value.start + 1..member.value.end - 1
}

fn is_text(member: &Member) -> bool {
    member.kind == ValueKind::String && member.value.len() > 2
}

/// More than an empty pair of brackets.
fn is_filled(member: &Member) -> bool {
    matches!(member.kind, ValueKind::Object | ValueKind::Array) && member.value.len() > 2
}
