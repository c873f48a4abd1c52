//! Where a provider lists its models: a call with the key that costs no tokens.

use super::{OPENAI_ENDINGS, Place, endings, without_ending};
use crate::providers::table::{Dialect, Provider};

/// Path and query of the list. `None`: there is none, or it is not at the address of the calls.
pub fn models(provider: &Provider, place: &Place<'_>) -> Option<String> {
    let root = |own: &[&str]| without_ending(place.base_path, own).to_owned();
    let path = match provider.dialect {
        Dialect::OpenAi => root(OPENAI_ENDINGS) + "/models",
        Dialect::Gemini => root(&[]) + "/models",
        Dialect::Anthropic | Dialect::Cohere => root(endings(provider.dialect)) + "/v1/models",
        Dialect::Ollama | Dialect::OllamaGenerate => root(endings(provider.dialect)) + "/api/tags",
        Dialect::Azure | Dialect::Vertex | Dialect::Bedrock | Dialect::Replicate | Dialect::Other => return None,
    };
    Some(place.query.map_or_else(|| path.clone(), |query| format!("{path}?{query}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::by_name;

    #[test]
    fn each_dialect_has_its_own_list_or_none() {
        for (provider, base_path, expected) in [
            ("openai", "/v1", Some("/v1/models")),
            ("openai", "/v1/chat/completions", Some("/v1/models")),
            ("openai", "", Some("/models")),
            ("groq", "/openai/v1", Some("/openai/v1/models")),
            ("anthropic", "", Some("/v1/models")),
            ("anthropic", "/v1", Some("/v1/models")),
            ("gemini", "/v1beta", Some("/v1beta/models")),
            ("cohere", "/v2", Some("/v1/models")),
            ("ollama", "", Some("/api/tags")),
            ("azure", "", None),
            ("bedrock", "", None),
            ("vertex_ai", "", None),
        ] {
            let place = Place { base_path, ..Place::default() };
            assert_eq!(models(by_name(provider).unwrap(), &place).as_deref(), expected, "{provider} {base_path}");
        }
        let place = Place { base_path: "/v1", query: Some("a=b"), ..Place::default() };
        assert_eq!(models(by_name("openai").unwrap(), &place).as_deref(), Some("/v1/models?a=b"));
    }
}
