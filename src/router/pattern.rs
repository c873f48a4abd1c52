//! Wildcard model names: `*`, `openai/*`, `anthropic/claude-*`.

/// Wildcards in one `model_name`. LiteLLM sets no limit; nobody has been seen to use more than two.
pub const MAX_WILDCARDS: usize = 4;

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
        let mut model = String::with_capacity(template.len() + 64);
        for (i, literal) in template.split('*').enumerate() {
            if i > 0 {
                model.push_str(pieces.next().copied().unwrap_or("*"));
            }
            model.push_str(literal);
        }
        Some(model)
    }
}
