//! The streaming filter between an upstream's body and the client's: a tap where both speak one dialect, a translation
//! where they do not.

use bytes::{Bytes, BytesMut};

use super::conversations::Memory;
use crate::drawing::Drawing;
use crate::error::{Compat, Envelope, Error, Kind};
use crate::wire::codec::{Stamp, StreamDecoder, StreamEncoder};
use crate::wire::model::StreamEvent;
use crate::wire::openai::stream::{TapRules, error_event};
use crate::wire::resume::Joint;
use crate::wire::said::Said;
use crate::wire::tap::{Progress, StreamEnd, StreamError};
use crate::wire::translation::Translation;
use crate::wire::usage::Usage;
use crate::wire::{anthropic, bedrock, gemini, openai, responses};

/// What came out of a piece of the stream.
pub struct Fed {
    /// Ready for the client; may be empty.
    pub events: Bytes,
    /// Whether an event has been seen that says something: from here on the attempt can be committed.
    pub commit: bool,
}

/// How a stream ended.
pub struct Ended {
    /// What was still held back.
    pub rest: Bytes,
    /// Why it is not a proper end.
    pub broken: Option<Error>,
}

/// One stream's filter.
pub struct StreamFilter {
    way: Way,
    output: Vec<Bytes>,
}

enum Way {
    OpenAi(openai::stream::Tap),
    Messages(anthropic::pass::Tap),
    /// Anthropic's events in Bedrock's frames.
    Invoke(bedrock::invoke::Deframer, anthropic::pass::Tap),
    Responses(responses::pass::Tap, Box<Stamp>),
    Images(openai::images::Tap),
    GenerateContent(gemini::pass::Tap),
    Translation(Box<Translation>, Option<Box<(Memory, Stamp)>>),
}

impl StreamFilter {
    fn new(way: Way) -> Self {
        Self { way, output: Vec::new() }
    }

    /// OpenAI's dialect. `shown_model` replaces the upstream's model name; `withhold_usage` keeps the usage chunk from a
    /// client that did not ask for it.
    pub fn openai(shown_model: &str, withhold_usage: bool) -> Self {
        let rules = TapRules { group_model: Some(shown_model.to_owned()), withhold_usage };
        Self::new(Way::OpenAi(openai::stream::Tap::new(rules)))
    }

    /// Anthropic's dialect, in Bedrock's frames if `framed`.
    pub fn messages(shown_model: &str, framed: bool) -> Self {
        let tap = anthropic::pass::Tap::new(anthropic::pass::TapRules { group_model: Some(shown_model.to_owned()) });
        Self::new(if framed { Way::Invoke(bedrock::invoke::Deframer::default(), tap) } else { Way::Messages(tap) })
    }

    /// OpenAI's Responses dialect.
    pub fn responses(stamp: Stamp) -> Self {
        let rules = responses::pass::TapRules { shown_model: Some(stamp.model.clone()), origin: stamp.origin.clone() };
        Self::new(Way::Responses(responses::pass::Tap::new(rules), Box::new(stamp)))
    }

    /// OpenAI's pictures.
    pub fn images(asked: Drawing) -> Self {
        Self::new(Way::Images(openai::images::Tap::new(asked)))
    }

    /// Gemini's dialect.
    pub fn generate_content() -> Self {
        Self::new(Way::GenerateContent(gemini::pass::Tap::new()))
    }

    /// Two dialects; with a memory, the answer is remembered once it is whole.
    pub fn translation(
        decoder: Box<dyn StreamDecoder>,
        encoder: Box<dyn StreamEncoder>,
        memory: Option<(Memory, Stamp)>,
    ) -> Self {
        let mut translation = Translation::new(decoder, encoder);
        if memory.is_some() {
            translation.collect();
        }
        Self::new(Way::Translation(Box::new(translation), memory.map(Box::new)))
    }

    /// The complete events of what has arrived.
    ///
    /// # Errors
    /// The stream is broken; what came before the break is still the client's.
    pub fn feed(&mut self, piece: Bytes) -> Result<Fed, (Bytes, Error)> {
        let output = &mut self.output;
        let fed: Result<Progress, Error> = match &mut self.way {
            Way::OpenAi(tap) => tap.feed(piece, output).map_err(Error::from),
            Way::Messages(tap) => tap.feed(piece, output).map_err(Error::from),
            Way::Responses(tap, _) => {
                let fed = tap.feed(piece, output).map_err(Error::from);
                // Passed on as it came, and the end of the stream all the same.
                tap.failure().map_or(fed, |failure| Err(Error::new(failure.kind(), failure.message.clone())))
            }
            Way::Images(tap) => tap.feed(piece, output).map_err(Error::from),
            Way::GenerateContent(tap) => tap.feed(piece, output).map_err(Error::from),
            Way::Invoke(deframer, tap) => {
                let mut events = Vec::new();
                let deframed = deframer.feed(&piece, &mut events);
                let fed = tap.feed(events.into(), output).map_err(Error::from);
                deframed.and(fed)
            }
            Way::Translation(translation, _) => {
                let events = translation.feed(&piece)?;
                return Ok(Fed { events, commit: translation.useful() });
            }
        };
        let events = joined(output);
        match fed {
            Ok(progress) => Ok(Fed { events, commit: progress.useful }),
            Err(error) => Err((events, error)),
        }
    }

    /// The upstream has closed the stream.
    pub fn end(&mut self) -> Ended {
        let output = &mut self.output;
        let ended: Result<StreamEnd, StreamError> = match &mut self.way {
            Way::OpenAi(tap) => {
                let ended = tap.finish(output);
                if ended.as_ref().is_ok_and(|end| end.complete() && !end.done) {
                    // The answer is whole; only the provider's last line is missing, and some clients wait for it.
                    output.push(Bytes::from_static(b"data: [DONE]\n\n"));
                }
                ended
            }
            Way::Messages(tap) | Way::Invoke(_, tap) => tap.finish(output),
            Way::Responses(tap, _) => tap.finish(output),
            Way::Images(tap) => tap.finish(output),
            Way::GenerateContent(tap) => tap.finish(output),
            Way::Translation(translation, memory) => {
                let (rest, broken) = match translation.end() {
                    Ok(rest) => {
                        remember(translation, memory);
                        (rest, None)
                    }
                    Err((rest, error)) => (rest, Some(error)),
                };
                return Ended { rest, broken };
            }
        };
        let rest = joined(output);
        match ended {
            Ok(end) if end.complete() => Ended { rest, broken: None },
            Ok(_) => Ended { rest, broken: Some(cut()) },
            Err(error) => Ended { rest, broken: Some(error.into()) },
        }
    }

    /// What tells the client that the stream broke; nothing that looks like a proper end.
    pub fn fail(&mut self, error: &Error, compat: Compat) -> Bytes {
        let event =
            |name: &str, envelope: Envelope| Bytes::from(format!("{name}data: {}\n\n", envelope.value(error, compat)));
        match &mut self.way {
            Way::OpenAi(_) | Way::Images(_) => error_event(error, compat),
            Way::Messages(_) | Way::Invoke(..) => event("event: error\n", Envelope::Anthropic),
            Way::Responses(tap, _) if tap.failure().is_some() => Bytes::new(),
            Way::Responses(_, stamp) => {
                let mut event = Vec::new();
                responses::stream::Encoder::new((**stamp).clone()).fail(error, compat, &mut event);
                event.into()
            }
            Way::GenerateContent(_) => event("", Envelope::Google),
            Way::Translation(translation, _) => translation.fail(error, compat),
        }
    }

    /// Whether nothing is missing but the provider's last word.
    pub fn is_finished(&self) -> bool {
        match &self.way {
            Way::OpenAi(tap) => tap.so_far().complete(),
            Way::Messages(tap) | Way::Invoke(_, tap) => tap.so_far().complete(),
            Way::Responses(tap, _) => tap.so_far().complete(),
            Way::Images(tap) => tap.so_far().done,
            Way::GenerateContent(tap) => tap.so_far().complete(),
            Way::Translation(translation, _) => translation.finished(),
        }
    }

    /// Whether another provider's stream could take the place of this one: the client's dialect is one that can be written
    /// from the middle.
    pub fn can_resume(&self) -> bool {
        !matches!(self.way, Way::Responses(..) | Way::Images(_))
    }

    /// All words that the client has, where another stream has taken the place of the first.
    pub fn delivered(&self) -> Option<&str> {
        match &self.way {
            Way::Translation(translation, _) => translation.delivered(),
            _ => None,
        }
    }

    /// Goes on with another provider's stream, behind the `delivered` words. `written`: what the client has got by now, for a writer of its dialect that
    /// was not needed before.
    pub fn resume(
        &mut self,
        decoder: Box<dyn StreamDecoder>,
        joint: Joint,
        delivered: String,
        encoder: impl FnOnce() -> Box<dyn StreamEncoder>,
        written: impl FnOnce() -> Vec<StreamEvent>,
    ) {
        if !matches!(self.way, Way::Translation(..)) {
            // What the tap still held of a broken event goes with it.
            let mut translation = Translation::new(decoder, encoder());
            translation.written_before(written());
            translation.join(joint, delivered);
            self.output.clear();
            self.way = Way::Translation(Box::new(translation), None);
        } else if let Way::Translation(translation, _) = &mut self.way {
            translation.resume(decoder, joint, delivered);
        }
    }

    /// What was said by now, for who has to count its tokens.
    pub fn said(&mut self) -> &mut Said {
        match &mut self.way {
            Way::OpenAi(tap) => tap.said(),
            Way::Messages(tap) | Way::Invoke(_, tap) => tap.said(),
            Way::Responses(tap, _) => tap.said(),
            Way::Images(tap) => tap.said(),
            Way::GenerateContent(tap) => tap.said(),
            Way::Translation(translation, _) => translation.said(),
        }
    }

    /// Token counts, as far as the provider has told them.
    pub fn usage(&self) -> Option<Usage> {
        match &self.way {
            Way::OpenAi(tap) => tap.so_far().usage,
            Way::Messages(tap) | Way::Invoke(_, tap) => tap.so_far().usage,
            Way::Responses(tap, _) => tap.so_far().usage,
            Way::Images(tap) => tap.so_far().usage,
            Way::GenerateContent(tap) => tap.so_far().usage,
            Way::Translation(translation, _) => translation.usage(),
        }
    }
}

fn remember(translation: &mut Translation, memory: &mut Option<Box<(Memory, Stamp)>>) {
    if let (Some(reply), Some(memory)) = (translation.collected(), memory.take()) {
        let (memory, stamp) = *memory;
        let response = responses::reply::encode_reply(reply.clone(), &stamp);
        memory.keep(&reply, response.into());
    }
}

fn joined(output: &mut Vec<Bytes>) -> Bytes {
    if output.len() <= 1 {
        return output.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(output.iter().map(Bytes::len).sum());
    output.drain(..).for_each(|slice| joined.extend_from_slice(&slice));
    joined.freeze()
}

/// A stream without an end of the answer is a broken one: it must not look finished.
fn cut() -> Error {
    Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did.")
}
