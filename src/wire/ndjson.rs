//! Newline-delimited JSON, cut into lines as the bytes come (<https://github.com/ndjson/ndjson-spec>).
//!
//! Lines end with LF or CRLF; blank ones are passed by. Lines that lie whole in a chunk are slices of it; only what a
//! chunk leaves unfinished is copied and held. Any chunking of the same bytes gives the same lines.

use super::sse::{MAX_EVENT, TooLong};

/// The longest line, line end not counted. A longer one is an error: it would be held in memory.
pub const MAX_LINE: usize = MAX_EVENT;

/// The state between two chunks.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
    /// The held bytes were handed out.
    spent: bool,
}

impl Decoder {
    /// Takes the next chunk; the lines must be drawn until there are no more.
    pub fn feed<'d>(&'d mut self, chunk: &'d [u8]) -> Lines<'d> {
        Lines { decoder: self, chunk, at: 0 }
    }

    /// The line that is not finished: what a producer leaves that ends its last line by closing.
    pub fn rest(&self) -> &[u8] {
        if self.spent { &[] } else { self.held.trim_ascii() }
    }
}

/// The lines that a chunk completes.
#[derive(Debug)]
pub struct Lines<'d> {
    decoder: &'d mut Decoder,
    chunk: &'d [u8],
    at: usize,
}

impl Lines<'_> {
    /// The next line, white space around it taken off; `None` when the rest of the chunk is held. After an error there
    /// is nothing more.
    pub fn advance(&mut self) -> Option<Result<&[u8], TooLong>> {
        let line = loop {
            let start = self.at;
            let decoder = &mut *self.decoder;
            if std::mem::take(&mut decoder.spent) {
                decoder.held.clear();
            }
            let fresh = self.chunk.get(start..).filter(|fresh| !fresh.is_empty())?;
            let end = memchr::memchr(b'\n', fresh);
            let piece = fresh.get(..end.unwrap_or(fresh.len())).unwrap_or_default();
            self.at += piece.len() + 1;
            if decoder.held.len() + piece.len() > MAX_LINE {
                self.at = self.chunk.len();
                return Some(Err(TooLong));
            }
            if end.is_none() || !decoder.held.is_empty() {
                decoder.held.extend_from_slice(piece);
            }
            end?;
            decoder.spent = !decoder.held.is_empty();
            let line = if decoder.spent { &decoder.held } else { piece };
            if !line.trim_ascii().is_empty() {
                break start..start + piece.len();
            }
        };
        let held = self.decoder.spent.then_some(self.decoder.held.as_slice());
        Some(Ok(held.or_else(|| self.chunk.get(line)).unwrap_or_default().trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, String) {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for chunk in chunks {
            let mut lines = decoder.feed(chunk);
            while let Some(line) = lines.advance() {
                all.push(String::from_utf8_lossy(line.unwrap()).into_owned());
            }
        }
        (all, String::from_utf8_lossy(decoder.rest()).into_owned())
    }

    #[test]
    fn lines_end_at_line_feeds() {
        let cases: [(&str, &[&str], &str); 6] = [
            ("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"], ""),
            ("{}\r\n\r\n{}\r\n", &["{}", "{}"], ""),
            ("\n\n  \n{}\n\n", &["{}"], ""),
            ("{}\n{\"cut\"", &["{}"], "{\"cut\""),
            ("{}\n{}", &["{}"], "{}"),
            ("", &[], ""),
        ];
        for (bytes, expected, rest) in cases {
            let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(lines([bytes.as_bytes()]), (expected, rest.to_owned()), "{bytes:?}");
        }
    }

    #[test]
    fn an_endless_line_is_refused_in_any_chunking() {
        let line = [vec![b'x'; MAX_LINE + 1], b"\n".to_vec()].concat();
        for size in [line.len(), 4096, 1_000_000] {
            let mut decoder = Decoder::default();
            let refused = line.chunks(size).any(|chunk| decoder.feed(chunk).advance() == Some(Err(TooLong)));
            assert!(refused, "in chunks of {size}");
        }
        let longest = [vec![b'x'; MAX_LINE], b"\n".to_vec()].concat();
        assert_eq!(lines(longest.chunks(4096)).0.len(), 1);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(text in "(\\{\\}|é| |a|\r|\n|\r\n|\n\n){0,40}", size in 1_usize..9) {
            let bytes = text.as_bytes();
            let whole = lines([bytes]);
            prop_assert_eq!(&whole, &lines(bytes.chunks(1)));
            prop_assert_eq!(&whole, &lines(bytes.chunks(size)));
        }
    }
}
