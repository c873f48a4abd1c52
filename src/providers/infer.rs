//! Which provider a model belongs to, as LiteLLM decides it: `custom_llm_provider`, else the part of the name before
//! the slash, else the name itself.

use super::table::{OPENAI, Provider, by_name};

/// A model's provider and the name the provider knows it by.
#[derive(Clone, Copy, Debug)]
pub struct Inferred<'a> {
    /// The row of the table.
    pub provider: &'static Provider,
    /// The model's name upstream, without the provider's prefix.
    pub model: &'a str,
}

/// The provider and the rest of `openai/gpt-4o`; `None` when what stands before the slash is no provider.
fn split<'a>(model: &'a str, declared: &[&'static Provider]) -> Option<(&'static Provider, &'a str)> {
    let (prefix, rest) = model.split_once('/')?;
    known(prefix, declared).map(|provider| (provider, rest))
}

/// A provider that the file declares, else one of the table.
pub fn known(name: &str, declared: &[&'static Provider]) -> Option<&'static Provider> {
    declared.iter().find(|provider| provider.name == name).copied().or_else(|| by_name(name))
}

/// The provider of `litellm_params.model`; `custom_llm_provider` wins over everything the name says, and a provider that
/// the file declares over one of the table. `None`: unknown.
pub fn infer<'a>(
    model: &'a str,
    custom_llm_provider: Option<&str>,
    declared: &[&'static Provider],
) -> Option<Inferred<'a>> {
    if let Some(provider) = custom_llm_provider.and_then(|name| known(name, declared)) {
        let model = match split(model, declared) {
            Some((named, rest)) if std::ptr::eq(named, provider) => rest,
            _ => model,
        };
        return Some(Inferred { provider, model });
    }
    if let Some((provider, rest)) = split(model, declared) {
        // LiteLLM sends these to the legacy endpoint under either name.
        let provider = if provider.name == OPENAI { bare(LEGACY_NAMES, rest).unwrap_or(provider) } else { provider };
        return Some(Inferred { provider, model: rest });
    }
    let provider = bare(LEGACY_NAMES, model).or_else(|| bare(BARE_NAMES, model))?;
    Some(Inferred { provider, model })
}

fn bare(names: &[(&str, &str)], model: &str) -> Option<&'static Provider> {
    names.iter().find(|(beginning, _)| model.starts_with(beginning)).and_then(|(_, provider)| by_name(provider))
}

/// Models of OpenAI that only know legacy completions.
const LEGACY_NAMES: &[(&str, &str)] = &[
    ("gpt-3.5-turbo-instruct", "text-completion-openai"),
    ("davinci-002", "text-completion-openai"),
    ("babbage-002", "text-completion-openai"),
    ("ft:davinci", "text-completion-openai"),
    ("ft:babbage", "text-completion-openai"),
];

/// Beginnings of names that belong to one provider. LiteLLM looks the whole name up in its price map; newer releases
/// no longer know older names, which configuration files still use.
const BARE_NAMES: &[(&str, &str)] = &[
    // A wildcard for everything must go somewhere.
    ("*", OPENAI),
    ("gpt", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("ft:gpt", "openai"),
    ("text-davinci", "text-completion-openai"),
    ("text-embedding", "openai"),
    ("text-moderation", "openai"),
    ("omni-moderation", "openai"),
    ("dall-e", "openai"),
    ("whisper", "openai"),
    ("tts-", "openai"),
    ("claude", "anthropic"),
    ("command", "cohere"),
    ("embed-english", "cohere"),
    ("embed-multilingual", "cohere"),
    ("rerank-", "cohere"),
    ("gemini", "gemini"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("codestral", "mistral"),
    ("open-mistral", "mistral"),
    ("open-mixtral", "mistral"),
    ("ministral", "mistral"),
    ("pixtral", "mistral"),
    ("magistral", "mistral"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, custom: Option<&str>, expected: Option<(&str, &str)>) {
        let found = infer(model, custom, &[]).map(|found| (found.provider.name, found.model));
        assert_eq!(found, expected, "{model} {custom:?}");
    }

    #[test]
    fn a_model_finds_its_provider() {
        check("openai/gpt-4o", None, Some(("openai", "gpt-4o")));
        check("gpt-4o", None, Some(("openai", "gpt-4o")));
        check("o3-mini", None, Some(("openai", "o3-mini")));
        check("vllm/meta-llama/Llama-3-8b", None, Some(("hosted_vllm", "meta-llama/Llama-3-8b")));
        check("claude-3-opus-20240229", None, Some(("anthropic", "claude-3-opus-20240229")));
        check("command-r-plus", None, Some(("cohere", "command-r-plus")));
        check("gemini-1.5-pro", None, Some(("gemini", "gemini-1.5-pro")));
        check("mistral-large-latest", None, Some(("mistral", "mistral-large-latest")));
        check("deepseek-chat", None, Some(("deepseek", "deepseek-chat")));
        check("together_ai/meta-llama/Llama-3-70b", None, Some(("together_ai", "meta-llama/Llama-3-70b")));
        check("gpt-3.5-turbo-instruct", None, Some(("text-completion-openai", "gpt-3.5-turbo-instruct")));
        check("openai/davinci-002", None, Some(("text-completion-openai", "davinci-002")));
        check("*", None, Some(("openai", "*")));
        check("my-model", None, None);
        check("nobody/my-model", None, None);
    }

    #[test]
    fn custom_llm_provider_wins() {
        check("gpt-4o", Some("groq"), Some(("groq", "gpt-4o")));
        check("groq/llama", Some("groq"), Some(("groq", "llama")));
        check("openai/gpt-oss-20b", Some("groq"), Some(("groq", "openai/gpt-oss-20b")));
        check("gpt-4o", Some("nobody"), Some(("openai", "gpt-4o")));
    }
}
