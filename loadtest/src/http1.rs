//! HTTP/1.1 body framing (RFC 9112, section 6), incremental: the bytes may arrive split anywhere.

use bytes::{Buf, BytesMut};

/// Longest chunk-size or trailer line that is accepted, in bytes.
const MAX_LINE: usize = 4096;

/// Largest head (start line and header fields) that is accepted, in bytes.
pub const MAX_HEAD: usize = 64 * 1024;

/// Most header fields that are accepted in one head.
pub const MAX_HEADERS: usize = 96;

/// The peer broke the protocol; the text says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed HTTP: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Takes one message body out of a connection's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDecoder {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes are left of a body with Content-Length.
    Sized(u64),
    /// A chunk-size line comes next.
    ChunkSize,
    /// So many bytes are left of the current chunk.
    ChunkData(u64),
    /// The line end behind a chunk's data comes next.
    ChunkEnd,
    /// Trailer lines up to an empty one.
    Trailer,
    /// All until the peer closes.
    UntilClose,
    Done,
}

impl BodyDecoder {
    /// A body of exactly `length` bytes.
    pub fn sized(length: u64) -> Self {
        Self { state: if length == 0 { State::Done } else { State::Sized(length) } }
    }

    /// A body with `Transfer-Encoding: chunked`.
    pub fn chunked() -> Self {
        Self { state: State::ChunkSize }
    }

    /// A response body that ends with the connection.
    pub fn until_close() -> Self {
        Self { state: State::UntilClose }
    }

    /// Whether the body has been taken to its end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the end of the connection ends this body properly.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Done)
    }

    /// Takes all it can from `buf` and hands the body's bytes to `sink`. Bytes behind the body stay in `buf`.
    pub fn advance(&mut self, buf: &mut BytesMut, sink: &mut impl FnMut(&[u8])) -> Result<(), Malformed> {
        loop {
            self.state = match self.state {
                State::Done => return Ok(()),
                State::Sized(left) => match take(buf, left, sink) {
                    0 => State::Done,
                    left => {
                        self.state = State::Sized(left);
                        return Ok(());
                    }
                },
                State::UntilClose => {
                    take(buf, u64::MAX, sink);
                    return Ok(());
                }
                State::ChunkSize => match take_line(buf)? {
                    None => return Ok(()),
                    Some(line) => match chunk_size(&line)? {
                        0 => State::Trailer,
                        size => State::ChunkData(size),
                    },
                },
                State::ChunkData(left) => match take(buf, left, sink) {
                    0 => State::ChunkEnd,
                    left => {
                        self.state = State::ChunkData(left);
                        return Ok(());
                    }
                },
                State::ChunkEnd => match take_line(buf)? {
                    None => return Ok(()),
                    Some(line) if line.is_empty() => State::ChunkSize,
                    Some(_) => return Err(Malformed("chunk longer than its size")),
                },
                State::Trailer => match take_line(buf)? {
                    None => return Ok(()),
                    Some(line) if line.is_empty() => State::Done,
                    Some(_) => State::Trailer,
                },
            };
        }
    }
}

/// Hands over at most `left` bytes; returns how many are still missing.
fn take(buf: &mut BytesMut, left: u64, sink: &mut impl FnMut(&[u8])) -> u64 {
    let n = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
    if n > 0 {
        sink(buf.get(..n).unwrap_or_default());
        buf.advance(n);
    }
    left - n as u64
}

/// The next line without its line end, if it is complete.
fn take_line(buf: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = memchr::memchr(b'\n', buf) else {
        return if buf.len() > MAX_LINE { Err(Malformed("line too long")) } else { Ok(None) };
    };
    let mut line = buf.split_to(end + 1);
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.truncate(end - 1);
    }
    Ok(Some(line))
}

fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed("chunk size"))?;
    u64::from_str_radix(digits, 16).map_err(|_| Malformed("chunk size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `wire` in two pieces split at every position, and byte by byte: always the same body and rest.
    fn check(decoder: BodyDecoder, wire: &[u8], body: &[u8], rest: &[u8]) {
        let splits = (0..=wire.len()).map(|at| vec![&wire[..at], &wire[at..]]);
        for pieces in splits.chain([wire.chunks(1).collect()]) {
            let (mut decoder, mut buf, mut seen) = (decoder, BytesMut::new(), Vec::new());
            for piece in pieces {
                buf.extend_from_slice(piece);
                decoder.advance(&mut buf, &mut |bytes| seen.extend_from_slice(bytes)).unwrap();
            }
            assert!(decoder.ends_with_connection());
            assert_eq!((&seen[..], &buf[..]), (body, rest));
        }
    }

    #[test]
    fn every_split_gives_the_same_body() {
        check(BodyDecoder::sized(5), b"helloNEXT", b"hello", b"NEXT");
        check(BodyDecoder::sized(0), b"NEXT", b"", b"NEXT");
        check(BodyDecoder::until_close(), b"hello", b"hello", b"");
        check(BodyDecoder::chunked(), b"0\r\n\r\nNEXT", b"", b"NEXT");
        check(BodyDecoder::chunked(), b"5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", b"hello0123456789", b"");
        check(BodyDecoder::chunked(), b"1\na\n0\nTrailer: x\n\nNEXT", b"a", b"NEXT");
    }

    #[test]
    fn broken_framing_is_refused() {
        for wire in [&b"xyz\r\n"[..], b"-1\r\n", b"\r\n", b"1\r\nab\r\n", &[b'1'; MAX_LINE + 1]] {
            let mut buf = BytesMut::from(wire);
            assert!(BodyDecoder::chunked().advance(&mut buf, &mut |_| ()).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn an_unfinished_body_is_not_done() {
        for (mut decoder, wire) in [(BodyDecoder::sized(5), &b"hell"[..]), (BodyDecoder::chunked(), b"5\r\nhello\r\n")]
        {
            let mut buf = BytesMut::from(wire);
            decoder.advance(&mut buf, &mut |_| ()).unwrap();
            assert!(!decoder.is_done() && !decoder.ends_with_connection());
        }
    }
}
