//! Wildcard model names: `*`, `openai/*`, `anthropic/claude-*`.
//!
//! LiteLLM turns each `*` into the regular expression `(.*)` and puts what it matched into the `*`s of
//! `litellm_params.model`. The same here without a regular expression: a greedy match means that each literal between
//! two wildcards is found as far to the right as possible.

/// Wildcards in one `model_name`. LiteLLM sets no limit; nobody has been seen to use more than two.
pub const MAX_WILDCARDS: usize = 4;

/// A name with at least one `*`.
#[derive(Clone, Debug)]
pub struct Pattern {
    prefix: String,
    /// What stands between two wildcards.
    middle: Vec<String>,
    suffix: String,
}

impl Pattern {
    /// `None` for a name without `*`; `Some(None)` if it has too many of them.
    pub fn parse(name: &str) -> Option<Option<Self>> {
        let mut literals = name.split('*').map(str::to_owned);
        let prefix = literals.next()?;
        let mut middle: Vec<String> = literals.collect();
        let suffix = middle.pop()?;
        Some((middle.len() < MAX_WILDCARDS).then_some(Self { prefix, middle, suffix }))
    }

    /// How many bytes of a name are fixed: the longer, the more specific.
    pub fn literal_len(&self) -> usize {
        self.prefix.len() + self.middle.iter().map(String::len).sum::<usize>() + self.suffix.len()
    }

    /// What the wildcards stand for in `model`; `None` if it does not match.
    pub fn captures<'a>(&self, model: &'a str) -> Option<Captures<'a>> {
        let mut rest = model.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())?;
        let mut captures = Captures { pieces: [""; MAX_WILDCARDS], len: self.middle.len() + 1 };
        let mut slots = captures.pieces.iter_mut().take(self.middle.len() + 1).rev();
        for literal in self.middle.iter().rev() {
            let at = rest.rfind(literal.as_str())?;
            *slots.next()? = rest.get(at + literal.len()..)?;
            rest = rest.get(..at)?;
        }
        *slots.next()? = rest;
        Some(captures)
    }
}

/// What the wildcards of a pattern matched, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captures<'a> {
    pieces: [&'a str; MAX_WILDCARDS],
    len: usize,
}

impl<'a> Captures<'a> {
    /// Whether there were no wildcards.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What each wildcard matched.
    pub fn pieces(&self) -> &[&'a str] {
        self.pieces.get(..self.len).unwrap_or_default()
    }

    /// `template` (a `litellm_params.model`) with its wildcards replaced, the first by the first piece and so on; `None`
    /// if it can be used as it stands.
    pub fn substitute(&self, template: &str) -> Option<String> {
        if self.is_empty() || !template.contains('*') {
            return None;
        }
        let mut pieces = self.pieces().iter();
        let room: usize = self.pieces().iter().map(|piece| piece.len()).sum();
        let mut model = String::with_capacity(template.len() + room);
        for (i, literal) in template.split('*').enumerate() {
            if i > 0 {
                model.push_str(pieces.next().copied().unwrap_or("*"));
            }
            model.push_str(literal);
        }
        Some(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, model: &str, pieces: Option<&[&str]>) {
        let pattern = Pattern::parse(pattern).flatten().unwrap();
        assert_eq!(pattern.captures(model).as_ref().map(Captures::pieces), pieces, "{pattern:?} on {model}");
    }

    #[test]
    fn wildcards_match_as_litellms_regular_expression_does() {
        check("*", "gpt-4o", Some(&["gpt-4o"]));
        check("*", "", Some(&[""]));
        check("openai/*", "openai/gpt-4o", Some(&["gpt-4o"]));
        check("openai/*", "openai/", Some(&[""]));
        check("openai/*", "openai", None);
        check("openai/*", "azure/openai/gpt-4o", None);
        check("anthropic/claude-*", "anthropic/claude-3-opus", Some(&["3-opus"]));
        check("anthropic/claude-*", "anthropic/gpt-4o", None);
        check("*-latest", "mistral-large-latest", Some(&["mistral-large"]));
        check("aba*aba", "aba", None);
        check("*/claude-*", "a/b/claude-c/claude-d", Some(&["a/b/claude-c", "d"]));
        check("*a*a*", "aaa", Some(&["a", "", ""]));
        check("é*é", "éü漢é", Some(&["ü漢"]));
    }

    #[test]
    fn a_template_takes_the_pieces_in_their_order() {
        let captures = |pattern: &str, model| Pattern::parse(pattern).flatten().unwrap().captures(model).unwrap();
        assert_eq!(captures("openai/*", "openai/gpt-4o").substitute("openai/*").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(captures("*", "gpt-4o").substitute("openai/*").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(captures("*/*", "a/b").substitute("x-*-*-*").as_deref(), Some("x-a-b-*"));
        assert_eq!(captures("*", "gpt-4o").substitute("openai/gpt-4o"), None);
        assert_eq!(Captures::default().substitute("openai/*"), None);
    }

    #[test]
    fn names_without_or_with_too_many_wildcards() {
        assert!(Pattern::parse("gpt-4o").is_none());
        assert!(Pattern::parse("****").unwrap().is_some());
        assert!(Pattern::parse("*****").unwrap().is_none());
    }
}
