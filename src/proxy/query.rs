//! What stands behind the `?` of a request line.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of a name, decoded; of several the first. What cannot be decoded is not said.
pub fn value<'a>(query: Option<&'a str>, name: &str) -> Option<Cow<'a, str>> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let raw = pairs.filter(|(said, _)| *said == name).map(|(_, value)| value).next()?;
    if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(raw).decode_utf8().ok()
}

/// Whether a flag is set, in the words that LiteLLM understands.
pub fn flag(query: Option<&str>, name: &str) -> bool {
    let words = ["1", "true", "yes", "on", "t", "y"];
    value(query, name).is_some_and(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Some("a=openai%2Fgpt&b=x+y&c=&a=2&d");
        assert_eq!(value(query, "a").as_deref(), Some("openai/gpt"));
        assert_eq!(value(query, "b").as_deref(), Some("x y"));
        assert_eq!(value(query, "c").as_deref(), Some(""));
        assert_eq!((value(query, "d"), value(query, "e"), value(None, "a")), (None, None, None));
        assert_eq!(value(Some("a=%ff"), "a"), None);
    }

    #[test]
    fn flags_have_several_words() {
        for (query, expected) in [("f=True", true), ("f=1", true), ("f=false", false), ("f=", false), ("g=1", false)] {
            assert_eq!(flag(Some(query), "f"), expected, "{query}");
        }
    }
}
