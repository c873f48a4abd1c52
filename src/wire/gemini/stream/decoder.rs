//! A provider's stream: server-sent events, or the elements of one JSON array.

use serde_json::Map;

use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder};
use crate::wire::gemini::answer::{self, Told};
use crate::wire::gemini::objects::{Objects, is_json};
use crate::wire::gemini::types::{Answer, Candidate};
use crate::wire::gemini::{errors, usage};
use crate::wire::model::{Delta, Family, Part, StreamEvent};
use crate::wire::sse::{self, Event, TooLong};

/// One stream.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    reader: Reader,
}

#[derive(Debug)]
enum Framing {
    /// Only white space has come.
    Unknown,
    Sse(sse::Decoder),
    Json(Objects),
}

impl Decoder {
    /// A stream that begins.
    pub fn new(ids: Ids) -> Self {
        let reader = Reader { ids, calls: 0, started: false, told_calls: false, searches: 0, choices: Vec::new() };
        Self { framing: Framing::Unknown, reader }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if matches!(self.framing, Framing::Unknown) {
            self.framing = match is_json(piece) {
                None => return Ok(()),
                Some(true) => Framing::Json(Objects::default()),
                Some(false) => Framing::Sse(sse::Decoder::default()),
            };
        }
        let reader = &mut self.reader;
        match &mut self.framing {
            Framing::Unknown => Ok(()),
            Framing::Json(objects) => objects
                .feed::<Failure>(piece, |_, object| Ok(reader.read(object, events)?))
                .map_err(|failure| failure.0),
            Framing::Sse(decoder) => {
                let mut frames = decoder.feed(piece);
                while let Some(frame) = frames.advance() {
                    let frame = frame.map_err(|too_long| Failure::from(too_long).0)?;
                    reader.read_event(&Event::parse(frame.bytes), events)?;
                }
                Ok(())
            }
        }
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut cut = false;
        match &self.framing {
            Framing::Unknown => {}
            Framing::Json(objects) => cut = objects.is_cut(),
            Framing::Sse(decoder) => {
                // An event that lacks only its blank line is complete if it reads.
                let event = Event::parse(decoder.rest());
                let data = event.data.as_deref().unwrap_or_default();
                if serde_json::from_slice::<Answer>(data).is_ok() {
                    self.reader.read(data, events)?;
                } else {
                    cut = !data.is_empty() && data != b"[DONE]";
                }
            }
        }
        if cut || !self.reader.is_complete() {
            return Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did."));
        }
        events.push(StreamEvent::End);
        Ok(())
    }
}

/// An [`Error`] that a framing's own trouble turns into.
struct Failure(Error);

impl From<TooLong> for Failure {
    fn from(_: TooLong) -> Self {
        Self(Error::new(Kind::GarbledAnswer, "The provider sent an event without end."))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

#[derive(Debug)]
struct Reader {
    ids: Ids,
    calls: u32,
    started: bool,
    /// The members that LiteLLM shows beside calls were told.
    told_calls: bool,
    searches: u64,
    choices: Vec<State>,
}

/// How far a choice has come.
#[derive(Debug)]
struct State {
    index: u32,
    called: bool,
    finished: bool,
}

impl Reader {
    fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished)
    }

    fn read_event(&mut self, event: &Event<'_>, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        match &event.data {
            // Only imitators say so.
            Some(data) if !data.is_empty() && **data != *b"[DONE]" => self.read(data, events),
            _ => Ok(()),
        }
    }

    fn read(&mut self, json: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let answer: Answer = serde_json::from_slice(json).map_err(|error| {
            Error::new(Kind::GarbledAnswer, "The provider sent an unreadable event.").detail(error.to_string())
        })?;
        if let Some(error) = &answer.error {
            return Err(errors::in_stream(error.text()));
        }
        if !std::mem::replace(&mut self.started, true) {
            let (id, model) = (answer.response_id, answer.model_version);
            events.push(StreamEvent::Start { id, model, created: None, extra: Map::new() });
        }
        if let Some(reason) = answer.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            self.choices = vec![State { index: 0, called: false, finished: true }];
            events.push(StreamEvent::Finish { choice: 0, finish: answer::blocked(reason) });
        }
        let candidates = answer.candidates.unwrap_or_default();
        self.tell(&candidates, events);
        for (at, candidate) in (0..).zip(candidates) {
            self.candidate(at, candidate, events);
        }
        if let Some(counters) = &answer.usage_metadata {
            let searches = Some(self.searches).filter(|count| *count > 0);
            events.push(StreamEvent::Usage(usage::read(counters, searches)));
        }
        Ok(())
    }

    /// What is told beside the words: where there is something, and with the first call, as LiteLLM does.
    fn tell(&mut self, candidates: &[Candidate], events: &mut Vec<StreamEvent>) {
        let has_news = |candidate: &Candidate| {
            candidate.grounding_metadata.is_some()
                || candidate.url_context_metadata.is_some()
                || candidate.citation_metadata.is_some()
        };
        let calls = |candidate: &Candidate| {
            let parts = candidate.content.as_ref().and_then(|content| content.parts.as_ref());
            parts.is_some_and(|parts| parts.iter().any(|part| part.function_call.is_some()))
        };
        let first_call = !self.told_calls && candidates.iter().any(calls);
        if !first_call && !candidates.iter().any(has_news) {
            return;
        }
        self.told_calls |= first_call;
        let mut told = Told::default();
        candidates.iter().for_each(|candidate| told.add(candidate));
        self.searches = self.searches.max(told.searches().unwrap_or_default());
        if told.is_news() || first_call {
            let mut members = told.members();
            // LiteLLM has one more name for it in streams.
            let safety = members.get("vertex_ai_safety_results").cloned();
            members.extend(safety.map(|safety| ("vertex_ai_safety_ratings".to_owned(), safety)));
            events.push(StreamEvent::Extra(members));
        }
    }

    fn candidate(&mut self, at: u32, candidate: Candidate, events: &mut Vec<StreamEvent>) {
        let choice = candidate.index.unwrap_or(at);
        let before = self.calls;
        for wire in candidate.content.and_then(|content| content.parts).unwrap_or_default() {
            if let Some(part) = answer::part(wire, self.ids, &mut self.calls) {
                push(choice, part, events);
            }
        }
        let mut delta = |delta| events.push(StreamEvent::Delta { choice, delta });
        for (family, value) in candidate.grounding_metadata.as_ref().map(answer::annotations).unwrap_or_default() {
            delta(Delta::Citation { family, value });
        }
        if let Some(logprobs) = candidate.logprobs_result.as_ref().and_then(answer::logprobs) {
            delta(Delta::Logprobs(logprobs));
        }
        let called = self.calls > before;
        let known = self.choices.iter().position(|state| state.index == choice).unwrap_or(self.choices.len());
        if known == self.choices.len() {
            self.choices.push(State { index: choice, called: false, finished: false });
        }
        let Some(state) = self.choices.get_mut(known) else { return };
        state.called |= called;
        if let Some(word) = candidate.finish_reason
            && !std::mem::replace(&mut state.finished, true)
        {
            let finish = answer::finish(Some(word), state.called);
            events.push(StreamEvent::Finish { choice, finish });
        }
    }
}

/// The events of a part.
fn push(choice: u32, part: Part, events: &mut Vec<StreamEvent>) {
    let mut delta = |delta| events.push(StreamEvent::Delta { choice, delta });
    let seal = |text| Delta::Signature { family: Family::Gemini, text };
    match part {
        Part::Text(text) => {
            if !text.text.is_empty() {
                delta(Delta::Text(text.text));
            }
            text.signature.map(seal).into_iter().for_each(delta);
        }
        Part::Thinking(thought) => {
            if !thought.text.is_empty() {
                delta(Delta::Thinking(thought.text));
            }
            if let Some(signature) = thought.signature {
                delta(seal(signature));
                // The next thought has a seal of its own.
                events.push(StreamEvent::PartEnd { choice });
            }
        }
        Part::ToolCall(call) => {
            let index = call.index.unwrap_or_default();
            let (id, name, signature) = (call.id, call.name, call.signature);
            delta(Delta::ToolCall { index, id, name, signature, custom: false });
            delta(Delta::Arguments { index, text: call.arguments });
            events.push(StreamEvent::PartEnd { choice });
        }
        part => delta(Delta::Part(part)),
    }
}
