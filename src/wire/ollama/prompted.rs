//! Calls in the text of a model that was told of tools in its prompt: `{"name": …, "arguments": {…}}`, one or several.

use serde::Deserialize;

use super::types::arguments_text;
use crate::wire::model::Json;
use crate::wire::sse::MAX_EVENT;

/// The most text that is held back because it may be a call. More is text.
const MAX_HELD: usize = MAX_EVENT;

#[derive(Debug, Deserialize)]
struct Asked {
    name: String,
    arguments: Json,
}

/// The calls, as names and arguments. `None`: it is plain text, or JSON that is no call.
pub(super) fn calls(text: &str) -> Option<Vec<(String, String)>> {
    let all: Result<Vec<Asked>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let all = all.ok().filter(|all| !all.is_empty())?;
    all.into_iter()
        .map(|asked| {
            let arguments = arguments_text(Some(&asked.arguments));
            Json::parse(&arguments).is_some_and(|json| json.is_object()).then_some((asked.name, arguments))
        })
        .collect()
}

/// Text that may yet turn out to be a call.
#[derive(Debug, Default)]
pub(super) struct Held {
    text: String,
    /// It is no call: everything passes.
    passing: bool,
}

impl Held {
    /// Takes the next words and gives back those that are certainly text: everything, once the first character that is
    /// not white space is not `{`.
    pub fn take(&mut self, words: String) -> Option<String> {
        if self.passing {
            return Some(words);
        }
        self.text.push_str(&words);
        let first = self.text.trim_start().chars().next()?;
        self.passing = first != '{' || self.text.len() > MAX_HELD;
        self.passing.then(|| std::mem::take(&mut self.text))
    }

    /// What was held back, now that nothing follows.
    pub fn rest(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.text)).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_from_other_json() {
        let check = |text: &str, expected: Option<&[(&str, &str)]>| {
            let owned = |(name, arguments): &(&str, &str)| ((*name).to_owned(), (*arguments).to_owned());
            assert_eq!(calls(text), expected.map(|calls| calls.iter().map(owned).collect()), "{text}");
        };
        check(r#" {"name": "f", "arguments": {"x": 1.0}} "#, Some(&[("f", r#"{"x": 1.0}"#)]));
        check(
            "{\"name\":\"f\",\"arguments\":{}}\n{\"name\":\"g\",\"arguments\":\"{}\"}",
            Some(&[("f", "{}"), ("g", "{}")]),
        );
        check(r#"{"city": "Paris"}"#, None);
        check(r#"{"name": "f", "arguments": 5}"#, None);
        check(r#"{"name": "f", "arguments": {}} and so on"#, None);
        check("", None);
    }

    #[test]
    fn only_what_may_be_a_call_is_held() {
        let mut held = Held::default();
        assert_eq!(held.take(" ".into()), None);
        assert_eq!(held.take("Hi".into()).as_deref(), Some(" Hi"));
        assert_eq!(held.take("{".into()).as_deref(), Some("{"));
        let mut held = Held::default();
        assert_eq!((held.take("{\"a\"".into()), held.take(":1}".into())), (None, None));
        assert_eq!(held.rest().as_deref(), Some("{\"a\":1}"));
        let mut long = Held::default();
        assert!(long.take(format!("{{{}", "x".repeat(MAX_HELD))).is_some());
    }
}
