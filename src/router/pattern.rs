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
    pub fn captures(&self, model: &str) -> Option<Captures> {
        let mut rest = model.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())?;
        let mut pieces = vec![String::new(); self.middle.len() + 1];
        let mut slots = pieces.iter_mut().rev();
        for literal in self.middle.iter().rev() {
            let at = rest.rfind(literal.as_str())?;
            rest.get(at + literal.len()..)?.clone_into(slots.next()?);
            rest = rest.get(..at)?;
        }
        rest.clone_into(slots.next()?);
        Some(Captures(pieces))
    }
}

/// What the wildcards of a pattern matched, in their order: nothing for a name without wildcards, and no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures(Vec<String>);

impl Captures {
    /// What each wildcard matched.
    pub fn pieces(&self) -> &[String] {
        &self.0
    }

    /// `template` (a `litellm_params.model`) with its wildcards replaced, the first by the first piece and so on; `None`
    /// if it can be used as it stands.
    pub fn substitute(&self, template: &str) -> Option<String> {
        if self.0.is_empty() || !template.contains('*') {
            return None;
        }
        let mut pieces = self.0.iter();
        let room: usize = self.0.iter().map(String::len).sum();
        let mut model = String::with_capacity(template.len() + room);
        for (i, literal) in template.split('*').enumerate() {
            if i > 0 {
                model.push_str(pieces.next().map_or("*", String::as_str));
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
        let pieces = pieces.map(|pieces| pieces.iter().map(ToString::to_string).collect());
        assert_eq!(pattern.captures(model).map(|captures| captures.0), pieces, "{pattern:?} on {model}");
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
