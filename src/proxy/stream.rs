//! The streaming filter between an upstream's body and the client's: the dialect's tap, and behind it the bridge for
//! clients of legacy completions.

use bytes::{Bytes, BytesMut};

use crate::error::{Error, Kind};
use crate::wire::openai::legacy_completions::StreamBridge;
use crate::wire::openai::stream::{Tap, TapRules};
use crate::wire::usage::Usage;

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
        let rules = TapRules { group_model: Some(Bytes::copy_from_slice(shown_model.as_bytes())), withhold_usage };
        Self { tap: Tap::new(rules), bridge: bridged.then(StreamBridge::default), output: Vec::new() }
    }

    /// The complete events of what has arrived, ready for the client; may be empty.
    ///
    /// # Errors
    /// The stream is broken; what came before the break is still the client's.
    pub fn feed(&mut self, piece: Bytes) -> Result<Bytes, (Bytes, Error)> {
        let fed = self.tap.feed(piece, &mut self.output);
        let events = self.taken().map_err(|error| (Bytes::new(), error))?;
        match fed {
            Ok(_progress) => Ok(events),
            Err(error) => {
                Err((events, Error::new(Kind::BrokenStream, error.client_message()).detail(error.to_string())))
            }
        }
    }

    /// The upstream has closed the stream properly.
    ///
    /// # Errors
    /// [`Kind::BrokenStream`] when no end of the answer was seen: a cut stream is not a finished one.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.tap.is_complete() {
            return Ok(());
        }
        Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer did."))
    }

    /// Token counts, as far as the provider has told them.
    pub fn usage(&self) -> Option<Usage> {
        self.tap.usage().cloned()
    }

    fn taken(&mut self) -> Result<Bytes, Error> {
        let joined = match self.output.len() {
            0 => return Ok(Bytes::new()),
            1 => self.output.pop().unwrap_or_default(),
            _ => {
                let mut joined = BytesMut::with_capacity(self.output.iter().map(Bytes::len).sum());
                self.output.drain(..).for_each(|slice| joined.extend_from_slice(&slice));
                joined.freeze()
            }
        };
        match &mut self.bridge {
            Some(bridge) => bridge.translate(&joined),
            None => Ok(joined),
        }
    }
}
