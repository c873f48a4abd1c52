//! The fast way through a stream: event after event differs only in a few strings.
//!
//! A template is an event that was read in full, cut at the strings that change. A later event of which every fixed
//! part is byte-equal, and whose strings in between are sound, is JSON of the same shape and says the same but for its
//! text: a few `memcmp`s replace the scan.

use std::ops::Range;

use super::chunk::Chunk;
use crate::wire::block::Census;
use crate::wire::said::Voice;

/// An event cut into its fixed parts.
#[derive(Clone, Debug)]
pub struct Template {
    /// The bytes of the frame.
    frame: Vec<u8>,
    /// Its fixed parts: between each two stands the inside of a string.
    fixed: Vec<Range<usize>>,
    /// Range of the value of `model` in the frame; before the first string that changes.
    model: Option<Range<usize>>,
    /// The fixed part behind which the words end.
    spoken: usize,
    voice: Voice,
}

impl Template {
    /// Cuts a frame whose data begin at `data_at`. `None`: no string changes, `model` stands behind one, or there are words of
    /// several voices.
    pub fn of(frame: &[u8], data_at: usize, chunk: &Chunk) -> Option<Self> {
        let moved = |range: &Range<usize>| range.start + data_at..range.end + data_at;
        let first = chunk.variable.first().map(|(range, _)| moved(range))?;
        let mut words = (1..).zip(&chunk.variable).filter(|(_, (_, voice))| *voice != Voice::NOBODY);
        let (spoken, (_, voice)) = words.next()?;
        if words.next().is_some() || !chunk.names.is_empty() {
            return None;
        }
        let model = chunk.model.as_ref().map(moved);
        if model.as_ref().is_some_and(|model| model.start > first.start) {
            return None;
        }
        let mut fixed = Vec::with_capacity(chunk.variable.len() + 1);
        let mut start = 0;
        for variable in chunk.variable.iter().map(|(range, _)| moved(range)) {
            fixed.push(start..variable.start);
            start = variable.end;
        }
        fixed.push(start..frame.len());
        Some(Self { frame: frame.to_vec(), fixed, model, spoken, voice: *voice })
    }

    /// Where `model` stands in every frame that fits.
    pub fn model(&self) -> Option<&Range<usize>> {
        self.model.as_ref()
    }

    /// Whose words stand in every frame that fits.
    pub fn voice(&self) -> Voice {
        self.voice
    }

    /// The words of a frame that has this shape, with some text in every string that changes.
    #[inline]
    pub fn fits<'f>(&self, frame: &'f [u8]) -> Option<&'f [u8]> {
        let mut parts = self.fixed.iter().map(|range| self.frame.get(range.clone()).unwrap_or_default());
        let mut rest = frame.strip_prefix(parts.next()?)?;
        let mut words: &[u8] = &[];
        for (number, part) in (1..).zip(parts) {
            let text = text_before_quote(rest).filter(|text| !text.is_empty())?;
            if number == self.spoken {
                words = text;
            }
            rest = rest.get(text.len()..)?.strip_prefix(part)?;
        }
        rest.is_empty().then_some(words)
    }
}

/// Words up to this length are looked at byte by byte.
const SHORT_WORD: usize = 16;

/// The inside of the string that begins here, if it is without escaped quotes and control characters, and UTF-8.
#[inline]
fn text_before_quote(bytes: &[u8]) -> Option<&[u8]> {
    // Most words are short and plain: one walk over them is cheaper than several searches.
    for (at, byte) in bytes.iter().take(SHORT_WORD).enumerate() {
        match byte {
            b'"' => return bytes.get(..at),
            b'\\' | ..0x20 | 0x80.. => break,
            _ => {}
        }
    }
    let text = bytes.get(..memchr::memchr(b'"', bytes)?)?;
    if text.last() == Some(&b'\\') {
        return None;
    }
    let census = Census::take(text);
    let sound = !census.control && (!census.non_ascii || std::str::from_utf8(text).is_ok());
    sound.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_may_differ() {
        let event = |model: &str, text: &str, tail: &str| {
            format!("data: {{\"model\":\"{model}\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]{tail}}}\n\n")
        };
        let first = event("m", "Hello", "");
        let data = first.strip_prefix("data: ").unwrap().trim_end();
        let template = Template::of(first.as_bytes(), 6, &Chunk::read(data.as_bytes()).unwrap()).unwrap();
        let model = template.model().unwrap().clone();
        assert_eq!(&first[model], "\"m\"");
        assert_eq!(template.fits(event("m", "a\\nb", "").as_bytes()), Some(&b"a\\nb"[..]));
        for (frame, fits) in [
            (event("m", " world", ""), true),
            (event("m", "é\\n", ""), true),
            (event("m", "", ""), false),
            (event("m", "a\\\"b", ""), false),
            (event("m", "a\u{1}b", ""), false),
            (event("n", "a", ""), false),
            (event("m", "a", ",\"usage\":{}"), false),
        ] {
            assert_eq!(template.fits(frame.as_bytes()).is_some(), fits, "{frame}");
        }
    }
}
