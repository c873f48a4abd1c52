//! Reads a provider's chunks, OpenAI's and its imitators': calls are counted anew, because some number them all 0, and
//! begin when their name is known; thoughts have three names; a stream is whole with `[DONE]` or, where a provider says
//! none, when a choice has ended and no event is cut.

use std::mem;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::message::thought;
use super::super::reply::finish;
use super::super::types::{self, Content, ContentPart, ThinkingBlock};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder};
use crate::wire::model::{Delta, Family, Json, Part, StreamEvent, split_tool_id};
use crate::wire::openai::errors;
use crate::wire::sse::{self, Event};
use crate::wire::tap::StreamError;
use crate::wire::usage::Usage;

/// What each chunk is read for.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Json>,
    #[serde(default)]
    error: Option<Json>,
}

/// What the first one is read for besides. Types that imitators get wrong are not insisted on.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    #[serde(default)]
    system_fingerprint: Option<Value>,
    #[serde(default)]
    service_tier: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Piece>,
    #[serde(default)]
    logprobs: Option<Json>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    stop_reason: Option<Json>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    thinking_blocks: Option<Vec<ThinkingBlock>>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<types::ToolCall>>,
    #[serde(default)]
    function_call: Option<types::Function>,
    #[serde(default)]
    images: Option<Vec<ContentPart>>,
    #[serde(default)]
    annotations: Option<Vec<Json>>,
}

/// A call that has begun.
#[derive(Debug)]
struct Call {
    choice: u32,
    /// The provider's number of it.
    index: u32,
    /// The provider's id of it, if there is one.
    id: Option<String>,
    /// What came before the name.
    held: String,
    begun: bool,
    custom: bool,
    signature: Option<String>,
}

/// The number of the one call that a provider of old makes.
const FUNCTION_CALL: u32 = u32::MAX;

/// A provider's stream.
#[derive(Debug)]
pub struct Decoder {
    frames: sse::Decoder,
    reader: Reader,
}

#[derive(Debug)]
struct Reader {
    ids: Ids,
    started: bool,
    finished: Vec<u32>,
    calls: Vec<Call>,
    done: bool,
}

impl Decoder {
    /// A stream that begins; calls that come without an id get one of these.
    pub fn new(ids: Ids) -> Self {
        let reader = Reader { ids, started: false, finished: Vec::new(), calls: Vec::new(), done: false };
        Self { frames: sse::Decoder::default(), reader }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut frames = self.frames.feed(piece);
        while let Some(frame) = frames.advance() {
            self.reader.read(frame.map_err(StreamError::from)?.bytes, events)?;
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if self.reader.done {
            return Ok(());
        }
        // An event that lacks only its blank line is one.
        let rest = self.frames.rest();
        let cut = Event::parse(rest).data.is_some_and(|data| *data != b"[DONE]"[..] && !is_json(&data));
        if !cut {
            self.reader.read(rest, events)?;
        }
        if !self.reader.done && (cut || self.reader.finished.is_empty()) {
            return Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did."));
        }
        if !mem::replace(&mut self.reader.done, true) {
            events.push(StreamEvent::End);
        }
        Ok(())
    }
}

fn is_json(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

impl Reader {
    fn read(&mut self, frame: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if self.done {
            return Ok(());
        }
        let event = Event::parse(frame);
        let data = event.data.as_deref().unwrap_or_default();
        if event.name == Some(b"error") {
            return Err(StreamError::Provider(errors::read(data)).into());
        }
        if data == b"[DONE]" {
            self.done = true;
            events.push(StreamEvent::End);
        }
        if data.is_empty() || self.done {
            return Ok(());
        }
        let garbled = |error: serde_json::Error| {
            Error::new(Kind::GarbledAnswer, "The provider sent an unreadable event.").detail(error.to_string())
        };
        let chunk: Chunk = serde_json::from_slice(data).map_err(garbled)?;
        if chunk.error.is_some() {
            return Err(StreamError::Provider(errors::read(data)).into());
        }
        if !mem::replace(&mut self.started, true) {
            events.push(start(serde_json::from_slice(data).unwrap_or_default()));
        }
        for choice in chunk.choices.unwrap_or_default() {
            self.choice(choice, events);
        }
        let usage = chunk.usage.and_then(|usage| Usage::parse(usage.text().as_bytes()));
        events.extend(usage.map(StreamEvent::Usage));
        Ok(())
    }

    fn choice(&mut self, wire: Choice, events: &mut Vec<StreamEvent>) {
        let choice = wire.index;
        if let Some(piece) = wire.delta {
            self.piece(choice, piece, events);
        }
        let logprobs = wire.logprobs.map(Delta::Logprobs);
        events.extend(logprobs.map(|delta| StreamEvent::Delta { choice, delta }));
        if wire.finish_reason.is_some() && !self.finished.contains(&choice) {
            self.finished.push(choice);
            self.begin_nameless(choice, events);
            events.push(StreamEvent::Finish { choice, finish: finish(wire.finish_reason, wire.stop_reason) });
        }
    }

    fn piece(&mut self, choice: u32, piece: Piece, events: &mut Vec<StreamEvent>) {
        let mut say = |delta| events.push(StreamEvent::Delta { choice, delta });
        let thought = piece.reasoning_content.or(piece.reasoning).filter(|text| !text.is_empty());
        let in_words = thought.is_some();
        thought.into_iter().for_each(|text| say(Delta::Thinking(text)));
        for block in piece.thinking_blocks.unwrap_or_default() {
            sealed(block, in_words, &mut say);
        }
        match piece.content {
            Some(Content::Text(text)) if !text.is_empty() => say(Delta::Text(text)),
            Some(content @ Content::Parts(_)) => parts(content, &mut say),
            _ => {}
        }
        piece.refusal.filter(|text| !text.is_empty()).into_iter().for_each(|text| say(Delta::Refusal(text)));
        for value in piece.annotations.unwrap_or_default() {
            say(Delta::Citation { family: Family::OpenAi, value });
        }
        if let Some(images) = piece.images {
            parts(Content::Parts(images), &mut say);
        }
        for call in piece.tool_calls.unwrap_or_default() {
            self.call(choice, call, events);
        }
        if let Some(function) = piece.function_call {
            let call = types::ToolCall { index: Some(FUNCTION_CALL), function: Some(function), ..Default::default() };
            self.call(choice, call, events);
        }
    }

    /// A piece of a call: of a new one, or of one that has begun.
    fn call(&mut self, choice: u32, wire: types::ToolCall, events: &mut Vec<StreamEvent>) {
        let id = wire.id.filter(|id| !id.is_empty());
        let (name, text, custom) = match (wire.function, wire.custom) {
            (Some(function), _) => (function.name, function.arguments.map(|arguments| arguments.0), false),
            (None, Some(custom)) => (custom.name, custom.input, true),
            (None, None) => (None, None, false),
        };
        let name = name.filter(|name| !name.is_empty());
        let text = text.unwrap_or_default();
        let begun = |call: &Call| call.choice == choice && wire.index.is_none_or(|index| call.index == index);
        let known = self.calls.iter().rposition(begun);
        // Another id under the number of a call that has begun: another call.
        let goes_on = |call: &Call| id.is_none() || call.id.is_none() || call.id == id;
        let at = known.filter(|at| self.calls.get(*at).is_some_and(goes_on)).unwrap_or(self.calls.len());
        if at == self.calls.len() {
            let index = wire.index.unwrap_or_default();
            let call = Call { choice, index, id: None, held: String::new(), begun: false, custom, signature: None };
            self.calls.push(call);
        }
        let ids = self.ids;
        let number = self.calls.iter().take(at).filter(|call| call.choice == choice).count();
        let number = number.try_into().unwrap_or(u32::MAX);
        let Some(call) = self.calls.get_mut(at) else { return };
        call.id = call.id.take().or(id);
        let fields = wire.provider_specific_fields.or(wire.extra_content.and_then(|extra| extra.google));
        call.signature = call.signature.take().or(fields.and_then(|fields| fields.thought_signature));
        if call.begun {
            let delta = Delta::Arguments { index: number, text };
            events.push(StreamEvent::Delta { choice, delta });
            return;
        }
        call.held.push_str(&text);
        if let Some(name) = name {
            let made = ids.tool_call(at.try_into().unwrap_or(u32::MAX));
            begin(call, number, name, made, events);
        }
    }

    /// The choice has ended: what has no name by now will get none.
    fn begin_nameless(&mut self, choice: u32, events: &mut Vec<StreamEvent>) {
        let ids = self.ids;
        let calls = (0..).zip(&mut self.calls).filter(|(_, call)| call.choice == choice);
        for (number, (at, call)) in (0..).zip(calls).filter(|(_, (_, call))| !call.begun) {
            begin(call, number, String::new(), ids.tool_call(at), events);
        }
    }
}

/// Announces a call and hands on what came before its name.
fn begin(call: &mut Call, index: u32, name: String, made: String, events: &mut Vec<StreamEvent>) {
    call.begun = true;
    let full = call.id.clone().unwrap_or(made);
    let (id, on_id) = split_tool_id(&full);
    let signature = call.signature.take().or_else(|| on_id.map(str::to_owned));
    let delta = Delta::ToolCall { index, id: id.to_owned(), name, signature, custom: call.custom };
    let choice = call.choice;
    events.push(StreamEvent::Delta { choice, delta });
    let text = mem::take(&mut call.held);
    if !text.is_empty() {
        events.push(StreamEvent::Delta { choice, delta: Delta::Arguments { index, text } });
    }
}

/// A thinking block of another LiteLLM's or gateway's stream. `in_words`: its text came as plain words too.
fn sealed(block: ThinkingBlock, in_words: bool, say: &mut impl FnMut(Delta)) {
    let mut it = thought(block);
    let text = mem::take(&mut it.text);
    match (it.signature.is_some(), it.sealed.is_some(), it.family) {
        (_, true, _) => say(Delta::Part(Part::Thinking(it))),
        (true, false, Some(family)) => {
            if !in_words && !text.is_empty() {
                say(Delta::Thinking(text));
            }
            it.signature.into_iter().for_each(|text| say(Delta::Signature { family, text }));
        }
        _ if !in_words && !text.is_empty() => say(Delta::Thinking(text)),
        _ => {}
    }
}

/// Content in parts, as Mistral streams its thoughts, and images.
fn parts(content: Content, say: &mut impl FnMut(Delta)) {
    for part in super::super::message::content(Some(content)).unwrap_or_default() {
        match part {
            Part::Text(text) => say(Delta::Text(text.text)),
            Part::Thinking(thought) if thought.family.is_none() => say(Delta::Thinking(thought.text)),
            Part::Refusal(text) => say(Delta::Refusal(text)),
            part => say(Delta::Part(part)),
        }
    }
}

fn start(head: Head) -> StreamEvent {
    let known = [("system_fingerprint", head.system_fingerprint), ("service_tier", head.service_tier)];
    let said = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    let extra: Map<String, Value> = known.into_iter().filter_map(said).collect();
    let created = head.created.filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64);
    StreamEvent::Start { id: head.id, model: head.model, created, extra }
}
