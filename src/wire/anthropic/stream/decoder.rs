//! Claude's stream, for clients of other dialects.

use serde_json::{Map, Value};

use crate::error::{Error, Kind};
use crate::wire::anthropic::errors;
use crate::wire::anthropic::reply::{finish, garbled, stop_after_json};
use crate::wire::anthropic::request::{JSON_TOOL, parts};
use crate::wire::anthropic::types::{BlockDelta, MessagesReply, StreamData};
use crate::wire::anthropic::usage::UsageCounters;
use crate::wire::block::find_quote;
use crate::wire::codec::StreamDecoder;
use crate::wire::model::{Delta, Family, Json, Part, StreamEvent};
use crate::wire::sse;

/// Reads the stream. Blocks that no other dialect knows are collected and come whole.
#[derive(Debug, Default)]
pub struct Decoder {
    frames: sse::Decoder,
    state: State,
}

impl Decoder {
    /// `json_tool`: as [`super::super::reply::decode_reply`].
    pub fn new(json_tool: bool) -> Self {
        Self { frames: sse::Decoder::default(), state: State { json_tool, ..State::default() } }
    }

    /// Takes the data of one event, for hosts that send them in another frame than SSE (Bedrock).
    ///
    /// # Errors
    /// As [`StreamDecoder::feed`].
    pub fn data(&mut self, data: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        self.state.data(data, events)
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut frames = self.frames.feed(piece);
        while let Some(frame) = frames.advance() {
            let frame =
                frame.map_err(|_| Error::new(Kind::GarbledAnswer, "The provider sent an event without end."))?;
            if let Some(data) = sse::Event::parse(frame.bytes).data {
                self.state.data(&data, events)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        // The last event may lack its blank line; one that is cut is no JSON.
        if let Some(data) = sse::Event::parse(self.frames.rest()).data
            && serde_json::from_slice::<StreamData<'_>>(&data).is_ok()
        {
            self.state.data(&data, events)?;
        }
        if self.state.done {
            return Ok(());
        }
        Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did."))
    }
}

/// What is being written.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Text,
    Thinking,
    /// `empty`: no arguments have come.
    Call {
        index: u32,
        empty: bool,
    },
    /// The input of [`JSON_TOOL`]: the client's text.
    Answer,
    /// A block in Claude's own words, and the pieces of its `input` or `content`.
    Native {
        block: Map<String, Value>,
        pieces: String,
    },
    /// A block that came whole.
    Whole,
}

#[derive(Debug, Default)]
struct State {
    json_tool: bool,
    started: bool,
    done: bool,
    open: Open,
    calls: u32,
    answered: bool,
    /// Characters of thoughts, for their estimate.
    thought: usize,
    usage: UsageCounters<'static>,
}

impl State {
    fn data(&mut self, data: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if self.done || data.is_empty() {
            return Ok(());
        }
        if !matches!(self.open, Open::Native { .. })
            && let Some(text) = plain_text(data)
        {
            push_text(text.to_owned(), events);
            return Ok(());
        }
        let event: StreamData<'_> = serde_json::from_slice(data).map_err(|error| unreadable(&error.to_string()))?;
        match event.kind.as_ref() {
            "content_block_delta" => self.delta(event.delta.unwrap_or_default(), events),
            "content_block_start" => self.open(&event, events)?,
            "content_block_stop" => self.close(events)?,
            "message_start" => self.start(&event, events)?,
            "message_delta" => self.message_delta(event, events),
            "message_stop" => {
                self.done = true;
                events.push(StreamEvent::End);
            }
            "error" => return Err(errors::in_answer(data)),
            "" => return Err(unreadable("no type")),
            // Pings, and what is invented later: clients are told to pass over what they do not know.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, event: &StreamData<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let raw = event.message.ok_or_else(|| unreadable("no message"))?;
        let message: MessagesReply<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable(&error.to_string()))?;
        if !std::mem::replace(&mut self.started, true) {
            let model = message.model.map(Into::into);
            events.push(StreamEvent::Start { id: None, model, created: None, extra: Map::new() });
        }
        if let Some(usage) = message.usage {
            self.usage.update(usage);
            events.push(StreamEvent::Usage(self.usage.at_start()));
        }
        Ok(())
    }

    fn open(&mut self, event: &StreamData<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let raw = event.content_block.ok_or_else(|| unreadable("no block"))?;
        let part = parts::part(raw, "content").map_err(|error| unreadable(&error.to_string()))?;
        self.open = match part {
            Part::Text(text) => {
                push_text(text.text, events);
                for (family, value) in text.citations {
                    push(Delta::Citation { family, value }, events);
                }
                Open::Text
            }
            Part::Thinking(thought) if thought.sealed.is_none() => {
                self.think(thought.text, events);
                if let (Some(text), Some(family)) = (thought.signature, thought.family) {
                    push(Delta::Signature { family, text }, events);
                }
                Open::Thinking
            }
            Part::ToolCall(call) if self.json_tool && call.name == JSON_TOOL => {
                self.answered = true;
                push_text(filled(call.arguments), events);
                Open::Answer
            }
            Part::ToolCall(call) => {
                let index = self.calls;
                self.calls += 1;
                let signature = call.signature;
                push(Delta::ToolCall { index, id: call.id, name: call.name, signature, custom: false }, events);
                let text = filled(call.arguments);
                let empty = text.is_empty();
                if !empty {
                    push(Delta::Arguments { index, text }, events);
                }
                Open::Call { index, empty }
            }
            Part::Native { value, .. } => {
                let block = serde_json::from_str(value.text()).unwrap_or_default();
                Open::Native { block, pieces: String::new() }
            }
            part => {
                push(Delta::Part(part), events);
                Open::Whole
            }
        };
        Ok(())
    }

    fn delta(&mut self, delta: BlockDelta<'_>, events: &mut Vec<StreamEvent>) {
        if let Open::Native { pieces, .. } = &mut self.open {
            pieces.push_str(&delta.partial_json.or(delta.content).unwrap_or_default());
            return;
        }
        match delta.kind.as_ref() {
            "text_delta" => push_text(delta.text.unwrap_or_default().into_owned(), events),
            "thinking_delta" => self.think(delta.thinking.unwrap_or_default().into_owned(), events),
            "signature_delta" => {
                let text = delta.signature.unwrap_or_default().into_owned();
                push(Delta::Signature { family: Family::Anthropic, text }, events);
            }
            "input_json_delta" => {
                let text = delta.partial_json.unwrap_or_default().into_owned();
                match &mut self.open {
                    Open::Call { index, empty } => {
                        *empty &= text.is_empty();
                        push(Delta::Arguments { index: *index, text }, events);
                    }
                    _ => push_text(text, events),
                }
            }
            "citations_delta" => {
                if let Some(value) = delta.citation.and_then(|citation| Json::parse(citation.get())) {
                    push(Delta::Citation { family: Family::Anthropic, value }, events);
                }
            }
            _ => {}
        }
    }

    fn think(&mut self, text: String, events: &mut Vec<StreamEvent>) {
        self.thought += text.chars().count();
        if !text.is_empty() {
            push(Delta::Thinking(text), events);
        }
    }

    fn close(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        match std::mem::take(&mut self.open) {
            Open::Call { index, empty } => {
                if empty {
                    // A tool without arguments: clients parse what they collected, and nothing is no JSON.
                    push(Delta::Arguments { index, text: "{}".to_owned() }, events);
                }
                events.push(StreamEvent::PartEnd { choice: 0 });
            }
            Open::Text | Open::Thinking | Open::Answer => events.push(StreamEvent::PartEnd { choice: 0 }),
            Open::Native { block, pieces } => {
                let value = whole(block, &pieces).ok_or_else(|| unreadable("a block that is no JSON"))?;
                push(Delta::Part(Part::Native { family: Family::Anthropic, value }), events);
            }
            Open::Nothing | Open::Whole => {}
        }
        Ok(())
    }

    fn message_delta(&mut self, event: StreamData<'_>, events: &mut Vec<StreamEvent>) {
        if let Some(usage) = event.usage {
            self.usage.update(usage);
            events.push(StreamEvent::Usage(self.usage.usage(self.thought)));
        }
        let delta = event.delta.unwrap_or_default();
        if let Some(reason) = delta.stop_reason.as_deref() {
            let mut finish = finish(Some(reason), delta.stop_sequence.as_deref());
            if self.answered && self.calls == 0 {
                finish.reason = stop_after_json(finish.reason);
            }
            events.push(StreamEvent::Finish { choice: 0, finish });
        }
    }
}

/// The words of an event that is spelt as Anthropic spells it and has no escapes: most of a stream are such, and they need
/// no parser. `None`: it must be read in full.
fn plain_text(data: &[u8]) -> Option<&str> {
    let rest = data.strip_prefix(br#"{"type":"content_block_delta","index":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (index, rest) = rest.split_at_checked(digits)?;
    if index.is_empty() || (index.starts_with(b"0") && index != b"0") {
        return None;
    }
    let rest = rest.strip_prefix(br#","delta":{"type":"text_delta","text":""#)?;
    let (text, rest) = rest.split_at_checked(find_quote(rest)?)?;
    // Anthropic pads its events with blanks before the last brace.
    let padding = rest.strip_prefix(b"\"}")?.strip_suffix(b"}")?;
    let is_plain = padding.iter().all(|byte| *byte == b' ') && !text.iter().any(|byte| *byte < 0x20 || *byte == b'\\');
    std::str::from_utf8(text).ok().filter(|_| is_plain)
}

/// A start has an empty `{}` where the input is still to come.
fn filled(arguments: String) -> String {
    let is_empty = arguments.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
    if is_empty { String::new() } else { arguments }
}

/// A block with what its deltas brought: the JSON of an `input`, or the words of a `content`.
fn whole(mut block: Map<String, Value>, pieces: &str) -> Option<Json> {
    if !pieces.is_empty() {
        if block.contains_key("input") {
            block.insert("input".to_owned(), serde_json::from_str(pieces).ok()?);
        } else {
            block.insert("content".to_owned(), pieces.into());
        }
    }
    Json::of(&block)
}

fn push(delta: Delta, events: &mut Vec<StreamEvent>) {
    events.push(StreamEvent::Delta { choice: 0, delta });
}

fn push_text(text: String, events: &mut Vec<StreamEvent>) {
    if !text.is_empty() {
        push(Delta::Text(text), events);
    }
}

fn unreadable(why: &str) -> Error {
    Error { message: "The provider sent an unreadable event.".to_owned(), ..garbled(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever needs no parser must say what the parser says.
    #[test]
    fn plain_events_are_read_without_a_parser() {
        let check = |index: &str, text: &[u8], end: &str, plain: bool| {
            let head =
                format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"text_delta","text":""#);
            let data = [head.as_bytes(), text, end.as_bytes()].concat();
            let parsed = serde_json::from_slice::<StreamData<'_>>(&data).ok().and_then(|event| event.delta?.text);
            assert_eq!(plain_text(&data).is_some(), plain, "{}", String::from_utf8_lossy(&data));
            if plain {
                assert_eq!(plain_text(&data), parsed.as_deref());
            }
        };
        for (index, text, end) in
            [("0", "Hello", "\"}}"), ("12", " wörld", "\"}        }"), ("0", "", "\"}}"), ("7", "a}b{", "\"} }")]
        {
            check(index, text.as_bytes(), end, true);
        }
        let other: [(&str, &[u8], &str); 9] = [
            ("0", b"a\\n", "\"}}"),
            ("0", b"a\\\"b", "\"}}"),
            ("0", b"a\nb", "\"}}"),
            ("0", b"\xff", "\"}}"),
            ("00", b"a", "\"}}"),
            ("", b"a", "\"}}"),
            ("0", b"a", "\"}"),
            ("0", b"a", "\",\"x\":1}}"),
            ("0", b"a", "\"},\"delta\":{\"type\":\"text_delta\"}}"),
        ];
        for (index, text, end) in other {
            check(index, text, end, false);
        }
    }
}
