//! Keys that are not the master key: whom they belong to, and which models they may call.

use super::digest::KeyDigest;

/// A virtual key, as the configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Digest of the key.
    pub digest: KeyDigest,
    /// LiteLLM's name of it for people: `sk-...` and its last four letters.
    pub key_name: String,
    /// Models that the key may call.
    pub models: Models,
    /// Models that its team's keys may call.
    pub team_models: Models,
}

/// Names and patterns of models; none is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models(pub Vec<String>);

/// Names that stand for every model: what a team or an organization has less of, its own list says.
const ALL: [&str; 4] = ["*", "all-proxy-models", "all-team-models", "all-org-models"];

impl Models {
    /// Whether a model of this name may be called. A `*` in an entry stands for any text.
    pub fn allow(&self, model: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|entry| ALL.contains(&entry.as_str()) || fits(entry, model))
    }

    /// The same of one that is in these access groups, which may stand for it.
    pub fn admit(&self, model: &str, groups: &[String]) -> bool {
        self.allow(model) || self.0.iter().any(|entry| groups.contains(entry))
    }
}

fn fits(pattern: &str, model: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else { return pattern == model };
    let Some(rest) = model.strip_prefix(before) else { return false };
    // The rest may hold further stars: try every place where what follows could begin.
    behind.is_empty()
        || rest
            .char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .any(|at| rest.get(at..).is_some_and(|rest| fits(behind, rest)))
}

/// Whether a model's name ends with that of a budget: behind the provider, or behind a point
/// (`bedrock/eu.anthropic.claude`).
pub fn is_part(name: &str, model: &str) -> bool {
    model.strip_suffix(name).is_some_and(|before| before.ends_with(['/', '.']))
}

/// LiteLLM's name of a key for people.
pub fn key_name(key: &str) -> String {
    let letters = key.chars().count();
    // A key this short would be half told.
    let last: String = if letters < 12 { String::new() } else { key.chars().skip(letters - 4).collect() };
    format!("sk-...{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_allowed_by_name_and_pattern() {
        let check = |allowed: &[&str], model: &str, expected: bool| {
            let models = Models(allowed.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(models.allow(model), expected, "{allowed:?} {model}");
        };
        check(&[], "gpt-4o", true);
        check(&["gpt-4o"], "gpt-4o", true);
        check(&["gpt-4o"], "gpt-4o-mini", false);
        check(&["*"], "gpt-4o", true);
        check(&["all-team-models"], "gpt-4o", true);
        check(&["all-org-models"], "gpt-4o", true);
        check(&["embedding-*"], "embedding-3-small", true);
        check(&["embedding-*"], "gpt-4o", false);
        check(&["openai/*-mini"], "openai/gpt-4o-mini", true);
        check(&["openai/*-mini"], "openai/gpt-4o", false);
        check(&["a*b*c"], "a1b2b3c", true);
        check(&["a*b*c"], "a1c2b", false);
    }

    #[test]
    fn a_budget_is_for_its_model_whoever_offers_it() {
        for (name, model, expected) in [
            ("gpt-4o", "openai/gpt-4o", true),
            ("gpt-4o", "azure/eu/gpt-4o", true),
            ("claude-3", "bedrock/us.anthropic.claude-3", true),
            ("gpt-4o", "openai/gpt-4o-mini", false),
            ("gpt-4", "gpt-4o", false),
            ("gpt-4", "gpt-4.1", false),
            ("openai", "openai/gpt-4o", false),
        ] {
            assert_eq!(is_part(name, model), expected, "{name} {model}");
        }
    }

    #[test]
    fn names_tell_four_letters_at_most() {
        assert_eq!(key_name("sk-ilGee7DFRS6PMcKTcLgGdQ"), "sk-...gGdQ");
        assert_eq!(key_name("short"), "sk-...");
    }
}
