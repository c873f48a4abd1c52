//! Writes the chunks for a client, by hand: most events are a few words of text, and what stands around them is the same
//! each time, so it is written once.
//!
//! As LiteLLM does it: the role comes with the first delta of a choice; a chunk that ends a choice has an empty delta and
//! the only `finish_reason`; thoughts come as `reasoning_content` and again as `thinking_blocks`.

use serde::Serialize;

use super::super::answer;
use super::super::types::{ContentPart, ThinkingBlock};
use super::frames::{Frames, json, string};
use crate::error::{Compat, Error};
use crate::wire::codec::{Stamp, StreamEncoder};
use crate::wire::model::{Delta, Family, Finish, MediaKind, Part, StreamEvent, Thinking, ToolCall};
use crate::wire::openai::stream::error_event;

/// A chat stream for a client.
#[derive(Debug)]
pub struct Encoder {
    frames: Frames,
    /// Choices whose first delta has gone, and those that have had text; a bit each.
    begun: u128,
    worded: u128,
    /// Calls that have had no arguments yet: `(choice, call)`.
    bare: Vec<(u32, u32)>,
    /// Calls of custom tools.
    custom: Vec<(u32, u32)>,
    /// What a signature would belong to.
    writing: Writing,
    images: usize,
    /// Thoughts begun.
    thoughts: u32,
}

/// What was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Text,
    Thought,
    /// A thought whose seal has begun.
    Seal,
    Call(u32),
}

/// A stream has no more choices than OpenAI's `n` allows; any above shares the last one's bit.
fn bit(choice: u32) -> u128 {
    1 << choice.min(127)
}

impl Encoder {
    /// A stream that begins.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            frames: Frames::new(stamp, "chat.completion.chunk"),
            begun: 0,
            worded: 0,
            bare: Vec::new(),
            custom: Vec::new(),
            writing: Writing::Text,
            images: 0,
            thoughts: 0,
        }
    }

    /// Begins a chunk of this choice; the members of its delta are to follow.
    fn open(&mut self, choice: u32, out: &mut Vec<u8>) {
        self.frames.open(out);
        out.extend_from_slice(b"{\"index\":");
        json(out, &choice);
        out.extend_from_slice(b",\"delta\":{");
        if self.begun & bit(choice) == 0 {
            self.begun |= bit(choice);
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
    }

    /// Ends it.
    fn close(out: &mut Vec<u8>) {
        out.extend_from_slice(b"}}]}\n\n");
    }

    fn text(&mut self, choice: u32, name: &[u8], text: &str, out: &mut Vec<u8>) {
        self.open(choice, out);
        out.extend_from_slice(name);
        string(out, text);
        Self::close(out);
    }

    /// A chunk with one member beside the role.
    fn member(&mut self, choice: u32, name: &[u8], value: &impl Serialize, out: &mut Vec<u8>) {
        self.open(choice, out);
        out.extend_from_slice(name);
        json(out, value);
        Self::close(out);
    }

    fn delta(&mut self, choice: u32, delta: Delta, out: &mut Vec<u8>) {
        match delta {
            // Nothing to say: LiteLLM swallows it too.
            Delta::Text(text) | Delta::Thinking(text) | Delta::Refusal(text) if text.is_empty() => {}
            Delta::Text(text) => {
                self.writing = Writing::Text;
                self.worded |= bit(choice);
                self.text(choice, b"\"content\":", &text, out);
            }
            Delta::Thinking(text) => {
                self.thoughts += u32::from(self.writing != Writing::Thought);
                self.writing = Writing::Thought;
                let block = ThinkingBlock { thinking: Some(text), ..thinking_block() };
                self.thought(choice, block, out);
            }
            Delta::Signature { family, text } => self.signature(choice, family, text, out),
            Delta::ToolCall { index, id, name, signature, custom } => {
                let call = ToolCall { id, name, signature, custom, ..ToolCall::default() };
                self.call(choice, index, call, out);
            }
            Delta::Arguments { index, text } => self.arguments(choice, index, &text, out),
            Delta::Refusal(text) => self.text(choice, b"\"refusal\":", &text, out),
            Delta::Citation { family: Family::OpenAi, value } => {
                self.member(choice, b"\"annotations\":", &[value], out);
            }
            Delta::Citation { value, .. } => {
                self.fields(choice, b"\"citation\":", &value, out);
            }
            Delta::Logprobs(logprobs) => {
                self.open(choice, out);
                trim_comma(out);
                out.extend_from_slice(b"},\"logprobs\":");
                json(out, &logprobs);
                out.extend_from_slice(b"}]}\n\n");
            }
            Delta::Part(part) => self.part(choice, part, out),
        }
    }

    fn part(&mut self, choice: u32, part: Part, out: &mut Vec<u8>) {
        match part {
            Part::Text(text) => {
                self.delta(choice, Delta::Text(text.text), out);
                for (family, value) in text.citations {
                    self.delta(choice, Delta::Citation { family, value }, out);
                }
                if let Some(text) = text.signature {
                    self.delta(choice, Delta::Signature { family: Family::Gemini, text }, out);
                }
            }
            Part::Thinking(thought) => {
                self.writing = Writing::Text;
                self.thoughts += 1;
                self.thought(choice, answer::block(&thought), out);
            }
            Part::Refusal(text) => self.delta(choice, Delta::Refusal(text), out),
            Part::ToolCall(call) => {
                let index = call.index.unwrap_or_default();
                let text = call.arguments.clone();
                self.call(choice, index, call, out);
                self.arguments(choice, index, &text, out);
            }
            Part::Media(media) if media.kind == MediaKind::Image => {
                let image: [ContentPart; 1] = [answer::image(media, self.images)];
                self.images += 1;
                self.member(choice, b"\"images\":", &image, out);
            }
            Part::Media(media) if media.kind == MediaKind::Audio => {
                if let Some(audio) = answer::audio(media, self.frames.stamp.ids) {
                    self.member(choice, b"\"audio\":", &audio, out);
                }
            }
            Part::Media(_) | Part::ToolResult(_) | Part::Native { .. } => {}
        }
    }

    /// A thought, or a piece of one.
    fn thought(&mut self, choice: u32, mut block: ThinkingBlock, out: &mut Vec<u8>) {
        block.index = Some(self.thoughts.saturating_sub(1));
        self.open(choice, out);
        out.extend_from_slice(b"\"reasoning_content\":");
        string(out, block.thinking.as_deref().unwrap_or_default());
        out.extend_from_slice(b",\"thinking_blocks\":[");
        let from = out.len();
        json(out, &block);
        let written = from..out.len();
        out.extend_from_slice(b"],\"provider_specific_fields\":{\"thinking_blocks\":[");
        out.extend_from_within(written);
        out.extend_from_slice(b"]}");
        Self::close(out);
    }

    fn signature(&mut self, choice: u32, family: Family, text: String, out: &mut Vec<u8>) {
        match self.writing {
            Writing::Text => self.fields(choice, b"\"thought_signatures\":", &[text], out),
            Writing::Call(index) => {
                self.open_call(choice, index, out);
                out.extend_from_slice(b",\"provider_specific_fields\":{\"thought_signature\":");
                string(out, &text);
                out.extend_from_slice(b"}}]");
                Self::close(out);
            }
            Writing::Thought => {
                self.writing = Writing::Seal;
                let seal = Thinking { signature: Some(text), family: Some(family), ..Thinking::default() };
                let signature = seal.seal_for(Family::Anthropic);
                self.thought(choice, ThinkingBlock { signature, ..thinking_block() }, out);
            }
            // The mark of a foreign seal stands before its first piece only.
            Writing::Seal => self.thought(choice, ThinkingBlock { signature: Some(text), ..thinking_block() }, out),
        }
    }

    /// A chunk with one member of `provider_specific_fields`.
    fn fields(&mut self, choice: u32, name: &[u8], value: &impl Serialize, out: &mut Vec<u8>) {
        self.open(choice, out);
        out.extend_from_slice(b"\"provider_specific_fields\":{");
        out.extend_from_slice(name);
        json(out, value);
        out.push(b'}');
        Self::close(out);
    }

    /// Begins a chunk of this call; more of its members, `}` and `]` are to follow.
    fn open_call(&mut self, choice: u32, index: u32, out: &mut Vec<u8>) {
        self.open(choice, out);
        // As LiteLLM writes it behind words.
        if self.worded & bit(choice) != 0 {
            out.extend_from_slice(b"\"content\":\"\",");
        }
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        json(out, &index);
    }

    fn call(&mut self, choice: u32, index: u32, call: ToolCall, out: &mut Vec<u8>) {
        self.writing = Writing::Call(index);
        let custom = call.custom;
        let list = if custom { &mut self.custom } else { &mut self.bare };
        list.push((choice, index));
        self.open_call(choice, index, out);
        out.extend_from_slice(b",\"id\":");
        string(out, &call.id_with_signature());
        let head: &[u8] = match custom {
            true => b",\"type\":\"custom\",\"custom\":{\"name\":",
            false => b",\"type\":\"function\",\"function\":{\"name\":",
        };
        out.extend_from_slice(head);
        string(out, &call.name);
        out.extend_from_slice(if custom { b",\"input\":\"\"}" } else { b",\"arguments\":\"\"}" });
        if let Some(signature) = &call.signature {
            out.extend_from_slice(b",\"provider_specific_fields\":{\"thought_signature\":");
            string(out, signature);
            out.push(b'}');
        }
        out.extend_from_slice(b"}]");
        Self::close(out);
    }

    fn arguments(&mut self, choice: u32, index: u32, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.bare.retain(|call| *call != (choice, index));
        }
        self.open_call(choice, index, out);
        let head: &[u8] = match self.custom.contains(&(choice, index)) {
            true => b",\"type\":\"custom\",\"custom\":{\"input\":",
            false => b",\"type\":\"function\",\"function\":{\"arguments\":",
        };
        out.extend_from_slice(head);
        string(out, text);
        out.extend_from_slice(b"}}]");
        Self::close(out);
    }

    fn end_choice(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        // Clients parse what they gathered: a call without arguments needs an empty object.
        let bare: Vec<u32> = self.bare.iter().filter(|(of, _)| *of == choice).map(|(_, index)| *index).collect();
        for index in bare {
            self.arguments(choice, index, "{}", out);
        }
        self.open(choice, out);
        trim_comma(out);
        out.extend_from_slice(b"},\"finish_reason\":\"");
        out.extend_from_slice(finish.reason.openai().as_bytes());
        out.extend_from_slice(b"\"}");
        self.frames.close_with_extra(out);
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, created, extra, model: _ } => self.frames.start(id, created, &extra),
            StreamEvent::Delta { choice, delta } => self.delta(choice, delta, out),
            StreamEvent::PartEnd { .. } => self.writing = Writing::Text,
            StreamEvent::Finish { choice, finish } => self.end_choice(choice, &finish, out),
            StreamEvent::Usage(usage) => self.frames.usage(usage),
            StreamEvent::Extra(members) => self.frames.extra(members),
            StreamEvent::End => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.frames.finish(out);
    }

    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(error, compat));
    }
}

fn thinking_block() -> ThinkingBlock {
    ThinkingBlock { kind: "thinking".into(), thinking: Some(String::new()), ..ThinkingBlock::default() }
}

/// A role that nothing follows needs no comma.
fn trim_comma(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
}
