//! What the taps of all dialects have in common: frames of an event stream pass as they came, a reader beside them looks
//! at each, notes what it tells and changes the little that must change.
//!
//! A dialect brings its [`Reader`]; the rest (cutting frames, one output per input, the end that lacks its blank line) is
//! here.

use bytes::Bytes;

use super::openai::errors::ProviderError;
use super::passing::Passing;
use super::peek::PeekError;
use super::said::Said;
use super::sse::{Decoder, Event, Frame, Place, TooLong};
use super::usage::Usage;
use crate::error::{Error, Kind};

/// How far the stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Output, or an end without any: from here on the attempt is committed.
    pub useful: bool,
    /// The end marker has come.
    pub done: bool,
}

/// Why a stream must not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The provider sent an error in place of an event.
    Provider(ProviderError),
    /// An event is not a JSON object.
    Garbled(PeekError),
    /// An event is longer than it may be.
    TooLong,
}

impl From<TooLong> for StreamError {
    fn from(_: TooLong) -> Self {
        StreamError::TooLong
    }
}

impl From<StreamError> for Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Provider(error) => Error::new(error.kind(), error.message),
            StreamError::Garbled(error) => {
                Error::new(Kind::GarbledAnswer, "The provider sent an unreadable event.").detail(error.to_string())
            }
            StreamError::TooLong => Error::new(Kind::GarbledAnswer, "The provider sent an event without end."),
        }
    }
}

/// What is known of a stream when nothing more comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    /// The end marker has come.
    pub done: bool,
    /// Some choice has ended, in a dialect where that is an end as good as the marker.
    pub finish_reason_seen: bool,
    /// Output has come.
    pub useful: bool,
    /// The upstream closed inside an event.
    pub cut: bool,
    /// The last counters that came.
    pub usage: Option<Usage>,
    /// Events, the end marker not counted.
    pub events: u64,
}

impl StreamEnd {
    /// The provider had said all it meant to say.
    pub fn complete(&self) -> bool {
        self.done || (self.finish_reason_seen && !self.cut)
    }
}

/// A dialect's eye on the stream.
pub trait Reader {
    /// Looks at a frame and lets it pass, changed, or not at all.
    ///
    /// # Errors
    /// The stream must not go on.
    fn pass(&mut self, frame: &Frame<'_>, passing: &mut Passing<'_>) -> Result<(), StreamError>;

    /// Whether the data of an event that lacks its blank line are whole.
    fn is_whole(data: &[u8]) -> bool;

    /// What is known by now.
    fn so_far(&self) -> StreamEnd;

    /// The upstream closed inside an event.
    fn cut(&mut self);

    /// What was said by now.
    fn said(&mut self) -> &mut Said;
}

/// One stream.
#[derive(Debug)]
pub struct Tap<R> {
    decoder: Decoder,
    reader: R,
}

impl<R: Reader> Tap<R> {
    /// A stream that begins.
    pub fn of(reader: R) -> Self {
        Self { decoder: Decoder::default(), reader }
    }

    /// The same with events of at most so many bytes.
    pub fn with_limit(reader: R, limit: usize) -> Self {
        Self { decoder: Decoder::with_limit(limit), reader }
    }

    /// Takes the provider's next bytes and appends to `out` what may go to the client now: nothing, or one piece (the
    /// chunk itself or a slice of it when nothing in it had to change). On an error `out` has what came before it.
    ///
    /// # Errors
    /// The stream must not go on.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<Progress, StreamError> {
        let mut passing = Passing::of(&chunk);
        let mut frames = self.decoder.feed(&chunk);
        let mut result = Ok(());
        while let Some(frame) = frames.advance() {
            result = frame.map_err(StreamError::from).and_then(|frame| self.reader.pass(&frame, &mut passing));
            if result.is_err() {
                break;
            }
        }
        passing.finish(out);
        let so_far = self.reader.so_far();
        result.map(|()| Progress { useful: so_far.useful, done: so_far.done })
    }

    /// The upstream has closed. An event that lacks only its blank line is completed and passed.
    ///
    /// # Errors
    /// The last event is an error.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<StreamEnd, StreamError> {
        let rest = self.decoder.rest();
        let done = self.reader.so_far().done;
        let Some(data) = Event::parse(rest).data.filter(|_| !done) else {
            return Ok(self.reader.so_far());
        };
        if !R::is_whole(&data) {
            self.reader.cut();
            return Ok(self.reader.so_far());
        }
        let line_end: &[u8] = if rest.ends_with(b"\n") || rest.ends_with(b"\r") { b"\n" } else { b"\n\n" };
        let whole = [rest, line_end].concat();
        let nothing = Bytes::new();
        let mut passing = Passing::of(&nothing);
        self.reader.pass(&Frame { bytes: &whole, place: Place::Held, orphan: false }, &mut passing)?;
        passing.finish(out);
        Ok(self.reader.so_far())
    }

    /// What is known by now: for a stream that ends in an error or whose client has gone.
    pub fn so_far(&self) -> StreamEnd {
        self.reader.so_far()
    }

    /// What was said by now, for who has to count its tokens.
    pub fn said(&mut self) -> &mut Said {
        self.reader.said()
    }

    /// The dialect's own view.
    pub fn reader(&self) -> &R {
        &self.reader
    }
}
