//! Under which names of the table a deployment's model may stand, nearest first.
//!
//! LiteLLM's table names the same model in several ways: alone, behind its provider, behind a region. A date, a version
//! or a region that the table does not tell apart is left off.

/// Regions before a model's name, and ways to call it, neither of which makes another model.
const REGIONS: &[&str] = &["us", "eu", "apac", "jp", "au", "in", "ca", "sa", "global", "us-gov"];
const ROUTES: &[&str] = &["converse", "invoke", "converse_like", "async_invoke", "responses", "chat"];

/// All forms of a model's name, nearest first.
pub(super) fn forms(model: &str) -> Vec<&str> {
    let mut forms = vec![model];
    let mut at = 0;
    // Each form gives at most a few shorter ones, so this ends.
    while let Some(form) = forms.get(at).copied() {
        for shorter in shorter(form).into_iter().flatten() {
            if !shorter.is_empty() && !forms.contains(&shorter) {
                forms.push(shorter);
            }
        }
        at += 1;
    }
    forms
}

fn shorter(name: &str) -> [Option<&str>; 5] {
    let routed = name.split_once('/').filter(|(route, _)| ROUTES.contains(route) || is_region(route));
    let arn = name.strip_prefix("arn:").and_then(|arn| arn.rsplit_once('/'));
    let regional = name.split_once('.').filter(|(region, _)| REGIONS.contains(region));
    // ft:gpt-4o-mini-2024-07-18:organization:suffix:id
    let tuned = name.strip_prefix("ft:").and_then(|rest| rest.split_once(':')).map(|(base, _)| base.len() + 3);
    [
        routed.map(|(_, model)| model),
        arn.map(|(_, model)| model),
        regional.map(|(_, model)| model),
        tuned.and_then(|end| name.get(..end)),
        undated(name),
    ]
}

/// `us-east-1` and its like.
fn is_region(word: &str) -> bool {
    word.matches('-').count() >= 2 && word.ends_with(|last: char| last.is_ascii_digit()) && !word.contains(['.', ':'])
}

/// Without `-2024-08-06`, `-20250929`, `@20250929`, `@default`, `-latest` or `-001`.
fn undated(name: &str) -> Option<&str> {
    if let Some(plain) = name.strip_suffix("@default").or_else(|| name.strip_suffix("-latest")) {
        return Some(plain);
    }
    let (plain, last) = name.rsplit_once(['-', '@'])?;
    let digits = |word: &str, count| word.len() == count && word.bytes().all(|byte| byte.is_ascii_digit());
    if digits(last, 8) || digits(last, 3) {
        return Some(plain);
    }
    let (plain, month) = plain.rsplit_once('-').filter(|_| digits(last, 2))?;
    let (plain, year) = plain.rsplit_once('-').filter(|_| digits(month, 2))?;
    digits(year, 4).then_some(plain)
}

/// Whether an entry's `litellm_provider` is this provider, or a branch of it (`vertex_ai-anthropic_models`).
pub(super) fn same_house(entry: &str, provider: &str) -> bool {
    let branch = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['-', '_']));
    entry == provider || branch(entry, provider) || branch(provider, entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_forms_are_found() {
        let cases = [
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
            ("gemini-2.0-flash-001", "gemini-2.0-flash"),
            ("us.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            ("converse/eu-west-1/anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.meta.llama-v1:0", "meta.llama-v1:0"),
            ("ft:gpt-4o-mini-2024-07-18:acme::x1", "ft:gpt-4o-mini-2024-07-18"),
        ];
        for (name, expected) in cases {
            assert!(forms(name).contains(&expected), "{name}: {:?}", forms(name));
        }
        assert_eq!(forms("gpt-4.1"), ["gpt-4.1"]);
        assert!(same_house("cohere_chat", "cohere") && !same_house("cohere", "co"));
    }
}
