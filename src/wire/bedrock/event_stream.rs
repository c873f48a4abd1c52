//! AWS's binary event stream (`application/vnd.amazon.eventstream`), cut into messages as the bytes come, and written.
//!
//! A message is: total length (4 bytes), length of the headers (4), CRC-32 of these eight (4), headers, payload, CRC-32 of
//! all before it (4); all numbers big-endian. Messages that lie whole in a piece are slices of it; only what a piece leaves
//! unfinished is copied and held. Any chunking of the same bytes gives the same messages and the same error.
//!
//! Format: <https://smithy.io/2.0/aws/amazon-eventstream.html>

use std::fmt;

/// The longest message: AWS's own limit on a payload. A longer one is an error: it would be held in memory.
pub const MAX_MESSAGE: usize = 16 << 20;

/// AWS's own limit on the headers of one message.
pub const MAX_HEADERS: usize = 128 << 10;

/// Lengths and their checksum.
const PRELUDE: usize = 12;

/// The checksum behind the payload.
const TRAILER: usize = 4;

/// Why the bytes are no event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The checksum of the lengths is wrong.
    PreludeChecksum,
    /// The checksum of the message is wrong.
    MessageChecksum,
    /// The lengths contradict each other, or exceed [`MAX_MESSAGE`] or [`MAX_HEADERS`].
    Length,
    /// The headers do not parse.
    Headers,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::PreludeChecksum => "checksum of the prelude is wrong",
            Malformed::MessageChecksum => "checksum of the message is wrong",
            Malformed::Length => "lengths are wrong",
            Malformed::Headers => "headers do not parse",
        })
    }
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    headers: &'a [u8],
    /// What the message carries.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The text of a header that is a string.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((found, text, behind)) = header(rest) {
            if found == name.as_bytes() {
                return text.and_then(|text| std::str::from_utf8(text).ok());
            }
            rest = behind;
        }
        None
    }
}

/// A header's name, its value if that is a string, and the bytes behind it.
type Header<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

/// The first header. `None`: there is none.
fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        5 | 8 => (8, rest),
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        9 => (16, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((name, (*kind == STRING).then_some(value), rest))
}

/// The type byte of a string header.
const STRING: u8 = 7;

fn are_headers(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some((_, _, rest)) = header(bytes) else { return false };
        bytes = rest;
    }
    true
}

/// The state between two pieces.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
    /// The held bytes were handed out.
    spent: bool,
    /// The error that ended the stream: there is no way back into step.
    failed: Option<Malformed>,
}

impl Decoder {
    /// Takes the next piece; the messages must be drawn until there are no more.
    pub fn feed<'d>(&'d mut self, piece: &'d [u8]) -> Messages<'d> {
        Messages { decoder: self, rest: piece }
    }

    /// Whether a message is unfinished.
    pub fn is_inside_message(&self) -> bool {
        !self.spent && !self.held.is_empty()
    }
}

/// The messages that a piece completes.
#[derive(Debug)]
pub struct Messages<'d> {
    decoder: &'d mut Decoder,
    rest: &'d [u8],
}

impl Messages<'_> {
    /// The next message; `None` when the rest of the piece is held. After an error there is nothing but the error.
    pub fn advance(&mut self) -> Option<Result<Message<'_>, Malformed>> {
        if let Some(failed) = self.decoder.failed {
            return Some(Err(failed));
        }
        match self.next_message() {
            Ok(message) => message.map(Ok),
            Err(malformed) => Some(Err(malformed)),
        }
    }

    fn next_message(&mut self) -> Result<Option<Message<'_>>, Malformed> {
        let decoder = &mut *self.decoder;
        if std::mem::take(&mut decoder.spent) {
            decoder.held.clear();
        }
        if decoder.held.is_empty() {
            let length = note(&mut decoder.failed, message_length(self.rest))?;
            if let Some((message, rest)) = length.and_then(|length| self.rest.split_at_checked(length)) {
                self.rest = rest;
                return note(&mut decoder.failed, parse(message)).map(Some);
            }
            decoder.held.extend_from_slice(self.rest);
            self.rest = &[];
            return Ok(None);
        }
        hold(&mut decoder.held, &mut self.rest, PRELUDE);
        let Some(length) = note(&mut decoder.failed, message_length(&decoder.held))? else { return Ok(None) };
        hold(&mut decoder.held, &mut self.rest, length);
        if decoder.held.len() < length {
            return Ok(None);
        }
        decoder.spent = true;
        note(&mut decoder.failed, parse(&decoder.held)).map(Some)
    }
}

fn note<T>(failed: &mut Option<Malformed>, result: Result<T, Malformed>) -> Result<T, Malformed> {
    if let Err(malformed) = &result {
        *failed = Some(*malformed);
    }
    result
}

/// Moves bytes until `wanted` are held or none are left.
fn hold(held: &mut Vec<u8>, rest: &mut &[u8], wanted: usize) {
    let missing = wanted.saturating_sub(held.len()).min(rest.len());
    let (taken, left) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
    held.extend_from_slice(taken);
    *rest = left;
}

/// The length of the message that starts here, checked as soon as its prelude is there.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE>() else { return Ok(None) };
    let (lengths, checksum) = prelude.split_at(PRELUDE - 4);
    if number(checksum) != Some(crc32fast::hash(lengths)) {
        return Err(Malformed::PreludeChecksum);
    }
    let (total, headers) = lengths.split_at(4);
    let size = |bytes| number(bytes).and_then(|number| usize::try_from(number).ok());
    let (Some(total), Some(headers)) = (size(total), size(headers)) else { return Err(Malformed::Length) };
    let fits = headers.checked_add(PRELUDE + TRAILER).is_some_and(|least| least <= total);
    if !fits || total > MAX_MESSAGE || headers > MAX_HEADERS {
        return Err(Malformed::Length);
    }
    Ok(Some(total))
}

/// Reads a message whose prelude was checked.
fn parse(message: &[u8]) -> Result<Message<'_>, Malformed> {
    let (checked, checksum) =
        message.len().checked_sub(TRAILER).and_then(|at| message.split_at_checked(at)).ok_or(Malformed::Length)?;
    if number(checksum) != Some(crc32fast::hash(checked)) {
        return Err(Malformed::MessageChecksum);
    }
    let length = checked.get(4..8).and_then(number).and_then(|length| usize::try_from(length).ok());
    let (headers, payload) = checked
        .get(PRELUDE..)
        .zip(length)
        .and_then(|(body, length)| body.split_at_checked(length))
        .ok_or(Malformed::Length)?;
    if !are_headers(headers) {
        return Err(Malformed::Headers);
    }
    Ok(Message { headers, payload })
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Appends a message with these headers, all strings. For tests and mocks: a name above 255 bytes or a value above 65,535
/// is cut there.
pub fn write(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let mut head = Vec::new();
    for (name, value) in headers {
        let name = name.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(name.as_bytes());
        let value = value.as_bytes().get(..usize::from(u16::MAX)).unwrap_or(value.as_bytes());
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(name);
        head.push(STRING);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend_from_slice(value);
    }
    let start = out.len();
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length(PRELUDE + head.len() + payload.len() + TRAILER));
    out.extend_from_slice(&length(head.len()));
    checksum(start, out);
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    checksum(start, out);
}

/// Appends the checksum of what was written since `start`.
fn checksum(start: usize, out: &mut Vec<u8>) {
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<(Option<String>, Vec<u8>)>, Option<Malformed>, bool);

    /// Event types and payloads, the error, and whether a message is unfinished.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut messages = decoder.feed(piece);
            while let Some(message) = messages.advance() {
                match message {
                    Ok(message) => {
                        all.push((message.header(":event-type").map(str::to_owned), message.payload.to_vec()))
                    }
                    Err(malformed) => return (all, Some(malformed), false),
                }
            }
        }
        (all, None, decoder.is_inside_message())
    }

    fn written(messages: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, payload) in messages {
            write(&[(":message-type", "event"), (":event-type", name)], payload, &mut out);
        }
        out
    }

    /// The test vector `payload_one_str_header` of AWS's SDKs.
    #[test]
    fn the_bytes_are_as_the_sdks_write_them() {
        let expected: [u8; 61] = [
            0, 0, 0, 61, 0, 0, 0, 32, 7, 253, 131, 150, 12, b'c', b'o', b'n', b't', b'e', b'n', b't', b'-', b't', b'y',
            b'p', b'e', 7, 0, 16, b'a', b'p', b'p', b'l', b'i', b'c', b'a', b't', b'i', b'o', b'n', b'/', b'j', b's',
            b'o', b'n', 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 141, 156, 8, 177,
        ];
        let mut out = Vec::new();
        write(&[("content-type", "application/json")], b"{'foo':'bar'}", &mut out);
        assert_eq!(out, expected);
        let mut decoder = Decoder::default();
        let mut messages = decoder.feed(&out);
        let message = messages.advance().unwrap().unwrap();
        assert_eq!(message.header("content-type"), Some("application/json"));
        assert_eq!((message.header("content"), message.payload), (None, &b"{'foo':'bar'}"[..]));
        assert!(messages.advance().is_none());
    }

    /// A message with these header bytes.
    fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let total = u32::try_from(PRELUDE + headers.len() + payload.len() + TRAILER).unwrap();
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
        checksum(0, &mut out);
        out.extend_from_slice(headers);
        out.extend_from_slice(payload);
        checksum(0, &mut out);
        out
    }

    #[test]
    fn headers_of_every_type_are_passed_over() {
        let lengths: [(u8, usize); 8] = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
        let mut headers = Vec::new();
        for (kind, length) in lengths {
            headers.extend_from_slice(&[1, b'x', kind]);
            headers.extend(std::iter::repeat_n(7, length));
        }
        headers.extend_from_slice(&[1, b'b', 6, 0, 2, 7, 7]);
        headers.extend_from_slice(b"\x0b:event-type\x07\0\x01e");
        assert_eq!(read([&raw(&headers, b"p")[..]]), (vec![(Some("e".to_owned()), b"p".to_vec())], None, false));
        for bad in [&b"\x01x\x0a"[..], b"\x05x", b"\x01x\x07\0\x09a", b"\x01x"] {
            assert_eq!(read([&raw(bad, b"")[..]]).1, Some(Malformed::Headers), "{bad:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let good = written(&[("a", b"payload")]);
        let check = |at: usize, expected: Malformed| {
            let mut bad = good.clone();
            bad[at] ^= 1;
            for size in [1, 5, bad.len()] {
                assert_eq!(
                    read(bad.chunks(size)),
                    (Vec::new(), Some(expected), false),
                    "byte {at} in pieces of {size}"
                );
            }
        };
        (0..PRELUDE).for_each(|at| check(at, Malformed::PreludeChecksum));
        (PRELUDE..good.len()).for_each(|at| check(at, Malformed::MessageChecksum));
        for (total, headers) in [(15, 0), (u32::MAX, 0), (20, 5), (1 << 20, (128 << 10) + 1)] {
            let mut prelude = [total.to_be_bytes(), u32::to_be_bytes(headers)].concat();
            checksum(0, &mut prelude);
            assert_eq!(read([&prelude[..]]).1, Some(Malformed::Length), "{total} {headers}");
        }
        assert!(read([&good[..good.len() - 1]]).2);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_messages(
            messages in prop::collection::vec(("[a-z]{0,9}", prop::collection::vec(any::<u8>(), 0..40)), 0..5),
            size in 1_usize..70,
            spoil in prop::option::of((any::<prop::sample::Index>(), 1_u8..=255)),
            cut in any::<prop::sample::Index>(),
        ) {
            let messages: Vec<(&str, &[u8])> =
                messages.iter().map(|(name, payload)| (name.as_str(), payload.as_slice())).collect();
            let mut bytes = written(&messages);
            let whole = read([&bytes[..]]);
            let expected: Vec<_> =
                messages.iter().map(|(name, payload)| (Some((*name).to_owned()), payload.to_vec())).collect();
            prop_assert_eq!(&whole, &(expected, None, false));
            if let Some((at, bits)) = spoil.filter(|_| !bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let whole = read([&bytes[..]]);
            prop_assert_eq!(&whole, &read(bytes.chunks(size)));
            prop_assert_eq!(&whole, &read(bytes.chunks(1)));
        }
    }
}
