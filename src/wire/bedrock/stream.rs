//! ConverseStream's answer, event by event.
//!
//! Order of the API: `messageStart`, per block `contentBlockStart` (calls only), `contentBlockDelta`s and
//! `contentBlockStop`, then `messageStop`, then `metadata` with the counters. The answer is whole when `messageStop` came;
//! what follows `metadata` is not read. Errors come as messages of their own kind.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>

mod events;

use serde::Deserialize;
use serde_json::Map;

use self::events::{BlockDelta, BlockStart, BlockStop, DeltaOf, MessageStop, Metadata, ReasoningDelta};
use super::event_stream::{self, Message};
use super::reply::{self, SERVER_TOOL};
use super::tools::JSON_TOOL;
use super::{citation, errors};
use crate::error::{Error, Kind};
use crate::wire::codec::StreamDecoder;
use crate::wire::model::{Delta, Family, FinishReason, Part, StreamEvent, Thinking};

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Decoder {
    messages: event_stream::Decoder,
    answer: Answer,
}

/// What was read of the answer.
#[derive(Debug, Default)]
struct Answer {
    /// The input of the schema's tool is the answer.
    forced_json: bool,
    started: bool,
    stopped: bool,
    ended: bool,
    /// Calls so far.
    calls: u32,
    /// The answer came by the schema's tool.
    by_tool: bool,
    thought: bool,
    open: Option<Open>,
}

/// The block of a call that is being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The block's number.
    block: u32,
    input: Input,
    /// Nothing of the input came yet.
    is_empty: bool,
}

/// What becomes of a call's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// It is the arguments of this call.
    Arguments(u32),
    /// It is the answer.
    Text,
    /// The provider runs the tool: it is nobody's.
    Nothing,
}

impl Decoder {
    /// `forced_json` is what [`super::request::forces_json`] said of the request.
    pub fn new(forced_json: bool) -> Self {
        Self { answer: Answer { forced_json, ..Answer::default() }, ..Self::default() }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if self.answer.ended {
            return Ok(());
        }
        let mut messages = self.messages.feed(piece);
        while let Some(message) = messages.advance() {
            let message = message.map_err(|malformed| garbled(&malformed))?;
            if let Some(error) = errors::of_stream(&message) {
                return Err(error);
            }
            self.answer.read(&message, events)?;
            if self.answer.ended {
                break;
            }
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if !self.answer.stopped {
            return Err(Error::new(
                Kind::BrokenStream,
                "The provider closed the stream before the answer was complete.",
            ));
        }
        self.answer.end(events);
        Ok(())
    }
}

impl Answer {
    fn read(&mut self, message: &Message<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        match message.header(":event-type").unwrap_or_default() {
            "messageStart" => self.start(events),
            "contentBlockStart" => self.block_start(parse(message)?, events),
            "contentBlockDelta" => self.block_delta(parse(message)?, events),
            "contentBlockStop" => {
                let BlockStop { content_block_index: block } = parse(message)?;
                self.block_stop(block, events);
            }
            "messageStop" => self.message_stop(parse(message)?, events),
            "metadata" => self.metadata(parse(message)?, events),
            // What the API may add.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, events: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(StreamEvent::Start { id: None, model: None, created: None, extra: Map::new() });
        }
    }

    fn block_start(&mut self, block: BlockStart, events: &mut Vec<StreamEvent>) {
        self.start(events);
        let Some(call) = block.start.tool_use else { return };
        let input = if call.kind.as_deref() == Some(SERVER_TOOL) {
            Input::Nothing
        } else if self.forced_json && call.name == JSON_TOOL {
            self.by_tool = true;
            Input::Text
        } else {
            let index = self.calls;
            self.calls = index.saturating_add(1);
            let (id, name) = (call.tool_use_id, call.name);
            let delta = Delta::ToolCall { index, id, name, signature: None, custom: false };
            events.push(StreamEvent::Delta { choice: 0, delta });
            Input::Arguments(index)
        };
        self.open = Some(Open { block: block.content_block_index, input, is_empty: true });
    }

    fn block_delta(&mut self, block: BlockDelta, events: &mut Vec<StreamEvent>) {
        self.start(events);
        let DeltaOf { text, tool_use, reasoning_content, citation } = block.delta;
        let delta = if let Some(text) = text {
            Some(Delta::Text(text))
        } else if let Some(tool_use) = tool_use {
            self.input(block.content_block_index, tool_use.input)
        } else if let Some(reasoning) = reasoning_content {
            self.thought = true;
            thought(reasoning)
        } else {
            let citation = citation.and_then(citation::to_anthropic);
            citation.map(|value| Delta::Citation { family: Family::Anthropic, value })
        };
        events.extend(delta.map(|delta| StreamEvent::Delta { choice: 0, delta }));
    }

    fn input(&mut self, block: u32, text: String) -> Option<Delta> {
        let open = self.open.as_mut().filter(|open| open.block == block)?;
        open.is_empty &= text.is_empty();
        match open.input {
            Input::Arguments(index) => Some(Delta::Arguments { index, text }),
            Input::Text => Some(Delta::Text(text)),
            Input::Nothing => None,
        }
    }

    fn block_stop(&mut self, block: u32, events: &mut Vec<StreamEvent>) {
        let open = self.open.filter(|open| open.block == block);
        // A call without arguments: clients parse what they get.
        if open.is_some_and(|open| open.is_empty) {
            let delta = self.input(block, "{}".to_owned());
            events.extend(delta.map(|delta| StreamEvent::Delta { choice: 0, delta }));
        }
        if open.is_none_or(|open| open.input != Input::Nothing) {
            events.push(StreamEvent::PartEnd { choice: 0 });
        }
        self.open.take_if(|open| open.block == block);
    }

    fn message_stop(&mut self, stop: MessageStop, events: &mut Vec<StreamEvent>) {
        self.start(events);
        let stop_sequence = stop.additional_model_response_fields.and_then(|fields| fields.stop_sequence);
        let mut finish = reply::finish(stop.stop_reason, stop_sequence);
        if self.by_tool && self.calls == 0 && finish.reason == FinishReason::ToolCalls {
            finish.reason = FinishReason::Stop;
        }
        if !std::mem::replace(&mut self.stopped, true) {
            events.push(StreamEvent::Finish { choice: 0, finish });
        }
    }

    fn metadata(&mut self, metadata: Metadata, events: &mut Vec<StreamEvent>) {
        self.start(events);
        let mut extra = reply::trace(metadata.trace.as_ref());
        extra.extend(metadata.service_tier.map(|tier| ("service_tier".to_owned(), tier.kind.into())));
        if !extra.is_empty() {
            events.push(StreamEvent::Extra(extra));
        }
        if let Some(tokens) = metadata.usage {
            events.push(StreamEvent::Usage(reply::usage(&tokens, self.thought)));
        }
        if self.stopped {
            self.end(events);
        }
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.ended, true) {
            events.push(StreamEvent::End);
        }
    }
}

fn thought(reasoning: ReasoningDelta) -> Option<Delta> {
    let family = Family::Anthropic;
    let sealed = |sealed| Thinking { sealed: Some(sealed), family: Some(family), ..Thinking::default() };
    let text = reasoning.text.map(Delta::Thinking);
    text.or(reasoning.signature.map(|text| Delta::Signature { family, text }))
        .or(reasoning.redacted_content.map(|data| Delta::Part(Part::Thinking(sealed(data)))))
}

fn parse<'a, T: Deserialize<'a>>(message: &Message<'a>) -> Result<T, Error> {
    serde_json::from_slice(message.payload).map_err(|error| garbled(&error))
}

fn garbled(why: &impl std::fmt::Display) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an event that does not parse.").detail(why.to_string())
}

#[cfg(test)]
mod tests;
