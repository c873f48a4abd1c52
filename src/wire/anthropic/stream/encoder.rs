//! Any model's answer as Claude's stream.
//!
//! `message_delta` comes once and has the counters, so it waits for the end; nothing else does. One block is open at a
//! time; what says something else closes it.

use serde::Serialize;

use crate::error::{Compat, Envelope, Error};
use crate::wire::anthropic::reply::{shown, stop_reason, thinking};
use crate::wire::anthropic::types::Element;
use crate::wire::anthropic::usage::UsageCounters;
use crate::wire::codec::{Stamp, StreamEncoder};
use crate::wire::model::{Delta, Family, Finish, Part, StreamEvent, Thinking, ToolCall};
use crate::wire::usage::Usage;

/// Writes the stream. The dialect has room for one choice: the first.
#[derive(Debug)]
pub struct Encoder {
    stamp: Stamp,
    started: bool,
    ended: bool,
    open: Open,
    /// Number of the next block.
    next: u32,
    /// Blocks of the calls, by the calls' numbers.
    calls: Vec<(u32, u32)>,
    finish: Finish,
    usage: Option<Usage>,
    /// Thoughts have been shown.
    thinks: bool,
}

/// The block that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    /// `sealed`: a piece of its seal has been written.
    Thinking {
        sealed: bool,
    },
    /// `custom`: its text stands in a string inside of an object.
    Call {
        custom: bool,
    },
}

impl Encoder {
    /// A stream that begins.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            started: false,
            ended: false,
            open: Open::Nothing,
            next: 0,
            calls: Vec::new(),
            finish: Finish::default(),
            usage: None,
            thinks: false,
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let usage = match &self.usage {
            Some(usage) => UsageCounters::of(usage, None, false),
            None => UsageCounters {
                input_tokens: Some(0),
                output_tokens: Some(0),
                cache_creation_input_tokens: Some(0),
                cache_read_input_tokens: Some(0),
                ..UsageCounters::default()
            },
        };
        let message = serde_json::json!({"type": "message_start", "message": {
            "id": format!("msg_{}", self.stamp.ids.uuid(0)),
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self.stamp.model,
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage,
        }});
        event(out, "message_start", &message);
    }

    /// Opens a block, and closes the one before. `block` is its JSON as it starts.
    fn open(&mut self, open: Open, block: &impl Serialize, out: &mut Vec<u8>) {
        self.close(out);
        self.start(out);
        out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        number(out, self.next);
        out.extend_from_slice(b",\"content_block\":");
        json(out, block);
        out.extend_from_slice(b"}\n\n");
        self.open = open;
        self.next += 1;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Call { custom: true } => self.delta("input_json_delta", "partial_json", "\"}", self.last(), out),
            _ => {}
        }
        out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
        number(out, self.last());
        out.extend_from_slice(b"}\n\n");
    }

    /// Number of the block that is open.
    fn last(&self) -> u32 {
        self.next.saturating_sub(1)
    }

    /// The event that nearly all of a stream consists of, written by hand.
    fn delta(&self, kind: &str, member: &str, text: &str, block: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        number(out, block);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        json(out, text);
        out.extend_from_slice(b"}}\n\n");
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open != Open::Text {
            self.open(Open::Text, &serde_json::json!({"type": "text", "text": ""}), out);
        }
        self.delta("text_delta", "text", text, self.last(), out);
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Thinking { .. }) {
            let block = serde_json::json!({"type": "thinking", "thinking": "", "signature": ""});
            self.thinks = true;
            self.open(Open::Thinking { sealed: false }, &block, out);
        }
    }

    /// A seal belongs to a thought; on text Claude's clients have no place for one. Another family's is marked as such.
    fn signature(&mut self, family: Family, text: String, out: &mut Vec<u8>) {
        if text.is_empty() || matches!(self.open, Open::Text | Open::Call { .. }) {
            return;
        }
        self.open_thinking(out);
        let first = self.open == Open::Thinking { sealed: false };
        let seal = if first {
            let thought = Thinking { signature: Some(text), family: Some(family), ..Thinking::default() };
            thought.seal_for(Family::Anthropic).unwrap_or_default()
        } else {
            text
        };
        self.open = Open::Thinking { sealed: true };
        self.delta("signature_delta", "signature", &seal, self.last(), out);
    }

    fn tool_call(&mut self, index: u32, call: &ToolCall, out: &mut Vec<u8>) {
        let block = serde_json::json!({
            "type": "tool_use", "id": call.id_with_signature(), "name": call.name, "input": {}});
        self.open(Open::Call { custom: call.custom }, &block, out);
        self.calls.push((index, self.last()));
        if call.custom {
            self.delta("input_json_delta", "partial_json", "{\"input\":\"", self.last(), out);
        }
    }

    fn arguments(&self, index: u32, text: &str, out: &mut Vec<u8>) {
        let block = self.calls.iter().rev().find(|(call, _)| *call == index).map(|(_, block)| *block);
        let Some(block) = block.filter(|_| !text.is_empty()) else { return };
        if self.open == (Open::Call { custom: true }) {
            let quoted = serde_json::Value::from(text).to_string();
            let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            return self.delta("input_json_delta", "partial_json", inside, block, out);
        }
        self.delta("input_json_delta", "partial_json", text, block, out);
    }

    /// A part that comes whole. A sealed thought without words is the seal of the thought that is being written.
    fn part(&mut self, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Text(text) => return self.text(&text.text, out),
            Part::Refusal(text) => return self.text(text, out),
            Part::Thinking(thought) => return self.whole_thought(thought, out),
            _ => {}
        }
        if let Some(block) = shown(part) {
            self.open(Open::Text, &block, out);
            self.close(out);
        }
    }

    fn whole_thought(&mut self, thought: &Thinking, out: &mut Vec<u8>) {
        if thought.text.is_empty()
            && self.open == (Open::Thinking { sealed: false })
            && let Some(seal) = thought.seal_for(Family::Anthropic)
        {
            self.open = Open::Thinking { sealed: true };
            self.delta("signature_delta", "signature", &seal, self.last(), out);
        } else if let Some(block) = thinking(thought) {
            self.open(Open::Text, &Element::Block(Box::new(block)), out);
            self.close(out);
        }
    }

    fn change(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => self.text(&text, out),
            Delta::Thinking(text) => {
                if !text.is_empty() {
                    self.open_thinking(out);
                    self.delta("thinking_delta", "thinking", &text, self.last(), out);
                }
            }
            Delta::Signature { family, text } => self.signature(family, text, out),
            Delta::ToolCall { index, id, name, signature, custom } => {
                let call = ToolCall { id, name, signature, custom, ..ToolCall::default() };
                self.tool_call(index, &call, out);
            }
            Delta::Arguments { index, text } => self.arguments(index, &text, out),
            Delta::Citation { family: Family::Anthropic, value } if self.open == Open::Text => {
                let delta = serde_json::json!({"type": "content_block_delta", "index": self.last(),
                    "delta": {"type": "citations_delta", "citation": value.value()}});
                event(out, "content_block_delta", &delta);
            }
            Delta::Citation { .. } | Delta::Logprobs(_) => {}
            Delta::Part(part) => self.part(&part, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(out);
        self.close(out);
        let usage = UsageCounters::of(&self.usage.unwrap_or_default(), None, self.thinks);
        let delta = serde_json::json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(&self.finish, !self.calls.is_empty()),
                "stop_sequence": self.finish.stop_sequence,
            },
            "usage": usage,
        });
        event(out, "message_delta", &delta);
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { .. } => self.start(out),
            StreamEvent::Delta { choice: 0, delta } => self.change(delta, out),
            StreamEvent::PartEnd { choice: 0 } => self.close(out),
            StreamEvent::Finish { choice: 0, finish } => {
                self.close(out);
                self.finish = finish;
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::End => self.end(out),
            StreamEvent::Delta { .. }
            | StreamEvent::PartEnd { .. }
            | StreamEvent::Finish { .. }
            | StreamEvent::Extra(_) => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.end(out);
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>) {
        event(out, "error", &Envelope::Anthropic.value(error, compat));
    }
}

fn event(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    json(out, data);
    out.extend_from_slice(b"\n\n");
}

/// Writing to memory does not fail, and nothing here refuses to be JSON.
fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _infallible = serde_json::to_writer(out, value);
}

fn number(out: &mut Vec<u8>, value: u32) {
    json(out, &value);
}
