//! A provider's stream. `response.completed` and `response.incomplete` are its end marker; whatever else it says after
//! them is not heard.
//!
//! Each item is told three times (deltas, `….done`, `output_item.done`). Deltas count; where a provider left them out, the
//! later ones do.

use serde_json::Map;

use super::super::request::ID_AND_SEAL;
use super::super::types::{Event, ReasoningItem, Response, Tagged};
use super::super::{errors, items, reply};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder};
use crate::wire::model::{Delta, Family, Json, Part, StreamEvent, Thinking};
use crate::wire::sse;
use crate::wire::usage::Usage;

/// Reads one stream.
#[derive(Debug)]
pub struct Decoder {
    sse: sse::Decoder,
    state: State,
}

impl Decoder {
    /// A stream that begins. The dialect has ids for everything, so none are made.
    pub fn new(_ids: Ids) -> Self {
        Self { sse: sse::Decoder::default(), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut frames = self.sse.feed(piece);
        while let Some(frame) = frames.advance() {
            let frame = frame.map_err(|_| reply::garbled("an event without end"))?;
            self.state.frame(frame.bytes, events)?;
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        // The last event may lack its blank line; one that is cut inside does not parse.
        match self.state.frame(self.sse.rest(), events) {
            Err(error) if error.kind != Kind::GarbledAnswer => Err(error),
            _ if self.state.ended => Ok(()),
            _ => Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer was complete.")),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    ended: bool,
    said: reply::Said,
    /// A part is being written: words, or a thought.
    writing: bool,
    /// Items that have begun and not ended.
    open: Vec<Open>,
    /// Calls so far.
    calls: u32,
    /// Something of the answer has been told.
    told: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// `output_index`
    at: u32,
    /// Which call, if it is one.
    call: Option<u32>,
    /// Words of it have come: arguments, or a thought.
    worded: bool,
    /// The thought comes as itself and as a summary; the first to come is told.
    of_summary: Option<bool>,
}

impl State {
    fn frame(&mut self, frame: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let frame = sse::Event::parse(frame);
        match frame.data.as_deref() {
            _ if self.ended => Ok(()),
            None | Some(b"" | b"[DONE]") => Ok(()),
            Some(data) => self.event(data, events),
        }
    }

    fn event(&mut self, data: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let event: Event<'_> = serde_json::from_slice(data).map_err(|error| reply::garbled(&error.to_string()))?;
        match event.kind.as_ref() {
            "response.output_text.delta" => self.words(event.delta.map(Delta::Text), events),
            "response.refusal.delta" => {
                self.said.refusal = true;
                self.words(event.delta.map(Delta::Refusal), events);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(event.output_index, event.delta, events);
            }
            "response.reasoning_summary_text.delta" => self.thought(event.output_index, event.delta, true, events),
            "response.reasoning_text.delta" => self.thought(event.output_index, event.delta, false, events),
            "response.completed" | "response.incomplete" | "response.done" => return self.end(data, &event, events),
            "response.failed" | "response.cancelled" => {
                let response = event.response.as_ref().map(items::parse::<Response>).and_then(Result::ok);
                return Err(errors::of(errors::reported(data, response.as_ref())));
            }
            "error" => return Err(errors::of(errors::reported(data, None))),
            "" if event.error.is_some() => return Err(errors::of(errors::reported(data, None))),
            "" => return Err(reply::garbled("an event without type")),
            _ => return self.rarely(event, events),
        }
        Ok(())
    }

    /// Events that come once for each item or part.
    fn rarely(&mut self, event: Event<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        match event.kind.as_ref() {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(event.response.as_ref(), events)
            }
            "response.output_item.added" => {
                if let Some(item) = event.item {
                    self.added(event.output_index, item, events)?;
                }
            }
            "response.output_item.done" => {
                if let Some(item) = event.item {
                    self.done(event.output_index, item, events)?;
                }
            }
            "response.output_text.done" if !self.writing => self.words(event.text.map(Delta::Text), events),
            "response.refusal.done" => {
                self.said.refusal = true;
                if !self.writing {
                    self.words(event.refusal.map(Delta::Refusal), events);
                }
            }
            "response.content_part.done" => self.part_end(events),
            "response.reasoning_summary_part.added" if event.summary_index.is_some_and(|index| index > 0) => {
                self.thought(event.output_index, Some(items::PARAGRAPH.to_owned()), true, events);
            }
            "response.output_text.annotation.added" => {
                let cited = event.annotation.map(|value| Delta::Citation { family: Family::OpenAi, value });
                cited.into_iter().for_each(|delta| self.push(delta, events));
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let text = event.arguments.or(event.input);
                if self.open(event.output_index).is_some_and(|open| !open.worded) {
                    self.arguments(event.output_index, text, events);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: Option<&Json>, events: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let response = response.map(items::parse::<Response>).and_then(Result::ok).unwrap_or_default();
        let created = response.created_at.as_ref().and_then(reply::seconds);
        events.push(StreamEvent::Start { id: response.id, model: response.model, created, extra: Map::new() });
    }

    fn push(&mut self, delta: Delta, events: &mut Vec<StreamEvent>) {
        self.start(None, events);
        self.told = true;
        events.push(StreamEvent::Delta { choice: 0, delta });
    }

    fn words(&mut self, words: Option<Delta>, events: &mut Vec<StreamEvent>) {
        if let Some(delta) = words {
            self.writing = true;
            self.push(delta, events);
        }
    }

    fn open(&mut self, at: Option<u32>) -> Option<&mut Open> {
        match at {
            Some(at) => self.open.iter_mut().rev().find(|open| open.at == at),
            None => self.open.last_mut(),
        }
    }

    fn arguments(&mut self, at: Option<u32>, text: Option<String>, events: &mut Vec<StreamEvent>) {
        let Some(open) = self.open(at) else { return };
        let Some((index, text)) = open.call.zip(text.filter(|text| !text.is_empty())) else { return };
        open.worded = true;
        self.push(Delta::Arguments { index, text }, events);
    }

    fn thought(&mut self, at: Option<u32>, text: Option<String>, summary: bool, events: &mut Vec<StreamEvent>) {
        let Some(text) = text else { return };
        if let Some(open) = self.open(at) {
            if *open.of_summary.get_or_insert(summary) != summary {
                return;
            }
            open.worded = true;
        }
        self.writing = true;
        self.push(Delta::Thinking(text), events);
    }

    fn part_end(&mut self, events: &mut Vec<StreamEvent>) {
        if std::mem::take(&mut self.writing) {
            events.push(StreamEvent::PartEnd { choice: 0 });
        }
    }

    fn added(&mut self, at: Option<u32>, item: Json, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let at = at.unwrap_or_else(|| u32::try_from(self.open.len()).unwrap_or(u32::MAX));
        let mut open = Open { at, ..Open::default() };
        let tag: Tagged = items::parse(&item).map_err(|what| reply::garbled(&what))?;
        if !matches!(tag.kind.as_deref(), Some("function_call" | "custom_tool_call")) {
            self.open.push(open);
            return Ok(());
        }
        for part in items::read_output(item).map_err(|what| reply::garbled(&what))? {
            let Part::ToolCall(call) = part else { continue };
            open.call = Some(self.calls);
            self.said.calls = true;
            let (id, name, signature, custom) = (call.id, call.name, call.signature, call.custom);
            self.push(Delta::ToolCall { index: self.calls, id, name, signature, custom }, events);
            self.calls = self.calls.saturating_add(1);
            self.open.push(open);
            self.arguments(Some(at), Some(call.arguments), events);
        }
        Ok(())
    }

    fn done(&mut self, at: Option<u32>, item: Json, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let known = self.open(at).copied();
        if let Some(open) = known {
            self.open.retain(|other| other.at != open.at);
        }
        let tag: Tagged = items::parse(&item).map_err(|what| reply::garbled(&what))?;
        let open = known.unwrap_or_default();
        match tag.kind.as_deref() {
            Some("message") => self.part_end(events),
            Some("reasoning") => self.sealed(open, item, events)?,
            Some("function_call" | "custom_tool_call") => {
                if known.is_none() {
                    self.added(at, item, events)?;
                    self.open.pop();
                } else if !open.worded {
                    self.late_arguments(open, item, events)?;
                }
                events.push(StreamEvent::PartEnd { choice: 0 });
            }
            _ => self.push(Delta::Part(Part::Native { family: Family::OpenAi, value: item }), events),
        }
        Ok(())
    }

    fn late_arguments(&mut self, open: Open, item: Json, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        for part in items::read_output(item).map_err(|what| reply::garbled(&what))? {
            if let (Part::ToolCall(call), Some(index)) = (part, open.call)
                && !call.arguments.is_empty()
            {
                self.push(Delta::Arguments { index, text: call.arguments }, events);
            }
        }
        Ok(())
    }

    /// The seal follows the words of the thought, or comes alone. One place has to hold the item's id as well.
    fn sealed(&mut self, open: Open, item: Json, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let item: ReasoningItem = items::parse(&item).map_err(|what| reply::garbled(&what))?;
        let thinking = items::reasoning(item);
        if !open.worded {
            if thinking != (Thinking { id: thinking.id.clone(), family: thinking.family, ..Thinking::default() }) {
                self.push(Delta::Part(Part::Thinking(thinking)), events);
            }
            return Ok(());
        }
        if let Some(seal) = thinking.sealed {
            let text = match thinking.id {
                Some(id) => format!("{id}{ID_AND_SEAL}{seal}"),
                None => seal,
            };
            self.push(Delta::Signature { family: Family::OpenAi, text }, events);
        }
        self.part_end(events);
        Ok(())
    }

    fn end(&mut self, data: &[u8], event: &Event<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let response: Response = match &event.response {
            Some(response) => items::parse(response).map_err(|what| reply::garbled(&what))?,
            None => Response::default(),
        };
        if response.status.as_deref() == Some("failed") {
            return Err(errors::of(errors::reported(data, Some(&response))));
        }
        self.start(event.response.as_ref(), events);
        if !self.told {
            for (at, item) in response.output.into_iter().flatten().enumerate() {
                self.told_at_last(at, item, events)?;
            }
        }
        let usage = response.usage.and_then(|usage| Usage::parse(usage.text().as_bytes()));
        events.extend(usage.map(StreamEvent::Usage));
        let status = match event.kind.as_ref() {
            "response.incomplete" => Some("incomplete"),
            _ => response.status.as_deref(),
        };
        let reason = response.incomplete_details.and_then(|details| details.reason);
        let finish = reply::finish(status, reason.as_deref(), self.said);
        events.push(StreamEvent::Finish { choice: 0, finish });
        events.push(StreamEvent::End);
        self.ended = true;
        Ok(())
    }

    /// An item of a provider that streams nothing but the end.
    fn told_at_last(&mut self, at: usize, item: Json, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let tag: Tagged = items::parse(&item).map_err(|what| reply::garbled(&what))?;
        if tag.kind.as_deref() != Some("message") {
            return self.done(Some(at), item, events);
        }
        for part in items::read_output(item).map_err(|what| reply::garbled(&what))? {
            self.said.refusal |= matches!(part, Part::Refusal(_));
            self.push(Delta::Part(part), events);
        }
        Ok(())
    }
}
