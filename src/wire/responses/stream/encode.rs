//! A client's stream. `data:` lines only, as LiteLLM writes them: the SDKs and Codex go by `type`. It ends with
//! `response.completed` or `response.incomplete`, without `[DONE]`.
//!
//! Words, thoughts and refusals are told one item at a time. Calls stay open until the superset says that they are
//! complete, because the arguments of several may come mixed.

use super::super::answer::{Head, Status};
use super::super::bridge::CustomTools;
use super::super::errors;
use super::super::output::{self, ItemIds};
use super::open::{Call, Events, Message, Thought};
use crate::error::{Compat, Error};
use crate::wire::codec::{Stamp, StreamEncoder};
use crate::wire::model::{Delta, Family, Finish, Json, Part, StreamEvent, Text, Thinking, ToolCall};
use crate::wire::usage::Usage;

/// Writes one stream.
#[derive(Debug)]
pub struct Encoder {
    stamp: Stamp,
    custom: CustomTools,
    ids: ItemIds,
    /// `None` until the first event.
    head: Option<Head>,
    events: Events,
    /// Places taken in `output`.
    places: usize,
    done: Vec<(usize, Json)>,
    message: Option<Message>,
    thought: Option<Thought>,
    calls: Vec<Call>,
    finish: Finish,
    usage: Option<Usage>,
}

impl Encoder {
    /// A stream that begins.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            custom: CustomTools::of(&stamp.body),
            ids: ItemIds::new(stamp.ids),
            stamp,
            head: None,
            events: Events::default(),
            places: 0,
            done: Vec::new(),
            message: None,
            thought: None,
            calls: Vec::new(),
            finish: Finish::default(),
            usage: None,
        }
    }

    fn start(&mut self, id: Option<&str>, created: Option<u64>, out: &mut Vec<u8>) {
        if self.head.is_some() {
            return;
        }
        self.head = Some(Head::new(&self.stamp, id, created));
        self.lifecycle("response.created", Status::InProgress, None, out);
        self.lifecycle("response.in_progress", Status::InProgress, None, out);
    }

    /// An event with the whole object.
    fn lifecycle(&mut self, event: &str, status: Status, error: Option<(&str, &str)>, out: &mut Vec<u8>) {
        let Some(head) = &self.head else { return };
        let items: Vec<Json> = self.done.iter().map(|(_, item)| item.clone()).collect();
        let object = head.object(status, &items, self.usage, error);
        self.events.object(event, &object, out);
    }

    fn place(&mut self) -> usize {
        let place = self.places;
        self.places += 1;
        place
    }

    fn words(&mut self, text: &str, refusal: bool, out: &mut Vec<u8>) {
        let message = match self.message.take() {
            Some(message) => message,
            None => {
                self.close_single(Status::Completed, out);
                let (id, at) = (self.ids.next("msg_"), self.place());
                Message::begin(id, at, &mut self.events, out)
            }
        };
        self.message.insert(message).words(text, refusal, &mut self.events, out);
    }

    fn open_thought(&mut self, id: Option<String>, out: &mut Vec<u8>) -> &mut Thought {
        let sealed = |thought: &Thought| thought.so_far.signature.is_some() || thought.so_far.sealed.is_some();
        let thought = match self.thought.take() {
            Some(thought) if !sealed(&thought) => thought,
            other => {
                self.thought = other;
                self.close_single(Status::Completed, out);
                let (id, at) = (id.unwrap_or_else(|| self.ids.next("rs_")), self.place());
                Thought::begin(id, at, &mut self.events, out)
            }
        };
        self.thought.insert(thought)
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open_thought(None, out);
        if let Some(thought) = &mut self.thought {
            thought.words(text, &mut self.events, out);
        }
    }

    /// A seal belongs to the thought that is being written, or is one of its own; that of words or of a call has no place
    /// here.
    fn signature(&mut self, family: Family, text: String, out: &mut Vec<u8>) {
        if self.thought.is_none() && (self.message.is_some() || !self.calls.is_empty()) {
            return;
        }
        if self.thought.is_none() {
            self.open_thought(None, out);
        }
        if let Some(thought) = &mut self.thought {
            thought.so_far.family = Some(family);
            thought.so_far.signature.get_or_insert_default().push_str(&text);
        }
    }

    /// Ends the message or the thought that is being written.
    fn close_single(&mut self, status: Status, out: &mut Vec<u8>) {
        if let Some(message) = self.message.take() {
            self.done.push(message.end(status, &mut self.events, out));
        }
        if let Some(thought) = self.thought.take() {
            self.done.push(thought.end(&mut self.events, out));
        }
    }

    fn close_all(&mut self, status: Status, out: &mut Vec<u8>) {
        self.close_single(status, out);
        let last = self.calls.len().saturating_sub(1);
        for (at, call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            let status = if at == last { status } else { Status::Completed };
            self.done.push(call.end(status, &mut self.events, out));
        }
        self.done.sort_by_key(|(place, _)| *place);
    }

    fn part_end(&mut self, out: &mut Vec<u8>) {
        if let Some(message) = &mut self.message {
            message.end_part(&mut self.events, out);
        } else if self.thought.is_some() {
            self.close_single(Status::Completed, out);
        } else if let Some(call) = self.calls.pop() {
            self.done.push(call.end(Status::Completed, &mut self.events, out));
        }
    }

    fn call(&mut self, index: u32, call: ToolCall, out: &mut Vec<u8>) {
        self.close_single(Status::Completed, out);
        let custom = call.custom || self.custom.holds(&call.name);
        let id = call.item_id.clone().unwrap_or_else(|| self.ids.next("fc_"));
        let at = self.place();
        self.calls.push(Call::begin(index, call, id, at, custom, &mut self.events, out));
    }

    fn arguments(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.index == index) {
            call.arguments(text, &mut self.events, out);
        }
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) => self.words(&text, false, out),
            Delta::Refusal(text) => self.words(&text, true, out),
            Delta::Thinking(text) => self.thinking(&text, out),
            Delta::Signature { family, text } => self.signature(family, text, out),
            Delta::ToolCall { index, id, name, signature, custom } => {
                self.call(index, ToolCall { id, name, signature, custom, ..ToolCall::default() }, out);
            }
            Delta::Arguments { index, text } => self.arguments(index, &text, out),
            Delta::Citation { family, value } => {
                if let Some(message) = &mut self.message {
                    message.cite(family, &value, &mut self.events, out);
                }
            }
            Delta::Logprobs(logprobs) => {
                if let Some(message) = &mut self.message {
                    message.logprobs(&logprobs);
                }
            }
            Delta::Part(part) => self.part(part, out),
        }
    }

    /// A part that comes whole.
    fn part(&mut self, part: Part, out: &mut Vec<u8>) {
        match part {
            Part::Text(Text { text, citations, .. }) => {
                self.words(&text, false, out);
                citations.into_iter().for_each(|(family, value)| self.delta(Delta::Citation { family, value }, out));
                self.part_end(out);
            }
            Part::Refusal(text) => {
                self.words(&text, true, out);
                self.part_end(out);
            }
            Part::Thinking(thinking) => self.whole_thought(thinking, out),
            Part::ToolCall(mut call) => {
                let arguments = std::mem::take(&mut call.arguments);
                // No call of the stream has this number, so that no other arguments are taken for its own.
                self.call(u32::MAX, call, out);
                self.arguments(u32::MAX, &arguments, out);
                self.part_end(out);
            }
            part => {
                if let Some(item) = output::item(part, Status::Completed, &mut self.ids, &self.custom) {
                    self.close_single(Status::Completed, out);
                    let at = self.place();
                    self.events.whole(at, &item, out);
                    self.done.push((at, item));
                }
            }
        }
    }

    fn whole_thought(&mut self, thinking: Thinking, out: &mut Vec<u8>) {
        self.close_single(Status::Completed, out);
        let text = thinking.text.clone();
        let id = thinking.id.clone().filter(|_| thinking.family == Some(Family::OpenAi));
        self.open_thought(id, out);
        if let Some(thought) = &mut self.thought {
            if !text.is_empty() {
                thought.words(&text, &mut self.events, out);
            }
            thought.so_far = thinking;
        }
        self.close_single(Status::Completed, out);
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, created, .. } => self.start(id.as_deref(), created, out),
            StreamEvent::Delta { choice: 0, delta } => {
                self.start(None, None, out);
                self.delta(delta, out);
            }
            StreamEvent::PartEnd { choice: 0 } => self.part_end(out),
            StreamEvent::Finish { choice: 0, finish } => {
                self.start(None, None, out);
                self.close_all(Status::of(finish.reason), out);
                self.finish = finish;
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            // The dialect has one choice, and no place for members of chat completions.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.start(None, None, out);
        let status = Status::of(self.finish.reason);
        self.close_all(status, out);
        let event = match status {
            Status::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.lifecycle(event, status, None, out);
    }

    /// `error` is what the SDKs raise on, `response.failed` what Codex looks for. Open items stay open.
    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>) {
        self.events.write(&errors::event(error, compat), out);
        if self.head.is_none() {
            self.head = Some(Head::new(&self.stamp, None, None));
        }
        let failure = Some((errors::code(error.kind), error.message.as_str()));
        self.lifecycle("response.failed", Status::Failed, failure, out);
    }
}
