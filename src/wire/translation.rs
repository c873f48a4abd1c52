//! A stream on its way between two dialects: decoded event by event, encoded as it comes.

use bytes::Bytes;

use super::codec::{StreamDecoder, StreamEncoder};
use super::model::{Choice, Collector, Delta, Part, Reply, StreamEvent};
use super::said::Said;
use super::usage::Usage;
use crate::error::{Compat, Error};

/// One stream.
pub struct Translation {
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    events: Vec<StreamEvent>,
    output: Vec<u8>,
    usage: Option<Usage>,
    useful: bool,
    said: Said,
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
            said: Said::default(),
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

    /// Takes the provider's next bytes; what the client gets for them.
    ///
    /// # Errors
    /// The stream is broken; what came before the break is still the client's.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Bytes, (Bytes, Error)> {
        let fed = self.decoder.feed(piece, &mut self.events);
        self.encode();
        match fed {
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
        self.encode();
        match ended {
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

    fn encode(&mut self) {
        for event in self.events.drain(..) {
            match &event {
                StreamEvent::Usage(usage) => self.usage = Some(*usage),
                StreamEvent::Delta { choice, delta } => {
                    self.useful |= says_something(delta);
                    self.said.delta(*choice, delta);
                }
                StreamEvent::Finish { .. } => self.useful = true,
                _ => {}
            }
            if let Some(collector) = &mut self.collector {
                collector.event(&event);
            }
            self.encoder.event(event, &mut self.output);
        }
    }

    /// A copy of exactly its size is cheaper than a new buffer that grows for each event.
    fn take(&mut self) -> Bytes {
        let taken = Bytes::copy_from_slice(&self.output);
        self.output.clear();
        taken
    }
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
