//! The JSON scanner under [`super::peek`]: where a value ends, without building it. RFC 8259 grammar, no recursion.
//!
//! What it holds every value to:
//! - brackets, commas, colons, literals and numbers exactly as the grammar has them, at most [`MAX_DEPTH`] deep;
//! - numbers finite as an IEEE double: `1e999` is an infinity to Python, an error to serde_json and to Go;
//! - strings closed, without raw control characters. A quote ends a string unless an odd run of backslashes stands
//!   before it: so every parser that reads the body at all sees the same extent. Which letters follow a backslash is
//!   checked only where we read the text ourselves (`super::escape`): elsewhere a bad escape or a lone surrogate
//!   changes no structure, JavaScript clients send lone surrogates when they cut an emoji in half, and the provider
//!   is the one to judge them.
//!
//! Speed: a string costs one search for its quote. Control characters are looked for string by string only when a
//! first vectorised pass ([`super::block::Census`]) has seen one anywhere, UTF-8 is checked only when it has seen a high bit.

use std::ops::Range;

use super::block::find_quote;
use super::media::Media;

/// Nesting allowed, the outermost object counted. As serde_json, which reads the same bodies elsewhere.
pub const MAX_DEPTH: u32 = 127;

/// Of what follows in a list after an object has ended: of no member.
const NO_NAME: Range<usize> = 0..0;
/// Numbers of at most this many bytes without an exponent are finite without a look.
const SURELY_FINITE: usize = 300;

/// Why a body was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// For the client: what is wrong.
    pub reason: &'static str,
    /// Byte offset into the body.
    pub offset: usize,
}

impl std::fmt::Display for ScanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for ScanError {}

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    String,
    Number,
    Object,
    Array,
    Bool,
    Null,
}

/// A position in a body.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
    controls: bool,
    nulls: usize,
    /// The name, quotes included, of the member in which it stands; only where what is no text is counted.
    name: Option<Range<usize>>,
    media: Media,
}

impl<'a> Scanner<'a> {
    /// Starts at `at`. `controls`: strings may hold control characters, look for them.
    pub fn new(body: &'a [u8], at: usize, controls: bool) -> Self {
        Self { body, at, controls, nulls: 0, name: None, media: Media::default() }
    }

    /// How many `null`s it has stepped over.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// From now on counts what is no text, or not: the member of this name begins.
    pub fn count_media(&mut self, name: Option<&Range<usize>>) {
        self.name = name.cloned();
    }

    /// What it has counted.
    pub fn media(&self) -> Media {
        self.media
    }

    /// Where it stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The byte it stands on.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Steps over one byte.
    #[inline]
    pub fn step(&mut self) {
        self.at += 1;
    }

    /// Steps over white space.
    #[inline]
    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// An error at this place: `reason`, or that the body ended.
    #[cold]
    pub fn error(&self, reason: &'static str) -> ScanError {
        let reason = if self.at >= self.body.len() { "unexpected end of the body" } else { reason };
        ScanError { reason, offset: self.at.min(self.body.len()) }
    }

    /// Steps over this byte, white space before it allowed.
    #[inline]
    pub fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), ScanError> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.error(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a string, quotes included, and tells its range.
    #[inline]
    pub fn string(&mut self) -> Result<Range<usize>, ScanError> {
        let start = self.at;
        self.expect(b'"', "expected a string")?;
        let first = self.at;
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let Some(length) = find_quote(rest) else {
                self.at = self.body.len();
                return Err(self.error("unterminated string"));
            };
            let quote = self.at + length;
            self.at = quote + 1;
            if !self.is_escaped(first, quote) {
                break;
            }
        }
        if self.controls {
            self.no_controls(first..self.at)?;
        }
        Ok(start..self.at)
    }

    /// An odd run of backslashes stands before the quote. Runs are read once: the next one ends at this quote.
    #[inline]
    fn is_escaped(&self, first: usize, quote: usize) -> bool {
        let before = self.body.get(first..quote).unwrap_or_default();
        before.last() == Some(&b'\\') && before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
    }

    fn no_controls(&self, range: Range<usize>) -> Result<(), ScanError> {
        let text = self.body.get(range.clone()).unwrap_or_default();
        if text.iter().fold(u8::MAX, |least, byte| least.min(*byte)) >= 0x20 {
            return Ok(());
        }
        let offset = range.start + text.iter().position(|byte| *byte < 0x20).unwrap_or_default();
        Err(ScanError { reason: "control character in a string", offset })
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        if !self.body.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn null(&mut self) -> Result<(), ScanError> {
        self.nulls += 1;
        self.literal(b"null")
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("expected a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// A leading zero ends the number, so that `01` fails at the separator that is missing behind it.
    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if exponent || self.at - start > SURELY_FINITE {
            let text = self.body.get(start..self.at).and_then(|raw| std::str::from_utf8(raw).ok());
            if !text.and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite) {
                return Err(ScanError { reason: "number out of range", offset: start });
            }
        }
        Ok(())
    }

    /// Steps over one value, white space before it allowed. `depth`: how many objects and arrays are open around it.
    pub fn value(&mut self, depth: u32) -> Result<(Range<usize>, ValueKind), ScanError> {
        self.space();
        let start = self.at;
        let mut open = Nesting { objects: 0, depth, outside: depth };
        let mut outermost = None;
        loop {
            let kind = self.scalar_or_open(&mut open)?;
            let outermost = *outermost.get_or_insert(kind);
            if self.close_and_separate(&mut open)? {
                return Ok((start..self.at, outermost));
            }
        }
    }

    /// A scalar or an empty bracket pair: done with it. An opened bracket: on to its first value, until a scalar comes.
    /// Tells the kind of the first value it met.
    #[inline]
    fn scalar_or_open(&mut self, open: &mut Nesting) -> Result<ValueKind, ScanError> {
        let mut first = None;
        loop {
            self.space();
            let (kind, finished) = match self.peek() {
                Some(b'"') => (ValueKind::String, self.text().map(|()| true)?),
                Some(b'{') => (ValueKind::Object, self.open_object(open)?),
                Some(b'[') => (ValueKind::Array, self.open_array(open)?),
                Some(b't') => (ValueKind::Bool, self.literal(b"true").map(|()| true)?),
                Some(b'f') => (ValueKind::Bool, self.literal(b"false").map(|()| true)?),
                Some(b'n') => (ValueKind::Null, self.null().map(|()| true)?),
                Some(b'-' | b'0'..=b'9') => (ValueKind::Number, self.number().map(|()| true)?),
                _ => return Err(self.error("expected a value")),
            };
            let first = *first.get_or_insert(kind);
            if finished {
                return Ok(first);
            }
        }
    }

    /// A string that is a value.
    #[inline]
    fn text(&mut self) -> Result<(), ScanError> {
        let text = self.string()?;
        if let Some(name) = &self.name {
            self.media.text(inside(self.body, name), inside(self.body, &text));
        }
        Ok(())
    }

    /// True: the object was empty and is closed again.
    fn open_object(&mut self, open: &mut Nesting) -> Result<bool, ScanError> {
        if let Some(name) = &self.name {
            self.media.object(inside(self.body, name));
        }
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') && open.depth < MAX_DEPTH {
            self.at += 1;
            return Ok(true);
        }
        open.push(true).map_err(|reason| self.error(reason))?;
        self.key().map(|()| false)
    }

    fn open_array(&mut self, open: &mut Nesting) -> Result<bool, ScanError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') && open.depth < MAX_DEPTH {
            self.at += 1;
            return Ok(true);
        }
        open.push(false).map_err(|reason| self.error(reason)).map(|()| false)
    }

    #[inline]
    fn key(&mut self) -> Result<(), ScanError> {
        let name = self.string()?;
        if self.name.is_some() {
            self.name = Some(name);
        }
        self.expect(b':', "expected a colon")
    }

    /// After a value: closes what ends here, then steps over the comma (and the key) before the next value.
    /// True: nothing is open any more.
    #[inline]
    fn close_and_separate(&mut self, open: &mut Nesting) -> Result<bool, ScanError> {
        while open.depth > open.outside {
            self.space();
            match (self.peek(), open.in_object()) {
                (Some(b','), true) => {
                    self.at += 1;
                    return self.next_key();
                }
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    open.pop();
                    if self.name.is_some() {
                        self.name = Some(NO_NAME);
                    }
                }
                _ => return Err(self.error("expected a comma or a closing bracket")),
            }
        }
        Ok(true)
    }

    #[inline]
    fn next_key(&mut self) -> Result<bool, ScanError> {
        self.space();
        self.key().map(|()| false)
    }
}

/// What stands between the quotes of this range.
#[inline]
pub fn inside<'a>(body: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    body.get(range.start + 1..range.end.saturating_sub(1)).unwrap_or_default()
}

/// Which brackets are open: one bit each, set for an object. `MAX_DEPTH` fits the word.
struct Nesting {
    objects: u128,
    depth: u32,
    outside: u32,
}

impl Nesting {
    #[inline]
    fn push(&mut self, object: bool) -> Result<(), &'static str> {
        if self.depth >= MAX_DEPTH {
            return Err("nested too deep");
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        Ok(())
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}
