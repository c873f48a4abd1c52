//! The form of a record on disk: a version byte, then fields of number (1 byte), length (LEB128) and value.
//!
//! Integers are little-endian without their high zero bytes; what is zero, empty or absent is not written. A reader steps
//! over numbers that it does not know, so a field can be added at any time without a new version, in both directions of
//! an upgrade. A field's number is never used again for something else.

/// Raised only when older readers must not read on.
const VERSION: u8 = 1;

/// What a record begins with.
pub fn begin(out: &mut Vec<u8>) {
    out.push(VERSION);
}

/// A field, unless it is empty.
pub fn put(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    if !value.is_empty() {
        put_always(out, number, value);
    }
}

/// A field that counts also if it is empty.
pub fn put_always(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    put_head(out, number, value.len());
    out.extend_from_slice(value);
}

/// A field, unless it is zero. Written whole and cut, which is a fifth of what copying so many bytes as it has costs.
#[inline]
pub fn put_integer(out: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        let bytes = bytes_of(value);
        let end = out.len() + 2 + bytes;
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        out.extend_from_slice(&[number, bytes as u8, a, b, c, d, e, f, g, h]);
        out.truncate(end);
    }
}

/// What stands before a field's value.
#[inline]
pub fn put_head(out: &mut Vec<u8>, number: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length @ ..0x80) => put_short_head(out, number, length),
        _ => put_long_head(out, number, length),
    }
}

fn put_short_head(out: &mut Vec<u8>, number: u8, length: u8) {
    out.extend_from_slice(&[number, length]);
}

#[cold]
fn put_long_head(out: &mut Vec<u8>, number: u8, mut length: usize) {
    out.push(number);
    while length > 0x7f {
        out.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    out.push(length as u8);
}

/// A field that is a list of fields itself, as nearly all of less than 128 bytes: else its length takes more room.
#[inline]
pub fn put_within(out: &mut Vec<u8>, number: u8, put: impl FnOnce(&mut Vec<u8>)) {
    put_short_head(out, number, 0);
    let begin = out.len();
    put(out);
    let length = out.len() - begin;
    match (u8::try_from(length), out.get_mut(begin - 1)) {
        (Ok(length @ ..0x80), Some(place)) => *place = length,
        _ => {
            let value = out.split_off(begin);
            out.truncate(begin - 2);
            put_long_head(out, number, length);
            out.extend_from_slice(&value);
        }
    }
}

/// How many bytes an integer has.
fn bytes_of(value: u64) -> usize {
    8 - value.leading_zeros() as usize / 8
}

/// At most so many bytes of a text, ending with a whole character.
pub fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Reads fields one after another.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Those of a record; `None` if it is of a version that is not known here.
    pub fn of(record: &'a [u8]) -> Option<Self> {
        record.split_first().filter(|(version, _)| **version == VERSION).map(|(_, fields)| Self(fields))
    }

    /// Those inside of a field.
    pub fn inside(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The next number and value; inside `None` at the end, outside if these are no fields.
    #[expect(clippy::option_option, reason = "the outer one is for `?`")]
    pub fn next(&mut self) -> Option<Option<(u8, &'a [u8])>> {
        let Some((&number, rest)) = self.0.split_first() else { return Some(None) };
        let (length, rest) = length(rest)?;
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some((number, value)))
    }
}

/// A text, if it is one.
pub fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// An integer, if it is one.
pub fn integer(value: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes.get_mut(..value.len())?.copy_from_slice(value);
    Some(u64::from_le_bytes(bytes))
}

/// A LEB128 number of at most three bytes, which is more than a record holds, and what follows.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(3).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}
