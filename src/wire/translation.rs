//! A stream on its way between two dialects: decoded event by event, encoded as it comes.

use bytes::Bytes;

use super::codec::{StreamDecoder, StreamEncoder};
use super::model::{Choice, Collector, Delta, Part, Reply, StreamEvent};
use super::resume::{Diverged, Joint, Resume};
use super::said::Said;
use super::usage::Usage;
use crate::error::{Compat, Error, Kind};

/// One stream.
pub struct Translation {
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    events: Vec<StreamEvent>,
    output: Vec<u8>,
    usage: Option<Usage>,
    useful: bool,
    /// The answer has come to its end, but for the provider's last word.
    finished: bool,
    said: Said,
    /// Another stream has taken the place of the first.
    resume: Option<Resume>,
    /// The answer so far, for whoever wants to remember it.
    collector: Option<Collector>,
}

impl Translation {
    /// A stream that begins.
    pub fn new(decoder: Box<dyn StreamDecoder>, encoder: Box<dyn StreamEncoder>) -> Self {
        Self {
            decoder,
            encoder,
            events: Vec::new(),
            output: Vec::new(),
            usage: None,
            useful: false,
            finished: false,
            said: Said::default(),
            resume: None,
            collector: None,
        }
    }

    /// Remembers the answer, for [`Translation::collected`].
    pub fn collect(&mut self) {
        self.collector = Some(Collector::default());
    }

    /// The answer as a whole, if it was to be remembered.
    pub fn collected(&mut self) -> Option<Reply> {
        self.collector.take().map(Collector::into_reply)
    }

    /// The client has got this by now, by another way: the encoder is where it would be, had it written it.
    pub fn written_before(&mut self, events: impl IntoIterator<Item = StreamEvent>) {
        let mut discarded = Vec::new();
        events.into_iter().for_each(|event| self.encoder.event(event, &mut discarded));
    }

    /// The stream joins the client's there.
    pub fn join(&mut self, joint: Joint, delivered: String) {
        self.resume = Some(Resume::at(joint, delivered));
    }

    /// All words that the client has, where another stream has taken the place of the first.
    pub fn delivered(&self) -> Option<&str> {
        self.resume.as_ref().map(Resume::delivered)
    }

    /// Goes on with another provider's stream, which joins the client's there. What the broken one has said is forgotten.
    pub fn resume(&mut self, decoder: Box<dyn StreamDecoder>, joint: Joint, delivered: String) {
        self.decoder = decoder;
        self.join(joint, delivered);
        self.events.clear();
        self.usage = None;
        self.finished = false;
        self.said = Said::default();
    }

    /// Whether nothing is missing but the provider's last word.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Takes the provider's next bytes; what the client gets for them.
    ///
    /// # Errors
    /// The stream is broken; what came before the break is still the client's.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Bytes, (Bytes, Error)> {
        let fed = self.decoder.feed(piece, &mut self.events);
        match self.encode().and(fed) {
            Ok(()) => Ok(self.take()),
            Err(error) => Err((self.take(), error)),
        }
    }

    /// The provider has closed the stream; what the client still gets.
    ///
    /// # Errors
    /// As [`Translation::feed`]: the provider had not said all.
    pub fn end(&mut self) -> Result<Bytes, (Bytes, Error)> {
        let ended = self.decoder.end(&mut self.events);
        match self.encode().and(ended) {
            Ok(()) => {
                self.encoder.finish(&mut self.output);
                Ok(self.take())
            }
            Err(error) => Err((self.take(), error)),
        }
    }

    /// What tells the client that the stream broke.
    pub fn fail(&mut self, error: &Error, compat: Compat) -> Bytes {
        self.encoder.fail(error, compat, &mut self.output);
        self.take()
    }

    /// Token counts, as far as the provider has told them.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What was said by now, for who has to count its tokens.
    pub fn said(&mut self) -> &mut Said {
        &mut self.said
    }

    /// Whether something has come that a client waits for.
    pub fn useful(&self) -> bool {
        self.useful
    }

    fn encode(&mut self) -> Result<(), Error> {
        for event in self.events.drain(..) {
            match &event {
                StreamEvent::Usage(usage) => self.usage = Some(*usage),
                StreamEvent::Delta { choice, delta } => {
                    self.useful |= says_something(delta);
                    self.said.delta(*choice, delta);
                }
                StreamEvent::Finish { .. } => (self.useful, self.finished) = (true, true),
                _ => {}
            }
            let event = match &mut self.resume {
                None => Some(event),
                Some(resume) => resume.event(event).map_err(diverged)?,
            };
            let Some(event) = event else { continue };
            if let Some(collector) = &mut self.collector {
                collector.event(&event);
            }
            self.encoder.event(event, &mut self.output);
        }
        Ok(())
    }

    /// A copy of exactly its size is cheaper than a new buffer that grows for each event.
    fn take(&mut self) -> Bytes {
        let taken = Bytes::copy_from_slice(&self.output);
        self.output.clear();
        taken
    }
}

fn diverged(_: Diverged) -> Error {
    Error::new(Kind::OtherWords, "The second answer has other words than the first.")
}

fn says_something(delta: &Delta) -> bool {
    match delta {
        Delta::Text(text) | Delta::Thinking(text) | Delta::Refusal(text) => !text.is_empty(),
        Delta::ToolCall { .. } | Delta::Part(_) => true,
        Delta::Arguments { .. } | Delta::Signature { .. } | Delta::Citation { .. } | Delta::Logprobs(_) => false,
    }
}

/// A whole answer as the events that say the same: for a client who wants a stream from a provider that gave none.
pub fn events_of(reply: Reply) -> Vec<StreamEvent> {
    let mut events =
        vec![StreamEvent::Start { id: reply.id, model: reply.model, created: reply.created, extra: reply.extra }];
    for choice in reply.choices {
        choice_events(choice, &mut events);
    }
    events.extend(reply.usage.map(StreamEvent::Usage));
    events.push(StreamEvent::End);
    events
}

fn choice_events(choice: Choice, events: &mut Vec<StreamEvent>) {
    let Choice { index, parts, finish, logprobs } = choice;
    let mut calls = 0;
    for part in parts {
        let mut say = |delta| events.push(StreamEvent::Delta { choice: index, delta });
        match part {
            Part::Text(text) => {
                say(Delta::Text(text.text));
                for (family, value) in text.citations {
                    say(Delta::Citation { family, value });
                }
            }
            Part::Refusal(text) => say(Delta::Refusal(text)),
            Part::ToolCall(call) => {
                let (id, name, signature) = (call.id, call.name, call.signature);
                say(Delta::ToolCall { index: calls, id, name, signature, custom: call.custom });
                say(Delta::Arguments { index: calls, text: call.arguments });
                calls += 1;
            }
            Part::Thinking(thinking) if thinking.sealed.is_none() => {
                say(Delta::Thinking(thinking.text));
                if let (Some(family), Some(text)) = (thinking.family, thinking.signature) {
                    say(Delta::Signature { family, text });
                }
            }
            part => say(Delta::Part(part)),
        }
        events.push(StreamEvent::PartEnd { choice: index });
    }
    if let Some(logprobs) = logprobs {
        events.push(StreamEvent::Delta { choice: index, delta: Delta::Logprobs(logprobs) });
    }
    events.push(StreamEvent::Finish { choice: index, finish });
}
