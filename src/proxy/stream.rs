//! The streaming filter between an upstream's body and the client's: the dialect's tap, and behind it the bridge for
//! clients of legacy completions.

use bytes::{Bytes, BytesMut};

use crate::error::{Error, Kind};
use crate::wire::openai::legacy_completions::StreamBridge;
use crate::wire::openai::stream::{Tap, TapRules};
use crate::wire::usage::Usage;

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
    /// Token counts.
    pub usage: Option<Usage>,
    /// Why it is not a proper end.
    pub broken: Option<Error>,
}

/// One stream's filter.
pub struct StreamFilter {
    tap: Tap,
    bridge: Option<StreamBridge>,
    output: Vec<Bytes>,
}

impl StreamFilter {
    /// `shown_model` replaces the upstream's model name; `withhold_usage` keeps the usage chunk from a client that did
    /// not ask for it.
    pub fn new(shown_model: &str, withhold_usage: bool, bridged: bool) -> Self {
        let rules = TapRules { group_model: Some(shown_model.to_owned()), withhold_usage };
        Self { tap: Tap::new(rules), bridge: bridged.then(StreamBridge::default), output: Vec::new() }
    }

    /// The complete events of what has arrived.
    ///
    /// # Errors
    /// The stream is broken; what came before the break is still the client's.
    pub fn feed(&mut self, piece: Bytes) -> Result<Fed, (Bytes, Error)> {
        let fed = self.tap.feed(piece, &mut self.output);
        let events = self.translated().map_err(|error| (Bytes::new(), error))?;
        match fed {
            Ok(progress) => Ok(Fed { events, commit: progress.useful || progress.done }),
            Err(error) => Err((events, error.into())),
        }
    }

    /// The upstream has closed the stream.
    pub fn end(mut self: Box<Self>) -> Ended {
        let tap = std::mem::replace(&mut self.tap, Tap::new(TapRules::default()));
        let ended = tap.finish(&mut self.output);
        if ended.as_ref().is_ok_and(|end| end.complete() && !end.done) {
            // The answer is whole; only the provider's last line is missing, and some clients wait for it.
            self.output.push(Bytes::from_static(b"data: [DONE]\n\n"));
        }
        let (rest, untranslated) = match self.translated() {
            Ok(rest) => (rest, None),
            Err(error) => (Bytes::new(), Some(error)),
        };
        let (usage, broken) = match ended {
            Ok(end) if end.complete() => (end.usage, None),
            Ok(end) => (end.usage, Some(cut())),
            Err(error) => (None, Some(error.into())),
        };
        Ended { rest, usage, broken: broken.or(untranslated) }
    }

    /// Token counts, as far as the provider has told them.
    pub fn usage(&self) -> Option<Usage> {
        self.tap.so_far().usage
    }

    fn translated(&mut self) -> Result<Bytes, Error> {
        if let Some(bridge) = &mut self.bridge {
            let mut translated = Vec::new();
            for chunk in self.output.drain(..) {
                bridge.feed(&chunk, &mut translated).map_err(|_| cut())?;
            }
            self.output = translated;
        }
        Ok(match self.output.len() {
            0 => Bytes::new(),
            1 => self.output.pop().unwrap_or_default(),
            _ => {
                let mut joined = BytesMut::with_capacity(self.output.iter().map(Bytes::len).sum());
                self.output.drain(..).for_each(|slice| joined.extend_from_slice(&slice));
                joined.freeze()
            }
        })
    }
}

/// A stream without an end of the answer is a broken one: it must not look finished.
fn cut() -> Error {
    Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did.")
}
