//! One scan of a JSON object: its top-level members with their byte ranges.
//!
//! The body is forwarded as bytes, so what we read must be what every parser behind us reads. Refused are therefore:
//! - what [`super::scan`] refuses (grammar, depth, control characters, endless numbers), invalid UTF-8, a BOM,
//!   anything that is not one object, anything behind it;
//! - two top-level members of one name, also when one is spelt with escapes: first-wins and last-wins parsers differ;
//! - bad escapes and lone surrogates in top-level names and top-level strings, `model` among them;
//! - in requests, names that equal a known one but for their case: Go's `encoding/json` takes `Model` for `model`;
//! - more than [`MAX_MEMBERS`] members.
//!
//! Nested strings may hold what `serde_json` refuses (bad escapes, lone surrogates; see [`super::scan`]); nested
//! duplicates are the provider's to judge. Nothing we decide by hangs on either. All else that is accepted here,
//! `serde_json` accepts too.

use std::borrow::Cow;
use std::ops::Range;

use super::block::Census;
use super::escape;
use super::media::Media;
use super::scan::{ScanError, Scanner, inside};
use crate::error::{Error, Kind};

pub use super::scan::{MAX_DEPTH, ValueKind};

/// Members of one object, at most. OpenAI's largest request knows about forty.
pub const MAX_MEMBERS: usize = 256;

/// Why a body was refused.
pub type PeekError = ScanError;

/// Names that decide something here or at a provider and so may not come in another case.
const KNOWN: [&str; 20] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "user",
    "metadata",
    "litellm_metadata",
    "tags",
    "cache",
    "fallbacks",
    "num_retries",
    "timeout",
    "guardrails",
    "mock_response",
    "service_tier",
];

/// One member: where its name and its value stand in the body.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name, quotes included.
    pub key: Range<usize>,
    /// The value.
    pub value: Range<usize>,
    /// What the value is.
    pub kind: ValueKind,
    /// A `null` stands somewhere in the value.
    pub holds_null: bool,
    /// The name without its escapes, if it has any.
    decoded: Option<Box<str>>,
}

impl Member {
    /// The name.
    #[inline]
    pub fn name<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match &self.decoded {
            Some(name) => name.as_bytes(),
            None => inside(body, &self.key),
        }
    }
}

/// The members of one object, in their order, over the body they stand in.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    body: &'a [u8],
    open: usize,
    members: Cow<'a, [Member]>,
    media: Media,
}

/// Reads a request body: all rules of the module.
pub fn peek(body: &[u8]) -> Result<Object<'_>, PeekError> {
    whole(body, Rules { unique: true, known_case: true, turns: true })
}

/// Reads a provider's answer or event: all rules but that on the case of names.
pub fn peek_answer(body: &[u8]) -> Result<Object<'_>, PeekError> {
    whole(body, Rules { unique: true, known_case: false, turns: false })
}

#[derive(Clone, Copy)]
struct Rules {
    unique: bool,
    known_case: bool,
    /// What of its turns is no text is counted.
    turns: bool,
}

fn whole(body: &[u8], rules: Rules) -> Result<Object<'_>, PeekError> {
    let census = Census::take(body);
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(ScanError { reason: "byte order mark", offset: 0 });
    }
    let mut scanner = Scanner::new(body, 0, census.control);
    let object = members(body, &mut scanner, rules)?;
    scanner.space();
    if scanner.peek().is_some() {
        return Err(scanner.error("bytes behind the object"));
    }
    if census.non_ascii
        && let Err(error) = std::str::from_utf8(body)
    {
        return Err(ScanError { reason: "invalid UTF-8", offset: error.valid_up_to() });
    }
    Ok(object)
}

fn members<'a>(body: &'a [u8], scanner: &mut Scanner<'a>, rules: Rules) -> Result<Object<'a>, PeekError> {
    scanner.expect(b'{', "expected an object")?;
    let open = scanner.at();
    let mut found = Found { body, members: Vec::with_capacity(16), seen: 0 };
    scanner.space();
    if scanner.peek() == Some(b'}') {
        scanner.step();
        return Ok(Object { body, open, members: Cow::Owned(found.members), media: scanner.media() });
    }
    loop {
        scanner.space();
        let key = scanner.string()?;
        scanner.expect(b':', "expected a colon")?;
        let nulls = scanner.nulls();
        let has_turns = rules.turns && Media::is_turns(inside(body, &key));
        scanner.count_media(has_turns.then_some(&key));
        let (value, kind) = scanner.value(1)?;
        let holds_null = scanner.nulls() > nulls;
        found.add(Member { key, value, kind, holds_null, decoded: None }, rules)?;
        scanner.space();
        match scanner.peek() {
            Some(b',') => scanner.step(),
            Some(b'}') => break,
            _ => return Err(scanner.error("expected a comma or a closing bracket")),
        }
    }
    scanner.step();
    Ok(Object { body, open, members: Cow::Owned(found.members), media: scanner.media() })
}

/// The members so far, and a one-word filter that says of most names that they are new.
struct Found<'a> {
    body: &'a [u8],
    members: Vec<Member>,
    seen: u64,
}

impl Found<'_> {
    #[inline]
    fn add(&mut self, mut member: Member, rules: Rules) -> Result<(), PeekError> {
        // Names as nearly all are: nothing to decode, nothing that could fold into another name.
        let plain = inside(self.body, &member.key).iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !plain && inside(self.body, &member.key).contains(&b'\\') {
            member.decoded = Some(text_at(self.body, &member.key)?.into_owned().into_boxed_str());
        }
        if rules.unique {
            self.check(&member, !plain && rules.known_case)?;
        }
        self.members.push(member);
        Ok(())
    }

    #[inline]
    fn check(&mut self, member: &Member, may_fold: bool) -> Result<(), PeekError> {
        let refuse = |reason| Err(ScanError { reason, offset: member.key.start });
        let name = member.name(self.body);
        let bit = 1_u64 << (name.iter().take(3).fold(name.len(), |sum, byte| sum * 5 + usize::from(*byte)) % 64);
        if self.seen & bit != 0 && self.members.iter().any(|other| other.name(self.body) == name) {
            return refuse("duplicate name");
        }
        self.seen |= bit;
        if may_fold && is_known_in_another_case(name) {
            return refuse("known parameter in another case");
        }
        if member.kind == ValueKind::String {
            check_text_at(self.body, &member.value)?;
        }
        if self.members.len() >= MAX_MEMBERS {
            return refuse("too many members");
        }
        Ok(())
    }
}

/// As Go folds: ASCII letters, and the two characters that fold into ASCII (long s, Kelvin sign).
fn is_known_in_another_case(name: &[u8]) -> bool {
    let folded = String::from_utf8_lossy(name).replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase();
    folded.as_bytes() != name && KNOWN.contains(&folded.as_str())
}

fn text_at<'a>(body: &'a [u8], range: &Range<usize>) -> Result<Cow<'a, str>, PeekError> {
    escape::decode(inside(body, range))
        .map_err(|error| ScanError { reason: error.reason, offset: range.start + 1 + error.offset })
}

fn check_text_at(body: &[u8], range: &Range<usize>) -> Result<(), PeekError> {
    escape::check(inside(body, range))
        .map_err(|error| ScanError { reason: error.reason, offset: range.start + 1 + error.offset })
}

impl<'a> Object<'a> {
    /// The object again, from members that were kept next to their body.
    pub fn again(body: &'a [u8], open: usize, members: &'a [Member]) -> Self {
        Self { body, open, members: Cow::Borrowed(members), media: Media::default() }
    }

    /// The members, to be kept, and the offset behind the opening bracket: see [`Object::again`].
    pub fn into_parts(self) -> (usize, Vec<Member>) {
        (self.open, self.members.into_owned())
    }

    /// All members in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The bytes the ranges point into.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What of a request's turns is no text, where this is one that was read just now.
    pub fn media(&self) -> Media {
        self.media
    }

    /// Offset of the first byte behind `{`.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The member of this name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name(self.body) == name.as_bytes())
    }

    /// The bytes of a member's value.
    pub fn raw(&self, member: &Member) -> &'a [u8] {
        self.body.get(member.value.clone()).unwrap_or_default()
    }

    /// The text of a string member.
    pub fn as_str(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(|member| self.text(member))
    }

    /// The text of a member that is a string.
    pub fn text(&self, member: &Member) -> Option<Cow<'a, str>> {
        if member.kind != ValueKind::String {
            return None;
        }
        text_at(self.body, &member.value).ok()
    }

    /// `true` or `false`.
    pub fn as_bool(&self, name: &str) -> Option<bool> {
        let member = self.get(name).filter(|member| member.kind == ValueKind::Bool)?;
        Some(self.raw(member) == b"true")
    }

    /// A whole number that is not negative; `12.0` and `1e3` count as whole.
    pub fn as_u64(&self, name: &str) -> Option<u64> {
        self.count(self.get(name)?)
    }

    /// As [`Object::as_u64`], of a member that is known.
    pub fn count(&self, member: &Member) -> Option<u64> {
        if member.kind != ValueKind::Number {
            return None;
        }
        let text = std::str::from_utf8(self.raw(member)).ok()?;
        text.parse().ok().or_else(|| {
            let value = text.parse::<f64>().ok()?;
            // 2^53: up to there every whole double is exact.
            (value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value)).then_some(value as u64)
        })
    }

    /// A number.
    pub fn as_f64(&self, name: &str) -> Option<f64> {
        let member = self.get(name).filter(|member| member.kind == ValueKind::Number)?;
        std::str::from_utf8(self.raw(member)).ok()?.parse().ok()
    }

    /// The object that is this member's value; offsets stay those of the body. Duplicates are an error here.
    pub fn nested(&self, name: &str) -> Option<Result<Object<'a>, PeekError>> {
        self.within(self.get(name)?)
    }

    /// As [`Object::nested`], of a member that is known.
    pub fn within(&self, member: &Member) -> Option<Result<Object<'a>, PeekError>> {
        if member.kind != ValueKind::Object {
            return None;
        }
        let mut scanner = Scanner::new(self.body, member.value.start, false);
        Some(members(self.body, &mut scanner, Rules { unique: true, known_case: false, turns: false }))
    }
}

/// The members of an object that was scanned before as part of `body` and starts at `at`. Duplicates are allowed.
pub fn object_at(body: &[u8], at: usize) -> Option<Object<'_>> {
    members(body, &mut Scanner::new(body, at, false), Rules { unique: false, known_case: false, turns: false }).ok()
}

/// The objects in an array that was scanned before as part of `body` and starts at `at`; other values are passed by.
pub fn objects_at(body: &[u8], at: usize) -> impl Iterator<Item = Object<'_>> {
    each_object_at(body, at, false).map_while(Result::ok)
}

/// The same, up to one that parsers may read in different ways: with duplicates or bad escapes.
pub fn unique_objects_at(body: &[u8], at: usize) -> impl Iterator<Item = Result<Object<'_>, PeekError>> {
    each_object_at(body, at, true)
}

fn each_object_at(body: &[u8], at: usize, unique: bool) -> impl Iterator<Item = Result<Object<'_>, PeekError>> {
    let mut scanner = Scanner::new(body, at, false);
    let (mut first, mut broken) = (true, false);
    std::iter::from_fn(move || {
        while !broken {
            scanner.expect(if first { b'[' } else { b',' }, "the end of the array").ok()?;
            first = false;
            scanner.space();
            if scanner.peek() == Some(b'{') {
                let object = members(body, &mut scanner, Rules { unique, known_case: false, turns: false });
                broken = object.is_err();
                return Some(object);
            }
            scanner.value(1).ok()?;
        }
        None
    })
}

/// The values of an array that was scanned before as part of `body` and starts at `at`.
pub fn elements_at(body: &[u8], at: usize) -> impl Iterator<Item = (Range<usize>, ValueKind)> + '_ {
    let mut scanner = Scanner::new(body, at, false);
    let mut first = true;
    std::iter::from_fn(move || {
        scanner.expect(if first { b'[' } else { b',' }, "the end of the array").ok()?;
        first = false;
        scanner.value(1).ok()
    })
}

impl From<PeekError> for Error {
    fn from(error: PeekError) -> Self {
        Error::new(Kind::InvalidJson, format!("Invalid JSON payload: {error}")).param("request_body")
    }
}
