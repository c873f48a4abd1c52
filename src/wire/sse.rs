//! Server-sent events, cut into frames as the bytes come (WHATWG HTML, "Server-sent events", section 9.2).
//!
//! A *frame* is the bytes of one event with the blank line that ends it. Lines end with LF, CR or CRLF. Frames that
//! lie whole in a chunk are slices of it; only what a chunk leaves unfinished is copied and held.
//!
//! Any chunking of the same bytes gives the same frames, with one difference in form: when a chunk ends between the
//! CR and the LF of a blank line, the frame is handed out at once (it is complete, and its reader may be waiting)
//! and the LF follows as a [`Frame`] of its own with `orphan` set, to share the fate of the frame before it.

use std::borrow::Cow;
use std::ops::Range;

/// The longest event, line ends included, where nothing else is said. A longer one is an error: it would be held in memory.
pub const MAX_EVENT: usize = 1 << 20;

/// An event is longer than it may be: [`MAX_EVENT`], if nothing else was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Where the bytes of a frame lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the chunk that was fed.
    Chunk(Range<usize>),
    /// They began in an earlier chunk.
    Held,
}

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// Where they lie.
    pub place: Place,
    /// Only the late LF of the frame before.
    pub orphan: bool,
}

/// The state between two chunks.
#[derive(Clone, Debug)]
pub struct Decoder {
    held: Vec<u8>,
    /// The longest event.
    limit: usize,
    lines: Lines,
    /// The last frame ended with a CR at the end of its chunk.
    orphan: bool,
    /// The held bytes were handed out.
    spent: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(MAX_EVENT)
    }
}

impl Decoder {
    /// One whose events may be so long, line ends included.
    pub fn with_limit(limit: usize) -> Self {
        Self { held: Vec::new(), limit, lines: Lines::default(), orphan: false, spent: false }
    }

    /// Takes the next chunk; the frames must be drawn until there are no more.
    pub fn feed<'d>(&'d mut self, chunk: &'d [u8]) -> Frames<'d> {
        Frames { decoder: self, chunk, at: 0 }
    }

    /// The bytes of an event that is not finished.
    pub fn rest(&self) -> &[u8] {
        if self.spent { &[] } else { &self.held }
    }
}

/// The frames that a chunk completes.
#[derive(Debug)]
pub struct Frames<'d> {
    decoder: &'d mut Decoder,
    chunk: &'d [u8],
    at: usize,
}

impl Frames<'_> {
    /// The next frame; `None` when the rest of the chunk is held. After an error there is nothing more.
    pub fn advance(&mut self) -> Option<Result<Frame<'_>, TooLong>> {
        let decoder = &mut *self.decoder;
        if std::mem::take(&mut decoder.spent) {
            decoder.held.clear();
        }
        let start = self.at;
        let fresh = self.chunk.get(start..).filter(|fresh| !fresh.is_empty())?;
        if std::mem::take(&mut decoder.orphan)
            && let Some((line_feed @ b"\n", _)) = fresh.split_at_checked(1)
        {
            self.at += 1;
            return Some(Ok(Frame { bytes: line_feed, place: Place::Chunk(start..self.at), orphan: true }));
        }
        let Some(length) = decoder.lines.event_end(fresh) else {
            self.at = self.chunk.len();
            if decoder.held.len() + fresh.len() > decoder.limit {
                return Some(Err(TooLong));
            }
            decoder.held.extend_from_slice(fresh);
            return None;
        };
        self.at += length;
        let bytes = fresh.get(..length).unwrap_or_default();
        decoder.orphan = bytes.ends_with(b"\r") && self.at == self.chunk.len();
        if decoder.held.len() + length > decoder.limit {
            self.at = self.chunk.len();
            return Some(Err(TooLong));
        }
        if decoder.held.is_empty() {
            return Some(Ok(Frame { bytes, place: Place::Chunk(start..self.at), orphan: false }));
        }
        decoder.held.extend_from_slice(bytes);
        decoder.spent = true;
        Some(Ok(Frame { bytes: &decoder.held, place: Place::Held, orphan: false }))
    }
}

/// Looks for the blank line. Knows nothing but what the last bytes were, so that it may be stopped anywhere.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// The line has begun: a line end now is not a blank line.
    inside: bool,
    /// The last byte was the CR of a line that had something in it.
    after_cr: bool,
}

impl Lines {
    /// How many bytes from here to the end of the event, the blank line counted.
    fn event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                at += 1;
                continue;
            }
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.inside = true;
                return None;
            };
            let cr = rest.get(length) == Some(&b'\r');
            at += length + 1;
            if length > 0 || std::mem::take(&mut self.inside) {
                self.inside = false;
                self.after_cr = cr;
                continue;
            }
            return Some(if cr && bytes.get(at) == Some(&b'\n') { at + 1 } else { at });
        }
    }
}

/// The fields of one frame that matter here; `retry` and unknown ones are passed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// `event:`
    pub name: Option<&'a [u8]>,
    /// `id:`
    pub id: Option<&'a [u8]>,
    /// `data:`, lines joined by LF. `None`: no such line (a comment, a keep-alive).
    pub data: Option<Cow<'a, [u8]>>,
    /// Where the data stand in the frame, when they are one line.
    pub data_at: Option<usize>,
}

impl<'a> Event<'a> {
    /// Reads a frame, also one that is cut. A byte order mark before the first field is passed over.
    pub fn parse(frame: &'a [u8]) -> Self {
        let mut event = Event::default();
        let mut rest = frame.strip_prefix(b"\xef\xbb\xbf").unwrap_or(frame);
        while !rest.is_empty() {
            let at = frame.len() - rest.len();
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = behind.get(1..).unwrap_or_default();
            event.line(line, at);
        }
        event
    }

    fn line(&mut self, line: &'a [u8], at: usize) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = Some(value),
            b"id" => self.id = Some(value),
            b"data" => match &mut self.data {
                None => {
                    self.data_at = Some(at + line.len() - value.len());
                    self.data = Some(Cow::Borrowed(value));
                }
                Some(data) => {
                    self.data_at = None;
                    data.to_mut().push(b'\n');
                    data.to_mut().extend_from_slice(value);
                }
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames of the chunks, each as one string; an orphan is put back where it belongs.
    fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut decoder = Decoder::default();
        let mut all: Vec<Vec<u8>> = Vec::new();
        for chunk in chunks {
            let mut frames = decoder.feed(chunk);
            while let Some(frame) = frames.advance() {
                let frame = frame.unwrap();
                if let Place::Chunk(range) = &frame.place {
                    assert_eq!(&chunk[range.clone()], frame.bytes);
                }
                match all.last_mut().filter(|_| frame.orphan) {
                    Some(last) => last.extend_from_slice(frame.bytes),
                    None => all.push(frame.bytes.to_vec()),
                }
            }
        }
        (all, decoder.rest().to_vec())
    }

    #[test]
    fn frames_end_at_blank_lines() {
        let cases: [(&str, &[&str], &str); 8] = [
            ("data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"], ""),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &["data: a\r\n\r\n", "data: b\r\n\r\n"], ""),
            ("data: a\r\rdata: b\r\r", &["data: a\r\r", "data: b\r\r"], ""),
            ("data: a\r\n\ndata: b", &["data: a\r\n\n"], "data: b"),
            ("data: a\n\r\ndata: b\n", &["data: a\n\r\n"], "data: b\n"),
            (": ping\n\nid: 1\ndata: a\ndata: b\n\n", &[": ping\n\n", "id: 1\ndata: a\ndata: b\n\n"], ""),
            ("\n\n", &["\n", "\n"], ""),
            ("", &[], ""),
        ];
        for (bytes, expected, rest) in cases {
            let whole = frames([bytes.as_bytes()]);
            let expected: Vec<Vec<u8>> = expected.iter().map(|frame| frame.as_bytes().to_vec()).collect();
            assert_eq!(whole, (expected, rest.as_bytes().to_vec()), "{bytes:?}");
        }
    }

    #[test]
    fn fields_are_read_as_the_specification_says() {
        let check = |frame: &str, name: Option<&str>, data: Option<&str>, data_at: Option<usize>| {
            let event = Event::parse(frame.as_bytes());
            assert_eq!(event.name, name.map(str::as_bytes), "{frame:?}");
            assert_eq!(event.data.as_deref(), data.map(str::as_bytes), "{frame:?}");
            assert_eq!(event.data_at, data_at, "{frame:?}");
        };
        check("data: a\n\n", None, Some("a"), Some(6));
        check("data:a\r\n\r\n", None, Some("a"), Some(5));
        check("data:  a: b\n\n", None, Some(" a: b"), Some(6));
        check("\u{feff}data: a\n\n", None, Some("a"), Some(9));
        check("event: error\ndata: {\ndata: }\n\n", Some("error"), Some("{\n}"), None);
        check(": ping\n\n", None, None, None);
        check("data\n\n", None, Some(""), Some(4));
        check("database: x\n\n", None, None, None);
        assert_eq!(Event::parse(b"id: 7\n\n").id, Some(&b"7"[..]));
    }

    #[test]
    fn an_endless_event_is_refused_in_any_chunking() {
        let event = [b"data: ".to_vec(), vec![b'x'; MAX_EVENT], b"\n\n".to_vec()].concat();
        for size in [event.len(), 4096, 1_000_000] {
            let mut decoder = Decoder::default();
            let refused = event.chunks(size).any(|chunk| matches!(decoder.feed(chunk).advance(), Some(Err(TooLong))));
            assert!(refused, "in chunks of {size}");
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            text in "(data: |event:|id:|: c|é|a|\r|\n|\r\n|\n\n|\r\r|\r\n\r\n){0,40}",
            size in 1_usize..9,
        ) {
            let bytes = text.as_bytes();
            let whole = frames([bytes]);
            prop_assert_eq!(&whole, &frames(bytes.chunks(1)));
            prop_assert_eq!(&whole, &frames(bytes.chunks(size)));
            prop_assert_eq!([whole.0.concat(), whole.1].concat(), bytes);
        }
    }
}
