//! The text of JSON strings (RFC 8259, section 7), for the few that we read ourselves.

use std::borrow::Cow;

/// Why the inside of a string is not text, and how far into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscapeError {
    /// What is wrong.
    pub reason: &'static str,
    /// Byte offset into the inside of the string.
    pub offset: usize,
}

/// The text between the quotes, escapes decoded. Borrowed when there are none.
pub fn decode(inside: &[u8]) -> Result<Cow<'_, str>, EscapeError> {
    if memchr::memchr(b'\\', inside).is_none() {
        let text = std::str::from_utf8(inside);
        return text.map(Cow::Borrowed).map_err(|error| fail("invalid UTF-8", error.valid_up_to()));
    }
    let mut text = Vec::with_capacity(inside.len());
    walk(inside, |piece| text.extend_from_slice(piece))?;
    String::from_utf8(text).map(Cow::Owned).map_err(|_| fail("invalid UTF-8", 0))
}

/// Whether every escape is a known one and no surrogate stands alone.
pub fn check(inside: &[u8]) -> Result<(), EscapeError> {
    walk(inside, |_| {})
}

/// Writes `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> Vec<u8> {
    // Names of models, as nearly all are: nothing to escape.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        return [b"\"", text.as_bytes(), b"\""].concat();
    }
    serde_json::Value::from(text).to_string().into_bytes()
}

fn fail(reason: &'static str, offset: usize) -> EscapeError {
    EscapeError { reason, offset }
}

/// Hands out the text piece by piece.
fn walk(inside: &[u8], mut piece: impl FnMut(&[u8])) -> Result<(), EscapeError> {
    let mut rest = inside;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(slash).unwrap_or((rest, &[]));
        piece(plain);
        let offset = inside.len() - escape.len();
        let (letter, behind) = escape.get(1..).and_then(<[u8]>::split_first).ok_or(fail("cut escape", offset))?;
        rest = behind;
        match letter {
            b'"' | b'\\' | b'/' => piece(&[*letter]),
            b'b' => piece(b"\x08"),
            b'f' => piece(b"\x0c"),
            b'n' => piece(b"\n"),
            b'r' => piece(b"\r"),
            b't' => piece(b"\t"),
            b'u' => {
                let (character, behind) = unicode(behind).map_err(|reason| fail(reason, offset))?;
                piece(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            _ => return Err(fail("unknown escape", offset)),
        }
    }
    piece(rest);
    Ok(())
}

/// The character behind `\u`, with its second half when it takes two.
fn unicode(digits: &[u8]) -> Result<(char, &[u8]), &'static str> {
    let (first, rest) = hex4(digits)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, rest));
    }
    let low = rest.strip_prefix(b"\\u").filter(|_| first < 0xDC00).ok_or("lone surrogate")?;
    let (second, rest) = hex4(low)?;
    let character = char::decode_utf16([first as u16, second as u16]).next();
    character.and_then(Result::ok).map(|character| (character, rest)).ok_or("lone surrogate")
}

fn hex4(digits: &[u8]) -> Result<(u32, &[u8]), &'static str> {
    let (four, rest) = digits.split_at_checked(4).ok_or("cut escape")?;
    let digit = |value: u32, byte: &u8| char::from(*byte).to_digit(16).map(|digit| value * 16 + digit);
    four.iter().try_fold(0, digit).map(|value| (value, rest)).ok_or("bad hexadecimal digit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_or_refused() {
        let good: [(&str, &str); 6] = [
            ("gpt-4o", "gpt-4o"),
            (r"\u006dodel", "model"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\ud83d\ude00", "\u{1F600}"),
            (r"a\u00e9", "aé"),
            ("", ""),
        ];
        for (inside, text) in good {
            assert_eq!(decode(inside.as_bytes()).unwrap(), text, "{inside}");
            assert_eq!(check(inside.as_bytes()), Ok(()), "{inside}");
        }
        let bad = [
            (r"\x", "unknown escape"),
            (r"a\ud83d", "lone surrogate"),
            (r"\ud83dx", "lone surrogate"),
            (r"\ud83d\u0041", "lone surrogate"),
            (r"\ude00", "lone surrogate"),
            (r"\u12", "cut escape"),
            (r"\u12g4", "bad hexadecimal digit"),
            ("\\", "cut escape"),
        ];
        for (inside, reason) in bad {
            assert_eq!(check(inside.as_bytes()).unwrap_err().reason, reason, "{inside}");
            assert_eq!(decode(inside.as_bytes()).unwrap_err().reason, reason, "{inside}");
        }
        assert_eq!(decode(b"a\xff").unwrap_err(), fail("invalid UTF-8", 1));
    }

    #[test]
    fn quoting_is_the_way_back() {
        for text in ["a\"b\\c\n\u{1F600}", "gpt-4o mini~", "", "\u{7f}", "\"", "\\"] {
            let quoted = quote(text);
            let inside = quoted.strip_prefix(b"\"").unwrap().strip_suffix(b"\"").unwrap();
            assert_eq!(decode(inside).unwrap(), text);
            assert_eq!(quoted, serde_json::to_vec(text).unwrap());
        }
    }
}
